"""Microseconds to the next pair, beyond what the database takes, and of the refresh behind it.

    python -m benchmarks.ranking.next_pair [--candidates 8 100 500] [--draws 20000] [--cpu]

The shipped `draw_pair` on a round of 20 votes a candidate, with all pairs allowed and with half of
them. "All but one" is the balanced policy's worst: all pairs have met equally often but one, which
it has to find. With `--cpu` the processor's time is measured in place of the clock's, for a machine
that is busy with other work. The goal is 100 µs at the 99th percentile. A refresh fits the
posterior and reckons the chances of the adaptive policy; no volunteer waits for it.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from annotate.ranking.arrays import BoolArray, FloatArray
from annotate.ranking.pairing import Policy, draw_pair
from annotate.ranking.posterior import PairChances, fit_posterior, top_two_chances

VOTES_EACH = 20
N_REFRESHES = 15
NEVER_WARM = 1 << 30

Clock = Callable[[], float]


@dataclass(frozen=True)
class Case:
    """What is drawn from, and how."""

    name: str
    policy: Policy
    met: NDArray[np.int32]
    warm_up: int = 0


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, nargs="+", default=[8, 100, 500])
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--cpu", action="store_true", help="processor time")
    asked = parser.parse_args()
    clock = time.thread_time if asked.cpu else time.perf_counter
    print(f"{asked.draws:,} draws each, {os.environ.get('OMP_NUM_THREADS', 'all')} threads")
    print(f"{'n':>4}  {'':<40}{'median µs':>10}{'p99':>8}{'p99.9':>8}")
    for n in asked.candidates:
        print_draws(n, asked.draws, clock)
    print(f"{'n':>4}  {f'a refresh, {N_REFRESHES} times':<40}{'median ms':>10}{'slowest':>8}")
    for n in asked.candidates:
        print_refresh(n, clock)


def print_draws(n: int, draws: int, clock: Clock) -> None:
    """Print a row for each policy and state."""
    rng = np.random.default_rng(n)
    half_wins = vote(n, rng)
    chances = top_two_chances(fit_posterior(half_wins), rng)
    met = (half_wins + half_wins.T).astype(np.int32)
    even = np.full((n, n), VOTES_EACH, dtype=np.int32)
    even[0, 1] = even[1, 0] = VOTES_EACH - 1
    upper = np.triu(rng.random((n, n)) < 0.5, k=1)
    for case in (
        Case("uniform", Policy.UNIFORM, met),
        Case("balanced", Policy.BALANCED, met),
        Case("balanced, all but one", Policy.BALANCED, even),
        Case("adaptive, warm-up", Policy.ADAPTIVE, met, NEVER_WARM),
        Case("adaptive", Policy.ADAPTIVE, met),
    ):
        for where, allowed in (("", None), (", half allowed", upper | upper.T)):
            seconds = time_draws(case, chances, allowed, clock, draws, rng)
            middle, high, higher = np.quantile(seconds, [0.5, 0.99, 0.999]) * 1e6
            name = case.name + where
            print(f"{n:>4}  {name:<40}{middle:10.1f}{high:8.1f}{higher:8.1f}", flush=True)


def time_draws(
    case: Case,
    chances: PairChances,
    allowed: BoolArray | None,
    clock: Clock,
    draws: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Return (draws,) seconds of each draw."""
    candidate_met = case.met.sum(axis=1)
    seconds = np.empty(draws)
    for place in range(draws):
        start = clock()
        draw_pair(
            policy=case.policy,
            met=case.met,
            candidate_met=candidate_met,
            rng=rng,
            chances=chances,
            warm_up=case.warm_up,
            allowed=allowed,
        )
        seconds[place] = clock() - start
    return seconds


def print_refresh(n: int, clock: Clock) -> None:
    """Print how long the background takes for new chances."""
    rng = np.random.default_rng(n)
    half_wins, seconds = vote(n, rng), []
    for _ in range(N_REFRESHES):
        start = clock()
        top_two_chances(fit_posterior(half_wins), rng)
        seconds.append(clock() - start)
    print(f"{n:>4}  {'':<40}{np.median(seconds) * 1e3:10.1f}{max(seconds) * 1e3:8.1f}")


def vote(n: int, rng: np.random.Generator) -> FloatArray:
    """Return (n, n) wins of a round on even pairs."""
    strengths = rng.standard_normal(n)
    first = rng.integers(n, size=n * VOTES_EACH // 2)
    second = (first + rng.integers(1, n, size=len(first))) % n
    won = rng.random(len(first)) < expit(strengths[first] - strengths[second])
    wins = np.zeros((n, n))
    np.add.at(wins, (np.where(won, first, second), np.where(won, second, first)), 1)
    return wins


if __name__ == "__main__":
    main()
