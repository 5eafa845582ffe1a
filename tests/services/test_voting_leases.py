"""One comparison is before an annotator, one more is fetched ahead; what was dropped stays away."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from annotate.models import Annotator, Comparison, Report, Round, SelectionRun
from annotate.services import errors, estimating, states, voting
from tests import factories as make
from tests.services.threads import at_once
from tests.views.pages import count_queries

pytestmark = pytest.mark.django_db


def lease(round_: Round, annotator: Annotator) -> Comparison:
    return voting.lease_comparison(round_=round_, annotator=annotator)


def lease_after(comparison: Comparison) -> Comparison | None:
    return voting.lease_ahead(
        round_=comparison.round, annotator=comparison.annotator, after=comparison
    )


def judge(comparison: Comparison, choice: str = "left") -> None:
    voting.record_vote(token=comparison.token, annotator=comparison.annotator, choice=choice)


def skip(comparison: Comparison) -> None:
    voting.skip_comparison(
        token=comparison.token, annotator=comparison.annotator, reason="cannot_judge"
    )


def report(comparison: Comparison, side: str = "left") -> Report:
    return voting.report_completion(
        token=comparison.token, annotator=comparison.annotator, side=side
    )


def test_lease_comparison_marks_its_first_showing() -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    before = timezone.now()
    shown_at = lease(round_, annotator).shown_at
    assert before < shown_at < timezone.now()
    assert lease(round_, annotator).shown_at == shown_at


def test_lease_ahead_gives_one_more_and_no_third() -> None:
    current = lease(make.make_open_round(), make.make_annotator())
    ahead = lease_after(current)
    assert ahead != current
    assert ahead.lease_expires_at > timezone.now()
    assert ahead.shown_at is None
    assert lease_after(current) == ahead
    assert lease(current.round, current.annotator) == current
    assert Comparison.objects.count() == 2


@pytest.mark.parametrize("pass_over", [judge, skip, report])
def test_the_one_fetched_ahead_is_shown_once_the_current_one_is_done(
    pass_over: Callable[[Comparison], object],
) -> None:
    current = lease(make.make_open_round(n_samples=2), make.make_annotator())
    ahead = lease_after(current)
    before = timezone.now()
    pass_over(current)
    ahead.refresh_from_db()
    assert ahead.shown_at >= before
    assert lease(current.round, current.annotator) == ahead
    assert lease(current.round, current.annotator).shown_at == ahead.shown_at


def test_a_vote_out_of_turn_leaves_the_current_one() -> None:
    """The vote on the one fetched ahead may arrive first."""
    current = lease(make.make_open_round(), make.make_annotator())
    ahead = lease_after(current)
    judge(ahead)
    assert lease(current.round, current.annotator) == current
    assert lease_after(current) not in (None, ahead)


def test_lease_ahead_gives_nothing_where_nothing_is_left() -> None:
    current = lease(make.make_open_round(n_prompts=1), make.make_annotator())
    assert lease_after(current) is None
    states.close_round(round_=current.round)
    assert lease_after(current) is None


def test_lease_comparison_prolongs_a_lease_that_is_half_gone() -> None:
    current = lease(make.make_open_round(), make.make_annotator())
    first = current.lease_expires_at
    assert lease(current.round, current.annotator).lease_expires_at == first
    soon = timezone.now() + timedelta(seconds=60)
    Comparison.objects.update(lease_expires_at=soon)
    assert lease(current.round, current.annotator).lease_expires_at >= first


def test_a_reported_completion_is_taken_from_everybody_and_drawn_for_nobody() -> None:
    round_ = make.make_open_round(n_prompts=2)
    first, second = (lease(round_, make.make_annotator()) for _annotator in range(2))
    for comparison in (first, second):
        lease_after(comparison)
    reported = report(first)
    ours = lease(round_, second.annotator)
    assert reported.completion not in (ours.completion_a, ours.completion_b)
    judge(ours)
    for annotator in (second.annotator, make.make_annotator()):
        taken = [lease_or_none(round_, annotator), lease_or_none(round_, annotator)]
        shown = [c for c in taken if c is not None]
        assert all(reported.completion not in (c.completion_a, c.completion_b) for c in shown)


def lease_or_none(round_: Round, annotator: Annotator) -> Comparison | None:
    try:
        return lease(round_, annotator)
    except errors.NothingLeft:
        return None


def test_a_comparison_that_may_not_be_shown_never_comes_back() -> None:
    round_ = make.make_open_round(n_prompts=1)
    held = lease(round_, make.make_annotator())
    other = lease(round_, make.make_annotator())
    reported = report(other)
    with pytest.raises(errors.AllSeen):
        lease(round_, held.annotator)
    held.refresh_from_db()
    assert held.dropped_at is not None
    assert (held.skipped_at, held.skip_reason) == (None, "")
    reported.delete()
    with pytest.raises(errors.AllSeen):
        lease(round_, held.annotator)


def test_a_vote_on_a_comparison_that_was_dropped_counts() -> None:
    """It was on the screen when another annotator reported it."""
    round_ = make.make_open_round(n_prompts=1)
    held = lease(round_, make.make_annotator())
    report(lease(round_, make.make_annotator()))
    with pytest.raises(errors.NothingLeft):
        lease(round_, held.annotator)
    judge(held)
    held.refresh_from_db()
    assert (held.dropped_at, held.answered_at is None) == (None, False)
    assert held.votes.counting().count() == 1


def test_languages_that_changed_take_the_current_and_the_next_away() -> None:
    round_ = make.make_open_round(n_prompts=2)
    japanese = make.make_prompt(round_.run.prompt_sets.get(), language="ja-JP")
    for candidate in round_.candidates.all():
        make.make_completion(candidate, japanese)
    annotator = make.make_annotator(languages=["en"])
    current = lease(round_, annotator)
    lease_after(current)
    Annotator.objects.update(languages=["ja"])
    assert lease(round_, annotator).prompt == japanese
    assert Comparison.objects.exclude(dropped_at=None).count() == 2


def test_names_of_makers_left_out_take_the_current_one_away() -> None:
    round_ = make.make_open_round(n_prompts=1)
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    first, second = (
        make.make_completion(candidate, prompt, names_maker="by Acme")
        for candidate in round_.candidates.all()
    )
    annotator = make.make_annotator()
    drawn = make.make_comparison(first, second, round_=round_, annotator=annotator)
    assert lease(round_, annotator) == drawn
    make.make_rules(round_.run, leaves_out_maker_names=True)
    assert lease(round_, annotator).prompt != prompt


def test_lease_comparison_stops_at_the_daily_limit() -> None:
    round_ = make.make_open_round(n_prompts=4)
    make.make_rules(round_.run, daily_limit=2)
    annotator = make.make_annotator()
    first = lease(round_, annotator)
    second = lease_after(first)
    judge(first)
    assert lease(round_, annotator) == second
    assert lease_after(second) is None
    judge(second)
    with pytest.raises(errors.DailyLimitReached, match=r"limit of 2 votes\..* midnight \(UTC\)"):
        lease(round_, annotator)
    yesterday = timezone.now() - timedelta(days=1)
    Comparison.objects.filter(pk=first.pk).update(answered_at=yesterday)
    assert lease(round_, annotator) not in (first, second)


def test_the_day_of_the_daily_limit_begins_at_local_midnight() -> None:
    round_ = make.make_open_round()
    make.make_rules(round_.run, daily_limit=1)
    annotator = make.make_annotator()
    judge(lease(round_, annotator))
    tokyo = ZoneInfo("Asia/Tokyo")
    midnight = datetime.now(tokyo).replace(hour=0, minute=0, second=0, microsecond=0)
    with timezone.override(tokyo):
        Comparison.objects.update(answered_at=midnight)
        with pytest.raises(errors.DailyLimitReached, match="Asia/Tokyo"):
            lease(round_, annotator)
        Comparison.objects.update(answered_at=midnight - timedelta(microseconds=1))
        assert lease(round_, annotator).answered_at is None


def test_the_daily_limit_counts_no_practice_no_other_run_and_no_machine() -> None:
    round_, other = make.make_open_round(), make.make_open_round()
    make.make_rules(round_.run, daily_limit=1)
    make.make_gold_pair(round_.run, use="practice")
    annotator = make.make_annotator()
    judge(voting.lease_practice(run=round_.run, annotator=annotator))
    judge(lease(other, annotator))
    judge(lease(round_, annotator))
    with pytest.raises(errors.DailyLimitReached):
        lease(round_, annotator)
    Annotator.objects.update(kind="simulated")
    assert lease(round_, annotator).answered_at is None


def test_lease_comparison_tells_a_run_that_ended_from_a_round_that_closed() -> None:
    round_ = make.make_open_round()
    states.move_run(run=round_.run, to=SelectionRun.State.CLOSED)
    with pytest.raises(errors.RunClosed, match="has ended"):
        lease(Round.objects.get(), make.make_annotator())


def test_lease_practice_gives_pairs_in_order_and_apart_from_the_others() -> None:
    round_ = make.make_open_round()
    pairs = [
        make.make_gold_pair(round_.run, use="practice", position=position) for position in (2, 1, 3)
    ]
    make.make_gold_pair(round_.run, use="practice", retired_at=timezone.now())
    make.make_gold_pair(round_.run, use="gold")
    annotator = make.make_annotator()
    current = lease(round_, annotator)
    for pair in (pairs[1], pairs[0], pairs[2]):
        practice = voting.lease_practice(run=round_.run, annotator=annotator)
        assert (practice.gold, practice.purpose) == (pair, "practice")
        assert voting.lease_practice(run=round_.run, annotator=annotator) == practice
        assert lease(round_, annotator) == current
        judge(practice)
    assert voting.lease_practice(run=round_.run, annotator=annotator) is None


def test_lease_practice_speaks_the_annotators_language() -> None:
    round_ = make.make_open_round()
    prompts = [make.make_prompt(round_.run.prompt_sets.get(), language=tag) for tag in ("en", "ja")]
    for prompt in prompts:
        make.make_gold_pair(round_.run, use="practice", prompt=prompt)
    annotator = make.make_annotator(languages=["ja"])
    practice = voting.lease_practice(run=round_.run, annotator=annotator)
    assert practice.prompt == prompts[1]
    judge(practice)
    assert voting.lease_practice(run=round_.run, annotator=annotator) is None


def test_lease_practice_goes_on_in_the_next_round() -> None:
    round_ = make.make_open_round()
    run, annotator = round_.run, make.make_annotator()
    pairs = [make.make_gold_pair(run, use="practice", position=n) for n in range(2)]
    judge(voting.lease_practice(run=run, annotator=annotator))
    voting.lease_practice(run=run, annotator=annotator)
    states.close_round(round_=round_)
    with pytest.raises(errors.RoundClosed):
        voting.lease_practice(run=run, annotator=annotator)
    Round.objects.create(run=run, number=2, opened_at=timezone.now())
    assert voting.lease_practice(run=run, annotator=annotator).gold == pairs[1]


@pytest.mark.parametrize(("n_candidates", "n_prompts"), [(2, 3), (6, 12)])
@pytest.mark.counts_later
def test_a_cycle_of_votes_asks_as_often_of_the_database_with_many_rows(
    n_candidates: int, n_prompts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of each are a savepoint, which only a test has; every tenth vote asks for a look."""
    monkeypatch.setattr(estimating, "REFRESH_EVERY", 2**40)
    round_ = make.make_open_round(n_candidates=n_candidates, n_prompts=n_prompts)
    annotator = make.make_annotator(languages=["en"])
    for _other in range(n_prompts):
        judge(lease(round_, make.make_annotator()))
    current = lease(round_, annotator)
    ahead = lease_after(current)
    assert count_queries(lambda: judge(current)) == 6
    assert count_queries(lambda: lease(round_, annotator)) == 5
    # One more where its two candidates come for the first time.
    assert count_queries(lambda: lease_after(ahead)) in (8, 9)


@pytest.mark.django_db(transaction=True)
def test_many_threads_of_one_annotator_fetch_one_comparison_ahead() -> None:
    current = lease(make.make_open_round(n_prompts=10), make.make_annotator())
    ahead = at_once(*[lambda: lease_after(current)] * 6)
    assert (len(ahead), len(set(ahead)), Comparison.objects.count()) == (6, 1, 2)


@pytest.mark.django_db(transaction=True)
def test_votes_and_fetches_at_once_leave_one_current_and_one_ahead() -> None:
    """Two tabs that vote on different pairs while both fetch ahead: no deadlock, no third."""
    round_, annotator = make.make_open_round(n_prompts=30), make.make_annotator()

    def rate() -> None:
        for _step in range(8):
            current = lease(round_, annotator)
            lease_after(current)
            judge(current)

    at_once(rate, rate, rate)
    waiting = Comparison.objects.unanswered()
    assert waiting.count() <= 2
    assert Comparison.objects.count() == Comparison.objects.judged().count() + waiting.count()
