"""Whether votes come out as they were foretold, by fits that did not see them."""

from dataclasses import dataclass

import numpy as np

from annotate.ranking.arrays import BoolArray, FloatArray, IntArray, count_equal
from annotate.ranking.concordance import reach_of_mean
from annotate.ranking.groups import split_groups
from annotate.ranking.head_to_head import fit_three_way
from annotate.ranking.strengths import fit_strengths
from annotate.ranking.tally import count_votes
from annotate.ranking.votes import A_WINS, B_WINS, TIE, VoteColumns, keep_votes
from annotate.ranking.win_rate import win_rate

# Wins less losses of each outcome, seen from a.
_LEADS = np.array([1.0, -1.0, 0.0, 0.0])
# A lead below this is rounding.
_NO_LEAD = 1e-9


@dataclass(frozen=True)
class Foretold:
    """What fits on other votes said of each vote.

    Attributes:
        chances: (votes,) x 3, of a, b and tie; nan where no chain of the other votes joins the two.
        base: (votes,) x 3, by the share of ties among the other votes, a and b alike.
    """

    chances: FloatArray
    base: FloatArray

    @property
    def constant_ties(self) -> FloatArray:
        """(votes,) x 3, the expected half-wins, but for the one share of ties that the base has."""
        rate, ties = self.chances[:, A_WINS] + self.chances[:, TIE] / 2, self.base[:, TIE]
        return np.stack([rate * (1 - ties), (1 - rate) * (1 - ties), ties], axis=1)

    @property
    def is_known(self) -> BoolArray:
        """(votes,) whether a vote was foretold at all."""
        return ~np.isnan(self.chances[:, 0])


@dataclass(frozen=True)
class CalibrationBin:
    """Votes with a like forecast, seen from the candidate that was to win.

    Attributes:
        predicted, observed: mean half-wins of a vote, foretold and seen.
        low, high: interval of what was seen.
        votes: in the bin.
    """

    predicted: float
    observed: float
    low: float
    high: float
    votes: int


def deal_folds(cluster: IntArray, *, n_folds: int, rng: np.random.Generator) -> IntArray:
    """Return (votes,) the fold of each vote: votes of one cluster stay together.

    In random order each cluster goes to the fold with the fewest votes so far, so that folds are
    about equal though annotators are not.
    """
    names, place = np.unique(cluster, return_inverse=True)
    sizes = np.bincount(place, minlength=len(names))
    load = np.zeros(n_folds)
    fold = np.empty(len(names), dtype=np.int64)
    for name in rng.permutation(len(names)):
        fold[name] = np.argmin(load)
        load[fold[name]] += sizes[name]
    return np.asarray(fold[place])


def foretell(columns: VoteColumns, *, fold: IntArray, prior: float) -> Foretold:
    """Foretell the votes of each fold by strengths and tie weight fitted to the other folds.

    Args:
        fold: (votes,) numbers of 0 or more, of two folds or more.

    Raises:
        StrengthsDidNotConverge: wins too lopsided for a prior too small.
    """
    chances = np.full((len(fold), 3), np.nan)
    base = np.full((len(fold), 3), np.nan)
    for number in count_equal(fold)[0]:
        apart = fold == number
        ties = float((columns.outcome[~apart] >= TIE).mean())
        base[apart] = [(1 - ties) / 2, (1 - ties) / 2, ties]
        chances[apart] = _foretell_fold(columns, apart, prior)
    return Foretold(chances, base)


def log_losses(chances: FloatArray, outcome: IntArray) -> FloatArray:
    """Return (votes,) -ln P of what was voted.

    A vote that was held to be impossible counts as if it had had one chance in a million.
    """
    of_outcome = chances[np.arange(len(outcome)), np.minimum(outcome, TIE)]
    return np.asarray(-np.log(np.maximum(of_outcome, 1e-6)))


def bin_votes(
    *,
    chances: FloatArray,
    outcome: IntArray,
    annotator: IntArray,
    n_bins: int,
    level: float = 0.95,
) -> tuple[CalibrationBin, ...]:
    """Return bins of about equal votes, by how far the favourite was to win.

    Each vote is turned to the side of its favourite, so that what a and b are plays no part; a vote
    without a favourite is half a win for either. The interval is clustered by annotator, for votes
    of one annotator hang together; it is never narrower than the score interval of independent
    votes, which knows better where few annotators, or none of them, differ.

    Args:
        chances: (votes, 3) of a, b and tie.
        level: coverage of the intervals.
    """
    lead = chances[:, A_WINS] - chances[:, B_WINS]
    favourite = np.where(np.abs(lead) < _NO_LEAD, 0, np.sign(lead))
    predicted = (1 + np.abs(lead)) / 2
    observed = (1 + favourite * _LEADS[outcome]) / 2
    order = np.lexsort((annotator, observed, predicted))
    return tuple(
        _bin(predicted[part], observed[part], annotator[part], level)
        for part in np.array_split(order, n_bins)
        if len(part)
    )


def _foretell_fold(columns: VoteColumns, apart: BoolArray, prior: float) -> FloatArray:
    """Return (votes apart, 3) chances by a fit on the other votes."""
    a, b, outcome = columns.candidate_a, columns.candidate_b, columns.outcome
    strengths, group = _fit_groups(keep_votes(columns, ~apart), prior)
    joined = (group[a] == group[b]) & (group[a] >= 0)
    difference = strengths[a] - strengths[b]
    chances = np.full((int(apart.sum()), 3), np.nan)
    known = joined & ~apart
    if known.any():
        fit = fit_three_way(difference=difference[known], outcome=outcome[known])
        asked = joined[apart]
        chances[asked] = fit.predict(difference[apart][asked])
    return chances


def _fit_groups(columns: VoteColumns, prior: float) -> tuple[FloatArray, IntArray]:
    """Return (candidates,) strengths within each one's group, and its group or -1."""
    tally, _ = count_votes(columns)
    strengths = np.zeros(columns.n_candidates)
    group = np.full(columns.n_candidates, -1)
    for number, members in enumerate(split_groups(tally, prior=prior)):
        group[members] = number
        if len(members) > 1:
            half_wins = tally.within(members).half_win_matrix()
            strengths[members] = fit_strengths(half_wins, prior=prior)
    return strengths, group


def _bin(
    predicted: FloatArray, observed: FloatArray, annotator: IntArray, level: float
) -> CalibrationBin:
    n, mean = len(observed), float(observed.mean())
    wins, losses = int((observed == 1).sum()), int((observed == 0).sum())
    alone = win_rate(wins, losses, n - wins - losses, level=level)
    reach = reach_of_mean(observed, annotator, level=level)
    return CalibrationBin(
        predicted=float(predicted.mean()),
        observed=mean,
        low=max(0.0, min(alone.low, mean - reach)),
        high=min(1.0, max(alone.high, mean + reach)),
        votes=n,
    )
