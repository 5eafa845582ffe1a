"""Rounds follow one another, newcomers join, and held-out prompts are in balance."""

from collections import Counter
from typing import Any

import pytest
from django.db import transaction

from annotate.models import Prompt, PromptSet, Round, SelectionRun
from annotate.services import errors, rounds
from tests import factories as make
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db


def test_create_run_keeps_what_it_was_given() -> None:
    user = make.make_user(role="admin")
    prompt_set = PromptSet.objects.create(slug="s")
    run = rounds.create_run(slug="r", prompt_sets=[prompt_set], title="R", samples_per_prompt=3,
                            seed=5, created_by=user)  # fmt: skip
    run.refresh_from_db()
    assert (run.state, run.title, run.samples_per_prompt, run.seed) == ("draft", "R", 3, 5)
    assert (run.created_by, list(run.prompt_sets.all())) == (user, [prompt_set])


def test_create_round_numbers_them_and_closes_the_one_before() -> None:
    run = make.make_run(state="voting")
    candidates = [make.make_candidate(run), make.make_candidate(run)]
    first = rounds.create_round(run=run, candidates=candidates, votes_wanted=7)
    assert (first.number, first.opened_at, first.votes_wanted) == (1, None, 7)
    assert run.state == "generating"
    rounds.open_round(round_=first)
    second = rounds.create_round(run=run, candidates=candidates[1:], prompt_scope="held_out")
    first.refresh_from_db()
    assert (first.is_open, second.number, second.prompt_scope) == (False, 2, "held_out")
    assert list(second.candidates.all()) == candidates[1:]
    assert SelectionRun.objects.get().state == "generating"


def test_create_round_closes_one_that_never_opened() -> None:
    run = make.make_run()
    first = rounds.create_round(run=run, candidates=[make.make_candidate(run)])
    rounds.create_round(run=run, candidates=[])
    first.refresh_from_db()
    assert first.closed_at is not None
    assert first.opened_at is not None
    with pytest.raises(errors.RoundClosed, match="has closed and cannot open again"):
        rounds.open_round(round_=first)


def test_create_round_refuses_candidates_of_another_run() -> None:
    run, other = make.make_run(slug="r"), make.make_run()
    stranger = make.make_candidate(other, name="stranger")
    with pytest.raises(errors.WrongState, match="not candidates of run r: stranger"):
        rounds.create_round(run=run, candidates=[make.make_candidate(run), stranger])
    assert not Round.objects.exists()


def test_create_round_refuses_a_closed_run_and_leaves_it_as_it_was() -> None:
    run = make.make_run(state="closed")
    with pytest.raises(errors.WrongState, match="is closed and cannot become generating"):
        rounds.create_round(run=run, candidates=[])
    assert not Round.objects.exists()


def test_open_round_takes_votes_and_again_changes_nothing() -> None:
    run = make.make_run()
    round_ = rounds.create_round(run=run, candidates=[make.make_candidate(run)])
    rounds.open_round(round_=round_)
    opened_at = round_.opened_at
    rounds.open_round(round_=round_)
    assert (round_.is_open, round_.opened_at) == (True, opened_at)
    assert SelectionRun.objects.get().state == "voting"


@pytest.mark.django_db(transaction=True)
def test_rounds_begun_at_one_moment_follow_one_another() -> None:
    run = make.make_run()
    candidate = make.make_candidate(run)

    def begin() -> int:
        mine = SelectionRun.objects.get(pk=run.pk)
        round_ = rounds.create_round(run=mine, candidates=[candidate])
        try:
            rounds.open_round(round_=round_)
        except errors.RoundClosed:
            return round_.number  # the next one was quicker
        return round_.number

    assert sorted(at_once(*[begin] * 5)) == [1, 2, 3, 4, 5]
    assert Round.objects.filter(closed_at=None).count() == 1


