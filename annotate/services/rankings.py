"""Turn votes into rankings, and keep each as a snapshot that can be computed again."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from django.db.models import F, Q
from django.utils.translation import gettext as _

from annotate.models import Candidate, Exclusion, Ranking, SelectionRun, Vote
from annotate.ranking import (
    RankingSettings,
    StrengthsDidNotConverge,
    encode_outcomes,
    rank_candidates,
)
from annotate.services import errors
from annotate.services.ledger import take_cutoff

SLICES = {
    "language": "comparison__prompt__language",
    "category": "comparison__prompt__category",
    "turn": "turn",
}
TURN_NAMES = {Vote.WHOLE_CONVERSATION: "overall"}

Ballot = tuple[int, int, str, int, str]  # candidate a, candidate b, outcome, annotator, its kind


def store_rankings(
    *,
    run: SelectionRun,
    settings: RankingSettings,
    by: str | None = None,
    round_number: int | None = None,
) -> list[Ranking]:
    """Rank the run's candidates by all votes that stand now, as a whole or slice by slice.

    Args:
        by: a key of `SLICES`, for one ranking of each value; None for one of everything.
        round_number: count only the votes of this round, and rank only its candidates.

    Raises:
        LedgerBusy: votes are being imported into the run.
    """
    cutoff = take_cutoff(run=run)
    filters: dict[str, Any] = {} if round_number is None else {"round": round_number}
    ballots = read_ballots(run=run, cutoff=cutoff, filters=filters, by=by)
    if by is None:
        ballots.setdefault(None, [])
    candidates = _candidates(run, filters, itertools.chain.from_iterable(ballots.values()))
    n_excluded = Exclusion.objects.filter(run=run).standing_at(cutoff).count()
    return [
        _store(run, cutoff, filters | ({} if by is None else {"by": by, "value": value}), settings,
               candidates, ballots[value], n_excluded)
        for value in sorted(ballots, key=str)
    ]  # fmt: skip


def rank_again(*, run: SelectionRun, at_least_once: bool = False) -> list[Ranking]:
    """Store each kind of ranking that the run has anew, with the settings that it had last.

    It is called when the reason for it is written, and outside of that transaction: volunteers go
    on voting meanwhile.

    Args:
        at_least_once: rank everything by the default settings where the run has no ranking yet.

    Raises:
        NotRankedAgain: votes are being imported into the run, or the strengths do not converge.
    """
    try:
        return _rank_each_kind(run, at_least_once=at_least_once)
    except (errors.LedgerBusy, StrengthsDidNotConverge) as error:
        raise errors.NotRankedAgain(
            _("This is written down, but the ranking was not made anew: %(why)s") % {"why": error}
        ) from error


def _rank_each_kind(run: SelectionRun, *, at_least_once: bool) -> list[Ranking]:
    newest: dict[tuple[Any, Any], RankingSettings] = {}
    for ranking in run.rankings.defer("standings").order_by("id"):
        kind = ranking.filters.get("by"), ranking.filters.get("round")
        newest.pop(kind, None)  # what was ranked last is ranked last again
        newest[kind] = settings_of(ranking)
    if at_least_once and not newest:
        newest[None, None] = RankingSettings()
    return [
        ranking
        for (by, number), settings in newest.items()
        for ranking in store_rankings(run=run, settings=settings, by=by, round_number=number)
    ]


def settings_of(ranking: Ranking) -> RankingSettings:
    """Give the settings with which a stored ranking was computed."""
    return RankingSettings.from_dict(
        {name: ranking.settings[name] for name in RankingSettings.__dataclass_fields__}
    )


def recompute(*, ranking: Ranking) -> list[dict[str, Any]]:
    """Compute the standings of a stored ranking again, from the ledger as it stood then."""
    filters = ranking.filters
    ballots = read_ballots(
        run=ranking.run, cutoff=ranking.cutoff, filters=filters, by=filters.get("by")
    )
    candidates = sorted((row["candidate_id"], row["name"]) for row in ranking.standings)
    return rank_ballots(ballots.get(filters.get("value"), []), candidates, settings_of(ranking))[0]


def read_ballots(
    *, run: SelectionRun, cutoff: int, filters: dict[str, Any], by: str | None
) -> dict[str | None, list[Ballot]]:
    """Read the votes that stood at the cut-off, in the order of the ledger, by slice."""
    votes = Vote.objects.of_run(run).counting_at(cutoff).order_by("id")
    if "round" in filters:
        votes = votes.filter(comparison__round__number=filters["round"])
    rows = votes.values_list(
        "comparison__candidate_a",
        "comparison__candidate_b",
        "outcome",
        "comparison__annotator",
        "comparison__annotator__kind",
        F(SLICES[by]) if by else F("outcome"),
    )
    ballots: dict[str | None, list[Ballot]] = defaultdict(list)
    for *ballot, value in rows.iterator(chunk_size=20_000):
        ballots[_slice_name(by, value)].append(tuple(ballot))
    return ballots


def rank_ballots(
    ballots: Sequence[Ballot], candidates: Sequence[tuple[int, str]], settings: RankingSettings
) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, str]]:
    """Rank candidates, given as (id, name), by their ballots.

    Returns:
        The standings in order, what else is to be said of the fit, and the libraries' versions.
    """
    position = {candidate: index for index, (candidate, _name) in enumerate(candidates)}
    annotators = {
        annotator: index for index, annotator in enumerate({row[3]: 0 for row in ballots})
    }
    fit = rank_candidates(
        candidate_a=np.array([position[row[0]] for row in ballots], dtype=np.int64),
        candidate_b=np.array([position[row[1]] for row in ballots], dtype=np.int64),
        outcome=encode_outcomes([row[2] for row in ballots]),
        annotator=np.array([annotators[row[3]] for row in ballots], dtype=np.int64),
        n_candidates=len(candidates),
        settings=settings,
    )
    standings = [
        {
            "name": candidates[row.candidate][1],
            "candidate_id": candidates[row.candidate][0],
            "group": row.group,
            "rank": row.rank,
            "rank_low": row.rank_low,
            "rank_high": row.rank_high,
            "strength": row.strength,
            "low": row.low,
            "high": row.high,
            "wins": row.wins,
            "losses": row.losses,
            "ties": row.ties,
            "both_bad": row.both_bad,
            "votes": row.votes,
        }
        for row in fit.standings
    ]
    facts = {
        "interval_method": fit.interval_method,
        "n_annotators": fit.n_annotators,
        "votes_by_kind": dict(sorted(Counter(row[4] for row in ballots).items())),
    }
    return standings, facts, dict(fit.versions)


def _store(
    run: SelectionRun,
    cutoff: int,
    filters: dict[str, Any],
    settings: RankingSettings,
    candidates: Sequence[tuple[int, str]],
    ballots: Sequence[Ballot],
    n_excluded: int,
) -> Ranking:
    standings, facts, versions = rank_ballots(ballots, candidates, settings)
    return Ranking.objects.create(
        run=run,
        cutoff=cutoff,
        filters=filters,
        settings=settings.to_dict() | facts | {"n_excluded": n_excluded},
        versions=versions,
        n_votes=len(ballots),
        standings=standings,
    )


def _candidates(
    run: SelectionRun, filters: dict[str, Any], ballots: Iterable[Ballot]
) -> list[tuple[int, str]]:
    """List (id, name) of those to rank, in the order of their ids."""
    candidates = Candidate.objects.competing().filter(run=run)
    if "round" in filters:
        # Imported votes may be on candidates that the round does not ask volunteers about.
        voted = {candidate for ballot in ballots for candidate in ballot[:2]}
        of_round = Q(rounds__number=filters["round"])
        candidates = candidates.filter(of_round | Q(pk__in=voted)).distinct()
    return list(candidates.order_by("id").values_list("id", "name"))


def _slice_name(by: str | None, value: Any) -> str | None:
    if by is None:
        return None
    return TURN_NAMES.get(value, str(value)) if by == "turn" else str(value)
