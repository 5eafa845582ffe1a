"""A vote says more than a side: degree, reasons, a comment, passages; each where it is asked."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from annotate.models import Comparison, ReasonTag, Round, Vote
from annotate.services import errors, states, voting
from annotate.services.voting import Mark
from tests import factories as make

pytestmark = pytest.mark.django_db

FLAG = "👩‍👩‍👧"  # five code points


def drawn(*, replies: int = 1, side_a: str = "left", **rules: object) -> Comparison:
    """Draw a pair of known texts in a run with these rules."""
    round_ = make.make_open_round(n_prompts=0)
    if rules:
        make.make_rules(round_.run, **rules)
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["Go on."] * replies)
    first, second = (
        make.make_completion(candidate, prompt, replies=[f"{FLAG} {name}"] * replies)
        for candidate, name in zip(round_.candidates.order_by("id"), "ab", strict=True)
    )
    return make.make_comparison(
        first, second, round_=round_, annotator=make.make_annotator(), side_a=side_a
    )


def judge(comparison: Comparison, choice: str = "left", **options: object) -> Vote:
    return voting.record_vote(
        token=comparison.token, annotator=comparison.annotator, choice=choice, **options
    )


def offer_reasons(comparison: Comparison, *slugs: str) -> None:
    reasons = [
        ReasonTag.objects.get_or_create(slug=slug, defaults={"label_en": "r", "label_ja": "理由"})[
            0
        ]
        for slug in slugs
    ]
    make.make_rules(comparison.round.run).reasons.set(reasons)


@pytest.mark.parametrize(
    ("side_a", "choice", "stored"),
    [
        ("left", "left_clearly", ("a", "clearly")),
        ("left", "right_slightly", ("b", "slightly")),
        ("right", "left_slightly", ("b", "slightly")),
        ("right", "right_clearly", ("a", "clearly")),
        ("right", "tie", ("tie", "")),
        ("left", "both_bad", ("both_bad", "")),
    ],
)
def test_record_vote_keeps_the_degree(side_a: str, choice: str, stored: tuple[str, str]) -> None:
    vote = judge(drawn(side_a=side_a, asks_degree=True), choice)
    assert (vote.outcome, vote.degree) == stored


@pytest.mark.parametrize(
    ("rules", "choice", "words"),
    [
        ({"asks_degree": True}, "left", "clearly or slightly better"),
        ({"asks_degree": False}, "left_clearly", "does not ask by how much"),
        ({"offers_tie": False}, "tie", "takes no draws"),
        ({"offers_both_bad": False}, "both_bad", "does not take “both bad”"),
    ],
)
def test_record_vote_refuses_a_choice_that_the_run_does_not_offer(
    rules: dict[str, bool], choice: str, words: str
) -> None:
    comparison = drawn(**rules)
    with pytest.raises(errors.VoteRefused, match=words):
        judge(comparison, choice)
    assert not Vote.objects.exists()


@pytest.mark.parametrize(
    ("side_a", "stored"), [("left", (["unsafe"], [])), ("right", ([], ["unsafe"]))]
)
def test_record_vote_keeps_reasons_by_completion(
    side_a: str, stored: tuple[list[str], list[str]]
) -> None:
    comparison = drawn(side_a=side_a)
    offer_reasons(comparison, "repetition", "unsafe")
    vote = judge(comparison, "right", reasons_left=["unsafe", "unsafe"])
    vote.refresh_from_db()
    assert (vote.reasons_a, vote.reasons_b) == stored


@pytest.mark.parametrize("offered", [[], ["repetition"]])
def test_record_vote_refuses_a_reason_that_the_run_does_not_offer(offered: list[str]) -> None:
    comparison = drawn()
    offer_reasons(comparison, *offered)
    with pytest.raises(errors.VoteRefused, match="the reason “unsafe”"):
        judge(comparison, reasons_right=["unsafe"])


def test_record_vote_keeps_a_comment_where_one_is_offered() -> None:
    assert judge(drawn(offers_comment=True), comment=" 理由\n").comment == "理由"
    with pytest.raises(errors.VoteRefused, match="takes no comments"):
        judge(drawn(offers_comment=False), comment="why")
    assert judge(drawn(offers_comment=False), comment=" \n").comment == ""


@pytest.mark.parametrize(("side_a", "which"), [("left", "a"), ("right", "b")])
def test_record_vote_keeps_marked_passages_in_code_points(side_a: str, which: str) -> None:
    comparison = drawn(side_a=side_a)
    mark = Mark(side="left", turn=1, start=0, end=len(FLAG), tag="unnatural")
    vote = judge(comparison, marks=[mark, mark])
    kept = vote.marks.get()
    assert (kept.which, kept.turn, kept.start, kept.end, kept.tag) == (
        *(which, 1, 0, 5),
        "unnatural",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": "middle"},
        {"turn": 0},
        {"turn": 2},
        {"start": -1},
        {"start": 3, "end": 3},
        {"end": len(FLAG) + 3},  # the text is FLAG, a space and a letter
        {"tag": "silly"},
    ],
)
def test_record_vote_refuses_a_mark_outside_of_the_text(wrong: dict[str, object]) -> None:
    mark = Mark(side="left", turn=1, start=0, end=len(FLAG) + 2, tag="wrong_fact")
    with pytest.raises(errors.VoteRefused, match="does not lie within the text"):
        judge(drawn(), marks=[replace(mark, **wrong)])
    assert judge(drawn(), marks=[mark]).marks.count() == 1


def test_record_vote_refuses_marks_that_the_run_does_not_offer_and_too_many() -> None:
    marks = [Mark(side="left", turn=1, start=0, end=1, tag="wrong_fact")]
    with pytest.raises(errors.VoteRefused, match="takes no marked passages"):
        judge(drawn(offers_passages=False), marks=marks)
    with pytest.raises(errors.VoteRefused, match="100 marked passages at most"):
        judge(drawn(), marks=marks * 101)


def test_record_vote_again_returns_the_vote_whatever_was_sent_with_it() -> None:
    comparison = drawn(offers_comment=False)
    first = judge(comparison)
    assert judge(comparison, "tie", comment="why", reasons_left=["nosuch"]) == first


def test_record_vote_judges_each_turn_in_order() -> None:
    comparison = drawn(replies=3, judges_each_turn=True)
    for turn in (1, 2, 3):
        comparison = Comparison.objects.get(pk=comparison.pk)
        assert voting.next_turn(comparison) == turn
        assert comparison.answered_at is None
        vote = judge(comparison, "left", turn=turn)
        assert judge(comparison, "right", turn=turn) == vote
    comparison.refresh_from_db()
    assert comparison.answered_at == vote.created_at
    assert list(comparison.votes.values_list("turn", flat=True)) == [1, 2, 3]


@pytest.mark.parametrize(
    ("replies", "each", "turn", "words"),
    [
        (2, True, 0, "Turn 1 is to be judged first"),
        (2, True, 2, "Turn 1 is to be judged first"),
        (2, False, 1, "judged as a whole"),
        (1, True, 1, "judged as a whole"),
    ],
)
def test_record_vote_refuses_a_turn_that_is_not_due(
    replies: int, each: bool, turn: int, words: str
) -> None:
    comparison = drawn(replies=replies, judges_each_turn=each)
    with pytest.raises(errors.VoteRefused, match=words):
        judge(comparison, turn=turn)


def test_record_vote_refuses_turns_of_a_conversation_judged_as_a_whole_before() -> None:
    comparison = drawn(replies=2)
    judge(comparison)
    make.make_rules(comparison.round.run, judges_each_turn=True)
    with pytest.raises(errors.VoteRefused, match="judged this pair already"):
        judge(comparison, turn=1)


def test_next_turn_is_0_where_the_conversation_is_judged_as_a_whole() -> None:
    assert voting.next_turn(drawn(replies=2)) == 0
    assert voting.next_turn(drawn(replies=1, judges_each_turn=True)) == 0


def shown_for(comparison: Comparison, seconds: float) -> Comparison:
    """Let a comparison have been shown this long."""
    comparison.shown_at = timezone.now() - timedelta(seconds=seconds)
    comparison.save()
    return comparison


def test_record_vote_refuses_one_faster_than_anybody_reads() -> None:
    """14 characters at 2 a second take 7 seconds."""
    comparison = shown_for(drawn(max_characters_per_s=2), 4)
    with pytest.raises(errors.TooFast, match="3 seconds more") as refusal:
        judge(comparison)
    assert refusal.value.seconds_left == 3
    assert not Vote.objects.exists()
    assert judge(shown_for(comparison, 7.1)).outcome == "a"


def test_record_vote_measures_a_later_turn_from_the_turn_before() -> None:
    """7 characters a side and turn."""
    comparison = drawn(replies=2, judges_each_turn=True, max_characters_per_s=2)
    judge(shown_for(comparison, 7.1), turn=1)
    with pytest.raises(errors.TooFast) as refusal:
        judge(comparison, turn=2)
    assert refusal.value.seconds_left == 7


def test_record_vote_measures_one_not_marked_as_shown_from_its_draw_or_the_vote_before() -> None:
    comparison = drawn(max_characters_per_s=2)
    Comparison.objects.update(created_at=timezone.now() - timedelta(seconds=5))
    with pytest.raises(errors.TooFast, match="2 seconds more"):
        judge(comparison)
    another = another_pair(comparison.round, comparison)
    make.make_vote(another, created_at=timezone.now() - timedelta(seconds=3))
    with pytest.raises(errors.TooFast, match="4 seconds more"):
        judge(comparison)
    Comparison.objects.update(created_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(errors.TooFast, match="6 seconds more"):
        judge(comparison)


def another_pair(round_: Round, comparison: Comparison) -> Comparison:
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    first, second = (
        make.make_completion(candidate, prompt) for candidate in round_.candidates.all()
    )
    return make.make_comparison(first, second, round_=round_, annotator=comparison.annotator)


@pytest.mark.parametrize("kind", ["simulated", "judge"])
def test_record_vote_asks_no_pace_of_machines(kind: str) -> None:
    comparison = shown_for(drawn(max_characters_per_s=1), 0)
    type(comparison.annotator).objects.update(kind=kind)
    assert judge(comparison).outcome == "a"


def test_record_vote_asks_no_pace_of_a_vote_that_was_undone() -> None:
    comparison = shown_for(drawn(max_characters_per_s=2), 8)
    judge(comparison)
    undone = voting.undo_vote(run=comparison.round.run, annotator=comparison.annotator)
    assert undone == comparison
    shown_for(undone, 0)
    assert judge(undone, "tie").outcome == "tie"


def test_record_vote_refuses_one_that_was_skipped() -> None:
    comparison = drawn()
    voting.skip_comparison(
        token=comparison.token, annotator=comparison.annotator, reason="cannot_judge"
    )
    with pytest.raises(errors.VoteRefused, match="You skipped this pair"):
        judge(comparison)


def change(comparison: Comparison, choice: str = "left", **options: object) -> Vote:
    return voting.change_vote(
        token=comparison.token, annotator=comparison.annotator, choice=choice, **options
    )


def test_change_vote_takes_the_earlier_one_back() -> None:
    comparison = shown_for(drawn(max_characters_per_s=1), 60)
    first = judge(comparison, "left")
    answered_at = Comparison.objects.get(pk=comparison.pk).answered_at
    mark = Mark(side="right", turn=1, start=0, end=2, tag="wrong_fact")
    second = change(comparison, "tie", marks=[mark])
    first.refresh_from_db()
    assert first.pk < first.withdrawn_number < second.pk
    assert list(Vote.objects.standing()) == [second]
    assert (second.outcome, second.marks.get().which) == ("tie", "b")
    assert Comparison.objects.get(pk=comparison.pk).answered_at == answered_at


def test_change_vote_to_the_same_changes_nothing() -> None:
    comparison = drawn(offers_comment=True)
    mark = Mark(side="right", turn=1, start=0, end=2, tag="wrong_fact")
    said = {"choice": "right", "comment": "why", "marks": [mark]}
    first = judge(comparison, **said)
    assert change(comparison, **said) == first
    assert change(comparison, **said | {"comment": "because"}) != first
    assert Vote.objects.count() == 2


def test_change_vote_needs_a_vote_an_open_round_and_what_the_run_offers() -> None:
    comparison = drawn(offers_tie=False)
    with pytest.raises(errors.VoteRefused, match="no vote here"):
        change(comparison)
    first = judge(comparison)
    with pytest.raises(errors.VoteRefused, match="takes no draws"):
        change(comparison, "tie")
    with pytest.raises(errors.ComparisonUnknown):
        voting.change_vote(token=comparison.token, annotator=make.make_annotator(), choice="right")
    states.close_round(round_=comparison.round)
    with pytest.raises(errors.RoundClosed):
        change(comparison, "right")
    assert list(Vote.objects.standing()) == [first]
