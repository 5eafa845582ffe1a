"""Simulated crowds with a truth to cover: taste, spam, side bias, ties, and prompts that correlate.

A vote of annotator k on candidates a and b under prompt q, where side is +1 if a stood on the left:

    d = (theta_a + t_ka + u_qa) - (theta_b + t_kb + u_qb) + beta_k side
    P(a), P(tie), P(b) = exp(d / 2), nu, exp(-d / 2), divided by their sum     (Davidson 1970)

with t ~ N(0, taste^2), u ~ N(0, prompt_sd^2), beta ~ N(side_bias, side_bias_sd^2), each drawn once
a crowd. A spammer votes by d = beta_k side alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.strengths import climb_likelihood
from annotate.ranking.votes import A_WINS, B_WINS, TIE

# Enough for a half-win rate to be exact to 1e-12 at any spread below 4.
_NODES = 128


@dataclass(frozen=True)
class World:
    """How a crowd votes; frozen, so that one world serves many simulations.

    Attributes:
        strengths: (n,) of the candidates for the annotator of mean taste, on the log scale.
        n_annotators: in the crowd.
        taste: standard deviation of an annotator's own shift of each strength.
        activity_skew: standard deviation of the log of how much an annotator votes; 0: all alike.
        spam_share: chance of an annotator to vote without reading.
        side_bias, side_bias_sd: mean and spread over annotators of the logit that the left has.
        tie_weight: Davidson's nu; 0 for a world without ties.
        n_prompts: in the crowd's set; every candidate has one completion to each.
        prompt_sd: standard deviation of a completion's quality about its candidate's strength,
            which correlates the votes under one prompt; 0: only the annotators do.
    """

    strengths: tuple[float, ...]
    n_annotators: int = 40
    taste: float = 0.0
    activity_skew: float = 0.0
    spam_share: float = 0.0
    side_bias: float = 0.0
    side_bias_sd: float = 0.0
    tie_weight: float = 0.8
    n_prompts: int = 100
    prompt_sd: float = 0.0

    @property
    def n_candidates(self) -> int:
        """Return how many candidates there are."""
        return len(self.strengths)

    def gather(self, rng: np.random.Generator) -> "Crowd":
        """Draw the annotators and the prompts of one crowd."""
        n, n_annotators = self.n_candidates, self.n_annotators
        reads = rng.random(n_annotators) >= self.spam_share
        taste = np.asarray(self.strengths) + rng.normal(0, self.taste, (n_annotators, n))
        activity = np.exp(rng.normal(0, self.activity_skew, n_annotators)).cumsum()
        return Crowd(
            world=self,
            taste=np.where(reads[:, None], taste, 0.0),
            reads=reads.astype(np.float64),
            bias=rng.normal(self.side_bias, self.side_bias_sd, n_annotators),
            activity=activity / activity[-1],
            quality=rng.normal(0, self.prompt_sd, (self.n_prompts, n)),
        )

    def true_strengths(self) -> FloatArray:
        """Return (n,) strengths, mean 0, to which endless votes of endless crowds converge.

        For pairs drawn evenly, sides at random and every pair as often: the expected half-wins of
        each pair are integrals over normal tastes, qualities and biases, done by Gauss-Hermite
        quadrature, and the truth is the Bradley-Terry fit to them. Taste, prompts and spam shrink
        it.
        """
        strengths = np.asarray(self.strengths)
        variance = 2 * self.taste**2 + 2 * self.prompt_sd**2 + self.side_bias_sd**2
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        moved = strengths[:, None, None] - strengths[None, :, None] + np.sqrt(variance) * nodes
        half_wins = np.zeros((len(strengths),) * 2)
        for bias in (self.side_bias, -self.side_bias):
            win, tie = self.chances(moved + bias)
            half_wins += (win + tie / 2) @ weights / weights.sum() / 2
        half_wins = (1 - self.spam_share) * half_wins + self.spam_share / 2
        np.fill_diagonal(half_wins, 0)
        fitted = climb_likelihood(half_wins, prior=0)
        return np.asarray(fitted - fitted.mean())

    def chances(self, logit: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return P(a wins) and P(tie), each of the logit's shape."""
        win, lose = np.exp(logit / 2), np.exp(-logit / 2)
        total = win + lose + self.tie_weight
        return win / total, self.tie_weight / total


@dataclass(frozen=True)
class Crowd:
    """The annotators and prompts of one simulation.

    Attributes:
        taste: (annotators, n) the strengths that each annotator votes by.
        reads: (annotators,) 1, or 0 for a spammer.
        bias: (annotators,) the logit that the left side has for each.
        activity: (annotators,) cumulative share of the votes.
        quality: (prompts, n) of each completion about its candidate's strength.
    """

    world: World
    taste: FloatArray
    reads: FloatArray
    bias: FloatArray
    activity: FloatArray
    quality: FloatArray

    def vote(
        self,
        first: IntArray,
        second: IntArray,
        rng: np.random.Generator,
        *,
        annotator: IntArray | None = None,
        prompt: IntArray | None = None,
    ) -> dict[str, IntArray]:
        """Return a vote on each pair as columns, each (votes,).

        Args:
            first, second: (votes,) candidates; they come back as candidate_a and candidate_b.
            annotator: (votes,) who votes; None draws them by their activity.
            prompt: (votes,) under which prompt; None draws them evenly.

        Returns:
            candidate_a, candidate_b, outcome (a code of `OUTCOMES`), annotator, prompt, pair (of
            completions: prompt and both candidates, whichever stood first) and side (1 where
            candidate a stood on the left, else -1; drawn at random).
        """
        size, n = len(first), self.world.n_candidates
        if annotator is None:
            annotator = np.searchsorted(self.activity, rng.random(size), side="right")
        if prompt is None:
            prompt = rng.integers(0, self.world.n_prompts, size)
        side = 2 * rng.integers(0, 2, size) - 1
        quality = self.quality[prompt, first] - self.quality[prompt, second]
        logit = self.taste[annotator, first] - self.taste[annotator, second]
        logit = logit + quality * self.reads[annotator] + self.bias[annotator] * side
        win, tie = self.world.chances(logit)
        u = rng.random(size)
        low, high = np.minimum(first, second), np.maximum(first, second)
        return {
            "candidate_a": first,
            "candidate_b": second,
            "outcome": np.where(u < win, A_WINS, np.where(u < win + tie, TIE, B_WINS)),
            "annotator": annotator,
            "prompt": prompt,
            "pair": (prompt * n + low) * n + high,
            "side": side,
        }


def draw_pairs(
    n_candidates: int, n_votes: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Return even draws of two different candidates, each (votes,), sides at random."""
    first = rng.integers(0, n_candidates, n_votes)
    return first, (first + rng.integers(1, n_candidates, n_votes)) % n_candidates


def ballots(votes: Mapping[str, IntArray]) -> dict[str, IntArray]:
    """Return the columns that `check_votes` takes."""
    names = ("candidate_a", "candidate_b", "outcome", "annotator")
    return {name: votes[name] for name in names}
