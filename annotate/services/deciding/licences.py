"""Under which licences the chosen candidate came to be."""

import re
from collections.abc import Iterable
from typing import Any

from annotate.models import Candidate

# "NC" as a part of a licence's name, or in words.
_NON_COMMERCIAL = re.compile(r"(?<![a-z])nc(?![a-z])|non[- ]?commercial|research[- ]only", re.I)


def is_non_commercial(licence: str) -> bool:
    """Tell whether a licence's name says that it allows no commercial use."""
    return _NON_COMMERCIAL.search(licence) is not None


def note_licences(candidate: Candidate) -> list[dict[str, Any]]:
    """List the licences of a candidate, its ancestors, and whose texts they were trained on.

    `relation` is "itself", "parent" (weights it was made from, however far back) or "texts": a
    candidate of a run whose votes one of these was trained on, under a licence that allows no
    commercial use; texts of others ask for nothing.
    """
    family = list(_ancestors(candidate))
    told = [
        _tell(each, "itself" if each.pk == candidate.pk else "parent")
        for each in family
        if each.pk == candidate.pk or each.licence
    ]
    known = {each.pk for each in family}
    for writer in _writers(family):
        if writer.pk not in known and is_non_commercial(writer.licence):
            told.append(_tell(writer, "texts"))
    return told


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


def _writers(family: Iterable[Candidate]) -> list[Candidate]:
    """List the candidates whose completions may be in what the family was trained on."""
    runs = {
        each.training_run.dataset.run_id: each.training_run.dataset.created_at
        for each in family
        if each.training_run is not None
    }
    found: list[Candidate] = []
    for run, made_at in sorted(runs.items()):
        writers = Candidate.objects.competing().filter(run=run, created_at__lte=made_at)
        found += writers.order_by("pk")
    return found


def _tell(candidate: Candidate, relation: str) -> dict[str, Any]:
    return {
        "candidate": candidate.name,
        "model": candidate.model,
        "relation": relation,
        "licence": candidate.licence,
        "is_non_commercial": is_non_commercial(candidate.licence),
    }
