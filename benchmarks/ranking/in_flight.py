"""How many more votes an adaptive round takes when many comparisons are under way at once.

    python -m benchmarks.ranking.in_flight [--runs 60] [--candidates 20] [--refresh 15]

Volunteers who rate at the same time draw from what was known when the last refresh began, so that
each comes too late by as many votes as are under way. Means over the runs, until P(best) reaches
.95 and until the e-value rule stops the round, as in `benchmarks.ranking.deciding`; the goal is
under 20 % more with 100 in flight.
"""

import argparse
import math
import time

import numpy as np

from benchmarks.ranking.deciding import N_ANNOTATORS, Racer, run
from benchmarks.ranking.rounds import Plan, spaced_strengths
from benchmarks.ranking.worlds import World

IN_FLIGHT = (1, 20, 100)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--candidates", type=int, default=20)
    parser.add_argument("--refresh", type=int, default=15, help="votes from one to the next")
    asked = parser.parse_args()
    n = asked.candidates
    world = World(spaced_strengths(n), n_annotators=N_ANNOTATORS, tie_weight=0)
    print(f"{n} candidates, {asked.runs} runs each, refreshed every {asked.refresh} votes")
    print(f"{'in flight':>9}{'P(best) >= .95':>18}{'more':>16}{'e-value':>18}{'more':>16}{'s':>6}")
    alone: list[np.ndarray] = []
    for in_flight in IN_FLIGHT:
        start = time.perf_counter()
        racer = Racer("adaptive", Plan(refresh=asked.refresh, in_flight=in_flight))
        runs = [run(world, racer, seed) for seed in range(asked.runs)]
        votes = [np.array([each.votes for each in column]) for column in zip(*runs, strict=True)]
        alone = alone or votes
        cells = "".join(compare(mine, one) for mine, one in zip(votes, alone, strict=True))
        print(f"{in_flight:>9}{cells}{time.perf_counter() - start:6.0f}", flush=True)


def compare(mine: np.ndarray, alone: np.ndarray) -> str:
    """Return the mean and by what share it is more than one at a time takes, with errors."""
    middle, base = mine.mean(), alone.mean()
    error, base_error = (votes.std(ddof=1) / math.sqrt(len(votes)) for votes in (mine, alone))
    ratio = middle / base
    off = 0.0 if mine is alone else ratio * math.hypot(error / middle, base_error / base)
    return f"{middle:>11,.0f} ±{error:>5,.0f}{ratio - 1:>+9.0%} ±{off:>5.0%}"


if __name__ == "__main__":
    main()
