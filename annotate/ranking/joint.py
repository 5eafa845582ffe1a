"""Strengths of one connected group with their joint error."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.settings import RankingSettings
from annotate.ranking.spread import Spread


@dataclass(frozen=True, eq=False)
class JointStrengths:
    """Strengths of one group, and how far they may be off together.

    Attributes:
        members: (m,) the candidates, ascending.
        strengths: (m,) about mean 0.
        spread: None in a group of one, which has no scale.
        settings: of the ranking.
    """

    members: IntArray
    strengths: FloatArray
    spread: Spread | None
    settings: RankingSettings

    def interval(self, weights: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return (k,) estimates of weighted sums of strengths, and both ends of their intervals.

        They are made as the standings' own: weight 1 on one member gives its interval. In a group
        of one the ends are nan.

        Args:
            weights: (k, m) of the members in each sum.
        """
        sums = np.asarray(weights, dtype=np.float64)
        estimate = sums @ self.strengths
        if self.spread is None:
            nothing = np.full(len(sums), np.nan)
            return estimate, nothing, nothing
        variance = np.maximum(((sums @ self._covariance) * sums).sum(axis=1), 0)
        reach = self._reach(self.spread, variance)
        return estimate, estimate - reach, estimate + reach

    @cached_property
    def half_widths(self) -> FloatArray:
        """(m,) how far each strength's interval reaches to either side; nan in a group of one."""
        if self.spread is None:
            return np.full(len(self.members), np.nan)
        return self._reach(self.spread, np.diag(self._covariance))

    @cached_property
    def _covariance(self) -> FloatArray:
        return np.zeros((1, 1)) if self.spread is None else self.spread.covariance

    def _reach(self, spread: Spread, variance: FloatArray) -> FloatArray:
        return spread.reach(variance, level=self.settings.level, anytime=self.settings.anytime)