def make_prompts(cells: dict[tuple[str, str], int], **fields: Any) -> PromptSet:
    """Make prompts, so many of each language and category."""
    prompt_set = PromptSet.objects.create(slug="s")
    for (language, category), n in cells.items():
        for number in range(n):
            make.make_prompt(prompt_set, language=language, category=category,
                             key=f"{language}-{category}-{number}", **fields)  # fmt: skip
    return prompt_set


def held_out() -> set[str]:
    return set(Prompt.objects.held_out().values_list("key", flat=True))


CELLS = {("en", "code"): 4, ("ja", "code"): 8, ("en", "joke"): 12, ("ja", "joke"): 16}


def test_create_run_holds_prompts_out_in_balance() -> None:
    prompt_set = make_prompts(CELLS)
    rounds.create_run(slug="r", prompt_sets=[prompt_set], held_out_share=0.25)
    cells = Counter(Prompt.objects.held_out().values_list("language", "category"))
    assert cells == {cell: n // 4 for cell, n in CELLS.items()}


@pytest.mark.parametrize("share", [0.1, 0.2, 1 / 3, 0.5, 0.77, 0.99])
@pytest.mark.parametrize("sizes", [(1,) * 10, (3, 5, 7), (2, 30), (1, 1, 1, 13)])
def test_create_run_holds_out_the_share_rounded_up(share: float, sizes: tuple[int, ...]) -> None:
    """At least the share over all, and within one prompt of it in each cell."""
    cells = {("en", f"c{place}"): size for place, size in enumerate(sizes)}
    rounds.create_run(slug="r", prompt_sets=[make_prompts(cells)], held_out_share=share)
    assert 0 <= len(held_out()) - share * sum(sizes) < 1
    held = Counter(Prompt.objects.held_out().values_list("language", "category"))
    assert all(abs(held[cell] - share * size) < 1 for cell, size in cells.items())


def test_create_run_draws_held_out_prompts_by_its_seed() -> None:
    prompt_set = make_prompts(CELLS)
    drawn = []
    for seed in (1, 1, 2):
        with transaction.atomic():  # a prompt that was held out stays so, but for a rollback
            rounds.create_run(slug="r", prompt_sets=[prompt_set], seed=seed, held_out_share=0.25)
            drawn.append(held_out())
            transaction.set_rollback(True)
    assert drawn[0] == drawn[1]
    assert drawn[1] != drawn[2]


def test_create_run_counts_prompts_that_are_held_out_already() -> None:
    prompt_set = make_prompts({("en", "code"): 8, ("ja", "code"): 8})
    before = {"en-code-0", "en-code-5"}
    Prompt.objects.filter(key__in=before).update(is_held_out=True)
    rounds.create_run(slug="r", prompt_sets=[prompt_set], held_out_share=0.25)
    assert before < held_out()
    languages = Counter(Prompt.objects.held_out().values_list("language", flat=True))
    assert languages == {"en": 2, "ja": 2}


def test_create_run_lets_no_prompt_back_in() -> None:
    prompt_set = make_prompts({("en", "code"): 4}, is_held_out=True)
    rounds.create_run(slug="r", prompt_sets=[prompt_set], held_out_share=0.25)
    assert len(held_out()) == 4


def test_create_run_holds_nothing_out_unless_asked() -> None:
    rounds.create_run(slug="r", prompt_sets=[make_prompts(CELLS)])
    assert held_out() == set()


def test_create_run_leaves_other_sets_alone() -> None:
    other = PromptSet.objects.create(slug="other")
    make.make_prompt(other)
    rounds.create_run(slug="r", prompt_sets=[make_prompts(CELLS)], held_out_share=0.5)
    assert not other.prompts.held_out().exists()


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, float("nan")])
def test_create_run_refuses_a_share_that_is_none(share: float) -> None:
    with pytest.raises(errors.WrongState, match="it must be from 0 to below 1"):
        rounds.create_run(slug="r", prompt_sets=[make_prompts(CELLS)], held_out_share=share)
    assert not SelectionRun.objects.exists()
