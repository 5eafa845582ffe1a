"""Taking back: the last vote or skip, a report, and every vote of an annotator."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotate.models import Annotator, Comparison, Report, Round, Vote
from annotate.services import consent, errors, ledger, states, voting
from annotate.services.reports import settle_report
from tests import factories as make
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db


def lease(round_: Round, annotator: Annotator) -> Comparison:
    return voting.lease_comparison(round_=round_, annotator=annotator)


def lease_after(comparison: Comparison) -> Comparison | None:
    return voting.lease_ahead(
        round_=comparison.round, annotator=comparison.annotator, after=comparison
    )


def judge(comparison: Comparison, choice: str = "left", turn: int = 0) -> Vote:
    return voting.record_vote(
        token=comparison.token, annotator=comparison.annotator, choice=choice, turn=turn
    )


def skip(comparison: Comparison, reason: str = "cannot_judge") -> None:
    voting.skip_comparison(token=comparison.token, annotator=comparison.annotator, reason=reason)


def undo(round_: Round, annotator: Annotator) -> Comparison | None:
    return voting.undo_vote(run=round_.run, annotator=annotator)


def report(comparison: Comparison, side: str = "left", text: str = "") -> Report:
    return voting.report_completion(
        token=comparison.token, annotator=comparison.annotator, side=side, text=text
    )


def test_undo_that_arrives_twice_takes_back_one_vote() -> None:
    round_, annotator = make.make_open_round(n_prompts=5), make.make_annotator()
    votes = [judge(lease(round_, annotator)) for _vote in range(2)]
    token = str(lease(round_, annotator).token)
    asked = {"run": round_.run, "annotator": annotator, "shown": token}
    assert voting.undo_vote(**asked) == votes[1].comparison
    with pytest.raises(errors.NotShown):
        voting.undo_vote(**asked)
    votes[0].refresh_from_db()
    assert votes[0].withdrawn_number is None


def test_one_annotator_hides_no_more_than_somebody_can_look_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(voting, "REPORTS_AT_ONCE", 1)
    round_, annotator = make.make_open_round(n_prompts=3), make.make_annotator()
    first = lease(round_, annotator)
    reported = report(first)
    assert report(first) == reported
    second = lease(round_, annotator)
    with pytest.raises(errors.VoteRefused, match="nobody has looked at yet"):
        report(second)
    settle_report(report=reported, is_upheld=False, by=make.make_user("admin"))
    assert report(second).completion_id in (second.completion_a_id, second.completion_b_id)


def test_undo_brings_the_last_one_back_before_the_current_and_the_next() -> None:
    round_, user = make.make_open_round(n_prompts=5), make.make_user()
    annotator = make.make_annotator(user=user)
    first = lease(round_, annotator)
    vote = judge(first)
    current = lease(round_, annotator)
    ahead = lease_after(current)
    assert undo(round_, annotator) == first
    vote.refresh_from_db()
    assert (vote.withdrawn_number > vote.pk, vote.withdrawn_by) == (True, user)
    assert lease(round_, annotator) == first
    assert lease_after(first) == current
    assert lease_after(current) == first
    judge(first, "right")
    assert lease(round_, annotator) == current
    assert lease_after(current) == ahead
    assert Comparison.objects.count() == 3


def test_undo_goes_back_step_by_step_through_votes_and_skips() -> None:
    round_, annotator = make.make_open_round(n_prompts=5), make.make_annotator()
    steps = []
    for step in (judge, skip, judge):
        steps.append(lease(round_, annotator))
        step(steps[-1])
    waiting = lease(round_, annotator)
    for expected in reversed(steps):
        assert undo(round_, annotator) == expected
        assert lease(round_, annotator) == expected
    assert undo(round_, annotator) is None
    assert not Vote.objects.standing().exists()
    assert Comparison.objects.unanswered().count() == 4
    assert waiting in Comparison.objects.unanswered()


def test_undo_of_a_skip_forgets_its_reason_and_keeps_the_first_showing() -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    comparison = lease(round_, annotator)
    skip(comparison)
    undone = undo(round_, annotator)
    assert (undone.skipped_at, undone.skip_reason) == (None, "")
    assert undone.shown_at == comparison.shown_at
    assert judge(undone).comparison == comparison


def test_taking_back_is_of_every_turn_of_a_conversation() -> None:
    round_ = make.make_open_round(n_prompts=0)
    make.make_rules(round_.run, judges_each_turn=True)
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["One?", "Two?"])
    for candidate in round_.candidates.all():
        make.make_completion(candidate, prompt)
    annotator = make.make_annotator()
    comparison = lease(round_, annotator)
    for n_judged in (1, 2):
        for turn in range(1, n_judged + 1):
            judge(comparison, turn=turn)
        assert Vote.objects.standing().count() == n_judged
        assert undo(round_, annotator) == comparison
        assert not Vote.objects.standing().exists()
        assert voting.next_turn(lease(round_, annotator)) == 1
    first, _second = [judge(comparison, turn=turn) for turn in (1, 2)]
    voting.withdraw_vote(vote=first, by=None)
    assert not Vote.objects.standing().exists()
    assert voting.next_turn(lease(round_, annotator)) == 1


@pytest.mark.parametrize("purpose", ["gold", "repeat"])
def test_undo_works_the_same_for_known_and_repeated_pairs(purpose: str) -> None:
    round_, annotator = make.make_open_round(n_prompts=1), make.make_annotator()
    first = lease(round_, annotator)
    judge(first)
    pair = (first.completion_a, first.completion_b)
    gold = make.make_gold_pair(round_.run, completion_a=pair[0], completion_b=pair[1])
    extra = {"gold": gold} if purpose == "gold" else {"repeats": first}
    again = make.make_comparison(
        *pair, round_=round_, annotator=annotator, purpose=purpose, **extra
    )
    judge(again)
    assert undo(round_, annotator) == again
    assert lease(round_, annotator) == again
    judge(again, "tie")
    assert [undo(round_, annotator), undo(round_, annotator)] == [again, first]
    assert lease(round_, annotator) == first


def test_undo_leaves_practice_other_runs_and_other_annotators_alone() -> None:
    round_, other = make.make_open_round(), make.make_open_round()
    annotator = make.make_annotator()
    make.make_gold_pair(round_.run, use="practice")
    judge(voting.lease_practice(run=round_.run, annotator=annotator))
    judge(lease(other, annotator))
    judge(lease(round_, make.make_annotator()))
    assert undo(round_, annotator) is None
    assert Vote.objects.standing().count() == 3


def test_undo_after_a_change_goes_by_when_a_pair_was_judged() -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    first = lease(round_, annotator)
    judge(first)
    second = lease(round_, annotator)
    judge(second)
    voting.change_vote(token=first.token, annotator=annotator, choice="tie")
    assert undo(round_, annotator) == second


def test_undo_needs_an_open_round() -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    judge(lease(round_, annotator))
    states.close_round(round_=round_)
    with pytest.raises(errors.RoundClosed):
        undo(round_, annotator)
    Round.objects.create(run=round_.run, number=2, opened_at=timezone.now())
    assert undo(round_, annotator) is None
    assert Vote.objects.standing().count() == 1


def test_skip_comparison_keeps_the_reason_and_a_second_time_changes_nothing() -> None:
    round_ = make.make_open_round()
    comparison = lease(round_, make.make_annotator())
    skip(comparison, "not_my_language")
    skip(comparison, "broken_text")
    comparison.refresh_from_db()
    assert comparison.skip_reason == "not_my_language"
    assert lease(round_, comparison.annotator) != comparison


def test_skip_comparison_refuses_what_was_judged_or_is_not_theirs() -> None:
    round_ = make.make_open_round()
    comparison = lease(round_, make.make_annotator())
    with pytest.raises(ValueError, match="reason is 'bored'; it must be one of cannot_judge"):
        skip(comparison, "bored")
    with pytest.raises(errors.ComparisonUnknown):
        voting.skip_comparison(
            token=comparison.token, annotator=make.make_annotator(), reason="cannot_judge"
        )
    judge(comparison)
    with pytest.raises(errors.VoteRefused, match="judged this pair already"):
        skip(comparison)
    open_one = lease(round_, comparison.annotator)
    states.close_round(round_=round_)
    with pytest.raises(errors.RoundClosed):
        skip(open_one)


@pytest.mark.parametrize(("side", "which"), [("left", "b"), ("right", "a")])
def test_report_completion_hides_that_side_and_takes_the_pair_away(side: str, which: str) -> None:
    round_ = make.make_open_round()
    comparison = lease(round_, make.make_annotator())
    Comparison.objects.update(side_a="right")
    reported = report(comparison, side, " awful ")
    assert reported.completion == getattr(comparison, f"completion_{which}")
    assert reported.text == "awful"
    assert report(comparison, side, "again") == reported
    comparison.refresh_from_db()
    assert comparison.skip_reason == "broken_text"
    assert lease(round_, comparison.annotator) != comparison


def test_report_completion_leaves_a_vote_as_it_is_even_after_the_round() -> None:
    comparison = lease(make.make_open_round(), make.make_annotator())
    vote = judge(comparison)
    states.close_round(round_=comparison.round)
    reported = report(comparison)
    comparison.refresh_from_db()
    assert (comparison.skipped_at, reported.comparison) == (None, comparison)
    assert list(Vote.objects.standing()) == [vote]


def test_report_completion_refuses_a_stranger_and_a_side_that_there_is_not() -> None:
    comparison = lease(make.make_open_round(), make.make_annotator())
    with pytest.raises(errors.ComparisonUnknown):
        voting.report_completion(
            token=comparison.token, annotator=make.make_annotator(), side="left"
        )
    with pytest.raises(ValueError, match="side is 'a'; it must be one of left, right"):
        report(comparison, "a")
    assert not Report.objects.exists()


def test_undo_passes_over_what_was_reported() -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    first = lease(round_, annotator)
    judge(first)
    second = lease(round_, annotator)
    report(second)
    assert undo(round_, annotator) == first
    assert undo(round_, annotator) is None


def test_undo_leaves_a_vote_on_what_others_reported_since() -> None:
    round_, annotator = make.make_open_round(n_prompts=1), make.make_annotator()
    judge(lease(round_, annotator))
    report(lease(round_, make.make_annotator()))
    with pytest.raises(errors.VoteRefused, match="may not be shown any more"):
        undo(round_, annotator)
    assert Vote.objects.standing().count() == 1


def test_withdraw_all_takes_back_every_vote_and_shows_none_of_them_again() -> None:
    round_, other = make.make_open_round(), make.make_open_round()
    annotator, user = make.make_annotator(), make.make_user()
    votes = [judge(lease(each, annotator)) for each in (round_, other)]
    waiting = lease(round_, annotator)
    stranger = judge(lease(round_, make.make_annotator()))
    before = ledger.take_cutoff(run=round_.run)
    assert voting.withdraw_all(annotator=annotator, by=user) == 2
    assert list(Vote.objects.standing()) == [stranger]
    numbers = set()
    for vote in votes:
        vote.refresh_from_db()
        numbers.add(vote.withdrawn_number)
        assert (vote.withdrawn_by, vote.withdrawn_at is None) == (user, False)
    assert len(numbers) == 2
    assert min(numbers) > before
    assert votes[0] in Vote.objects.standing_at(before)
    again = lease(round_, annotator)
    assert again not in (waiting, votes[0].comparison)
    assert undo(round_, annotator) is None
    assert voting.withdraw_all(annotator=annotator, by=user) == 0


def test_a_vote_under_way_while_consent_is_taken_back_is_refused() -> None:
    round_ = make.make_open_round()
    annotator = make.make_annotator()
    make.make_participant(round_.run, annotator)
    waiting = lease(round_, annotator)
    consent.take_back(annotator=annotator)
    with pytest.raises(errors.VoteRefused, match="took your consent back"):
        judge(waiting)
    consent.give_consent(annotator=annotator, text=make.make_consent_text())
    assert judge(waiting).comparison == waiting


def test_withdraw_all_leaves_the_pairs_to_others() -> None:
    round_ = make.make_open_round(n_prompts=1, votes_wanted=1)
    annotator = make.make_annotator()
    judge(lease(round_, annotator))
    voting.withdraw_all(annotator=annotator, by=None)
    assert lease(round_, make.make_annotator()).purpose == "ranking"


@pytest.mark.django_db(transaction=True)
def test_undo_in_many_threads_takes_each_vote_back_once() -> None:
    round_, annotator = make.make_open_round(n_prompts=10), make.make_annotator()
    judged = []
    for _vote in range(4):
        judged.append(lease(round_, annotator))
        judge(judged[-1])
    undone = at_once(*[lambda: undo(round_, annotator)] * 6)
    assert sorted(c.pk for c in undone if c) == [c.pk for c in judged]
    assert undone.count(None) == 2
    assert not Vote.objects.standing().exists()


@pytest.mark.django_db(transaction=True)
def test_undo_and_vote_at_once_leave_the_vote_or_its_withdrawal() -> None:
    """Two tabs: one votes while the other takes back; no deadlock, and one current comparison."""
    round_, annotator = make.make_open_round(n_prompts=20), make.make_annotator()

    def rate() -> None:
        for _step in range(6):
            current = lease(round_, annotator)
            lease_after(current)
            judge(current)

    def take_back() -> None:
        for _step in range(6):
            undo(round_, annotator)

    at_once(rate, take_back, rate)
    standing = Vote.objects.standing().values_list("comparison", flat=True)
    judged = Comparison.objects.judged().values_list("pk", flat=True)
    assert sorted(standing) == sorted(judged)
    soon = timezone.now() + timedelta(seconds=1)
    assert lease(round_, annotator).lease_expires_at > soon
