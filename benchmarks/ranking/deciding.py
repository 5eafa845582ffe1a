"""How many votes a policy needs until it knows which candidate is the best.

    python -m benchmarks.ranking.deciding [--candidates 8 20] [--runs 40] [--taste 0]
    python -m benchmarks.ranking.deciding --candidates 100 --runs 15

Strengths are the quantiles of a standard normal; votes are without ties. Counted are the votes
until P(best) of any candidate reaches .95, and until the e-value rule stops the round. It is looked
at after every 15 votes, and from 500 on whenever there are 3 % more. Medians over the runs, with
ratios of uniform's to each policy's; behind ± is the standard error by resampling runs. "Right" is
how often the leader was the best there is. LMArena's variance weights, a peer, draw a pair by how
much one more vote narrows its own interval, sqrt(v / m) - sqrt(v / (m + 1)) with v = p (1 - p).
"""

import argparse
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotate.ranking.arrays import FloatArray
from annotate.ranking.pairing import Policy
from annotate.ranking.posterior import PairChances
from benchmarks.ranking.rounds import (
    Plan,
    SimulatedRound,
    find_median,
    is_time_to_look,
    ratio_of_medians,
    spaced_strengths,
    weigh_round,
)
from benchmarks.ranking.worlds import World

ALPHA = 0.05
SURE = 0.95
N_ANNOTATORS = 40
LARGEST_WITH_ALL = 20


class VarianceWeightedRound(SimulatedRound):
    """A round whose pairs are drawn as Chatbot Arena drew them (Chiang et al. 2024)."""

    def reckon_chances(self) -> None:
        """Draw by how much one more vote narrows each pair's interval."""
        first, second = np.triu_indices(len(self.met), k=1)
        votes = (self.half_wins + self.half_wins.T)[first, second]
        rate = (self.half_wins[first, second] + 1) / (votes + 2)
        error = np.sqrt(rate * (1 - rate))
        gain = error / np.sqrt(votes + 1) - error / np.sqrt(votes + 2)
        self.chances = PairChances(np.column_stack([first, second]), gain / gain.sum())


@dataclass(frozen=True)
class Racer:
    """A way to draw pairs."""

    name: str
    plan: Plan
    kind: type[SimulatedRound] = SimulatedRound


RACERS = (
    Racer("uniform", Plan(policy=Policy.UNIFORM)),
    Racer("balanced", Plan(policy=Policy.BALANCED)),
    Racer("LMArena's variance weights", Plan(epsilon=0), VarianceWeightedRound),
    Racer("adaptive", Plan()),
)


@dataclass(frozen=True)
class Decision:
    """When a run was sure of its leader, and whether it was right; votes are infinite if never."""

    votes: float = math.inf
    is_right: bool = False


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, nargs="+", default=[8, 20])
    parser.add_argument("--runs", type=int, default=40, help="of each policy")
    parser.add_argument("--taste", type=float, default=0.0, help="spread between annotators")
    asked = parser.parse_args()
    print(f"{asked.runs} runs each, {N_ANNOTATORS} annotators, taste {asked.taste:g}")
    print(
        f"{'n':>3}  {'':<27}{'P(best) >= .95':>16}{'fewer':>15}{'right':>7}"
        f"{'e-value stop':>17}{'fewer':>15}{'right':>7}{'s':>6}"
    )
    for n in asked.candidates:
        world = World(
            spaced_strengths(n), n_annotators=N_ANNOTATORS, taste=asked.taste, tie_weight=0
        )
        race(world, asked.runs)


def race(world: World, runs: int) -> None:
    """Print a row for each policy."""
    n = world.n_candidates
    uniform: list[FloatArray] = []
    for racer in RACERS:
        if n > LARGEST_WITH_ALL and racer.name not in ("uniform", "adaptive"):
            continue
        start = time.perf_counter()
        decisions = [run(world, racer, seed) for seed in range(runs)]
        columns = list(zip(*decisions, strict=True))
        votes = [np.array([each.votes for each in column]) for column in columns]
        uniform = uniform or votes
        cells = "".join(
            describe(mine, theirs, column)
            for mine, theirs, column in zip(votes, uniform, columns, strict=True)
        )
        print(f"{n:>3}  {racer.name:<27}{cells}{time.perf_counter() - start:6.0f}", flush=True)


def run(world: World, racer: Racer, seed: int) -> tuple[Decision, Decision]:
    """Return when P(best), and when the e-value rule, was sure."""
    rng = np.random.default_rng([seed, world.n_candidates])
    simulated = racer.kind(world.gather(rng), racer.plan, rng)
    likely = stopped = Decision()
    looked = 0
    # The e-value rule takes some three times as many votes as P(best).
    while simulated.n_votes < 600 * world.n_candidates and not math.isfinite(stopped.votes):
        simulated.advance()
        if not is_time_to_look(simulated.n_votes, looked):
            continue
        looked = simulated.n_votes
        best = simulated.p_best()
        if math.isinf(likely.votes) and best.max() >= SURE:
            likely = Decision(looked, bool(best.argmax() == 0))
        # No clustered evidence where independent votes would leave it open by far.
        if best.max() >= SURE:
            evidence = weigh_round(simulated, alpha=ALPHA)
            if evidence is not None and evidence.answer is not None:
                stopped = Decision(looked, evidence.leader == 0)
    return likely, stopped


def describe(mine: FloatArray, theirs: FloatArray, decisions: Sequence[Decision]) -> str:
    """Return the median, its ratio to uniform's, and how often the leader was the best."""
    middle, error = find_median(mine)
    ratio, off = ratio_of_medians(theirs, mine)
    made = [each.is_right for each in decisions if math.isfinite(each.votes)]
    right = f"{np.mean(made):.2f}" if made else "-"
    return f"{middle:>9,.0f} ±{error:>5,.0f}{ratio:>8.1f}× ±{off:>4.1f}{right:>7}"


if __name__ == "__main__":
    main()
