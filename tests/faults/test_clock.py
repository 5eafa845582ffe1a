"""Clocks that jump by an hour and back while people vote and a worker works (libfaketime)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from annotate.models import Completion, Round, RoundEstimate
from annotate.services import errors, estimating, voting
from tests import factories as make
from tests.faults.site import Site, WatchedWeb
from tests.faults.test_kill_voting import check_votes, open_run
from tests.faults.test_kill_worker import ask_for_export, kill, state_of
from tests.faults.voters import Crowd
from tests.waiting import wait_until

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
JUMPS = ("+3600s", "+0s", "-3600s", "+0s")


class Clock:
    """A clock of a program's own, which can be set while the program runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.set("+0s")
        self.environment = {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(path),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, ahead: str) -> None:
        """Set it so far ahead of the machine's."""
        self._path.write_text(ahead)


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[Clock]:
    if not LIBRARIES:
        pytest.skip("libfaketime is missing; on Debian or Ubuntu: apt-get install libfaketime")
    return Clock(tmp_path / "ahead")


@pytest.mark.slow
def test_votes_go_on_whatever_the_web_servers_clock_does(site: Site, clock: Clock) -> None:
    slug, sessions = open_run(site, n_voters=4, characters_per_s=60)
    gaps = []
    with (
        WatchedWeb(site, **clock.environment) as web,
        Crowd(web.url, f"/rate/{slug}/", sessions) as crowd,
    ):
        crowd.wait_for(10)
        for ahead in JUMPS:
            clock.set(ahead)
            gaps.append(round(crowd.wait_for(15, seconds=90), 1))
        assert web.n_starts == 1
    print("jumps", JUMPS, "kept", crowd.n_kept, "answers", crowd.told(), "seconds", gaps)
    check_votes(site, slug, crowd)
    found = site.ask(
        "SELECT max(created_at) - min(created_at) > interval '1 hour' FROM annotate_vote v"
        " WHERE created_at > now() - interval '3 hours'"
    )
    assert found == [(True,)], "the clock did not jump"


@pytest.mark.slow
def test_worker_goes_on_whatever_its_clock_does(site: Site, clock: Clock) -> None:
    worker = site.start_worker(name="clock", **clock.environment)
    try:
        for ahead in JUMPS:
            clock.set(ahead)
            export = ask_for_export(site, 5)
            wait_until(lambda: state_of(site, export) == "finished", seconds=120)  # noqa: B023  waited for at once
        assert worker.poll() is None
    finally:
        kill(worker)


@pytest.mark.django_db
def test_pace_is_not_asked_for_where_the_clock_was_set_back() -> None:
    """Otherwise nobody could vote for an hour on what was before them."""
    round_ = make.make_open_round()
    make.make_rules(round_.run, max_characters_per_s=1)
    annotator = make.make_annotator()
    held = voting.lease_comparison(round_=round_, annotator=annotator)
    with pytest.raises(errors.TooFast):
        voting.record_vote(token=held.token, annotator=annotator, choice="left")
    held.shown_at = timezone.now() + timedelta(hours=1)
    held.save(update_fields=["shown_at"])
    voting.record_vote(token=held.token, annotator=annotator, choice="left")


def vote_at(round_: Round, hours: list[int]) -> RoundEstimate:
    """Cast the same votes in the same order, at so many hours from now, and look at the round."""
    pairs = list(Completion.objects.of_run(round_.run).order_by("candidate", "prompt"))
    half = len(pairs) // 2
    for number, (first, second, ahead) in enumerate(
        zip(pairs[:half], pairs[half:], hours, strict=True)
    ):
        comparison = make.make_comparison(
            first, second, round_=round_, annotator=make.make_annotator(), propensity=1.0
        )
        at = timezone.now() + timedelta(hours=ahead)
        make.make_vote(comparison, "a" if number % 3 else "b", created_at=at)
    estimating.refresh_estimate(round_=round_)
    return RoundEstimate.objects.get(round=round_)


@pytest.mark.django_db
def test_evidence_goes_by_the_ledger_and_not_by_the_clock() -> None:
    steady = vote_at(make.make_open_round(n_prompts=12), [0] * 12)
    jumping = vote_at(make.make_open_round(n_prompts=12), [0, 1, -1] * 4)
    assert figures(steady) == figures(jumping)
    assert steady.n_votes == jumping.n_votes == 12
    assert any(row["e_value"] > 1 for row in steady.evidence["rivals"])


def figures(estimate: RoundEstimate) -> tuple[Any, ...]:
    """Give an estimate's numbers without names, and without what is drawn by the round's seed."""
    rivals = [{**row, "candidate": 0} for row in estimate.evidence["rivals"]]
    standings = [{**row, "candidate": 0, "p_best": 0} for row in estimate.standings]
    return {**estimate.evidence, "leader": 0, "rivals": rivals}, standings
