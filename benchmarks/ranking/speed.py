"""Seconds from integer columns to strengths and their errors, side by side with other libraries.

    OMP_NUM_THREADS=1 python -m benchmarks.ranking.speed --fastchat rating_systems.py

Everything runs on one core (the process binds itself to one). Candidates are 32-bit columns, the
outcome is 8 bits, and what a library wants beside them (lists, data frames) is made before its
clock starts. All rows take turns; each has run once before, since some compile. Peers come from
`pip install -e .[bench]`; FastChat's fast fit is not in its release, so its module is read from a
copy of https://github.com/lm-sys/FastChat/blob/0e6d3e4/fastchat/serve/monitor/rating_systems.py

On a busy machine `--clock processor` counts the seconds of the processor in place of those on the
wall. `--sizes 1e6x100` measures one size (the default is 1e5x20, 1e6x100, 1e6x500 and 1e7x500, in
about 10 minutes and 8 GB), `--without peers` ours alone.
"""

import argparse
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.special import expit

from annotate.ranking import RankingSettings, rank_candidates
from annotate.ranking.arrays import AnyIntArray, FloatArray
from annotate.ranking.clustered import sandwich_rows
from annotate.ranking.cube import VoteCube, count_cube
from annotate.ranking.independent import vote_rows
from annotate.ranking.resampling import draw_errors
from annotate.ranking.strengths import fit_strengths, invert_information
from annotate.ranking.tally import count_votes
from annotate.ranking.votes import check_ballots
from benchmarks.ranking.peers import make_peers

SIZES = ("1e5x20", "1e6x100", "1e6x500", "1e7x500")
PRIOR = 0.5
N_RESAMPLES = 1000
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


@dataclass
class Row:
    """One line of the table: what is timed, how often, and the seconds of each run."""

    name: str
    fit: Callable[[], FloatArray] | None
    runs: int
    clock: str
    note: str = ""
    seconds: list[float] = field(default_factory=list)
    tau: float | None = None

    def run(self) -> FloatArray:
        """Time one fit and return its strengths, in order of candidate."""
        assert self.fit is not None
        start = CLOCKS[self.clock]()
        strengths = self.fit()
        self.seconds.append(CLOCKS[self.clock]() - start)
        return strengths

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def main() -> None:
    """Print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="votes x candidates")
    parser.add_argument("--annotators", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=7, help="timed runs of ours, 5 or more")
    parser.add_argument("--peer-runs", type=int, default=3, help="timed runs of each peer")
    parser.add_argument("--fastchat", type=Path, help="FastChat's rating_systems.py")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--without", choices=["peers"], help="leave out")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for size in asked.sizes:
        n_votes, n_candidates = (int(float(number)) for number in size.split("x"))
        columns = cast_votes(n_votes, n_candidates, asked.annotators, asked.seed)
        rows = make_rows(columns, n_candidates, asked.runs, asked.clock)
        memory = [measure_memory(row) for row in rows]
        if asked.without is None:
            rows += [
                Row(peer.name, peer.fit, asked.peer_runs, asked.clock, peer.why_not)
                for peer in make_peers(columns, n_candidates, asked.fastchat)
            ]
        take_turns(rows)
        print_table(rows, memory, n_votes, n_candidates, asked.annotators)


def cast_votes(
    n_votes: int, n_candidates: int, n_annotators: int, seed: int
) -> dict[str, AnyIntArray]:
    """Return random votes by Bradley-Terry strengths, a fifth of them ties."""
    rng = np.random.default_rng(seed)
    strengths = rng.standard_normal(n_candidates)
    a = rng.integers(0, n_candidates, n_votes, dtype=np.int32)
    b = (a + rng.integers(1, n_candidates, n_votes, dtype=np.int32)) % np.int32(n_candidates)
    won = rng.random(n_votes) < expit(strengths[a] - strengths[b])
    drawn = rng.choice(3, n_votes, p=[0.8, 0.15, 0.05])
    return {
        "candidate_a": a,
        "candidate_b": b,
        "outcome": np.where(drawn == 0, np.where(won, 0, 1), drawn + 1).astype(np.uint8),
        "annotator": rng.integers(0, n_annotators, n_votes, dtype=np.int32),
    }


def make_rows(
    columns: dict[str, AnyIntArray], n_candidates: int, runs: int, clock: str
) -> list[Row]:
    """Return ours."""
    stored = count_cube(check_ballots(**columns, n_candidates=n_candidates))

    def from_counts(cube: VoteCube) -> FloatArray:
        strengths = fit_strengths(cube.half_wins, prior=PRIOR)
        draw(vote_rows(cube, strengths, prior=PRIOR), strengths)
        return strengths

    def from_votes() -> FloatArray:
        return from_counts(count_cube(check_ballots(**columns, n_candidates=n_candidates)))

    def clustered() -> FloatArray:
        tally, _ = count_votes(check_ballots(**columns, n_candidates=n_candidates))
        half_wins = tally.half_win_matrix()
        strengths = fit_strengths(half_wins, prior=PRIOR)
        inverse = invert_information(strengths, half_wins + half_wins.T, PRIOR)
        draw(sandwich_rows(tally, strengths, inverse), strengths)
        return strengths

    def whole() -> FloatArray:
        settings = RankingSettings(prior=PRIOR, n_resamples=N_RESAMPLES)
        fit = rank_candidates(**columns, n_candidates=n_candidates, settings=settings)
        strengths = {row.candidate: row.strength for row in fit.standings}
        return np.array([strengths[candidate] for candidate in range(n_candidates)])

    ours = {
        # A stored cube remembers its half-wins; a new one is as it was read.
        "kurabe from stored counts": lambda: from_counts(VoteCube(stored.counts)),
        "kurabe: strengths, vote sandwich, 1,000 bootstraps": from_votes,
        "kurabe: the same clustered by annotator": clustered,
        "kurabe: rank_candidates, all that a ranking shows": whole,
    }
    return [Row(name, fit, runs, clock) for name, fit in ours.items()]


def draw(rows: FloatArray, strengths: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return standard errors and score bootstraps of the strengths."""
    drawn = draw_errors(rows, n_resamples=N_RESAMPLES, rng=np.random.default_rng(0))
    drawn += strengths
    return np.sqrt(np.einsum("ij,ij->j", rows, rows)), drawn


