"""Scales that a strength may be shown on; each keeps the order, so ends of intervals go along."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.joint import JointStrengths

# Ten to one is 400 points, and the average candidate of a group stands at 1000 (Elo 1978).
ELO_MEAN = 1000.0
ELO_PER_UNIT = 400 / math.log(10)
LOGISTIC_TOP = 10.0


class Scale(StrEnum):
    """What a strength is measured on."""

    LOG = "log"
    """Log strength: theta, mean 0 in its group; 1 more is odds of e to 1."""
    ELO = "elo"
    """Elo-like: 1000 + 400 / ln 10 theta; 400 more is odds of 10 to 1."""
    LOGISTIC = "logistic"
    """10 sigma(theta - anchor): ten times the chance to beat a candidate at the anchor."""

    @property
    def decimals(self) -> int:
        """Return how many decimals are worth reading: about a hundredth of a log strength."""
        return 0 if self is Scale.ELO else 2


@dataclass(frozen=True)
class Scaled:
    """Strengths with the ends of their intervals on one scale, each (n,).

    Attributes:
        anchor: the log strength at the middle of a logistic scale; 0 elsewhere.
    """

    scale: Scale
    anchor: float
    strength: FloatArray
    low: FloatArray
    high: FloatArray


def rescale(strength: ArrayLike, *, scale: Scale, anchor: float = 0.0) -> FloatArray:
    """Return log strengths, or ends of their intervals, on another scale; nan stays nan.

    Args:
        anchor: log strength that scores 5 on the logistic scale: the mean of the anchors.
    """
    theta = np.asarray(strength, dtype=np.float64)
    if scale is Scale.ELO:
        return np.asarray(ELO_MEAN + ELO_PER_UNIT * theta)
    if scale is Scale.LOGISTIC:
        return np.asarray(LOGISTIC_TOP * expit(theta - anchor))
    return theta


def put_on_scale(
    *, scale: Scale, strength: ArrayLike, low: ArrayLike, high: ArrayLike, anchors: ArrayLike = ()
) -> Scaled:
    """Return the strengths of one group with their intervals on a scale.

    Args:
        strength, low, high: (n,) on the log scale; nan where there is none.
        anchors: (k,) places of the candidates whose mean strength is the middle of the logistic
            scale; without any it is the mean of the group, 0.

    Raises:
        ValueError: an anchor has no strength.
    """
    theta = np.asarray(strength, dtype=np.float64)
    chosen = theta[np.asarray(anchors, dtype=np.int64)]
    if np.isnan(chosen).any():
        raise ValueError("an anchor has no strength: it needs a vote that joins it to the others")
    anchor = float(chosen.mean()) if scale is Scale.LOGISTIC and chosen.size else 0.0
    return Scaled(
        scale=scale,
        anchor=anchor,
        strength=rescale(theta, scale=scale, anchor=anchor),
        low=rescale(low, scale=scale, anchor=anchor),
        high=rescale(high, scale=scale, anchor=anchor),
    )


def score_against(joint: JointStrengths, anchors: IntArray) -> Scaled:
    """Score a group by 10 sigma(theta - mean theta of the anchors), as a benchmark does.

    Unlike those of `put_on_scale`, intervals are of the difference to the anchors: what is not
    known of them widens a score, and what moves both alike does not.

    Args:
        joint: of the group, two candidates at least.
        anchors: (k,) their places in `joint.members`, one at least.

    Returns:
        (m,) in the order of the members.
    """
    weights = np.eye(len(joint.members))
    weights[:, anchors] -= 1 / len(anchors)
    ends = joint.interval(weights)
    score, low, high = (rescale(end, scale=Scale.LOGISTIC) for end in ends)
    anchor = float(joint.strengths[anchors].mean())
    return Scaled(scale=Scale.LOGISTIC, anchor=anchor, strength=score, low=low, high=high)
