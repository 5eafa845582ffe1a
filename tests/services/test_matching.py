"""Which completions are compared, once it is known whose: overlap, balance, samples in turn."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from annotate.models import Annotator, Comparison, Prompt, Round
from annotate.services import errors, voting
from annotate.services.exclusions import exclude
from tests import factories as make
from tests.services.test_estimating import set_decision

pytestmark = pytest.mark.django_db


def lease(round_: Round, annotator: Annotator | None = None) -> Comparison:
    return voting.lease_comparison(round_=round_, annotator=annotator or make.make_annotator())


def judge(comparison: Comparison) -> Comparison:
    voting.record_vote(token=comparison.token, annotator=comparison.annotator, choice="left")
    return comparison


def judge_many(round_: Round, n: int) -> list[Comparison]:
    """Let so many annotators judge one pair each."""
    return [judge(lease(round_)) for _vote in range(n)]


def round_of(cells: Iterable[tuple[str, str]], n_candidates: int = 2) -> Round:
    """Open a round with a prompt for each language and category."""
    round_ = make.make_open_round(n_candidates=n_candidates, n_prompts=0)
    for language, category in cells:
        prompt = make.make_prompt(
            round_.run.prompt_sets.get(), language=language, category=category
        )
        for candidate in round_.candidates.all():
            make.make_completion(candidate, prompt)
    return round_


def completions_of(comparison: Comparison) -> tuple[int, int]:
    return comparison.completion_a_id, comparison.completion_b_id


def test_prompts_are_in_balance_over_languages_and_categories() -> None:
    """Of 12 prompts 9 are of one cell; each cell gets a third of the first nine votes."""
    cells = [("en", "maths")] * 9 + [("en", "writing")] * 3 + [("ja", "maths")] * 3
    drawn = judge_many(round_of(cells), 9)
    counts = Counter((each.prompt.language, each.prompt.category) for each in drawn)
    assert counts == {("en", "maths"): 3, ("en", "writing"): 3, ("ja", "maths"): 3}
    assert len({each.prompt_id for each in drawn}) == 9


def test_a_cell_that_the_round_lacks_comes_before_one_that_only_the_pair_lacks() -> None:
    """Two candidates that have not met get the cell of which the others had less."""
    round_ = round_of([("en", "maths")] * 2 + [("ja", "maths")] * 2, n_candidates=3)
    english, japanese = (list(Prompt.objects.filter(language=tag)) for tag in ("en", "ja"))
    first, second, third = round_.candidates.order_by("id")
    for one, other, prompts in ((first, second, english), (first, third, [*english, japanese[0]])):
        for prompt in prompts:
            pair = [each.completions.get(prompt=prompt) for each in (one, other)]
            annotator = make.make_annotator()
            make.make_vote(make.make_comparison(*pair, round_=round_, annotator=annotator))
    drawn = lease(round_)
    assert (drawn.candidate_a, drawn.candidate_b) == (second, third)
    assert drawn.prompt.language == "ja"


def test_no_prompt_comes_twice_in_a_row() -> None:
    round_, annotator = make.make_open_round(n_prompts=3, n_samples=3), make.make_annotator()
    drawn = [judge(lease(round_, annotator)) for _vote in range(20)]
    prompts = [each.prompt_id for each in drawn]
    assert all(one != other for one, other in pairwise(prompts))


def test_the_same_prompt_comes_again_where_nothing_else_is_left() -> None:
    round_, annotator = make.make_open_round(n_prompts=1, n_samples=2), make.make_annotator()
    drawn = [judge(lease(round_, annotator)) for _vote in range(4)]
    assert len({completions_of(each) for each in drawn}) == 4
    with pytest.raises(errors.AllSeen):
        lease(round_, annotator)


def test_other_candidates_are_drawn_rather_than_the_same_prompt() -> None:
    """Two candidates have one prompt left, and it was the last; others have others."""
    round_ = make.make_open_round(n_candidates=2, n_prompts=1, n_samples=2)
    set_decision(round_.run, policy="balanced")
    for _candidate in range(2):
        candidate = make.make_candidate(round_.run)
        round_.candidates.add(candidate)
    third, fourth = round_.candidates.order_by("id")[2:]
    other = make.make_prompt(round_.run.prompt_sets.get())
    for candidate in (third, fourth):
        make.make_completion(candidate, other)
    annotator = make.make_annotator()
    one, two = round_.candidates.order_by("id")[:2]
    first = make.make_comparison(
        one.completions.first(), two.completions.first(), round_=round_, annotator=annotator
    )
    make.make_vote(first)
    drawn = judge(lease(round_, annotator))
    assert drawn.prompt == other
    assert lease(round_, annotator).prompt == first.prompt


@pytest.mark.parametrize("n_wanted", [1, 2, 3])
def test_two_completions_get_the_votes_that_the_run_wants_before_new_ones(n_wanted: int) -> None:
    round_ = make.make_open_round(n_prompts=4)
    set_decision(round_.run, votes_per_pair=n_wanted)
    drawn = [completions_of(each) for each in judge_many(round_, 4 * n_wanted)]
    assert [drawn[n : n + n_wanted] for n in range(0, len(drawn), n_wanted)] == [
        [pair] * n_wanted for pair in dict.fromkeys(drawn)
    ]
    assert len(set(drawn)) == 4
    # All have their votes: whoever comes now gets one of those that have the fewest.
    more = {completions_of(each) for each in judge_many(round_, 4)}
    assert more == set(drawn)


def test_a_lease_counts_as_a_vote_until_it_runs_out() -> None:
    round_ = make.make_open_round(n_prompts=3)
    set_decision(round_.run, votes_per_pair=2)
    held = [lease(round_) for _annotator in range(2)]
    assert completions_of(held[0]) == completions_of(held[1])
    third = lease(round_)
    assert completions_of(third) != completions_of(held[0])
    third.delete()
    Comparison.objects.filter(pk=held[1].pk).update(
        lease_expires_at=timezone.now() - timedelta(seconds=1)
    )
    assert completions_of(lease(round_)) == completions_of(held[0])


def test_a_vote_of_an_excluded_annotator_is_none_of_those_wanted() -> None:
    round_ = make.make_open_round(n_prompts=3)
    set_decision(round_.run, votes_per_pair=2)
    first, second = judge_many(round_, 2)
    assert completions_of(first) == completions_of(second)
    exclude(run=round_.run, annotator=first.annotator, reason="careless")
    assert completions_of(lease(round_)) == completions_of(first)


def test_nobody_judges_the_same_two_completions_twice() -> None:
    round_, annotator = make.make_open_round(n_prompts=3), make.make_annotator()
    set_decision(round_.run, votes_per_pair=5)
    drawn = [completions_of(judge(lease(round_, annotator))) for _vote in range(3)]
    assert len(set(drawn)) == 3
    assert {completions_of(each) for each in judge_many(round_, 4)} <= set(drawn)


def test_samples_come_in_turn() -> None:
    """With three samples each, three votes on a prompt use every sample once.

    Later a sample may come once more before another: the pairs that are left do not always part.
    """
    round_ = make.make_open_round(n_prompts=1, n_samples=3)
    drawn = judge_many(round_, 9)
    for side in ("completion_a_id", "completion_b_id"):
        used = [getattr(each, side) for each in drawn]
        assert len(set(used[:3])) == 3
        assert {used.count(sample) for sample in used} == {3}
    assert len({completions_of(each) for each in drawn}) == 9


def test_sides_are_drawn_anew_for_each_comparison() -> None:
    """Forty sides all the same would come once in 5 · 10^11 times."""
    drawn = judge_many(make.make_open_round(n_prompts=2), 40)
    assert {each.side_a for each in drawn} == {"left", "right"}
