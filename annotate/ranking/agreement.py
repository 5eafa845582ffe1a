"""How far annotators agree where several of them judged the same two completions.

A unit is what they judged: a pair of completions, and the turn. A value is the outcome. An
annotator counts once for a unit, with the first of the votes given.
"""

from dataclasses import dataclass

import evalica
import numpy as np
import pandas as pd

from annotate.ranking.arrays import BoolArray, FloatArray, IntArray, sum_at
from annotate.ranking.votes import OUTCOMES

_N_OUTCOMES = len(OUTCOMES)


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; without one where no resample has a value."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Agreement:
    """Agreement within units that two or more annotators judged.

    Attributes:
        n_units: such units.
        n_votes: votes on them, one for each annotator and unit.
        alpha: Krippendorff's, nominal; None where no unit is left, or all votes are alike.
        raw: share of agreeing pairs of votes within units; None where no unit is left.
    """

    n_units: int
    n_votes: int
    alpha: Interval | None
    raw: Interval | None


def measure_agreement(
    *,
    unit: IntArray,
    annotator: IntArray,
    outcome: IntArray,
    rng: np.random.Generator,
    level: float = 0.95,
    n_resamples: int = 1000,
) -> Agreement:
    """Return alpha (Krippendorff 2019, chapter 12) and raw agreement, with percentile intervals.

    The bootstrap draws units. A resample in which all votes are alike has no alpha, and is left
    out of alpha's interval.

    Args:
        unit, annotator: (votes,) indices of 0 or more.
        outcome: (votes,) codes: the place of the outcome in `OUTCOMES`.
    """
    counts = count_units(unit, annotator, outcome)
    if len(counts) == 0:
        return Agreement(n_units=0, n_votes=0, alpha=None, raw=None)
    kinds, often = np.unique(counts, axis=0, return_counts=True)
    # Units of equal counts are alike, so that a draw of units is a draw of their kinds.
    drawn = rng.multinomial(len(counts), often / len(counts), size=n_resamples)
    resampled = drawn if len(counts) > 1 else np.empty((0, len(kinds)), dtype=np.int64)
    is_varied = np.count_nonzero(counts.sum(axis=0)) > 1
    alpha = alpha_of_slots(counts) if is_varied else None
    raw = float(raw_of_kinds(kinds, often[None, :])[0])
    return Agreement(
        n_units=len(counts),
        n_votes=int(counts.sum()),
        alpha=None if alpha is None else _bound(alpha, alpha_of_kinds(kinds, resampled), level),
        raw=_bound(raw, raw_of_kinds(kinds, resampled), level),
    )


def count_units(unit: IntArray, annotator: IntArray, outcome: IntArray) -> IntArray:
    """Return (units, outcomes) votes on each unit that two or more annotators judged."""
    first = first_votes(unit, annotator)
    numbers, unit = np.unique(unit[first], return_inverse=True)
    size = len(numbers) * _N_OUTCOMES
    counts = np.bincount(unit * _N_OUTCOMES + outcome[first], minlength=size)
    counts = counts.reshape(len(numbers), _N_OUTCOMES)
    return np.asarray(counts[counts.sum(axis=1) >= 2], dtype=np.int64)


def first_votes(unit: IntArray, annotator: IntArray) -> IntArray:
    """Return the places of each annotator's first vote on each unit, in ascending order."""
    key = unit * (annotator.max(initial=0) + 1) + annotator
    return np.sort(np.unique(key, return_index=True)[1]).astype(np.int64)


def alpha_of_slots(counts: IntArray) -> float:
    """Return Krippendorff's alpha as evalica computes it; who gave a value does not matter to it.

    Args:
        counts: (units, outcomes) of two or more outcomes in all.
    """
    n_units, slots = len(counts), int(counts.sum(axis=1).max())
    values = np.repeat(np.tile(np.arange(_N_OUTCOMES), n_units), counts.ravel())
    units = np.repeat(np.arange(n_units), counts.sum(axis=1))
    slot = np.arange(len(units)) - np.searchsorted(units, units)
    table = np.full((slots, n_units), np.nan)
    table[slot, units] = values
    return float(evalica.alpha(pd.DataFrame(table), distance="nominal", solver="pyo3").alpha)


