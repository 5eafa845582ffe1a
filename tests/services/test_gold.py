"""Pairs with a known answer: added, written, imported, retired."""

from collections.abc import Iterator
from typing import Any

import pytest

from annotate.formats import GoldRow, Location
from annotate.models import Candidate, Completion, GoldPair, Prompt, SelectionRun
from annotate.services import errors
from annotate.services.gold import add_gold_pair, import_gold, retire_gold_pair, write_gold_pair
from tests import factories as make

pytestmark = pytest.mark.django_db


def two_of(run: SelectionRun) -> tuple[Completion, Completion]:
    """Give the two candidates' completions of the run's first prompt."""
    prompt = run.prompts().order_by("id")[0]
    first, second = Completion.objects.filter(prompt=prompt, sample=0).order_by("candidate")
    return first, second


def add(run: SelectionRun, **fields: Any) -> GoldPair:
    first, second = two_of(run)
    plain = {"completion_1": first, "completion_2": second, "better": first, "use": "gold"}
    return add_gold_pair(**{"run": run} | plain | fields)


def write(run: SelectionRun, **fields: Any) -> GoldPair:
    plain = {"use": "gold", "language": "en", "turns": ["1 + 1?"], "better": ["2"],
             "worse": ["3"]}  # fmt: skip
    return write_gold_pair(**{"run": run} | plain | fields)


def make_voting_run() -> SelectionRun:
    return make.make_open_round().run


@pytest.mark.parametrize(("better", "outcome"), [(0, "a"), (1, "b")])
@pytest.mark.parametrize("is_turned", [False, True])
def test_add_puts_the_candidate_with_the_lower_id_first(
    better: int, outcome: str, is_turned: bool
) -> None:
    run = make_voting_run()
    both = two_of(run)
    first, second = both[::-1] if is_turned else both
    pair = add(run, completion_1=first, completion_2=second, better=both[better])
    assert (pair.completion_a, pair.completion_b, pair.outcome) == (*both, outcome)


@pytest.mark.parametrize("outcome", ["tie", "both_bad"])
def test_add_takes_an_outcome_without_a_better_one(outcome: str) -> None:
    assert add(make_voting_run(), better=outcome).outcome == outcome


def test_add_said_again_changes_nothing() -> None:
    run = make_voting_run()
    assert add(run) == add(run)
    assert GoldPair.objects.count() == 1


def test_add_puts_later_pairs_behind_earlier_ones() -> None:
    run = make_voting_run()
    pairs = [add(run), write(run), write(run, worse=["4"])]
    assert [pair.position for pair in pairs] == [0, 1, 2]


def test_add_refuses_another_answer_until_the_first_is_retired() -> None:
    run = make_voting_run()
    pair = add(run)
    with pytest.raises(errors.GoldRefused, match="retire that one first"):
        add(run, better="tie")
    retire_gold_pair(pair=pair)
    assert add(run, better="tie").outcome == "tie"
    pair.refresh_from_db()
    assert pair.outcome == "a"


def test_add_refuses_completions_of_two_prompts() -> None:
    run = make_voting_run()
    first, _second = two_of(run)
    other = Completion.objects.exclude(prompt=first.prompt).latest("candidate")
    with pytest.raises(errors.GoldRefused, match="the same prompt"):
        add(run, completion_2=other)


def test_add_refuses_completions_of_another_run() -> None:
    first, second = two_of(make_voting_run())
    run = make_voting_run()
    with pytest.raises(errors.GoldRefused, match="of this run"):
        add(run, completion_1=first, completion_2=second, better=first)


def test_add_refuses_two_of_one_candidate() -> None:
    run = make_voting_run()
    first, _second = two_of(run)
    again = make.make_completion(first.candidate, first.prompt, sample=1)
    with pytest.raises(errors.GoldRefused, match="different candidates"):
        add(run, completion_2=again)


def test_add_refuses_equal_texts() -> None:
    run = make_voting_run()
    prompt = make.make_prompt(run.prompt_sets.get())
    a, b = (
        make.make_completion(candidate, prompt, replies=[reply])
        for candidate, reply in zip(run.candidates.order_by("id"), ("x y", "x  y "), strict=True)
    )
    with pytest.raises(errors.GoldRefused, match="the same"):
        add(run, completion_1=a, completion_2=b, better=a)


def test_add_refuses_a_better_one_that_is_neither() -> None:
    run = make_voting_run()
    other = Completion.objects.latest("pk")
    with pytest.raises(errors.GoldRefused, match="one of the two"):
        add(run, better=other)
    with pytest.raises(errors.GoldRefused, match="one of the two"):
        add(run, better="left")


