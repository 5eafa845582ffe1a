"""Cohen's kappa of two raters, or of two crowds by their majorities, with an interval."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from annotate.ranking.agreement import first_votes
from annotate.ranking.arrays import BoolArray, FloatArray, IntArray, sum_at
from annotate.ranking.sides import wilson_interval
from annotate.ranking.votes import BOTH_BAD, OUTCOMES, TIE

_N_OUTCOMES = len(OUTCOMES)
# Which outcome each one is where a and b change places.
_MIRRORED = np.array([1, 0, TIE, BOTH_BAD])
NO_VERDICT = -1


@dataclass(frozen=True)
class Kappa:
    """How far two raters agree on the units that both rated.

    Attributes:
        value: Cohen's kappa; None where no unit was rated by both, or both always say one thing.
        low, high: its interval; None where value is, and with fewer than two clusters.
        raw: share of units on which they say the same; None without a unit.
        raw_low, raw_high: its interval; None where raw is.
        n_units, n_clusters: units that both rated, and the clusters that these lie in.
        n_decided: units on which neither found a draw or both bad.
        decided: share of those on which they prefer the same; None without one.
    """

    value: float | None
    low: float | None
    high: float | None
    raw: float | None
    raw_low: float | None
    raw_high: float | None
    n_units: int
    n_clusters: int
    n_decided: int
    decided: float | None


NO_KAPPA = Kappa(None, None, None, None, None, None, 0, 0, 0, None)


def measure_kappa(
    *,
    unit: IntArray,
    annotator: IntArray,
    outcome: IntArray,
    is_first: BoolArray,
    is_second: BoolArray,
    cluster: IntArray,
    level: float = 0.95,
) -> Kappa:
    """Return Cohen's kappa between two kinds of annotators on the units that both judged.

    A kind's verdict on a unit is what most of its annotators say, each counted once; where two
    outcomes have as many, it is a draw.

    Args:
        unit, annotator, outcome, cluster: (votes,) indices of 0 or more; see `measure_concordance`.
        is_first, is_second: (votes,) whether the vote is of the first or the second kind.
    """
    kept = first_votes(unit, annotator)
    units, place = np.unique(unit[kept], return_inverse=True)
    one, two = (
        majorities(place[of[kept]], outcome[kept][of[kept]], n_units=len(units))
        for of in (is_first, is_second)
    )
    of_unit = np.zeros(len(units), dtype=np.int64)
    of_unit[place] = cluster[kept]
    return kappa_of_verdicts(one, two, cluster=of_unit, level=level)


def majorities(unit: IntArray, outcome: IntArray, *, n_units: int) -> IntArray:
    """Return (units,) the outcome that most votes on a unit give, a draw where several do.

    Args:
        unit, outcome: (votes,) of which unit from 0, and codes.

    Returns:
        `NO_VERDICT` for a unit without a vote.
    """
    counts = np.bincount(unit * _N_OUTCOMES + outcome, minlength=n_units * _N_OUTCOMES)
    counts = counts.reshape(n_units, _N_OUTCOMES)
    most = counts.max(axis=1, initial=0)
    is_alone = (counts == most[:, None]).sum(axis=1) == 1
    verdict = np.where(is_alone, counts.argmax(axis=1), TIE)
    return np.asarray(np.where(most > 0, verdict, NO_VERDICT), dtype=np.int64)


def kappa_of_verdicts(
    first: IntArray, second: IntArray, *, cluster: IntArray, level: float = 0.95
) -> Kappa:
    """Return Cohen's (1960) kappa of two raters, over the units on which both have a verdict.

    Which text of a pair is a is a matter of numbering, and of two candidates one may always be the
    better. So each unit counts in both orientations, by half: chance agreement then depends on how
    often a rater finds a draw, and not on how candidates happen to be numbered.

    The interval is by the delta method (Fleiss, Cohen & Everitt 1969) with the errors of a cluster
    added up (CR1), t with as many degrees of freedom as there are clusters less one; and it is
    never narrower than Wilson's of so many units gives at this chance agreement.

    Args:
        first, second: (units,) outcomes, or `NO_VERDICT`.
        cluster: (units,) such as the prompt.
    """
    both = (first >= 0) & (second >= 0)
    one, two, cluster = first[both], second[both], cluster[both]
    n_units = len(one)
    if n_units == 0:
        return NO_KAPPA
    says_same = (one == two).astype(np.float64)
    raw = float(says_same.mean())
    margins = [_margin(verdicts) for verdicts in (one, two)]
    chance = float(margins[0] @ margins[1])
    reach_raw = _reach(says_same - raw, cluster, level) or 0.0
    low, high = (
        float(end[0])
        for end in wilson_interval(np.array([says_same.sum()]), np.array([n_units]), level=level)
    )
    is_decided = (one < TIE) & (two < TIE)
    found = _kappa(one, two, margins, cluster, (low, high), level) if chance < 1 else None
    value, value_low, value_high = found or (None, None, None)
    return Kappa(
        value=value,
        low=value_low,
        high=value_high,
        raw=raw,
        raw_low=max(0.0, min(low, raw - reach_raw)),
        raw_high=min(1.0, max(high, raw + reach_raw)),
        n_units=n_units,
        n_clusters=len(np.unique(cluster)),
        n_decided=int(is_decided.sum()),
        decided=float(says_same[is_decided].mean()) if is_decided.any() else None,
    )


def cohen_kappa(table: FloatArray) -> float:
    """Return (p_o - p_e) / (1 - p_e) of a square table of counts, raters by rows and columns."""
    shares = table / table.sum()
    observed, chance = float(np.trace(shares)), float(shares.sum(axis=1) @ shares.sum(axis=0))
    return (observed - chance) / (1 - chance)


def _kappa(
    one: IntArray,
    two: IntArray,
    margins: list[FloatArray],
    cluster: IntArray,
    wilson: tuple[float, float],
    level: float,
) -> tuple[float, float | None, float | None]:
    """Return kappa and the ends of its interval, which is none for one cluster."""
    says_same = (one == two).astype(np.float64)
    raw, chance = float(says_same.mean()), float(margins[0] @ margins[1])
    kappa = (raw - chance) / (1 - chance)
    by_chance = margins[1][one] + margins[0][two] - 2 * chance
    influence = (says_same - raw) / (1 - chance) - (1 - raw) * by_chance / (1 - chance) ** 2
    reach = _reach(influence, cluster, level)
    if reach is None:
        return kappa, None, None
    low, high = ((end - chance) / (1 - chance) for end in wilson)
    return kappa, max(-1.0, min(low, kappa - reach)), min(1.0, max(high, kappa + reach))


def _margin(verdicts: IntArray) -> FloatArray:
    """Return (outcomes,) shares, a and b each taken as often as the other."""
    counts = np.bincount(verdicts, minlength=_N_OUTCOMES).astype(np.float64)
    return np.asarray((counts + counts[_MIRRORED]) / (2 * len(verdicts)))


def _reach(influence: FloatArray, cluster: IntArray, level: float) -> float | None:
    """Return how far the interval of a mean of influences reaches; None of one cluster."""
    _names, place = np.unique(cluster, return_inverse=True)
    n_clusters = int(place.max()) + 1
    if n_clusters < 2:
        return None
    sums = sum_at(place.astype(np.int64), influence, n_clusters)
    variance = float(sums @ sums) / len(influence) ** 2 * n_clusters / (n_clusters - 1)
    return float(stdtrit(n_clusters - 1, (1 + level) / 2) * np.sqrt(variance))
