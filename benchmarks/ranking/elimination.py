"""How often the best candidate leaves a run of three rounds, beside what each rule says of it.

    python -m benchmarks.ranking.elimination [--runs 100] [--candidates 8 20] [--annotators 40]

In a spaced world strengths are the quantiles of a standard normal, in a close one the best is .03
ahead of the second, and in a flat one .03 ahead of all the others, who are equal. Pairs are drawn
by the adaptive policy among those who are left, so many votes for each of them a round, and each
round is judged by its own votes, as runs do it. With taste the annotators differ by .6 in how
strong they find each candidate. "Said" is the mean over runs of what the cuts
say together: of `beaten` the bound, alpha a round, and of `top` the estimates added up. "Gone" are
shares of so many runs, with their errors; "stay" is the mean number of candidates left.
"""

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from annotate.ranking.arrays import IntArray
from annotate.ranking.elimination import Cut, CutRule, eliminate
from annotate.ranking.groups import split_groups
from annotate.ranking.posterior import DEFAULT_PRIOR
from annotate.ranking.spread import measure_spread
from benchmarks.ranking.rounds import (
    LEVEL,
    Plan,
    SimulatedRound,
    count_round,
    spaced_strengths,
)
from benchmarks.ranking.worlds import Crowd, World

ALPHA = 0.05
GAP = 0.03
TASTE = 0.6
ROUNDS = 3
VOTES_EACH = 50  # for each candidate that is left, and round
KEEP = 4


@dataclass(frozen=True)
class Rule:
    """A way to cut, and at least how many stay."""

    name: str
    rule: CutRule
    keep: int


@dataclass(frozen=True)
class Round:
    """What stood after a round: who is left, and what was said of it."""

    left: IntArray
    said: float


RULES = (
    Rule("beaten, alpha .05", CutRule.BEATEN, 2),
    Rule(f"top {KEEP}", CutRule.TOP, KEEP),
    Rule("top 2", CutRule.TOP, 2),
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100, help="of each world")
    parser.add_argument("--candidates", type=int, nargs="+", default=[8, 20])
    parser.add_argument("--annotators", type=int, default=40)
    asked = parser.parse_args()
    each = f"{VOTES_EACH} votes a candidate and round"
    print(
        f"{asked.runs} runs of each world, {each}, {asked.annotators} annotators, alpha {ALPHA:g}"
    )
    print(
        f"{'n':>3} {'world':<7}{'taste':>5}  {'rule':<18}{'said, 1':>8}{'gone, 1':>15}{'stay':>6}"
        f"{'said, 3':>9}{'gone, 3':>15}{'stay':>6}"
    )
    for n in asked.candidates:
        worlds = {
            "spaced": spaced_strengths(n),
            "close": spaced_strengths(n, gap=GAP),
            "flat": (GAP, *[0.0] * (n - 1)),
        }
        for name, strengths in worlds.items():
            for taste in (0.0, TASTE):
                world = World(strengths, n_annotators=asked.annotators, taste=taste)
                for rule in RULES:
                    try_rule(name, world, rule, asked.runs)


def try_rule(name: str, world: World, rule: Rule, runs: int) -> None:
    """Print a row."""
    start = time.perf_counter()
    best = int(np.argmax(world.strengths))
    played = [list(play(world, rule, seed)) for seed in range(runs)]
    row = f"{world.n_candidates:>3} {name:<7}{world.taste:5.1f}  {rule.name:<18}"
    for place, width in ((0, 8), (-1, 9)):
        stood = [rounds[place] for rounds in played]
        gone = float(np.mean([best not in each.left for each in stood]))
        error = math.sqrt(gone * (1 - gone) / runs)
        said = float(np.mean([each.said for each in stood]))
        stay = float(np.mean([len(each.left) for each in stood]))
        row += f"{said:{width}.3f}{gone:8.3f} ±{error:.3f}{stay:6.1f}"
    print(f"{row}   {time.perf_counter() - start:.0f} s", flush=True)


def play(world: World, rule: Rule, seed: int) -> Iterator[Round]:
    """Play the rounds of one run."""
    rng = np.random.default_rng([seed, world.n_candidates])
    crowd = world.gather(rng)
    left, said = np.arange(world.n_candidates), 0.0
    for _number in range(ROUNDS):
        if len(left) > 1:
            cut = play_round(crowd, left, rule, rng)
            if cut is not None:
                left, said = left[~cut.leaves], said + cut.bound
        yield Round(left, said)


def play_round(crowd: Crowd, left: IntArray, rule: Rule, rng: np.random.Generator) -> Cut | None:
    """Let those who are left meet, and cut; nobody leaves while some are not joined."""
    simulated = SimulatedRound(among(crowd, left), Plan(), rng)
    while simulated.n_votes < VOTES_EACH * len(left):
        simulated.advance()
    tally = count_round(simulated)
    groups = split_groups(tally, prior=DEFAULT_PRIOR)
    if len(groups[0]) < len(left):
        return None
    strengths = simulated.look().mean
    spread = measure_spread(tally, strengths, prior=DEFAULT_PRIOR, level=LEVEL)
    everybody = np.ones(len(left), dtype=np.bool_)
    return eliminate(
        strengths, spread, tally, rule=rule.rule, keep=rule.keep, alpha=ALPHA, contends=everybody,
        rng=rng,
    )  # fmt: skip


def among(crowd: Crowd, left: IntArray) -> Crowd:
    """Return the same annotators and prompts with some of the candidates."""
    strengths = tuple(crowd.world.strengths[place] for place in left.tolist())
    return replace(
        crowd,
        world=replace(crowd.world, strengths=strengths),
        taste=crowd.taste[:, left],
        quality=crowd.quality[:, left],
    )


if __name__ == "__main__":
    main()