def test_add_refuses_a_use_that_ranks() -> None:
    with pytest.raises(errors.GoldRefused, match="gold or for practice"):
        add(make_voting_run(), use="ranking")


@pytest.mark.parametrize("missing", ["explanation_en", "explanation_ja"])
def test_add_asks_practice_for_both_explanations(missing: str) -> None:
    told = {"explanation_en": "It is 2.", "explanation_ja": "2です。"} | {missing: " "}
    with pytest.raises(errors.GoldRefused, match="both languages"):
        add(make_voting_run(), use="practice", **told)


def test_write_keeps_the_texts_apart_from_the_run() -> None:
    run = make_voting_run()
    pair = write(run, system="Be brief.", language="ja")
    prompt = pair.completion_a.prompt
    assert (prompt.prompt_set.slug, prompt.is_held_out) == (f"{run.slug}-gold", True)
    assert (prompt.turns, prompt.system, prompt.language) == (["1 + 1?"], "Be brief.", "ja")
    assert prompt not in run.prompts()
    assert (pair.completion_a.replies, pair.completion_b.replies) == (["2"], ["3"])
    assert pair.outcome == "a"
    writers = run.candidates.filter(origin=Candidate.Origin.WRITTEN)
    assert [each.name for each in writers.order_by("id")] == ["written 1", "written 2"]
    assert run.candidates.competing().count() == 2


def test_write_shares_prompts_and_writers() -> None:
    run = make_voting_run()
    pairs = [write(run), write(run, worse=["4"]), write(run, turns=["2 + 2?"])]
    assert Prompt.objects.filter(prompt_set__slug=f"{run.slug}-gold").count() == 2
    assert {pair.completion_a.candidate.name for pair in pairs} == {"written 1"}
    assert [pair.completion_b.sample for pair in pairs] == [0, 1, 0]
    assert pairs[0].completion_a == pairs[1].completion_a


def test_write_again_adds_nothing() -> None:
    run = make_voting_run()
    assert write(run) == write(run)
    assert (GoldPair.objects.count(), Completion.objects.filter(replies=["2"]).count()) == (1, 1)


def test_write_refuses_the_same_texts_the_other_way_round() -> None:
    run = make_voting_run()
    write(run, better=["2"], worse=["3"])

    with pytest.raises(errors.GoldRefused, match="another answer"):
        write(run, better=["3"], worse=["2"])

    assert run.gold_pairs.count() == 1


def test_write_knows_equal_answers_in_either_order() -> None:
    run = make_voting_run()
    pair = write(run, better=["2"], worse=["two"], outcome="tie")

    assert write(run, better=["two"], worse=["2"], outcome="tie") == pair


def test_write_refuses_replies_that_do_not_fit_the_turns() -> None:
    with pytest.raises(errors.GoldRefused, match="one reply for each turn"):
        write(make_voting_run(), better=["2", "2"])
    with pytest.raises(errors.GoldRefused, match="say something"):
        write(make_voting_run(), worse=["  "])


def test_write_refuses_a_run_whose_candidate_has_the_name() -> None:
    run = make_voting_run()
    make.make_candidate(run, name="written 2")
    with pytest.raises(errors.GoldRefused, match="written 2"):
        write(run)
    assert not GoldPair.objects.exists()


def test_retire_keeps_the_first_moment() -> None:
    pair = retire_gold_pair(pair=make.make_gold_pair(make_voting_run()))
    retired_at = pair.retired_at
    assert retired_at is not None
    assert retire_gold_pair(pair=pair).retired_at == retired_at


def rows(*worse: str) -> Iterator[GoldRow]:
    """Give rows of a file in which each `worse` is of another pair."""
    for line, text in enumerate(worse, start=1):
        yield GoldRow(
            use="practice", language="en", turns=("1 + 1?",), better=("2",), worse=(text,),
            explanation_en="It is 2.", explanation_ja="2です。",
            location=Location("gold.jsonl", line),
        )  # fmt: skip


def test_import_counts_what_was_there() -> None:
    run = make_voting_run()
    counts = import_gold(rows=rows("3", "4", "3"), run=run)
    assert (counts.new, counts.equal) == (2, 1)
    counts = import_gold(rows=rows("3", "5"), run=run)
    assert (counts.new, counts.equal) == (1, 1)
    assert run.gold_pairs.count() == 3


def test_import_of_a_file_with_a_wrong_row_leaves_nothing() -> None:
    run = make_voting_run()
    with pytest.raises(errors.ImportRefused, match=r"^gold.jsonl, line 2: The two texts are the"):
        import_gold(rows=rows("3", "2"), run=run)
    assert not run.gold_pairs.exists()
    assert not run.candidates.filter(origin=Candidate.Origin.WRITTEN).exists()
