"""What a round's votes say at a look in between: strengths, evidence, and where to look next."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from annotate.ranking.arrays import BoolArray, FloatArray, IntArray
from annotate.ranking.crossed import Crossing
from annotate.ranking.groups import split_groups
from annotate.ranking.methods import Clustering
from annotate.ranking.posterior import PairChances, fit_posterior, top_two_chances
from annotate.ranking.resampling import chance_best, draw_errors
from annotate.ranking.spread import Spread, measure_spread
from annotate.ranking.stopping import Evidence, votes_remaining, weigh_evidence
from annotate.ranking.strengths import fit_strengths
from annotate.ranking.tally import Tally, count_votes
from annotate.ranking.votes import BOTH_BAD, TIE, Ballots

LEVEL = 0.95
PRIOR = 0.5
N_RESAMPLES = 1000


class Gap(StrEnum):
    """Why there is no evidence for any candidate."""

    NO_VOTES = "no_votes"
    ONE_CANDIDATE = "one_candidate"
    NOT_JOINED = "not_joined"
    """No chain of votes joins some candidate to the others."""
    ONE_ANNOTATOR = "one_annotator"
    """How much annotators differ cannot be seen."""


@dataclass(frozen=True, eq=False)
class GroupEstimate:
    """One connected group, each array (m,).

    Attributes:
        members: its candidates, ascending.
        strengths: about mean 0.
        half_widths: how far their intervals reach to either side; None in a group of one, which
            has no scale, and so the next two.
        p_best: chance to be the strongest of the group.
        spread: of the strengths together.
    """

    members: IntArray
    strengths: FloatArray
    half_widths: FloatArray | None
    p_best: FloatArray | None
    spread: Spread | None


@dataclass(frozen=True, eq=False)
class Look:
    """A look at a round's votes.

    Attributes:
        groups: of candidates with votes, the largest first.
        votes: (n,) on each candidate.
        gap: why there is no evidence; None where there is.
        evidence: of the first group, which is all candidates; None where there is a gap.
        clusters: of the votes behind the evidence; likewise.
        remaining: about how many votes it takes to an answer; None where that cannot be said.
        chances: of the adaptive policy; None without votes or with one candidate.
        tally: of the votes.
    """

    n_votes: int
    n_annotators: int
    groups: tuple[GroupEstimate, ...]
    votes: IntArray
    gap: Gap | None
    evidence: Evidence | None
    clusters: Clustering | None
    remaining: int | None
    chances: PairChances | None
    tally: Tally


def look_at_votes(
    ballots: Ballots,
    crossings: Sequence[Crossing] = (),
    *,
    alpha: float,
    delta: float | None,
    rng: np.random.Generator,
    contends: BoolArray | None = None,
    allowed: BoolArray | None = None,
) -> Look:
    """Fit what a round's votes say now, each connected group alone.

    Args:
        crossings: the same votes by second clusters, such as the prompt.
        alpha: chance of a wrong answer that is put up with.
        delta: difference of strengths that does not matter; None: any does.
        rng: of P(best), and of the pool behind the chances.
        contends: (n,) who may be the best; None: all. The others, anchors, only join them by votes.
        allowed: (n, n) pairs that the round compares; None: all.

    Raises:
        StrengthsDidNotConverge: the solver gave up; with the phantom opponent it should not.
    """
    tally, record = count_votes(ballots)
    groups = tuple(
        _estimate(tally.within(members), members, [each.within(members) for each in crossings], rng)
        for members in split_groups(tally, prior=PRIOR)
    )
    gap = _find_gap(tally, groups)
    evidence, clusters, remaining = None, None, None
    if gap is None:
        spread = groups[0].spread
        assert spread is not None  # a group of one is a gap
        evidence = weigh_evidence(
            groups[0].strengths, spread, tally, alpha=alpha, delta=delta, among=contends
        )
        clusters = spread.clusters
        remaining = votes_remaining(evidence, n_votes=tally.n_votes)
    return Look(
        n_votes=tally.n_votes,
        n_annotators=tally.n_annotators,
        groups=groups,
        votes=record.votes,
        gap=gap,
        evidence=evidence,
        clusters=clusters,
        remaining=remaining,
        chances=_reckon_chances(tally, rng, contends, allowed),
        tally=tally,
    )


def _estimate(
    tally: Tally, members: IntArray, crossings: Sequence[Crossing], rng: np.random.Generator
) -> GroupEstimate:
    if len(members) == 1:
        return GroupEstimate(members, np.zeros(1), None, None, None)
    fitted = fit_strengths(tally.half_win_matrix(), prior=PRIOR)
    spread = measure_spread(tally, fitted, prior=PRIOR, level=LEVEL, crossings=crossings)
    strengths = fitted - fitted.mean()
    drawn = draw_errors(spread.rows, n_resamples=N_RESAMPLES, rng=rng)
    p_best = chance_best(strengths, drawn, df=spread.df, rng=rng)
    return GroupEstimate(members, strengths, spread.half_widths(LEVEL), p_best, spread)


def _find_gap(tally: Tally, groups: tuple[GroupEstimate, ...]) -> Gap | None:
    if tally.n_candidates < 2:
        return Gap.ONE_CANDIDATE
    if not groups:
        return Gap.NO_VOTES
    if len(groups[0].members) < tally.n_candidates:
        return Gap.NOT_JOINED
    return Gap.ONE_ANNOTATOR if tally.n_annotators < 2 else None


def _reckon_chances(
    tally: Tally,
    rng: np.random.Generator,
    contends: BoolArray | None,
    allowed: BoolArray | None,
) -> PairChances | None:
    """Return the adaptive policy's chances over all candidates.

    Those whom no votes join yet are joined by the prior, which knows next to nothing of them: so
    they are looked at. The best one is sought among contenders, and by comparing them with one
    another where the round allows it.
    """
    if tally.n_candidates < 2 or tally.n_votes == 0:
        return None
    outcome = tally.ballots.outcome
    count = np.ones(len(outcome)) if tally.ballots.count is None else tally.ballots.count
    n_ties = int(count[(outcome == TIE) | (outcome == BOTH_BAD)].sum())
    posterior = fit_posterior(tally.half_win_matrix(), prior=PRIOR, n_ties=n_ties)
    if allowed is None and contends is not None and contends.sum() > 1:
        allowed = contends[:, None] & contends[None, :]
    return top_two_chances(posterior, rng, leads=contends, allowed=allowed)
