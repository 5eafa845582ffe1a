"""What the votes so far leave open about strengths, and which pairs would tell most about it."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from annotate.ranking.arrays import BoolArray, FloatArray, IntArray, count_equal
from annotate.ranking.strengths import climb_likelihood, information, win_variance

DEFAULT_PRIOR = 0.5
N_SAMPLES = 256


@dataclass(frozen=True)
class Posterior:
    """The normal approximation of what is known of the strengths.

    Attributes:
        mean: (n,) strengths relative to the phantom opponent at 0.
        covariance: (n, n), the prior's part included.
    """

    mean: FloatArray
    covariance: FloatArray

    def draw_pool(self, n_samples: int, rng: np.random.Generator) -> FloatArray:
        """Return (n_samples, n) strengths as they may be."""
        root = np.linalg.cholesky(self.covariance)
        noise = rng.standard_normal((n_samples, len(self.mean)))
        return np.asarray(self.mean + noise @ root.T)


@dataclass(frozen=True)
class PairChances:
    """The chance of each pair to be drawn by the adaptive policy; pairs left out have none.

    Attributes:
        pairs: (k, 2) in ascending order, the lower candidate first.
        chances: (k,) above 0, their sum is 1.
    """

    pairs: IntArray
    chances: FloatArray

    @cached_property
    def keys(self) -> IntArray:
        """(k,) ascending, one integer a pair."""
        return np.asarray((self.pairs[:, 0] << 32) | self.pairs[:, 1])

    @cached_property
    def ends(self) -> FloatArray:
        """(k,) the chances added up."""
        return np.cumsum(self.chances)

    def of(self, first: int, second: int) -> float:
        """Return the chance of a pair, the lower candidate first."""
        key = (first << 32) | second
        place = int(np.searchsorted(self.keys, key))
        if place == len(self.keys) or self.keys[place] != key:
            return 0.0
        return float(self.chances[place])


def fit_posterior(
    half_wins: ArrayLike, *, prior: float = DEFAULT_PRIOR, n_ties: int = 0
) -> Posterior:
    """Return the normal approximation about the strengths that fit the votes.

    Its variance is (H / phi + prior / 2)^-1, with phi = sum (y - p)² / sum p (1 - p): ties vary
    less than wins and losses do. Annotators who differ are not in it: it says where to look, and
    the clustered errors say what was found.

    Args:
        half_wins: (n, n) of row over column, wins and half of the ties; n >= 1.
        prior: wins each way of the phantom opponent against every candidate, above 0.
        n_ties: votes among them, "both bad" too, that were half a win each way.

    Raises:
        ValueError: a prior of 0, or half-wins that are not square or below 0.
    """
    wins = _check(half_wins, prior)
    mean = climb_likelihood(wins, prior=prior)
    pairs = wins + wins.T
    curve = information(mean, pairs, 0.0) / _overdispersion(mean, wins, n_ties)
    factor = cho_factor(curve + prior / 2 * np.eye(len(mean)))
    covariance = cho_solve(factor, np.eye(len(mean)))
    return Posterior(mean=mean, covariance=(covariance + covariance.T) / 2)


def top_two_chances(
    posterior: Posterior,
    rng: np.random.Generator,
    *,
    n_samples: int = N_SAMPLES,
    leads: BoolArray | None = None,
    allowed: BoolArray | None = None,
) -> PairChances | None:
    """Return how likely each pair is to come next by top-two Thompson sampling.

    The first of a pair is the best of one sample of the posterior; the other is, of those that
    another sample puts no lower than the first, the one whose comparison tells most, by
    p (1 - p) Var(difference). Where the sample puts none so high, it is the one that is the fewest
    errors behind the first (as in T3C, Shang et al. 2020): the leader is nearly sure by then, and
    of all candidates the least known would tell most, and nothing about the best. Samples come
    from a pool, and these are the exact chances over all ways to take two of the pool, so that
    nothing is left to sample when a pair is wanted (top-two Thompson sampling: Russo 2020).

    Args:
        n_samples: of the pool, at least 2.
        leads: (n,) who may be the first of a pair; None: anybody.
        allowed: (n, n) who may be compared with the first, in its row; None: anybody else. The
            diagonal is ignored.

    Returns:
        None where nobody who leads may be compared with anybody.

    Raises:
        ValueError: fewer than two candidates or samples.
    """
    pool = posterior.draw_pool(n_samples, rng)
    if min(pool.shape) < 2:
        raise ValueError(f"{pool.shape[1]} candidates and {len(pool)} samples: 2 of each at least")
    return chances_of_pool(posterior, pool, rng, leads=leads, allowed=allowed)


def chances_of_pool(
    posterior: Posterior,
    pool: FloatArray,
    rng: np.random.Generator,
    *,
    leads: BoolArray | None = None,
    allowed: BoolArray | None = None,
) -> PairChances | None:
    """Return the chances that `top_two_chances` describes, of this (samples, n) pool.

    Comparisons that tell equally much are ordered at random.
    """
    n_samples, n = pool.shape
    others = ~np.eye(n, dtype=np.bool_)
    open_to = others if allowed is None else allowed & others
    may_lead = np.asarray(open_to.any(axis=1) & (True if leads is None else leads))
    if not may_lead.any():
        return None
    best = np.where(may_lead, pool, -math.inf).argmax(axis=1)
    ways = np.zeros((n, n))
    for leader in count_equal(best)[0]:
        rivals = _most_telling_rivals(posterior, pool, int(leader), open_to[leader], rng)
        # Each sample in which the leader is best goes with every sample but itself.
        n_best = (best == leader).sum()
        weight = np.where(best == leader, n_best - 1, n_best)
        ways[leader] = np.bincount(rivals, weights=weight, minlength=n)
    ways += ways.T
    first, second = np.nonzero(np.triu(ways, k=1))
    chances = ways[first, second] / (n_samples * (n_samples - 1))
    return PairChances(np.column_stack([first, second]).astype(np.int64), chances / chances.sum())


def _most_telling_rivals(
    posterior: Posterior,
    pool: FloatArray,
    leader: int,
    open_to: BoolArray,
    rng: np.random.Generator,
) -> IntArray:
    """Return (samples,) the challenger of the leader by each sample, of the (n,) open to it."""
    mean, covariance = posterior.mean, posterior.covariance
    behind = mean[leader] - mean
    spread = covariance[leader, leader] + np.diag(covariance) - 2 * covariance[leader]
    spread[leader] = math.inf
    telling = win_variance(behind) * spread
    telling[~open_to] = -math.inf
    # Those that may not be compared with it are last, the leader itself among them.
    order = np.lexsort((rng.random(len(mean)), -telling))[: open_to.sum()]
    above = pool[:, order] >= pool[:, [leader]]
    errors_behind = behind / np.sqrt(spread)
    errors_behind[~open_to] = math.inf
    closest = np.lexsort((rng.random(len(mean)), -telling, errors_behind))[0]
    return np.asarray(np.where(above.any(axis=1), order[above.argmax(axis=1)], closest))


def _overdispersion(mean: FloatArray, wins: FloatArray, n_ties: int) -> float:
    """Return phi; 1 where there are no votes.

    Half a win each way adds a quarter more to sum (y - p)² than the tie that it stands for.
    """
    chance = expit(mean[:, None] - mean[None, :])
    expected = ((wins + wins.T) * chance * (1 - chance)).sum() / 2
    seen = (wins * (1 - chance) ** 2).sum() - n_ties / 4
    # All ties would leave nothing to vary; one vote in twenty that is none is the least to expect.
    return float(max(seen / expected, 0.05)) if expected > 0 else 1.0


def _check(half_wins: ArrayLike, prior: float) -> FloatArray:
    wins = np.asarray(half_wins, dtype=np.float64)
    if wins.ndim != 2 or wins.shape[0] != wins.shape[1] or not len(wins):
        raise ValueError(f"half_wins has shape {wins.shape}: it must be square")
    if not (wins >= 0).all():
        raise ValueError(f"half_wins holds {wins.min():g}: it must hold 0 or more")
    if not prior > 0:
        raise ValueError(f"prior is {prior:g}: it must be above 0")
    return wins