def measure_memory(row: Row) -> float:
    """Return the MB that one run needs beside the columns, at its peak, in a process of its own."""
    context = multiprocessing.get_context("fork")
    found = context.SimpleQueue()

    def run() -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        row.run()
        found.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

    process = context.Process(target=run)
    process.start()
    process.join()
    return float(found.get()) / 1024


def take_turns(rows: list[Row]) -> None:
    """Run every row once for nothing, then in turn until each has had its runs."""
    able = [row for row in rows if row.fit is not None]
    reference = able[0].run()
    for row in able:
        row.tau = agreement(row.run(), reference)
        row.seconds.clear()
    while waiting := [row for row in able if len(row.seconds) < row.runs]:
        for row in waiting:
            row.run()


def agreement(strengths: FloatArray, reference: FloatArray) -> float:
    """Return Kendall's tau between two orders without ties."""
    order, other = np.argsort(np.argsort(strengths)), np.argsort(np.argsort(reference))
    alike = np.sign(order[:, None] - order) * np.sign(other[:, None] - other)
    return float(alike.sum() / (len(order) * (len(order) - 1)))


def print_table(
    rows: list[Row], memory: list[float], n_votes: int, n_candidates: int, n_annotators: int
) -> None:
    """Print medians, fastest and slowest, and how many times ours each peer takes."""
    print(f"\n{n_votes:,} votes, {n_candidates} candidates, {n_annotators:,} annotators, one core")
    print(
        f"{'':<52} {'median s':>9} {'min':>9} {'max':>9}"
        f" {'x votes':>8} {'x clust.':>8} {'tau':>6} {'MB':>6}"
    )
    votes, clustered = rows[1].median, rows[2].median
    for place, row in enumerate(rows):
        if row.fit is None:
            print(f"{row.name:<52} {row.note}")
            continue
        used = f"{memory[place]:6.0f}" if place < len(memory) else ""
        print(
            f"{row.name:<52} {row.median:9.4f} {min(row.seconds):9.4f} {max(row.seconds):9.4f}"
            f" {row.median / votes:8.1f} {row.median / clustered:8.1f} {row.tau:6.3f} {used}"
        )


if __name__ == "__main__":
    main()
