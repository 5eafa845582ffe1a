"""From votes to standings: the entry point."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.metadata import version

import numpy as np
from numpy.typing import ArrayLike

from annotate.ranking.arrays import IntArray
from annotate.ranking.crossed import Crossing, check_clusters, cross_votes
from annotate.ranking.cube import Record
from annotate.ranking.groups import split_groups
from annotate.ranking.joint import JointStrengths
from annotate.ranking.methods import Clustering
from annotate.ranking.ranks import Ranks, bound_ranks
from annotate.ranking.settings import WIDEST, RankingSettings
from annotate.ranking.spread import measure_spread
from annotate.ranking.standings import RankingFit, Standing
from annotate.ranking.strengths import fit_strengths
from annotate.ranking.tally import Tally, count_votes
from annotate.ranking.votes import Ballots, check_ballots

# Symmetric votes give equal strengths, and another processor equal intervals, but for rounding
# errors, which stay below this.
_DECIMALS = 10
_LIBRARIES = ("choix", "numpy", "scipy")


@dataclass(frozen=True)
class GroupFit:
    """The fit of one connected group, and the ranks of its members."""

    joint: JointStrengths
    ranks: Ranks


def rank_candidates(
    *,
    candidate_a: ArrayLike,
    candidate_b: ArrayLike,
    outcome: ArrayLike,
    annotator: ArrayLike,
    n_candidates: int,
    settings: RankingSettings,
    pair: ArrayLike | None = None,
    prompt: ArrayLike | None = None,
) -> RankingFit:
    """Rank candidates by Bradley-Terry strengths with intervals clustered by annotator.

    With pair or prompt, and settings that ask for the widest clusters, they are clustered two ways
    where that is wider. Each connected group is fitted alone, on the votes between its members
    only, and the order of the votes changes nothing. Equal votes and settings give the same fit to
    the bit.

    Args:
        candidate_a, candidate_b: (votes,) indices from 0 to n_candidates - 1.
        outcome: (votes,) codes: the place of the outcome in `OUTCOMES`.
        annotator: (votes,) indices, 0 or more, with or without gaps.
        n_candidates: those without a vote included.
        pair: (votes,) indices of the pair of completions, whichever of the two stood first.
        prompt: (votes,) indices of the prompt.

    Raises:
        ValueError: the columns do not fit together or hold a value out of range.
        StrengthsDidNotConverge: wins too lopsided for a prior too small.
    """
    columns = check_ballots(
        candidate_a=candidate_a, candidate_b=candidate_b, outcome=outcome, annotator=annotator,
        n_candidates=n_candidates,
    )  # fmt: skip
    tally, record = count_votes(columns)
    crossings = _cross(columns, settings, pair=pair, prompt=prompt)
    fits = list(_fit_groups(tally, crossings, settings))
    spreads = [fit.joint.spread for fit in fits if fit.joint.spread is not None]
    return RankingFit(
        settings=settings,
        n_votes=tally.n_votes,
        n_annotators=tally.n_annotators,
        interval_method=_join(spread.method for spread in spreads),
        clusters=_join(spread.clusters for spread in spreads),
        versions=library_versions(),
        standings=_order_standings(fits, record),
        groups=tuple(fit.joint for fit in fits),
    )


def _fit_groups(
    tally: Tally, crossings: Sequence[Crossing], settings: RankingSettings
) -> Iterator[GroupFit]:
    for number, members in enumerate(split_groups(tally, prior=settings.prior)):
        inside = [crossing.within(members) for crossing in crossings]
        yield fit_group(tally.within(members), members, number, settings, inside)


def fit_group(
    tally: Tally,
    members: IntArray,
    number: int,
    settings: RankingSettings,
    crossings: Sequence[Crossing] = (),
) -> GroupFit:
    """Fit one connected group.

    Args:
        tally: of the votes between members, who are numbered from 0 in it.
        members: (m,) their indices in the ranking.
        number: of the group; with the seed it picks the random numbers.
        crossings: the same votes by second clusters.
    """
    if len(members) == 1:
        alone = np.ones(1, dtype=np.int64)
        joint = JointStrengths(members, np.zeros(1), None, settings)
        return GroupFit(joint, Ranks(alone, alone, alone, np.ones(1)))
    prior, level = settings.prior, settings.level
    fitted = fit_strengths(tally.half_win_matrix(), prior=prior)
    spread = measure_spread(
        tally,
        fitted,
        prior=prior,
        level=level,
        crossings=crossings,
        evenly=settings.clusters != WIDEST,
    )
    strengths = np.round(fitted - fitted.mean(), _DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0
    ranks = bound_ranks(
        strengths,
        spread,
        level=level,
        n_resamples=settings.n_resamples,
        rng=np.random.default_rng([settings.seed, number]),
        anytime=settings.anytime,
    )
    return GroupFit(JointStrengths(members, strengths, spread, settings), ranks)


@cache
def library_versions() -> dict[str, str]:
    """Return the version of each library whose numbers a ranking depends on."""
    return {library: version(library) for library in _LIBRARIES}


def _cross(
    columns: Ballots,
    settings: RankingSettings,
    *,
    pair: ArrayLike | None,
    prompt: ArrayLike | None,
) -> list[Crossing]:
    given = (
        (Clustering.ANNOTATOR_PAIR, "pair", pair),
        (Clustering.ANNOTATOR_PROMPT, "prompt", prompt),
    )
    clusters = [
        (by, check_clusters(name, column, n_votes=len(columns.outcome)))
        for by, name, column in given
        if column is not None
    ]
    return cross_votes(columns, clusters) if settings.clusters == WIDEST else []


def _join(names: Iterable[StrEnum]) -> str:
    return "+".join(dict.fromkeys(name.value for name in names)) or "none"


def _order_standings(fits: Iterable[GroupFit], record: Record) -> tuple[Standing, ...]:
    standings = []
    for number, fit in enumerate(fits):
        # Members ascend, so that a stable sort leaves equals in order of index.
        for place in np.argsort(-fit.joint.strengths, kind="stable"):
            standings.append(_stand(fit, int(place), number, record))
    unvoted = np.flatnonzero(record.votes == 0)
    standings.extend(_stand_unvoted(int(candidate)) for candidate in unvoted)
    return tuple(standings)


def _stand(fit: GroupFit, place: int, number: int, record: Record) -> Standing:
    joint, ranks = fit.joint, fit.ranks
    candidate = int(joint.members[place])
    strength = float(joint.strengths[place])
    reach = None if joint.spread is None else float(joint.half_widths[place])
    return Standing(
        candidate=candidate,
        group=number,
        strength=strength,
        low=None if reach is None else round(strength - reach, _DECIMALS),
        high=None if reach is None else round(strength + reach, _DECIMALS),
        rank=int(ranks.rank[place]),
        rank_low=int(ranks.low[place]),
        rank_high=int(ranks.high[place]),
        wins=int(record.wins[candidate]),
        losses=int(record.losses[candidate]),
        ties=int(record.ties[candidate]),
        both_bad=int(record.both_bad[candidate]),
        votes=int(record.votes[candidate]),
        p_best=None if reach is None else float(ranks.p_best[place]),
    )


def _stand_unvoted(candidate: int) -> Standing:
    return Standing(
        candidate=candidate,
        group=None,
        strength=None,
        low=None,
        high=None,
        rank=None,
        rank_low=None,
        rank_high=None,
        wins=0,
        losses=0,
        ties=0,
        both_bad=0,
        votes=0,
    )
