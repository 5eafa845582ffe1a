"""Seconds to rank LLMFAO, side by side with evalica, and how far each is from the reference.

    python -m benchmarks.ranking.llmfao [--runs 31]

The votes are read from `$KURABE_REAL_DATA/llmfao`, by default `../shared/data/llmfao` seen from the
repository. Both sides start from integer columns, and their runs alternate. evalica's row is its
point estimate alone, at its own tolerance and at one that reaches the reference.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import evalica
import numpy as np

from annotate.ranking import RankingSettings, rank_candidates
from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.groups import split_groups
from annotate.ranking.strengths import fit_strengths
from annotate.ranking.tally import count_votes
from annotate.ranking.votes import check_votes
from benchmarks.ranking.llmfao_votes import LlmfaoVotes, read_llmfao

ROOT = Path(__file__).resolve().parents[2]
WINNERS = (evalica.Winner.X, evalica.Winner.Y, evalica.Winner.Draw, evalica.Winner.Draw)


@dataclass
class Row:
    """One line of the table: what is timed, and the seconds of each run."""

    name: str
    fit: Callable[[], FloatArray]
    seconds: list[float] = field(default_factory=list)

    def run(self) -> FloatArray:
        """Time one fit and return its strengths, in order of candidate."""
        start = time.perf_counter()
        strengths = self.fit()
        self.seconds.append(time.perf_counter() - start)
        return strengths


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=31, help="timed runs of each row")
    runs = parser.parse_args().runs
    votes = read_llmfao(find_real_data() / "llmfao")
    rows = make_rows(votes)
    reference = np.array([votes.reference[name][0] for name in votes.names])
    apart = {row.name: np.abs(row.run() - reference).max() for row in rows}
    for row in rows:
        row.seconds.clear()  # the first run pays for imports and caches
    for _ in range(runs):
        for row in rows:
            row.run()
    print_table(rows, apart, votes)


def find_real_data() -> Path:
    """Return the folder of real data, or end with where it was looked for."""
    folder = Path(os.environ.get("KURABE_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "llmfao").is_dir():
        raise SystemExit(f"no votes at {folder / 'llmfao'}: set KURABE_REAL_DATA to their parent")
    return folder


def make_rows(votes: LlmfaoVotes) -> list[Row]:
    """Return what is compared."""
    columns, n = votes.columns, len(votes.names)
    xs, ys = columns["candidate_a"].tolist(), columns["candidate_b"].tolist()
    winners = [WINNERS[code] for code in columns["outcome"]]

    def kurabe(prior: float, shown: Mapping[str, IntArray] | None = None) -> FloatArray:
        settings = RankingSettings(prior=prior, n_resamples=1000)
        fit = rank_candidates(**columns, **(shown or {}), n_candidates=n, settings=settings)
        strengths = {row.candidate: row.strength for row in fit.standings}
        return np.array([strengths[candidate] for candidate in range(n)])

    def kurabe_strengths() -> FloatArray:
        tally, _ = count_votes(check_votes(**columns, n_candidates=n))
        (members,) = split_groups(tally, prior=0)
        strengths = fit_strengths(tally.within(members).half_win_matrix(), prior=0)
        return np.asarray(strengths - strengths.mean())

    def peer(tolerance: float) -> FloatArray:
        fit = evalica.bradley_terry(xs, ys, winners, tolerance=tolerance, limit=10_000)
        strengths = np.log(fit.scores.sort_index().to_numpy())
        return np.asarray(strengths - strengths.mean())

    return [
        Row("kurabe: strengths, CR3, ranks, 1,000 resamples", lambda: kurabe(0)),
        Row("  the same with the phantom, prior 0.5", lambda: kurabe(0.5)),
        Row("  and clustered by pair and by prompt, too", lambda: kurabe(0.5, votes.shown)),
        Row("kurabe: strengths alone", kurabe_strengths),
        Row("evalica: strengths, tolerance 1e-6", lambda: peer(1e-6)),
        Row("evalica: strengths, tolerance 1e-11", lambda: peer(1e-11)),
    ]


def print_table(rows: Iterable[Row], apart: dict[str, float], votes: LlmfaoVotes) -> None:
    """Print median, fastest and slowest seconds of each row, and its distance to the reference."""
    n_votes = len(votes.columns["outcome"])
    libraries = ", ".join(f"{name} {version(name)}" for name in ("choix", "evalica", "numpy"))
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"{n_votes:,} votes, {len(votes.names)} candidates; {libraries}; {threads} threads")
    print(f"{'':<48} {'median s':>9} {'min':>8} {'max':>8}  {'to reference':>12}")
    for row in rows:
        middle, low, high = statistics.median(row.seconds), min(row.seconds), max(row.seconds)
        print(f"{row.name:<48} {middle:9.4f} {low:8.4f} {high:8.4f}  {apart[row.name]:12.1e}")


if __name__ == "__main__":
    main()
