"""Practice: k of n right lets one pass, and another go shows the same pairs."""

from typing import Any

import pytest

from annotate.models import Annotator, Comparison, Participation, SelectionRun, Vote
from annotate.services import arrival, errors, practice, voting
from annotate.services.arrival import Step
from tests import factories as make

pytestmark = pytest.mark.django_db


def make_practice(*, pairs: int, needed: int) -> tuple[SelectionRun, Annotator]:
    """Make a run with pairs to practise on, and somebody who has pressed Start."""
    run = make.make_open_round().run
    make.make_rules(run, practice_needed=needed)
    for position in range(pairs):
        make.make_gold_pair(run, use="practice", position=position)
    return run, make.make_volunteer(run).annotator


def answer(run: SelectionRun, annotator: Annotator, *, right: bool) -> practice.Practice:
    """Answer the practice comparison that waits."""
    waiting = practice.practise(run=run, annotator=annotator).waiting
    assert waiting is not None
    right_side = str(waiting.side_a)  # a is the better one
    wrong_side = "right" if right_side == "left" else "left"
    choice = right_side if right else wrong_side
    voting.record_vote(token=waiting.token, annotator=annotator, choice=choice)
    return practice.practise(run=run, annotator=annotator)


def test_practice_is_passed_with_enough_right_answers() -> None:
    run, annotator = make_practice(pairs=3, needed=2)
    assert not answer(run, annotator, right=True).is_passed
    assert arrival.next_step(run=run, annotator=annotator) == Step.PRACTICE
    answer(run, annotator, right=False)
    state = answer(run, annotator, right=True)
    assert (state.total, state.answered, state.right, state.needed) == (3, 3, 2, 2)
    assert state.is_passed
    assert arrival.next_step(run=run, annotator=annotator) == Step.RATE


def test_practice_without_enough_right_answers_comes_again() -> None:
    run, annotator = make_practice(pairs=2, needed=2)
    answer(run, annotator, right=True)
    state = answer(run, annotator, right=False)
    assert (state.is_over, state.is_passed) == (True, False)
    assert arrival.next_step(run=run, annotator=annotator) == Step.PRACTICE
    tokens = set(Comparison.objects.values_list("token", flat=True))
    practice.start_again(run=run, annotator=annotator)
    practice.start_again(run=run, annotator=annotator)
    for _pair in range(2):
        state = answer(run, annotator, right=True)
    assert state.is_passed
    assert set(Comparison.objects.values_list("token", flat=True)) == tokens
    assert (Vote.objects.count(), Vote.objects.standing().count()) == (4, 2)
    assert Vote.objects.counting().count() == 0


def test_practice_that_was_passed_cannot_be_taken_back_by_another_go() -> None:
    run, annotator = make_practice(pairs=1, needed=1)
    answer(run, annotator, right=True)
    practice.start_again(run=run, annotator=annotator)
    assert Vote.objects.standing().count() == 1
    assert Participation.objects.get().practised_at is not None


def test_practice_is_passed_over_where_no_pair_is_in_ones_languages() -> None:
    run, annotator = make_practice(pairs=2, needed=2)
    Annotator.objects.update(languages=["ja"])
    annotator.refresh_from_db()
    assert practice.practise(run=run, annotator=annotator).is_passed
    assert arrival.next_step(run=run, annotator=annotator) == Step.RATE


def test_practice_asks_for_no_more_right_answers_than_there_are_pairs() -> None:
    run, annotator = make_practice(pairs=1, needed=5)
    assert answer(run, annotator, right=True).is_passed


def test_practice_can_be_neither_skipped_nor_reported_nor_changed() -> None:
    """Addresses of another run, whose practice was passed, would take it."""
    run, annotator = make_practice(pairs=2, needed=1)
    answer(run, annotator, right=False)
    answered, waiting = Comparison.objects.order_by("id")
    ask: dict[str, Any] = {"annotator": annotator}
    with pytest.raises(errors.ComparisonUnknown):
        voting.skip_comparison(token=waiting.token, reason="cannot_judge", **ask)
    with pytest.raises(errors.ComparisonUnknown):
        voting.report_completion(token=waiting.token, side="left", **ask)
    with pytest.raises(errors.ComparisonUnknown):
        voting.change_vote(token=answered.token, choice=str(answered.side_a), **ask)
    state = practice.practise(run=run, annotator=annotator)
    assert (state.waiting, state.total, state.right) == (waiting, 2, 0)


@pytest.mark.parametrize(
    ("outcome", "choice", "expected"),
    [("tie", "tie", True), ("tie", "left", False), ("both_bad", "both_bad", True)],
)
def test_answer_to_a_draw_is_right_only_as_a_draw(
    outcome: str, choice: str, expected: bool
) -> None:
    run = make.make_open_round().run
    make.make_gold_pair(run, use="practice", outcome=outcome)
    annotator = make.make_volunteer(run).annotator
    waiting = practice.practise(run=run, annotator=annotator).waiting
    assert waiting is not None
    vote = voting.record_vote(token=waiting.token, annotator=annotator, choice=choice)
    assert practice.is_right(vote.comparison) == expected
