"""What votes on pairs of texts come to: which of the two is the better one, and how surely.

Three ways, none of which makes a pair of ties or of texts that are both bad:

- by majority: the decisive votes on the pair itself are counted;
- by reliability: the same votes, each worth what its annotator's other votes say it is;
- by strength: the texts on one prompt are ranked by all votes among them, and any two are compared.

Texts are numbered so that a pair's first one has the lower number. `(pairs,)` columns below are in
ascending order of first, second and depth (the turn up to which the texts were compared).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import expit, logsumexp

from annotate.ranking.annotators import AnnotatorFit
from annotate.ranking.arrays import AnyIntArray, BoolArray, FloatArray, IntArray
from annotate.ranking.strengths import StrengthsDidNotConverge
from annotate.ranking.tally import HALF_WINS
from annotate.ranking.votes import A_WINS, B_WINS, OUTCOMES, TIE

# Wins each way of the phantom opponent, as in rankings (docs/statistics.md).
PRIOR = 0.5
# Where the difference of two texts is looked at, in log-odds of a typical annotator's vote.
_GRID = np.arange(-10, 10.25, 0.25)
# Spreads of the differences that are tried, and the prior of its logarithm about a spread of 1.
_SPREADS = 0.25 * 2 ** (np.arange(11) / 2)
_SPREAD_SD = 1.0
_BLOCK_VALUES = 1 << 20
_MAX_STEPS = 200
_LONGEST_STEP = 2.0
_LAST_STEP = 1e-10
_N_OUTCOMES = len(OUTCOMES)


@dataclass(frozen=True, eq=False)
class PairTally:
    """Votes counted by pair of texts and depth.

    Attributes:
        first, second, depth: (pairs,).
        outcomes: (pairs, 4) votes by outcome, in the order of `OUTCOMES`.
        of_vote: (votes,) the pair that each vote is on.
    """

    first: IntArray
    second: IntArray
    depth: IntArray
    outcomes: IntArray
    of_vote: IntArray

    @property
    def decisive(self) -> IntArray:
        """(pairs,) votes for either side."""
        return np.asarray(self.outcomes[:, A_WINS] + self.outcomes[:, B_WINS])

    def have(self, mark: AnyIntArray) -> BoolArray:
        """Return (pairs,) whether any of its votes is marked (not 0)."""
        marked = np.bincount(self.of_vote, weights=mark != 0, minlength=len(self.first))
        return np.asarray(marked > 0)


@dataclass(frozen=True, eq=False)
class Verdicts:
    """The verdict on each pair.

    Attributes:
        lead: (pairs,) 1 where the first text is the better one, -1 the second, 0 neither.
        margin: (pairs,) by how much, 0 or more.
        agreement: (pairs,) share of decisive votes, or probability, for the better one; 0.5 to 1.
    """

    lead: IntArray
    margin: FloatArray
    agreement: FloatArray


def tally_pairs(
    *, first: AnyIntArray, second: AnyIntArray, depth: AnyIntArray, outcome: AnyIntArray
) -> PairTally:
    """Count votes by pair and depth.

    Args:
        first, second: (votes,) texts, 0 or more; first < second.
        depth: (votes,) 1 or more.
        outcome: (votes,) codes: the place of the outcome in `OUTCOMES`.
    """
    n_texts, n_depths = int(second.max(initial=0)) + 1, int(depth.max(initial=0)) + 1
    key = first.astype(np.int64) * n_texts
    key += second
    key *= n_depths
    key += depth
    known, of_vote = _number(key)
    outcomes = np.bincount(of_vote * _N_OUTCOMES + outcome, minlength=len(known) * _N_OUTCOMES)
    texts, depths = np.divmod(known, n_depths)
    return PairTally(
        first=texts // n_texts,
        second=texts % n_texts,
        depth=depths,
        outcomes=outcomes.reshape(-1, _N_OUTCOMES).astype(np.int64, copy=False),
        of_vote=of_vote,
    )


def _number(key: IntArray) -> tuple[IntArray, IntArray]:
    """Return the distinct keys in ascending order, and the place of each key among them."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    is_new = np.ones(len(key), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    place = np.empty(len(key), dtype=np.int64)
    place[order] = np.cumsum(is_new) - 1
    return ordered[is_new], place


