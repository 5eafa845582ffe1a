"""Which pair of candidates to compare next, and how likely it was to be the one.

Nothing here fits or samples strengths, so that a pair stands there at once: the adaptive policy
draws from chances that were reckoned beforehand (`posterior.top_two_chances`).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from annotate.ranking.arrays import BoolArray, FloatArray, IntArray
from annotate.ranking.posterior import PairChances

EPSILON = 0.2
WARM_UP = 5
# Pairs looked at before all of them are.
_PROBES = 48
# Share of all cells below which looking at every allowed pair is quicker than looking for one.
_FEW = 1 / 16

Counts = NDArray[np.integer[Any]]
Scalar = TypeVar("Scalar", bound=np.generic)


class Policy(StrEnum):
    """How the next pair is drawn.

    Attributes:
        UNIFORM: every pair with the same chance.
        BALANCED: the pair that met least often, equals at random.
        ADAPTIVE: mostly the pairs that tell most about which candidate is best.
    """

    UNIFORM = "uniform"
    BALANCED = "balanced"
    ADAPTIVE = "adaptive"


@dataclass(frozen=True)
class Drawn:
    """A pair, the lower candidate first; which side each stands on is the caller's to draw.

    Attributes:
        propensity: the chance that this pair had, given all outcomes so far. Where no outcome
            has a say (uniform, balanced, warm-up) it is 1 / pairs: counts and coins alone decide,
            and over them every pair is as likely.
    """

    first: int
    second: int
    propensity: float


def draw_pair(
    *,
    policy: Policy,
    met: Counts,
    candidate_met: Counts,
    rng: np.random.Generator,
    chances: PairChances | None = None,
    epsilon: float = EPSILON,
    warm_up: int = WARM_UP,
    allowed: BoolArray | None = None,
) -> Drawn | None:
    """Draw the next pair, or nothing where no pair is allowed.

    The adaptive policy first gives every candidate its warm-up; then it draws uniformly with
    probability epsilon, and from the chances otherwise. Until there are chances it is balanced.

    Args:
        met: (n, n) symmetric counts of how often a pair was drawn, those under way included; the
            diagonal is ignored. 32-bit integers are read faster than 64.
        candidate_met: (n,) the same for candidates.
        chances: of the adaptive policy, as they were when last reckoned.
        warm_up: comparisons of each candidate before the policy adapts.
        allowed: (n, n) symmetric, pairs that may be drawn; None is all. Its diagonal is ignored.
    """
    n = len(candidate_met)
    n_pairs = n * (n - 1) // 2 if allowed is None else _count_pairs(allowed)
    if n_pairs == 0:
        return None
    if policy is Policy.UNIFORM:
        return Drawn(*_draw_uniform(n, allowed, rng), 1 / n_pairs)
    if policy is Policy.ADAPTIVE:
        newcomer = _draw_newcomer(met, candidate_met, warm_up, allowed, rng)
        if newcomer is not None:
            return Drawn(*newcomer, 1 / n_pairs)
        if chances is not None:
            return _draw_adaptive(n, n_pairs, chances, epsilon, allowed, rng)
    if allowed is not None and n_pairs < n**2 * _FEW:
        return Drawn(*_pick_least_met(met, allowed, rng), 1 / n_pairs)
    return Drawn(*_draw_least_met(met, allowed, rng), 1 / n_pairs)


def propensity_of(
    first: int,
    second: int,
    *,
    n_pairs: int,
    chances: PairChances,
    epsilon: float = EPSILON,
    share: float = 1.0,
) -> float:
    """Return the chance of an allowed pair under the adaptive policy after its warm-up.

    Args:
        n_pairs: that are allowed.
        share: of the chances that falls on allowed pairs; with none of it all pairs are equal.
    """
    if share <= 0:
        return 1 / n_pairs
    return epsilon / n_pairs + (1 - epsilon) * chances.of(first, second) / share


def _draw_adaptive(
    n: int,
    n_pairs: int,
    chances: PairChances,
    epsilon: float,
    allowed: BoolArray | None,
    rng: np.random.Generator,
) -> Drawn:
    ends: FloatArray = chances.ends
    if allowed is not None:
        kept = allowed[chances.pairs[:, 0], chances.pairs[:, 1]]
        ends = np.cumsum(np.where(kept, chances.chances, 0.0))
    share = float(ends[-1])
    if share <= 0 or rng.random() < epsilon:
        first, second = _draw_uniform(n, allowed, rng)
    else:
        # A place whose chance is 0 ends where the one before it does, so "right" passes it over.
        place = int(np.searchsorted(ends, rng.random() * share, side="right"))
        first, second = chances.pairs[place].tolist()
    chance = propensity_of(
        first, second, n_pairs=n_pairs, chances=chances, epsilon=epsilon, share=share
    )
    return Drawn(first, second, chance)


def _draw_newcomer(
    met: Counts,
    candidate_met: Counts,
    warm_up: int,
    allowed: BoolArray | None,
    rng: np.random.Generator,
) -> tuple[int, int] | None:
    """Return the candidate that needs its warm-up most with the least met one it may meet."""
    new = np.flatnonzero(candidate_met < warm_up)
    while len(new):
        candidate = int(rng.choice(_least(new, candidate_met)))
        rivals = np.flatnonzero(np.ones(len(met)) if allowed is None else allowed[candidate])
        rivals = rivals[rivals != candidate]
        if len(rivals):
            rivals = _least(_least(rivals, candidate_met), met[candidate])
            return _in_order(candidate, int(rng.choice(rivals)))
        new = new[new != candidate]
    return None


def _least(places: IntArray, counts: Counts) -> IntArray:
    """Return those of the places whose count is the least of them all."""
    values = counts[places]
    return np.asarray(places[values == values.min()])


def _draw_uniform(n: int, allowed: BoolArray | None, rng: np.random.Generator) -> tuple[int, int]:
    """Return an allowed pair, each with the same chance; there must be one."""
    first, second = _probe(n, 1 if allowed is None else _PROBES, rng)
    if allowed is None:
        return _in_order(int(first[0]), int(second[0]))
    hits = allowed[first, second]
    place = int(hits.argmax())
    if hits[place]:
        return _in_order(int(first[place]), int(second[place]))
    return _pick(allowed, rng)


def _draw_least_met(
    met: Counts, allowed: BoolArray | None, rng: np.random.Generator
) -> tuple[int, int]:
    """Return one of the allowed pairs that met least often, each of them with the same chance."""
    first, second = _probe(len(met), _PROBES, rng)
    counts = met[first, second]
    open_to = np.ones(_PROBES, dtype=np.bool_) if allowed is None else allowed[first, second]
    # Of many candidates most pairs have never met, and then nothing else is looked at.
    never = bool((open_to & (counts == 0)).any())
    least = 0 if never else int(_off_diagonal(met).min())
    hits = open_to & (counts == least)
    place = int(hits.argmax())
    if hits[place]:
        return _in_order(int(first[place]), int(second[place]))
    if allowed is None:
        return _pick(met == least, rng)
    wanted = (met == least) & allowed
    return _pick(wanted, rng) if _count_pairs(wanted) else _pick_least_met(met, allowed, rng)


def _pick_least_met(met: Counts, allowed: BoolArray, rng: np.random.Generator) -> tuple[int, int]:
    """Return one of the allowed pairs that met least often, by looking at all that are allowed."""
    places = _places(allowed)
    return _in_order(*divmod(int(rng.choice(_least(places, met.ravel()))), len(met)))


def _probe(n: int, size: int, rng: np.random.Generator) -> tuple[Counts, Counts]:
    """Return (size,) and (size,) candidates of independent uniform pairs, in either order."""
    first, second = rng.integers(n, size=size), rng.integers(n - 1, size=size)
    return first, second + (second >= first)


def _pick(wanted: BoolArray, rng: np.random.Generator) -> tuple[int, int]:
    """Return one of the wanted pairs; there must be one."""
    return _in_order(*divmod(int(rng.choice(_places(wanted))), len(wanted)))


def _places(wanted: BoolArray) -> IntArray:
    """Return the flat places of the wanted cells, those of the diagonal left out."""
    places = np.flatnonzero(wanted)
    return np.asarray(places[places % (len(wanted) + 1) != 0])


def _count_pairs(allowed: BoolArray) -> int:
    return int(np.count_nonzero(allowed) - np.count_nonzero(np.diagonal(allowed))) // 2


def _off_diagonal(square: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return (n - 1, n) all but the diagonal of an (n, n) array, in its order and uncopied."""
    n = len(square)
    return square.ravel()[1:].reshape(n - 1, n + 1)[:, :n]


def _in_order(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)
