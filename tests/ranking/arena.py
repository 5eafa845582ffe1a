"""A simulated arena with a truth to cover: annotators who differ in taste, and a few who guess."""

from dataclasses import dataclass

import numpy as np

from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.strengths import climb_likelihood

TIE = 2


@dataclass(frozen=True)
class Arena:
    """How annotators vote.

    Attributes:
        strengths: (n,) of the candidates, for the annotator of mean taste.
        taste: standard deviation of each annotator's own shift of each strength.
        spam: share of annotators who vote at random.
        tie: Davidson's nu, the weight of a tie.
    """

    strengths: FloatArray
    taste: float = 0.0
    spam: float = 0.0
    tie: float = 0.8

    def draw_tastes(self, n_annotators: int, rng: np.random.Generator) -> FloatArray:
        """Return (annotators, n) the strengths that each annotator votes by."""
        shift = rng.normal(0, self.taste, (n_annotators, len(self.strengths)))
        guesses = rng.random(n_annotators) < self.spam
        return np.where(guesses[:, None], 0.0, self.strengths + shift)

    def probabilities(self, difference: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return P(a wins) and P(tie) for a difference of strengths (Davidson 1970)."""
        win, lose = np.exp(difference / 2), np.exp(-difference / 2)
        total = win + lose + self.tie
        return win / total, self.tie / total

    def true_strengths(self, rng: np.random.Generator, n_annotators: int = 20_000) -> FloatArray:
        """Return (n,) the strengths, mean 0, that endless votes by endless annotators would give.

        Pairs are drawn evenly; half-wins of all tastes together are not quite Bradley-Terry, so
        the target is the best Bradley-Terry fit to them.
        """
        tastes = self.draw_tastes(n_annotators, rng)
        half_wins = np.zeros((len(self.strengths),) * 2)
        for i in range(len(self.strengths)):
            win, tie = self.probabilities(tastes[:, i : i + 1] - tastes)
            half_wins[i] = (win + tie / 2).mean(axis=0)
            half_wins[i, i] = 0
        fitted = climb_likelihood(half_wins, prior=0)
        return np.asarray(fitted - fitted.mean())

    def vote(
        self, annotator: IntArray, rng: np.random.Generator, a: IntArray, b: IntArray
    ) -> dict[str, IntArray]:
        """Return vote columns: annotator k votes on a and b."""
        tastes = self.draw_tastes(int(annotator.max()) + 1, rng)
        win, tie = self.probabilities(tastes[annotator, a] - tastes[annotator, b])
        u = rng.random(len(annotator))
        outcome = np.where(u < win, 0, np.where(u < win + tie, TIE, 1))
        return {"candidate_a": a, "candidate_b": b, "outcome": outcome, "annotator": annotator}


def draw_pairs(n: int, n_votes: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Return even draws of two different candidates of n, sides at random."""
    a = rng.integers(0, n, n_votes)
    b = (a + rng.integers(1, n, n_votes)) % n
    return a, b