def judge_by_majority(tally: PairTally) -> Verdicts:
    """Return who has more votes: margin (won - lost) / (won + lost), agreement won / (won + lost).

    A pair without a decisive vote has margin 0 and agreement 0.5.
    """
    lead = tally.outcomes[:, A_WINS] - tally.outcomes[:, B_WINS]
    cast = np.maximum(tally.decisive, 1)
    margin = np.abs(lead) / cast
    return Verdicts(np.sign(lead), margin, (1 + margin) / 2)


def judge_by_reliability(
    tally: PairTally, *, outcome: AnyIntArray, annotator: IntArray, side: AnyIntArray,
    fit: AnnotatorFit,
) -> Verdicts:  # fmt: skip
    """Return which text is better given the votes on the pair, weighed by who cast them.

    With d the log-odds by which a typical annotator prefers the first text, a vote of annotator k
    has the probabilities of `annotators.py` (Davidson 1970) at gamma_k d + beta_k side, and d is
    normal about 0 with a spread common to all pairs, the likeliest one for all votes together under
    ln spread ~ N(0, 1) (empirical Bayes). Then

        P(first is better) = P(d > 0 | votes on the pair),

    of which `agreement` is the larger part, and `margin` twice that less 1. Summed on a grid.

    Args:
        outcome, annotator, side: (votes,) as the tally counted them; annotators by their place in
            the fit; side of the first text: 1 left, -1 right, 0 unknown.
    """
    order = np.argsort(tally.of_vote, kind="stable")
    cast = _Cast(outcome[order], annotator[order], side[order], fit)
    starts = np.searchsorted(tally.of_vote[order], np.arange(len(tally.first) + 1))
    priors = _spread_priors()
    evidence = -(np.log(_SPREADS) ** 2) / (2 * _SPREAD_SD**2)
    for _pairs, likelihood in cast.by_pair(starts):
        evidence += np.array([logsumexp(likelihood + each, axis=1).sum() for each in priors])
    prior = priors[int(evidence.argmax())]
    chance = np.empty(len(tally.first))
    is_first = (_GRID > 0) + (_GRID == 0) / 2
    for pairs, likelihood in cast.by_pair(starts):
        weight = np.exp(likelihood + prior - (likelihood + prior).max(axis=1, keepdims=True))
        chance[pairs] = weight @ is_first / weight.sum(axis=1)
    # Ties alone leave the two equal, however their sums are rounded.
    agreement = np.where(tally.decisive > 0, np.maximum(chance, 1 - chance), 0.5)
    lead = np.where(agreement > 0.5, np.sign(chance - 0.5), 0).astype(np.int64)
    return Verdicts(lead, 2 * agreement - 1, agreement)


