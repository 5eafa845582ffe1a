"""A cut-off parts votes for ever into earlier and later ones, however they are written."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from annotate.models import Vote
from annotate.services import errors, ledger, states, voting
from tests import factories as make
from tests.services.threads import at_once


@contextmanager
def held_ledger(run_id: int) -> Iterator[threading.Event]:
    """Hold the run's ledger in another thread until the event is set or the block ends."""
    holds, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            ledger.hold_ledger(run_id=run_id)
            holds.set()
            release.wait(30)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(30)
    yield release
    release.set()
    thread.join(30)


@pytest.mark.django_db
def test_take_cutoff_parts_votes_before_and_after() -> None:
    round_ = make.make_open_round()
    first = cast_one(round_)
    cutoff = ledger.take_cutoff(run=round_.run)
    second = cast_one(round_)
    assert first.pk < cutoff < second.pk
    assert list(Vote.objects.standing_at(cutoff)) == [first]
    assert list(Vote.objects.standing_at(ledger.take_cutoff(run=round_.run))) == [first, second]


@pytest.mark.django_db
def test_standing_at_gives_what_stood_then() -> None:
    round_ = make.make_open_round()
    vote = cast_one(round_)
    before = ledger.take_cutoff(run=round_.run)
    voting.withdraw_vote(vote=vote, by=None)
    after = ledger.take_cutoff(run=round_.run)
    assert list(Vote.objects.standing_at(before)) == [vote]
    assert list(Vote.objects.standing_at(after)) == []


@pytest.mark.django_db(transaction=True)
def test_take_cutoff_waits_for_votes_that_are_being_written() -> None:
    """A vote with a number below the cut-off is committed by the time the cut-off is there."""
    round_ = make.make_open_round()
    with held_ledger(round_.run_id) as release:
        timer = threading.Timer(0.5, release.set)
        timer.start()
        ledger.take_cutoff(run=round_.run)
        assert release.is_set()


@pytest.mark.django_db(transaction=True)
def test_take_cutoff_gives_up_with_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "CUTOFF_TIMEOUT_MS", 200)
    round_ = make.make_open_round()
    with held_ledger(round_.run_id), pytest.raises(errors.LedgerBusy) as busy:
        ledger.take_cutoff(run=round_.run)
    assert str(busy.value) == (
        f"votes of run {round_.run.slug} are being imported; try again when that is done"
    )
    assert ledger.take_cutoff(run=round_.run) > 0


@pytest.mark.django_db(transaction=True)
def test_take_cutoff_leaves_the_time_limit_of_the_connection_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger, "CUTOFF_TIMEOUT_MS", 200)
    round_ = make.make_open_round()
    with transaction.atomic():
        ledger.take_cutoff(run=round_.run)
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone() == ("0",)


@pytest.mark.django_db(transaction=True)
def test_votes_of_another_run_do_not_keep_a_cutoff_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger, "CUTOFF_TIMEOUT_MS", 200)
    round_, other = make.make_open_round(), make.make_open_round()
    with held_ledger(other.run_id):
        assert ledger.take_cutoff(run=round_.run) > 0


@pytest.mark.django_db(transaction=True)
def test_cutoffs_amid_votes_stay_true() -> None:
    """What stood at a cut-off, read at once, is what stood there when all is over."""
    round_ = make.make_open_round(n_candidates=2, n_prompts=30)
    seen: dict[int, list[int]] = {}

    def vote() -> None:
        annotator = make.make_annotator()
        for number in range(12):
            comparison = voting.lease_comparison(round_=round_, annotator=annotator)
            cast = voting.record_vote(token=comparison.token, annotator=annotator, choice="tie")
            if number % 4 == 0:
                voting.withdraw_vote(vote=cast, by=None)

    def look() -> None:
        for _look in range(25):
            cutoff = ledger.take_cutoff(run=round_.run)
            seen[cutoff] = standing_ids(cutoff)

    at_once(vote, vote, vote, look)
    assert len(seen) == 25
    assert {cutoff: standing_ids(cutoff) for cutoff in seen} == seen
    assert len({len(ids) for ids in seen.values()}) > 1, "no vote fell between the cut-offs"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("does", ["vote", "change", "undo"])
def test_whoever_waits_for_the_ledger_while_the_round_closes_is_refused(does: str) -> None:
    """The ranking that follows would miss what they did."""
    round_ = make.make_open_round()
    if does == "vote":
        annotator = make.make_annotator()
        comparison = voting.lease_comparison(round_=round_, annotator=annotator)
    else:
        comparison = cast_one(round_).comparison
        annotator = comparison.annotator
    n_votes = Vote.objects.standing().count()
    actions: dict[str, Callable[[], object]] = {
        "vote": lambda: voting.record_vote(
            token=comparison.token, annotator=annotator, choice="tie"
        ),
        "change": lambda: voting.change_vote(
            token=comparison.token, annotator=annotator, choice="both_bad"
        ),
        "undo": lambda: voting.undo_vote(run=round_.run, annotator=annotator),
    }

    def close() -> None:
        with transaction.atomic():
            ledger.take_cutoff(run=round_.run)
            is_held.set()
            while not is_awaited():
                time.sleep(0.01)
            states.close_round(round_=round_)

    def act() -> None:
        is_held.wait(30)
        actions[does]()

    is_held = threading.Event()
    with pytest.raises(errors.RoundClosed):
        at_once(close, act)
    assert Vote.objects.standing().count() == n_votes


def is_awaited() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks"
                       " WHERE locktype = 'advisory' AND NOT granted)")  # fmt: skip
        return bool(cursor.fetchone()[0])


def standing_ids(cutoff: int) -> list[int]:
    return list(Vote.objects.standing_at(cutoff).order_by("id").values_list("id", flat=True))


def cast_one(round_: make.Round) -> Vote:
    annotator = make.make_annotator()
    comparison = voting.lease_comparison(round_=round_, annotator=annotator)
    return voting.record_vote(token=comparison.token, annotator=annotator, choice="left")