def alpha_of_kinds(kinds: IntArray, often: IntArray) -> FloatArray:
    """Return (draws,) nominal alpha of each draw; nan where all its votes are alike.

    1 - D_o / D_e with D_o = sum_u (n_u - sum_c n_uc (n_uc - 1) / (n_u - 1)) / n and
    D_e = (n^2 - sum_c n_c^2) / (n (n - 1)) (Krippendorff 2011).

    Args:
        kinds: (kinds, outcomes) votes on a unit of each kind, two or more in a unit.
        often: (draws, kinds) units of each kind.
    """
    votes = kinds.sum(axis=1)
    disagreeing = votes - _agreeing_pairs(kinds) / (votes - 1)
    n_values = often @ kinds
    n = n_values.sum(axis=1).astype(np.float64)
    unlike = n**2 - (n_values.astype(np.float64) ** 2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        alpha = 1 - (n - 1) * (often @ disagreeing) / unlike
    return np.where(unlike > 0, alpha, np.nan)


def raw_of_kinds(kinds: IntArray, often: IntArray) -> FloatArray:
    """Return (draws,) the share of agreeing pairs among pairs of votes on one unit."""
    votes = kinds.sum(axis=1)
    pairs = often @ (votes * (votes - 1))
    return np.asarray((often @ _agreeing_pairs(kinds)) / pairs)


def agreement_with_others(
    *,
    unit: IntArray,
    annotator: IntArray,
    outcome: IntArray,
    is_counted: BoolArray,
    n_annotators: int,
) -> FloatArray:
    """Return (annotators,) the share of pairs of an own vote and another's that agree; or nan.

    Args:
        is_counted: (votes,) whether others are compared with this vote; its own annotator is
            compared with those of others all the same.
    """
    first = first_votes(unit, annotator)
    _, place = np.unique(unit[first], return_inverse=True)
    who, value, counted = annotator[first], outcome[first], is_counted[first]
    n_units = int(place.max(initial=-1)) + 1
    cell = place * _N_OUTCOMES + value
    alike = np.bincount(cell[counted], minlength=n_units * _N_OUTCOMES)[cell] - counted
    others = np.bincount(place[counted], minlength=n_units)[place] - counted
    return _share(sum_at(who, alike, n_annotators), sum_at(who, others, n_annotators))


def self_consistency(
    *, unit: IntArray, annotator: IntArray, outcome: IntArray, n_annotators: int
) -> tuple[FloatArray, IntArray]:
    """Return (annotators,) the share of pairs of own votes on one unit that agree, or nan.

    Returns:
        The shares, and (annotators,) how many such pairs there are.
    """
    key = unit * (annotator.max(initial=0) + 1) + annotator
    own, place = np.unique(key, return_inverse=True)
    counts = np.bincount(place * _N_OUTCOMES + outcome, minlength=len(own) * _N_OUTCOMES)
    counts = counts.reshape(len(own), _N_OUTCOMES).astype(np.int64)
    votes = counts.sum(axis=1)
    who = own % (annotator.max(initial=0) + 1)
    # Each pair is counted from both of its ends.
    agreeing = sum_at(who, _agreeing_pairs(counts), n_annotators)
    pairs = sum_at(who, votes * (votes - 1), n_annotators)
    return _share(agreeing, pairs), (pairs // 2).astype(np.int64)


def _agreeing_pairs(counts: IntArray) -> IntArray:
    return np.asarray((counts * (counts - 1)).sum(axis=1))


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0))


def _bound(value: float, draws: FloatArray, level: float) -> Interval:
    draws = draws[~np.isnan(draws)]
    if len(draws) == 0:
        return Interval(value, None, None)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))
