"""kill -9 of web server and PostgreSQL while people vote: each confirmed vote stands once."""

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.faults.site import Site, WatchedWeb
from tests.faults.voters import Crowd

pytestmark = pytest.mark.slow

N_VOTERS = 6
N_ROUNDS = int(os.environ.get("FAULT_ROUNDS", "2"))
VOTES_BETWEEN = 25


def open_run(
    site: Site, *, n_voters: int, n_prompts: int = 60, characters_per_s: int | None = None
) -> tuple[str, list[str]]:
    """Make a run with an open round, and browsers that are signed in; give slug and sessions."""
    told = site.do(
        "import json",
        "from django.test import Client",
        "import itertools, time",
        "from tests import factories as make",
        "make._count = itertools.count(time.time_ns() // 1000)",
        f"round_ = make.make_open_round(n_candidates=4, n_prompts={n_prompts})",
        f"make.make_rules(round_.run, max_characters_per_s={characters_per_s})",
        "sessions = []",
        f"for _voter in range({n_voters}):",
        "    client = Client()",
        "    client.force_login(make.make_volunteer(round_.run))",
        "    sessions.append(client.cookies['sessionid'].value)",
        "print(json.dumps([round_.run.slug, sessions]))",
    )
    slug, sessions = json.loads(told.splitlines()[-1])
    return slug, sessions


def chosen(side_a: str, outcome: str) -> str:
    """Give what was chosen on the screen."""
    sides = {"a": side_a, "b": "right" if side_a == "left" else "left"}
    return sides.get(outcome, outcome)


def check_votes(site: Site, slug: str, crowd: Crowd) -> None:
    """Compare what the site confirmed with what the ledger holds, vote by vote."""
    rows = site.ask(
        "SELECT c.token::text, c.side_a, v.outcome FROM annotate_vote v"
        " JOIN annotate_comparison c ON c.id = v.comparison_id"
        " JOIN annotate_round r ON r.id = c.round_id"
        " JOIN annotate_selectionrun s ON s.id = r.run_id WHERE s.slug = %s",
        slug,
    )
    tokens = [token for token, _side, _outcome in rows]
    assert len(tokens) == len(set(tokens)), "a vote is there twice"
    stored = {token: chosen(side, outcome) for token, side, outcome in rows}
    lost = {token for token in crowd.kept if token not in stored}
    assert lost == set(), f"{len(lost)} confirmed votes are lost"
    assert {token: stored[token] for token in crowd.kept} == crowd.kept
    sent = {token for voter in crowd.voters for token in voter.sent}
    assert set(stored) <= sent
    assert [voter.refused for voter in crowd.voters] == [[]] * len(crowd.voters)


@pytest.mark.parametrize("victim", ["web worker", "web main", "postmaster", "backend"])
def test_confirmed_votes_are_there_once_after_kill_9(site: Site, victim: str) -> None:
    slug, sessions = open_run(site, n_voters=N_VOTERS)
    with WatchedWeb(site) as web:
        victims: dict[str, Callable[[], int | None]] = {
            "web worker": web.worker,
            "web main": web.main,
            "postmaster": site.postmaster,
            "backend": lambda: next(iter(site.backends()), None),
        }
        with Crowd(web.url, f"/rate/{slug}/", sessions) as crowd:
            crowd.wait_for(VOTES_BETWEEN)
            gaps = []
            for _round in range(N_ROUNDS):
                if pid := victims[victim]():
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                gaps.append(crowd.wait_for(VOTES_BETWEEN))
    print(victim, "kept", crowd.n_kept, "answers", crowd.told(), "starts", web.n_starts,
          "seconds to the next", [round(gap, 1) for gap in gaps])  # fmt: skip
    check_votes(site, slug, crowd)
