"""How often 95 % intervals hold the truth when the pairs were not drawn evenly.

    python -m benchmarks.ranking.adaptive_coverage [--sims 200] [--stops 100] [--candidates 12]

40 annotators with a taste of .6 of whom one in ten votes without reading, 2,000 votes. "each" is
the coverage of the strengths; "first" of the one that came first; "last third" of the candidates
that are truly weakest, whom the adaptive policy asks least about; "to leader" of the differences
to the one that is truly strongest, "to first" to the one that came first. Intervals are those that
ship (`rank_candidates`). The truth is where votes on even pairs lead to. After an early stop, the
best being 1.0 ahead of the second, they are looked at when the e-value rule stopped, or at 4,000
votes: both those for one moment and the confidence sequence. Standard errors are taken over
simulations.
"""

import argparse
import math
import time
from dataclasses import replace
from functools import cache

import numpy as np

from annotate.ranking import RankingSettings, rank_candidates
from annotate.ranking.arrays import BoolArray, FloatArray
from annotate.ranking.joint import JointStrengths
from annotate.ranking.pairing import Policy
from benchmarks.ranking.rounds import (
    Plan,
    SimulatedRound,
    is_time_to_look,
    spaced_strengths,
    weigh_round,
)
from benchmarks.ranking.worlds import World, ballots

N_VOTES = 2000
MOST_VOTES = 4000
TASTE = 0.6
GAP_OF_STOPS = 1.0
ADAPTIVE = Plan(refresh=20)
PLANS = {
    "uniform": Plan(policy=Policy.UNIFORM, refresh=20),
    "balanced": Plan(policy=Policy.BALANCED, refresh=20),
    "adaptive": ADAPTIVE,
    "adaptive, 100 in flight": replace(ADAPTIVE, in_flight=100),
    "adaptive, epsilon .4": replace(ADAPTIVE, epsilon=0.4),
    "adaptive, warm-up 20": replace(ADAPTIVE, warm_up=20),
}
COLUMNS = ("each", "first", "last third", "to leader", "to first", "width")
HEADER = "".join(f"{column:>14}" for column in COLUMNS)
AT_ONCE, ANYTIME = RankingSettings(n_resamples=100), RankingSettings(n_resamples=100, anytime=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sims", type=int, default=200, help="at fixed n, of each policy")
    parser.add_argument("--stops", type=int, default=100, help="that run until they stop")
    parser.add_argument("--candidates", type=int, default=12)
    parser.add_argument("--taste", type=float, default=TASTE)
    asked = parser.parse_args()
    n = asked.candidates
    world = World(spaced_strengths(n), taste=asked.taste, spam_share=0.1)
    print(f"{n} candidates, taste {asked.taste:g}; {asked.sims} simulations at {N_VOTES:,} votes")
    print(f"{'':<26}{HEADER}{'s':>6}")
    for name, plan in PLANS.items():
        start = time.perf_counter()
        held = np.array([at_fixed_n(world, plan, seed) for seed in range(asked.sims)])
        print(f"{name:<26}{describe(held)}{time.perf_counter() - start:6.0f}", flush=True)
    ahead = World(spaced_strengths(n, gap=GAP_OF_STOPS), taste=asked.taste, spam_share=0.1)
    start = time.perf_counter()
    stops = [at_stop(ahead, seed) for seed in range(asked.stops)]
    votes = np.array([stopped for stopped, *_ in stops])
    print(
        f"adaptive, stopped early: {asked.stops} simulations, {np.mean(votes < MOST_VOTES):.2f} "
        f"stopped before {MOST_VOTES:,}, median {np.median(votes):,.0f} votes, "
        f"{time.perf_counter() - start:.0f} s"
    )
    for place, name in ((1, "for one moment"), (2, "confidence sequence")):
        print(f"{name:<26}{describe(np.array([stop[place] for stop in stops]))}")


def at_fixed_n(world: World, plan: Plan, seed: int) -> list[float]:
    """Return the coverage at the fixed number of votes."""
    simulated = gather(world, plan, seed)
    while simulated.n_votes < N_VOTES:
        simulated.advance()
    return check(simulated, AT_ONCE)


def at_stop(world: World, seed: int) -> tuple[int, list[float], list[float]]:
    """Return after how many votes a round stopped, and the coverage then of either interval."""
    simulated, looked = gather(world, ADAPTIVE, seed), 0
    while simulated.n_votes < MOST_VOTES:
        simulated.advance()
        if is_time_to_look(simulated.n_votes, looked):
            looked = simulated.n_votes
            evidence = weigh_round(simulated, alpha=0.05)
            if evidence is not None and evidence.answer is not None:
                break
    return simulated.n_votes, check(simulated, AT_ONCE), check(simulated, ANYTIME)


def gather(world: World, plan: Plan, seed: int) -> SimulatedRound:
    """Return a round without votes."""
    rng = np.random.default_rng([seed, world.n_candidates])
    return SimulatedRound(world.gather(rng), plan, rng)


def check(simulated: SimulatedRound, settings: RankingSettings) -> list[float]:
    """Return the share of truths that their intervals hold, in the order of the columns."""
    votes = simulated.votes()
    n = simulated.crowd.world.n_candidates
    fit = rank_candidates(
        **ballots(votes),
        n_candidates=n,
        settings=settings,
        pair=votes["pair"],
        prompt=votes["prompt"],
    )
    (joint,) = fit.groups
    truth = find_truth(simulated.crowd.world)
    each = covers(joint, np.eye(n), truth)
    first = int(joint.strengths.argmax())
    return [
        each.mean(),
        each[first],
        each[-(n // 3) :].mean(),
        covers(joint, _less(n, 0), truth).mean(),
        covers(joint, _less(n, first), truth).mean(),
        float(joint.half_widths.mean()),
    ]


@cache
def find_truth(world: World) -> FloatArray:
    """Return the true strengths, which take longer than a round."""
    return world.true_strengths()


def _less(n: int, one: int) -> FloatArray:
    """Return (n - 1, n) weights of one less each other."""
    weights = np.eye(n)[one] - np.eye(n)
    return np.asarray(np.delete(weights, one, axis=0))


def covers(joint: JointStrengths, weights: FloatArray, truth: FloatArray) -> BoolArray:
    """Return (k,) whether the interval of each sum holds the true one."""
    _, low, high = joint.interval(weights)
    true = weights @ truth
    return np.asarray((low <= true) & (true <= high))


def describe(held: FloatArray) -> str:
    """Return the means over simulations with their standard errors."""
    errors = held.std(axis=0) / math.sqrt(len(held))
    cells = zip(held.mean(axis=0), errors, strict=True)
    return "".join(f"{mean:>8.3f} ±{error:.3f}" for mean, error in cells)


if __name__ == "__main__":
    main()
