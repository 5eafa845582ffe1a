"""Simulated rounds: pairs drawn by the shipped policies, voted on by a simulated crowd.

As in a round that is open: several comparisons are under way at once, each drawn from what was
known when it was drawn, and the chances are reckoned anew after every so many votes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri

from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.groups import split_groups
from annotate.ranking.pairing import EPSILON, WARM_UP, Policy, draw_pair
from annotate.ranking.posterior import (
    DEFAULT_PRIOR,
    PairChances,
    Posterior,
    fit_posterior,
    top_two_chances,
)
from annotate.ranking.spread import measure_spread
from annotate.ranking.stopping import Evidence, weigh_evidence
from annotate.ranking.tally import Tally, count_votes
from annotate.ranking.votes import A_WINS, B_WINS, check_votes
from benchmarks.ranking.worlds import Crowd, ballots

LEVEL = 0.95


@dataclass(frozen=True)
class Plan:
    """How pairs are drawn.

    Attributes:
        refresh: votes from one look at what they say to the next.
        in_flight: comparisons under way at any time; the one that is finished next is any of them.
    """

    policy: Policy = Policy.ADAPTIVE
    epsilon: float = EPSILON
    warm_up: int = WARM_UP
    refresh: int = 15
    in_flight: int = 1


@dataclass
class SimulatedRound:
    """One round as it goes on: `advance` it, and read what is there."""

    crowd: Crowd
    plan: Plan
    rng: np.random.Generator
    n_votes: int = 0
    n_ties: int = 0
    chances: PairChances | None = None
    posterior: Posterior | None = None
    parts: list[dict[str, IntArray]] = field(default_factory=list)
    under_way: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = self.crowd.world.n_candidates
        self.met = np.zeros((n, n), dtype=np.int32)
        self.candidate_met = np.zeros(n, dtype=np.int32)
        self.half_wins = np.zeros((n, n))
        for _ in range(self.plan.in_flight):
            self.under_way.append(self.draw())

    def draw(self) -> tuple[int, int]:
        """Draw the next pair as the site does."""
        drawn = draw_pair(
            policy=self.plan.policy,
            met=self.met,
            candidate_met=self.candidate_met,
            rng=self.rng,
            chances=self.chances,
            epsilon=self.plan.epsilon,
            warm_up=self.plan.warm_up,
        )
        assert drawn is not None
        first, second = drawn.first, drawn.second
        self.met[first, second] += 1
        self.met[second, first] += 1
        self.candidate_met[first] += 1
        self.candidate_met[second] += 1
        return first, second

    def advance(self) -> None:
        """Let as many votes come as one refresh waits for, and refresh."""
        pairs = np.array([self._finish() for _ in range(self.plan.refresh)])
        self._count(self.crowd.vote(pairs[:, 0], pairs[:, 1], self.rng))
        self.posterior = None
        if self.plan.policy is Policy.ADAPTIVE and self.candidate_met.min() >= self.plan.warm_up:
            self.reckon_chances()

    def reckon_chances(self) -> None:
        """Reckon the chances of the adaptive policy anew."""
        self.chances = top_two_chances(self.look(), self.rng)

    def look(self) -> Posterior:
        """Return what the votes so far leave open."""
        if self.posterior is None:
            self.posterior = fit_posterior(self.half_wins, n_ties=self.n_ties)
        return self.posterior

    def p_best(self, n_samples: int = 2000) -> FloatArray:
        """Return (n,) the chance of each candidate to be the best."""
        best = self.look().draw_pool(n_samples, self.rng).argmax(axis=1)
        return np.bincount(best, minlength=len(self.met)) / n_samples

    def votes(self) -> dict[str, IntArray]:
        """Return the columns of all votes."""
        return {name: np.concatenate([part[name] for part in self.parts]) for name in self.parts[0]}

    def _finish(self) -> tuple[int, int]:
        place = int(self.rng.integers(len(self.under_way)))
        pair, self.under_way[place] = self.under_way[place], (-1, -1)
        self.under_way[place] = self.draw()
        return pair

    def _count(self, votes: Mapping[str, IntArray]) -> None:
        first, second, outcome = (votes[c] for c in ("candidate_a", "candidate_b", "outcome"))
        won = np.select([outcome == A_WINS, outcome == B_WINS], [1.0, 0.0], 0.5)
        np.add.at(self.half_wins, (first, second), won)
        np.add.at(self.half_wins, (second, first), 1 - won)
        self.n_ties += int((won == 0.5).sum())
        self.n_votes += len(first)
        self.parts.append(dict(votes))


def spaced_strengths(n: int, *, gap: float | None = None) -> tuple[float, ...]:
    """Return n strengths, the best first: the quantiles of a standard normal (Blom 1958).

    Args:
        gap: between the best and the second; None is what the quantiles have. The best gives way.
    """
    strengths = ndtri((np.arange(n, 0, -1) - 0.375) / (n + 0.25))
    if gap is not None:
        strengths[0] = strengths[1] + gap
    return tuple(strengths.tolist())


def is_time_to_look(n_votes: int, looked: int) -> bool:
    """Whether a laboratory looks again: at every refresh, later with every 3 % more votes."""
    return n_votes >= looked * 1.03


def count_round(simulated: SimulatedRound) -> Tally:
    """Return the tally of the votes that are in."""
    columns = ballots(simulated.votes())
    return count_votes(check_votes(**columns, n_candidates=simulated.crowd.world.n_candidates))[0]


def weigh_round(
    simulated: SimulatedRound, *, alpha: float, delta: float | None = None
) -> Evidence | None:
    """Return the evidence as the site weighs it; None while candidates are not joined."""
    tally = count_round(simulated)
    groups = split_groups(tally, prior=DEFAULT_PRIOR)
    if len(groups) != 1 or len(groups[0]) < tally.n_candidates:
        return None
    strengths = simulated.look().mean
    spread = measure_spread(tally, strengths, prior=DEFAULT_PRIOR, level=LEVEL)
    return weigh_evidence(strengths, spread, tally, alpha=alpha, delta=delta)


def find_median(values: FloatArray) -> tuple[float, float]:
    """Return the median over runs and its standard error by resampling them."""
    return float(np.median(values)), _half_spread(_resample_median(values))


def ratio_of_medians(above: FloatArray, below: FloatArray) -> tuple[float, float]:
    """Return the ratio of two medians over runs, and its standard error likewise."""
    ratios = _resample_median(above) / _resample_median(below)
    return float(np.median(above) / np.median(below)), _half_spread(ratios)


def _half_spread(values: FloatArray) -> float:
    """Return half of what holds the middle 68 %: a run that never ends leaves it finite."""
    low, high = np.quantile(values, [0.16, 0.84], method="nearest")
    return float(high - low) / 2


def _resample_median(values: FloatArray) -> FloatArray:
    rng = np.random.default_rng(0)
    picked = rng.integers(len(values), size=(1000, len(values)))
    return np.asarray(np.median(np.asarray(values)[picked], axis=1))
