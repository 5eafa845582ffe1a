"""Under which licences the chosen candidate came to be."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from annotate.models import Candidate, DatasetSource, PreferenceSet

# "NC" as a part of a licence's name, or in words.
_NON_COMMERCIAL = re.compile(r"(?<![a-z])nc(?![a-z])|non[- ]?commercial|research[- ]only", re.I)


def is_non_commercial(licence: str) -> bool:
    """Tell whether a licence's name says that it allows no commercial use."""
    return _NON_COMMERCIAL.search(licence) is not None


def note_licences(candidate: Candidate) -> list[dict[str, Any]]:
    """List the licences of a candidate, its ancestors, and whose texts they were trained on.

    `relation` is "itself", "parent" (weights it was made from, however far back), "texts": a
    candidate of a run whose votes one of these was trained on, or "preferences": imported pairs
    that one was trained on. The last two are told under a licence that allows no commercial use;
    texts of others ask for nothing.
    """
    family = list(_ancestors(candidate))
    told = [
        _tell(each, "itself" if each.pk == candidate.pk else "parent")
        for each in family
        if each.pk == candidate.pk or each.licence
    ]
    known = {each.pk for each in family}
    sources = _sources(family)
    for writer in _writers(sources):
        if writer.pk not in known and is_non_commercial(writer.licence):
            told.append(_tell(writer, "texts"))
    return told + [
        {
            "candidate": each.slug,
            "model": "",
            "relation": "preferences",
            "licence": each.licence,
            "is_non_commercial": True,
        }
        for each in _preferences(sources)
        if is_non_commercial(each.licence)
    ]


def _ancestors(candidate: Candidate) -> Iterable[Candidate]:
    """Yield the candidate and all that it was made from, each once, the nearest first."""
    seen: set[int] = set()
    waiting = [candidate]
    while waiting:
        each = waiting.pop(0)
        if each.pk in seen:
            continue
        seen.add(each.pk)
        yield each
        waiting += each.parents.order_by("pk")


def _sources(family: Iterable[Candidate]) -> list[DatasetSource]:
    """List what the datasets were made of that the family was trained on."""
    trained_on = [each.training_run.dataset_id for each in family if each.training_run is not None]
    sources = DatasetSource.objects.filter(dataset__in=trained_on)
    return list(sources.select_related("dataset", "preference_set").order_by("pk"))


def _writers(sources: Iterable[DatasetSource]) -> list[Candidate]:
    """List the candidates whose completions may be in what the family was trained on."""
    runs: dict[int, datetime] = {}
    for source in sources:
        if source.run_id is not None:
            made_at = source.dataset.created_at
            runs[source.run_id] = max(made_at, runs.get(source.run_id, made_at))
    found: list[Candidate] = []
    for run, made_at in sorted(runs.items()):
        writers = Candidate.objects.competing().filter(run=run, created_at__lte=made_at)
        found += writers.order_by("pk")
    return found


def _preferences(sources: Iterable[DatasetSource]) -> list[PreferenceSet]:
    """List the imported pairs among what the family was trained on."""
    sets = {source.preference_set for source in sources if source.preference_set is not None}
    return sorted(sets, key=lambda each: each.slug)


def _tell(candidate: Candidate, relation: str) -> dict[str, Any]:
    return {
        "candidate": candidate.name,
        "model": candidate.model,
        "relation": relation,
        "licence": candidate.licence,
        "is_non_commercial": is_non_commercial(candidate.licence),
    }
