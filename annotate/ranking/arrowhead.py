"""Errors in a model with common parameters and a few that belong to one annotator each.

The Fisher information is an arrowhead: a block S of what is common, a small block D_k for each
annotator, and C_k between the two. Its inverse needs no matrix larger than S.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from annotate.ranking.arrays import FloatArray, IntArray, sum_at


@dataclass(frozen=True)
class Arrowhead:
    """The information of votes on d and ln nu, in parameters whose priors are standard normal.

    Common are the strengths and, last and without a prior, the mean of ln nu. An annotator's own
    are two that move d, and one that moves ln nu.

    Attributes:
        first, second: (votes,) candidates: the strength of the first raises d.
        owner: (votes,) annotators.
        n_common: candidates.
        n_owners: annotators.
        lever: (votes,) how far d moves with the first's strength.
        own: (2, votes) how far d moves with the annotator's own two.
        own_tie: how far ln nu moves with the annotator's third.
        by_d, by_both, by_tie: (votes,) information on d, on d with ln nu, on ln nu.
        residual: (votes,) slope of the log-likelihood in d. It makes the observed information of
            the expected one (0), for d is curved: its way with the strengths, and the first of the
            own two, grow as e^(bend t) with the annotator's first parameter t.
        bend: see there.
    """

    first: IntArray
    second: IntArray
    owner: IntArray
    n_common: int
    n_owners: int
    lever: FloatArray
    own: FloatArray
    own_tie: float
    by_d: FloatArray
    by_both: FloatArray
    by_tie: FloatArray
    residual: FloatArray
    bend: float

    def first_own_error(self) -> FloatArray:
        """Return (owners,) the standard error of each annotator's first own parameter."""
        reach = self.reach
        row = reach[:, 0, :]
        shared = (row * np.linalg.solve(self.schur(), row.T).T).sum(axis=1)
        return np.asarray(np.sqrt(np.linalg.inv(self._blocks)[:, 0, 0] + shared))

    def schur(self) -> FloatArray:
        """Return (n + 1, n + 1) the information on what is common, whatever annotators are like."""
        return self._common() - np.tensordot(self._cross, self.reach, axes=([0, 2], [0, 1]))

    def solve(self, common: FloatArray, own: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the solution of the whole system for a right side.

        Args:
            common: (n + 1,).
            own: (owners, 3).
        """
        reach = self.reach
        rest = common - np.einsum("ofc,of->c", reach, own)
        found = np.linalg.solve(self.schur(), rest)
        own_found = np.linalg.solve(self._blocks, own[:, :, None])[:, :, 0]
        return found, own_found - reach @ found

    @cached_property
    def reach(self) -> FloatArray:
        """Return (owners, 3, n + 1) D_k^-1 C_k': how each annotator's own goes with the common."""
        return np.asarray(np.linalg.solve(self._blocks, self._cross.transpose(0, 2, 1)))

    def _common(self) -> FloatArray:
        """Return S, (n + 1, n + 1), the strengths' priors included."""
        n = self.n_common
        weight = self.by_d * self.lever**2
        met = sum_at(self.first * n + self.second, weight, n * n).reshape(n, n)
        met += met.T
        tilt = self._on_strengths(np.zeros_like(self.owner), self.by_both * self.lever, 1)[0]
        whole = np.zeros((n + 1, n + 1))
        whole[:n, :n] = np.diag(met.sum(axis=1)) - met + np.eye(n)
        whole[:n, n] = whole[n, :n] = tilt
        whole[n, n] = self.by_tie.sum()
        return whole

    @cached_property
    def _blocks(self) -> FloatArray:
        """Return D, (owners, 3, 3), the priors included."""
        one, two = self.own
        entries = {
            (0, 0): self.by_d * one * one - self.residual * one * self.bend,
            (0, 1): self.by_d * one * two,
            (1, 1): self.by_d * two * two,
            (0, 2): self.by_both * one * self.own_tie,
            (1, 2): self.by_both * two * self.own_tie,
            (2, 2): self.by_tie * self.own_tie**2,
        }
        blocks = np.tile(np.eye(3), (self.n_owners, 1, 1))
        for (i, j), weight in entries.items():
            total = sum_at(self.owner, weight, self.n_owners)
            blocks[:, i, j] += total
            if i != j:
                blocks[:, j, i] += total
        return blocks

    @cached_property
    def _cross(self) -> FloatArray:
        """Return C, (owners, n + 1, 3)."""
        n, owners = self.n_common, self.n_owners
        cross = np.empty((owners, n + 1, 3))
        on_d = [*(self.by_d * own for own in self.own), self.by_both * self.own_tie]
        on_d[0] = on_d[0] - self.residual * self.bend
        on_tie = (*(self.by_both * own for own in self.own), self.by_tie * self.own_tie)
        for place, (through_d, through_tie) in enumerate(zip(on_d, on_tie, strict=True)):
            cross[:, :n, place] = self._on_strengths(self.owner, through_d * self.lever, owners)
            cross[:, n, place] = sum_at(self.owner, through_tie, owners)
        return cross

    def _on_strengths(self, row: IntArray, weight: FloatArray, n_rows: int) -> FloatArray:
        """Return (rows, n) the weights: added where a candidate is first, taken where second."""
        n = self.n_common
        gained = sum_at(row * n + self.first, weight, n_rows * n)
        lost = sum_at(row * n + self.second, weight, n_rows * n)
        return (gained - lost).reshape(n_rows, n)
