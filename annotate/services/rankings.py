"""Turn votes into rankings, and keep each as a snapshot that can be computed again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from django.db.models import Q
from django.utils.translation import gettext as _

from annotate.models import Annotator, Candidate, Exclusion, Ranking, SelectionRun, Stop
from annotate.ranking import (
    RankingFit,
    RankingSettings,
    StrengthsDidNotConverge,
    rank_candidates,
)
from annotate.services import errors
from annotate.services.ledger import take_cutoff
from annotate.services.slices import (
    TOGETHER,
    check_filters,
    filters_of,
    named_slices,
    round_of,
    split_votes,
)
from annotate.services.vote_columns import Votes, number_pairs, read_votes

Candidates = Sequence[tuple[int, str]]  # (id, name), in the order of their ids


def store_rankings(
    *,
    run: SelectionRun,
    settings: RankingSettings,
    by: str | None = None,
    filters: Mapping[str, Any] | None = None,
) -> list[Ranking]:
    """Rank the run's candidates by people's votes that stand now, as a whole or slice by slice.

    Simulated annotators stand for people. LLM judges are ranked by apart, or `together` with
    people, where the filter `kind` says so.

    Where the votes of a round were looked at until they had their answer, `settings.anytime` is
    turned on: the usual intervals hold only for a number of votes that the votes did not decide.

    Args:
        by: a key of `SLICES`, for one ranking of each value; None for one of everything.
        filters: what votes must have to count, by the keys of `SLICES`; of one round only its
            candidates are ranked.

    Raises:
        LedgerBusy: votes are being imported into the run.
        NoSuchSlice: the run has nothing that such a filter asks for.
        StrengthsDidNotConverge: wins too lopsided for a prior too small.
    """
    filters = dict(filters or {})
    check_filters(run=run, by=by, filters=filters)
    return _store_each(run, settings, by, filters)


def rank_now(
    *, run: SelectionRun, by: str | None = None, filters: Mapping[str, Any] | None = None
) -> list[Ranking]:
    """Store rankings of one kind, with the settings that this kind had last.

    Raises:
        LedgerBusy: votes are being imported into the run.
        NoSuchSlice: the run has nothing that such a filter asks for.
        NotRanked: the strengths do not converge.
    """
    filters = dict(filters or {})
    settings = _newest_of_each_kind(run).get(_kind(by, filters), RankingSettings())
    try:
        return store_rankings(run=run, settings=settings, by=by, filters=filters)
    except StrengthsDidNotConverge as error:
        said = _("These votes cannot be ranked by the settings that were used last: %(why)s")
        raise errors.NotRanked(said % {"why": error}) from error


def rank_again(*, run: SelectionRun, at_least_once: bool = False) -> list[Ranking]:
    """Store each kind of ranking that the run has anew, with the settings that it had last.

    It is called when the reason for it is written, and outside of that transaction: volunteers go
    on voting meanwhile.

    Args:
        at_least_once: rank everything by the default settings where the run has no ranking yet.

    Raises:
        NotRankedAgain: votes are being imported into the run, or the strengths do not converge.
    """
    newest = _newest_of_each_kind(run)
    if at_least_once and not newest:
        newest[_kind(None, {})] = RankingSettings()
    try:
        return [
            ranking
            for (by, filters), settings in newest.items()
            for ranking in _store_each(run, settings, by, json.loads(filters))
        ]
    except (errors.LedgerBusy, StrengthsDidNotConverge) as error:
        raise errors.NotRankedAgain(
            _("This is written down, but the ranking was not made anew: %(why)s") % {"why": error}
        ) from error


def settings_of(ranking: Ranking) -> RankingSettings:
    """Give the settings with which a stored ranking was computed."""
    return RankingSettings.from_dict(_stored_settings(ranking))


def changed_settings(ranking: Ranking) -> dict[str, Any]:
    """Give by name the settings of a stored ranking that are not what a ranking has unasked."""
    usual = RankingSettings().to_dict()
    settings = settings_of(ranking).to_dict()
    return {name: value for name, value in settings.items() if value != usual[name]}


def candidates_of(ranking: Ranking) -> Candidates:
    """List whom a stored ranking ranks, by the names that they had."""
    return sorted((row["candidate_id"], row["name"]) for row in ranking.standings)


def recompute(*, ranking: Ranking) -> list[dict[str, Any]]:
    """Compute the standings of a stored ranking again, from the ledger as it stood then.

    They have the fields that were stored: an older ranking says less of each candidate.
    """
    votes = read_votes(run=ranking.run, cutoff=ranking.cutoff, filters=filters_of(ranking))
    candidates = candidates_of(ranking)
    standings = _describe(rank_votes(votes, candidates, settings_of(ranking)), candidates)
    stored = set(ranking.standings[0]) if ranking.standings else set()
    return [{field: row[field] for field in row if field in stored} for row in standings]


def rank_votes(votes: Votes, candidates: Candidates, settings: RankingSettings) -> RankingFit:
    """Rank candidates by votes; each is known in the fit by its place in the list."""
    ids = np.array([candidate for candidate, _name in candidates], dtype=np.int64)
    return rank_candidates(
        candidate_a=np.searchsorted(ids, votes["candidate_a"]),
        candidate_b=np.searchsorted(ids, votes["candidate_b"]),
        outcome=votes["outcome"],
        annotator=votes["annotator"],
        pair=number_pairs(votes),
        prompt=votes["prompt"],
        n_candidates=len(candidates),
        settings=settings,
    )


def _store_each(
    run: SelectionRun, settings: RankingSettings, by: str | None, filters: dict[str, Any]
) -> list[Ranking]:
    cutoff = take_cutoff(run=run)
    everybody = {"kind": TOGETHER} if by == "kind" else {}
    votes = read_votes(run=run, cutoff=cutoff, filters=filters | everybody)
    if by is None:
        return [_store(run, cutoff, filters, settings, votes, _candidates(run, filters, votes))]
    # One list for all languages and the like: who has no vote in one of them is named there too.
    shared = None if by == "round" else _candidates(run, filters, votes)
    rankings = []
    for value, part in split_votes(votes, by):
        sliced = filters | {"by": by, "value": value}
        candidates = shared or _candidates(run, sliced, part)
        rankings.append(_store(run, cutoff, sliced, settings, part, candidates))
    return rankings


def _store(
    run: SelectionRun,
    cutoff: int,
    filters: dict[str, Any],
    settings: RankingSettings,
    votes: Votes,
    candidates: Candidates,
) -> Ranking:
    if _was_stopped(run, cutoff, filters):
        settings = replace(settings, anytime=True)
    fit = rank_votes(votes, candidates, settings)
    facts = {
        "interval_method": fit.interval_method,
        "clustered_by": fit.clusters,
        "n_annotators": fit.n_annotators,
        "votes_by_kind": _votes_by_kind(votes),
        "n_excluded": Exclusion.objects.filter(run=run).standing_at(cutoff).count(),
    }
    return Ranking.objects.create(
        run=run,
        cutoff=cutoff,
        filters=filters,
        settings=settings.to_dict() | facts,
        versions=dict(fit.versions),
        n_votes=len(votes),
        standings=_describe(fit, candidates),
    )


def _describe(fit: RankingFit, candidates: Candidates) -> list[dict[str, Any]]:
    """Give the standings in order as they are stored, candidates by id and name."""
    standings = []
    for standing in fit.standings:
        row = asdict(standing)
        candidate, name = candidates[row.pop("candidate")]
        standings.append({"name": name, "candidate_id": candidate} | row)
    return standings


def _votes_by_kind(votes: Votes) -> dict[str, int]:
    return {kind: len(part) for kind, part in split_votes(votes, "kind")}


def _was_stopped(run: SelectionRun, cutoff: int, filters: dict[str, Any]) -> bool:
    """Tell whether the votes themselves ended a round that is among those ranked.

    Those of judges never do.
    """
    if named_slices(filters).get("kind") == Annotator.Kind.JUDGE:
        return False
    stops = Stop.objects.filter(round__run=run, cutoff__lte=cutoff)
    number = round_of(filters)
    return (stops if number is None else stops.filter(round__number=number)).exists()


def _candidates(run: SelectionRun, filters: Mapping[str, Any], votes: Votes) -> Candidates:
    """List those to rank."""
    candidates = Candidate.objects.competing().filter(run=run)
    number = round_of(filters)
    if number is not None:
        # Imported votes may be on candidates that the round does not ask volunteers about.
        voted = np.union1d(votes["candidate_a"], votes["candidate_b"]).tolist()
        of_round = Q(rounds__number=number)
        candidates = candidates.filter(of_round | Q(pk__in=voted)).distinct()
    return list(candidates.order_by("id").values_list("id", "name"))


def _kind(by: str | None, filters: Mapping[str, Any]) -> tuple[str | None, str]:
    """Name a kind of ranking: what it is sliced by, and its other filters."""
    return by, json.dumps(dict(filters), sort_keys=True, ensure_ascii=False)


def _newest_of_each_kind(run: SelectionRun) -> dict[tuple[str | None, str], RankingSettings]:
    """Give the settings that each kind of ranking had last; what was ranked last comes last.

    A setting that an older ranking did not have yet is today's default.
    """
    newest: dict[tuple[str | None, str], RankingSettings] = {}
    for ranking in run.rankings.defer("standings").order_by("id"):
        rest = {name: ranking.filters[name] for name in ranking.filters.keys() - {"by", "value"}}
        kind = _kind(ranking.filters.get("by"), rest)
        newest.pop(kind, None)
        newest[kind] = RankingSettings(**_stored_settings(ranking))
    return newest


def _stored_settings(ranking: Ranking) -> dict[str, Any]:
    names = RankingSettings.__dataclass_fields__
    return {name: ranking.settings[name] for name in names if name in ranking.settings}