def _spread_priors() -> FloatArray:
    """Return (spreads, grid) the logarithm of the chance of each difference."""
    log = -(_GRID**2) / (2 * _SPREADS[:, None] ** 2)
    return np.asarray(log - logsumexp(log, axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class _Cast:
    """Votes in the order of their pairs, with their annotators' parameters."""

    outcome: AnyIntArray
    annotator: IntArray
    side: AnyIntArray
    fit: AnnotatorFit

    def by_pair(self, starts: IntArray) -> Iterator[tuple[slice, FloatArray]]:
        """Yield blocks of pairs with (pairs, grid) log-likelihoods of their votes."""
        n_pairs = len(starts) - 1
        most = max(1, _BLOCK_VALUES // len(_GRID))
        begin = 0
        while begin < n_pairs:
            # As many pairs as have so many votes, and one at least.
            end = int(np.searchsorted(starts, starts[begin] + most, side="right")) - 1
            end = min(max(end, begin + 1), n_pairs)
            votes = slice(int(starts[begin]), int(starts[end]))
            at = starts[begin:end] - starts[begin]
            yield slice(begin, end), np.add.reduceat(self._log_chances(votes), at, axis=0)
            begin = end

    def _log_chances(self, votes: slice) -> FloatArray:
        """Return (votes, grid) the logarithm of the chance of each vote at each difference."""
        k, outcome = self.annotator[votes], self.outcome[votes]
        tie = np.log(self.fit.tie[k])[:, None]
        half = self.fit.reliability[k][:, None] * _GRID / 2
        half += (self.fit.bias[k] * self.side[votes] / 2)[:, None]
        seen = np.where(outcome == A_WINS, 1.0, -1.0)[:, None] * half
        seen[outcome >= TIE] = tie[outcome >= TIE]
        return np.asarray(seen - np.logaddexp(np.logaddexp(half, -half), tie))


@dataclass(frozen=True, eq=False)
class TextStrengths:
    """Texts that votes join on one prompt and to one depth, ranked among themselves.

    Attributes:
        text, depth: (places,) a text at a depth; those of a group stand together, in the order of
            their numbers.
        group: (places,) the number of its group.
        strength: (places,) log-odds, mean 0 within a group.
        votes: (places,) votes that it took part in; decisive: those for either side.
    """

    text: IntArray
    depth: IntArray
    group: IntArray
    strength: FloatArray
    votes: IntArray
    decisive: IntArray

    def pairs(self, *, min_probability: float, min_votes: int) -> Iterator[tuple[IntArray, ...]]:
        """Yield blocks of pairs of places, the better one first, that are sure enough.

        Each block has a third column: whether the pair is sure enough (1), its texts are too
        close (0), or one of them has fewer decisive votes than `min_votes` (-1).
        """
        starts = np.flatnonzero(np.diff(self.group, prepend=-1))
        sizes = np.diff(starts, append=len(self.group))
        for size in np.unique(sizes[sizes > 1]).tolist():
            low, high = np.triu_indices(size, k=1)
            begins = starts[sizes == size]
            most = max(1, _BLOCK_VALUES // len(low))
            for begin in range(0, len(begins), most):
                base = begins[begin : begin + most, None]
                a, b = (base + low).ravel(), (base + high).ravel()
                is_a = self.strength[a] >= self.strength[b]
                better, worse = np.where(is_a, a, b), np.where(is_a, b, a)
                # A rounding error must not decide between texts that are as strong.
                chance = self.chance(better, worse) + 1e-9
                verdict = (chance >= min_probability).astype(np.int64)
                few = np.minimum(self.decisive[a], self.decisive[b]) < min_votes
                verdict[few] = -1
                yield better, worse, verdict

    def chance(self, better: IntArray, worse: IntArray) -> FloatArray:
        """Return (pairs,) the probability that the first of two places is preferred."""
        return np.asarray(expit(self.strength[better] - self.strength[worse]))


def rank_texts(tally: PairTally) -> TextStrengths:
    """Rank the texts of each prompt by the votes among them (Bradley & Terry 1952).

    Ties and both-bad count as half a win each, and the phantom opponent has `PRIOR` wins each way
    against every text, as in rankings of candidates. Texts that no chain of votes joins are in
    groups of their own, and are never compared.
    """
    n_depths = int(tally.depth.max(initial=0)) + 1
    ends = np.concatenate(
        [tally.first * n_depths + tally.depth, tally.second * n_depths + tally.depth]
    )
    places, at = _number(ends)
    a, b = np.split(at, 2)
    n, n_votes = len(places), tally.outcomes.sum(axis=1)
    edges = coo_array((np.ones(len(a)), (a, b)), shape=(n, n))
    _, label = connected_components(edges, directed=False)
    # Groups in the order of their first text, whose number says on which prompt they are.
    order = np.lexsort((places, _first_of(label)[label]))
    now_at = np.empty(n, dtype=np.int64)
    now_at[order] = np.arange(n)
    a, b = now_at[a], now_at[b]
    group = np.cumsum(np.diff(label[order], prepend=-1) != 0) - 1
    half_wins = tally.outcomes @ HALF_WINS
    return TextStrengths(
        text=places[order] // n_depths,
        depth=places[order] % n_depths,
        group=group,
        strength=_fit_groups(group, a, b, half_wins, n_votes - half_wins),
        votes=_sum_ends(a, b, n_votes, n),
        decisive=_sum_ends(a, b, tally.decisive, n),
    )


def _first_of(label: AnyIntArray) -> IntArray:
    """Return (labels,) where each label comes first."""
    _labels, first = np.unique(label, return_index=True)
    return first.astype(np.int64)


def _sum_ends(a: IntArray, b: IntArray, values: IntArray, n: int) -> IntArray:
    ends = np.concatenate([a, b])
    return np.bincount(ends, weights=np.tile(values, 2), minlength=n).astype(np.int64)


def _fit_groups(
    group: IntArray, a: IntArray, b: IntArray, won: FloatArray, lost: FloatArray
) -> FloatArray:
    """Return (places,) strengths, groups of one size at a time."""
    strengths = np.zeros(len(group))
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    sizes = np.diff(starts, append=len(group))
    by_group = np.argsort(group[a], kind="stable")
    edge_group = group[a][by_group]
    for size in np.unique(sizes).tolist():
        members = np.flatnonzero(sizes == size)
        most = max(1, _BLOCK_VALUES // size**2)
        for begin in range(0, len(members), most):
            block = members[begin : begin + most]
            row = np.full(len(starts), -1)
            row[block] = np.arange(len(block))
            low, high = np.searchsorted(edge_group, [block[0], block[-1] + 1])
            edges = by_group[low:high]
            edges = edges[row[group[a[edges]]] >= 0]
            at, first, second = row[group[a[edges]]], a[edges], b[edges]
            base = starts[group[first]]
            half_wins = np.zeros((len(block), size, size))
            half_wins[at, first - base, second - base] = won[edges]
            half_wins[at, second - base, first - base] = lost[edges]
            found = fit_many(half_wins, prior=PRIOR)
            where = starts[block][:, None] + np.arange(size)
            strengths[where] = found - found.mean(axis=1, keepdims=True)
    return strengths


def fit_many(half_wins: FloatArray, *, prior: float) -> FloatArray:
    """Return (groups, n) what `strengths.fit_strengths` gives for each of many small groups.

    Newton's method on all of them at once, relative to the phantom at 0.

    Args:
        half_wins: (groups, n, n) of row over column.
        prior: wins each way of the phantom, above 0.

    Raises:
        StrengthsDidNotConverge: a group did not settle.
    """
    n_groups, n, _ = half_wins.shape
    met = half_wins + half_wins.transpose(0, 2, 1)
    strengths = np.zeros((n_groups, n))
    diagonal = np.arange(n)
    for _ in range(_MAX_STEPS):
        chance = expit(strengths[:, :, None] - strengths[:, None, :])
        surprise = half_wins - met * chance
        slope = surprise.sum(axis=2) - prior * np.tanh(strengths / 2)
        weight = met * chance * (1 - chance)
        own = 2 * prior * expit(strengths) * expit(-strengths)
        curve = -weight
        curve[:, diagonal, diagonal] = weight.sum(axis=2) + own
        step = np.linalg.solve(curve, slope[:, :, None])[:, :, 0]
        longest = np.abs(step).max(axis=1, initial=0)
        step *= np.minimum(1, _LONGEST_STEP / np.maximum(longest, 1e-300))[:, None]
        strengths += step
        if longest.max(initial=0) < _LAST_STEP:
            return strengths
    raise StrengthsDidNotConverge(f"texts on one prompt did not settle in {_MAX_STEPS} steps")
