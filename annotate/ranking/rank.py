"""From votes to standings: the entry point."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import numpy as np
from numpy.typing import ArrayLike

from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.groups import split_groups
from annotate.ranking.ranks import Ranks, bound_ranks
from annotate.ranking.settings import RankingSettings
from annotate.ranking.spread import measure_spread
from annotate.ranking.standings import IntervalMethod, RankingFit, Standing
from annotate.ranking.strengths import fit_strengths
from annotate.ranking.tally import Record, Tally, count_votes
from annotate.ranking.votes import check_votes

# Symmetric votes give equal strengths, and another processor equal intervals, but for rounding
# errors, which stay below this.
_DECIMALS = 10
_LIBRARIES = ("choix", "numpy", "scipy")


@dataclass(frozen=True)
class GroupFit:
    """The fit of one connected group: strengths and half-widths, each (m,), of its members."""

    members: IntArray
    strengths: FloatArray
    half_widths: FloatArray | None
    ranks: Ranks
    method: IntervalMethod | None


def rank_candidates(
    *,
    candidate_a: ArrayLike,
    candidate_b: ArrayLike,
    outcome: ArrayLike,
    annotator: ArrayLike,
    n_candidates: int,
    settings: RankingSettings,
) -> RankingFit:
    """Rank candidates by Bradley-Terry strengths with intervals clustered by annotator.

    Each connected group is fitted alone, on the votes between its members only, and the order of
    the votes changes nothing. Equal votes and settings give the same fit to the bit.

    Args:
        candidate_a, candidate_b: (votes,) indices from 0 to n_candidates - 1.
        outcome: (votes,) codes: the place of the outcome in `OUTCOMES`.
        annotator: (votes,) indices, 0 or more, with or without gaps.
        n_candidates: those without a vote included.

    Raises:
        ValueError: the columns do not fit together or hold a value out of range.
        StrengthsDidNotConverge: wins too lopsided for a prior too small.
    """
    columns = check_votes(
        candidate_a=candidate_a,
        candidate_b=candidate_b,
        outcome=outcome,
        annotator=annotator,
        n_candidates=n_candidates,
    )
    tally, record = count_votes(columns)
    fits = [
        fit_group(tally.within(members), members, number, settings)
        for number, members in enumerate(split_groups(tally, prior=settings.prior))
    ]
    return RankingFit(
        settings=settings,
        n_votes=int(tally.votes.sum()),
        n_annotators=tally.n_annotators,
        interval_method=_name_methods(fits),
        versions=library_versions(),
        standings=_order_standings(fits, record),
    )


def fit_group(tally: Tally, members: IntArray, number: int, settings: RankingSettings) -> GroupFit:
    """Fit one connected group.

    Args:
        tally: of the votes between members, who are numbered from 0 in it.
        members: (m,) their indices in the ranking.
        number: of the group; with the seed it picks the random numbers.
    """
    if len(members) == 1:
        alone = np.ones(1, dtype=np.int64)
        return GroupFit(members, np.zeros(1), None, Ranks(alone, alone, alone), None)
    prior, level = settings.prior, settings.level
    fitted = fit_strengths(tally.half_win_matrix(), prior=prior)
    spread = measure_spread(tally, fitted, prior=prior, level=level)
    strengths = np.round(fitted - fitted.mean(), _DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0
    ranks = bound_ranks(
        strengths,
        spread,
        level=level,
        n_resamples=settings.n_resamples,
        rng=np.random.default_rng([settings.seed, number]),
    )
    return GroupFit(members, strengths, spread.half_widths(level), ranks, spread.method)


@cache
def library_versions() -> dict[str, str]:
    """Return the version of each library whose numbers a ranking depends on."""
    return {library: version(library) for library in _LIBRARIES}


def _name_methods(fits: Iterable[GroupFit]) -> str:
    methods = dict.fromkeys(fit.method.value for fit in fits if fit.method is not None)
    return "+".join(methods) or "none"


def _order_standings(fits: Iterable[GroupFit], record: Record) -> tuple[Standing, ...]:
    standings = []
    for number, fit in enumerate(fits):
        # Members ascend, so that a stable sort leaves equals in order of index.
        for place in np.argsort(-fit.strengths, kind="stable"):
            standings.append(_stand(fit, int(place), number, record))
    unvoted = np.flatnonzero(record.votes == 0)
    standings.extend(_stand_unvoted(int(candidate)) for candidate in unvoted)
    return tuple(standings)


def _stand(fit: GroupFit, place: int, number: int, record: Record) -> Standing:
    candidate = int(fit.members[place])
    strength = float(fit.strengths[place])
    reach = None if fit.half_widths is None else float(fit.half_widths[place])
    return Standing(
        candidate=candidate,
        group=number,
        strength=strength,
        low=None if reach is None else round(strength - reach, _DECIMALS),
        high=None if reach is None else round(strength + reach, _DECIMALS),
        rank=int(fit.ranks.rank[place]),
        rank_low=int(fit.ranks.low[place]),
        rank_high=int(fit.ranks.high[place]),
        wins=int(record.wins[candidate]),
        losses=int(record.losses[candidate]),
        ties=int(record.ties[candidate]),
        both_bad=int(record.both_bad[candidate]),
        votes=int(record.votes[candidate]),
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
