"""How often a rule stops a round at a candidate that is not the best, and after how many votes.

    python -m benchmarks.ranking.stopping [--runs 60] [--candidates 8 20] [--annotators 40]

Strengths are the quantiles of a standard normal. In the close worlds the best is .03 ahead of the
second, and each round goes on to 6,000 votes; in the others it is as far ahead as the quantiles
have it, and each goes on until every rule has stopped it. Pairs are drawn by the adaptive policy,
15 votes from one refresh to the next, and every rule looks at the same rounds: at every refresh up
to 500 votes, from there on whenever there are 3 % more. With taste the annotators differ by .6 in
how strong they find each candidate. Errors are those of a share of so many runs; ± behind a median
is its standard error by resampling runs.
"""

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from annotate.ranking.posterior import DEFAULT_PRIOR
from annotate.ranking.spread import Spread, measure_spread
from annotate.ranking.stopping import Answer, weigh_evidence
from annotate.ranking.tally import Tally
from benchmarks.ranking.rounds import (
    LEVEL,
    Plan,
    SimulatedRound,
    count_round,
    find_median,
    is_time_to_look,
    spaced_strengths,
)
from benchmarks.ranking.worlds import World

ALPHA = 0.05
GAP = 0.03
MOST_VOTES = 6000
TASTE = 0.6
RULES = (
    "P(best) >= .95",
    "P(best) >= .99",
    "e-value, votes as independent",
    "e-value, clustered, normal",
    "e-value, clustered, t: the rule",
    "  and as independent as well",
    "  at alpha / (n - 1)",
)


@dataclass(frozen=True)
class Stopped:
    """When a rule stopped a run, and at whom."""

    votes: float = math.inf
    leader: int = 0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=60, help="of each world")
    parser.add_argument("--candidates", type=int, nargs="+", default=[8, 20])
    parser.add_argument("--annotators", type=int, default=40)
    asked = parser.parse_args()
    print(f"{asked.runs} runs of each world, {asked.annotators} annotators, alpha {ALPHA:g}")
    print(f"{'n':>3} {'gap':>6} {'taste':>5}  {'rule':<32}{'wrong':>13}{'stopped':>9}{'votes':>14}")
    for n in asked.candidates:
        for gap in (GAP, None):
            for taste in (0.0, TASTE):
                world = World(
                    spaced_strengths(n, gap=gap),
                    n_annotators=asked.annotators,
                    taste=taste,
                    tie_weight=0,
                )
                try_rules(world, asked.runs, MOST_VOTES if gap else 20_000)


def try_rules(world: World, runs: int, most: int) -> None:
    """Print a row for each rule."""
    start = time.perf_counter()
    stops = [run(world, seed, most) for seed in range(runs)]
    gap = world.strengths[0] - world.strengths[1]
    for name, column in zip(RULES, zip(*stops, strict=True), strict=True):
        wrong = float(np.mean([stop.leader != 0 for stop in column]))
        votes = np.array([stop.votes for stop in column])
        error = math.sqrt(wrong * (1 - wrong) / runs)
        ended = np.isfinite(votes).mean()
        middle = "{:,.0f} ±{:,.0f}".format(*find_median(votes)) if ended > 0.75 else "-"
        print(
            f"{world.n_candidates:>3} {gap:6.2f} {world.taste:5.1f}  {name:<32}"
            f"{wrong:6.3f} ±{error:5.3f}{ended:9.2f}{middle:>14}"
        )
    print(f"{'':>17} {time.perf_counter() - start:.0f} s", flush=True)


def run(world: World, seed: int, most: int) -> list[Stopped]:
    """Return when each rule stopped one run."""
    rng = np.random.default_rng([seed, world.n_candidates])
    simulated = SimulatedRound(world.gather(rng), Plan(), rng)
    stops = [Stopped() for _ in RULES]
    looked = 0
    while simulated.n_votes < most and not all(math.isfinite(stop.votes) for stop in stops):
        simulated.advance()
        if is_time_to_look(simulated.n_votes, looked):
            looked = simulated.n_votes
            for place, leader in enumerate(look(simulated)):
                if leader is not None and math.isinf(stops[place].votes):
                    stops[place] = Stopped(looked, leader)
    return stops


def look(simulated: SimulatedRound) -> Iterator[int | None]:
    """Give the leader by each rule, or None where it goes on."""
    best = simulated.p_best()
    yield int(best.argmax()) if best.max() >= 0.95 else None
    yield int(best.argmax()) if best.max() >= 0.99 else None
    strengths, tally = simulated.look().mean, count_round(simulated)
    spread = measure_spread(tally, strengths, prior=DEFAULT_PRIOR, level=LEVEL)
    independent = replace(spread, rows=spread.independent, df=math.inf)
    alone = find_best(strengths, independent, tally)
    clustered = find_best(strengths, spread, tally)
    yield alone
    yield find_best(strengths, replace(spread, df=math.inf), tally)
    yield clustered
    yield clustered if clustered == alone else None
    yield find_best(strengths, spread, tally, alpha=ALPHA / (len(strengths) - 1))


def find_best(
    strengths: np.ndarray, spread: Spread, tally: Tally, *, alpha: float = ALPHA
) -> int | None:
    """Return the leader where it is the answer by this spread."""
    evidence = weigh_evidence(strengths, spread, tally, alpha=alpha)
    return evidence.leader if evidence.answer is Answer.BEST else None


if __name__ == "__main__":
    main()
