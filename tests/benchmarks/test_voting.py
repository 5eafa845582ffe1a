"""The load program: what it fills, what it reads of a log, and the whole of it, small."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.voting import ledger, statements
from benchmarks.voting.sizes import Size
from tests.conftest import ROOT

LOG = """\
voting-web|LOG:  duration: 0.500 ms  statement: SELECT "a"."id1" FROM "a" WHERE y IN (1, 2)
voting-web|LOG:  duration: 1.500 ms  statement: SELECT "a"."id1" FROM "a" WHERE y IN (3, 4, 5)
voting-worker|LOG:  duration: 9.000 ms  statement: SELECT 1
voting-web|LOG:  duration: 0.250 ms  bind s1: INSERT INTO b
\tVALUES ($1, $2)
voting-web|DETAIL:  Parameters: $1 = 'it''s', $2 = NULL
voting-web|LOG:  duration: 0.750 ms  execute s1: INSERT INTO b
\tVALUES ($1, $2)
voting-web|DETAIL:  Parameters: $1 = 'it''s', $2 = NULL
voting-web|LOG:  duration: 2.000 ms  statement: COMMIT
"""


def test_log_is_counted_by_shape_and_by_program() -> None:
    log = statements.read_log(LOG, "voting-web")
    counted = {shape: (each.calls, each.ms) for shape, each in log.statements.items()}
    assert counted == {
        'SELECT "a"."id1" FROM "a" WHERE y IN (…)': (2, 2.0),
        "INSERT INTO b\nVALUES ($1, $2)": (1, 1.0),
        "COMMIT": (1, 2.0),
    }
    assert log.per_cycle(2) == {"statements": 1.5, "of_transactions": 0.5}
    inserted = log.statements["INSERT INTO b\nVALUES ($1, $2)"]
    assert inserted.bound == ("'it''s'", "NULL")


def test_log_of_the_opening_is_taken_off() -> None:
    both, opening = (statements.read_log(text, "voting-web") for text in (LOG * 3, LOG))
    left = both.less(opening)
    assert {shape: each.calls for shape, each in left.statements.items()} == {
        shape: 2 * each.calls for shape, each in opening.statements.items()
    }
    assert both.less(both).statements == {}


def test_size_refuses_more_votes_than_pairs() -> None:
    with pytest.raises(ValueError, match="200 votes a run are more than its 135 pairs"):
        Size(votes=400, completions=60, candidates=20, runs=2, annotators=5)


@pytest.mark.parametrize("seed", range(5))
def test_filled_votes_are_such_as_the_site_draws(seed: int) -> None:
    """No pair of completions twice but to repeat it, sides swapped, for the same annotator."""
    n, n_candidates = 1_500, 8
    filled = SimpleNamespace(
        candidates=list(range(10, 10 + n_candidates)),
        prompts=[SimpleNamespace(pk=pk) for pk in range(100, 200)],
        gold_prompts=[SimpleNamespace(pk=pk) for pk in range(900, 950)],
        gold=list(range(1, 51)),
        written=[98, 99],
        first_completion=5_000,
        round=SimpleNamespace(pk=3),
    )
    drawn = ledger.draw(filled, list(range(40, 60)), n, seed)
    ranking = drawn["kind"] == ledger.RANKING
    pairs = list(zip(drawn["completion_a"], drawn["completion_b"], strict=True))
    assert len({pairs[at] for at in np.flatnonzero(ranking)}) == ranking.sum()
    assert (drawn["candidate_a"] < drawn["candidate_b"]).all()
    repeats = np.flatnonzero(drawn["kind"] == ledger.REPEAT)
    earlier = drawn["repeats"][repeats]
    assert len(repeats) > n / 40
    assert len(set(earlier)) == len(repeats)
    assert (earlier < repeats).all()
    assert (drawn["kind"][earlier] == ledger.RANKING).all()
    assert (drawn["annotator"][earlier] == drawn["annotator"][repeats]).all()
    assert (drawn["side"][earlier] != drawn["side"][repeats]).all()
    known = np.flatnonzero(drawn["kind"] == ledger.GOLD)
    seen = Counter(zip(drawn["annotator"][known], drawn["gold"][known], strict=True))
    assert max(seen.values()) == 1


@pytest.mark.slow
def test_volunteers_vote_on_both_sites() -> None:
    counts = "--votes 200 --small-votes 0 --completions 4000 --candidates 20 --runs 2"
    shorter = "--annotators 20 --rounds 1 --seconds 1 --before 1 --past 50 --processes 1"
    parts = "--speed --statements --history --plans"
    # A socket's path must be short, whatever TMPDIR says.
    with tempfile.TemporaryDirectory(prefix="kb-", dir="/tmp") as folder:
        written = Path(folder) / "figures.json"
        ended = subprocess.run(
            [sys.executable, "-m", "benchmarks.voting", *counts.split(), *shorter.split(),
             *parts.split(), "--json", str(written)],
            cwd=ROOT,
            env={**os.environ, "KURABE_HOME": folder},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        figures = json.loads(written.read_text())
    ours, floor = "Kurabe, 200 votes", "floor: bare Django"
    assert list(figures["speed"]) == [ours, floor]
    for speed in figures["speed"].values():
        assert all(speed[n]["cycles_per_s"] > 0 for n in ("32", "8", "1"))
        assert all(speed["1"]["cpu_ms_per_cycle"][name] > 0 for name in ("web", "client"))
    assert figures["statements"][ours]["statements"] > figures["statements"][floor]["statements"]
    # The bare Django asks for session, account, comparison, vote, prompt, answers, pair, new one.
    assert figures["statements"][floor] == {"statements": 8.0, "of_transactions": 2.0}
    assert figures["history"]["ratio"] > 0
    assert figures["beyond"][ours]["given"] > 0
    assert len(re.findall(r"^### \d+\.", ended.stdout, re.MULTILINE)) == 10
