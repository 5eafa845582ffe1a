"""Under which licences a dataset's rows stand, and which of them allow no commercial use."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Value

from annotate.models import Candidate, DatasetSource, PreferenceDataset
from annotate.services.deciding.licences import is_non_commercial, note_licences
from annotate.services.lineage.withdrawn import votes_of_source


@dataclass(frozen=True)
class Licence:
    """A licence that something stands under, and why it is said here.

    Attributes:
        name: of the candidate, or of the preference set.
        relation: "itself", "parent" (weights that something was made from), "texts" (replies of a
            candidate), or "preferences" (imported pairs).
        licence: empty where nobody said.
    """

    name: str
    model: str
    relation: str
    licence: str
    is_non_commercial: bool

    def to_dict(self) -> dict[str, Any]:
        """Give it as the API does."""
        return asdict(self)


def find_bound(datasets: Iterable[PreferenceDataset]) -> set[int]:
    """Find those that allow no commercial use, by what they were made of: in two queries."""
    asked = {dataset.pk: dataset for dataset in datasets}
    sources = DatasetSource.objects.filter(dataset__in=asked).select_related("preference_set")
    bound = {pk for pk, dataset in asked.items() if is_non_commercial(dataset.licence)}
    runs: dict[int, list[PreferenceDataset]] = {}
    for source in sources:
        if source.preference_set is not None and is_non_commercial(source.preference_set.licence):
            bound.add(source.dataset_id)
        # Datasets of earlier days state no licence: whoever took part in the run may be in them.
        if source.run_id is not None and not asked[source.dataset_id].licence:
            runs.setdefault(source.run_id, []).append(asked[source.dataset_id])
    writers = Candidate.objects.competing().filter(run__in=runs).exclude(licence="")
    for writer in writers.order_by():
        if is_non_commercial(writer.licence):
            made_of = (each for each in runs[writer.run_id] if each.created_at > writer.created_at)
            bound |= {each.pk for each in made_of}
    return bound


def licences_of_candidate(candidate: Candidate) -> tuple[Licence, ...]:
    """List those of a candidate, of what it was made from, and of texts that bind it."""
    return tuple(
        Licence(
            name=each["candidate"],
            model=each["model"],
            relation=each["relation"],
            licence=each["licence"],
            is_non_commercial=each["is_non_commercial"],
        )
        for each in note_licences(candidate)
    )


def licences_of_sources(sources: Sequence[DatasetSource]) -> tuple[Licence, ...]:
    """List those of whoever wrote replies that were voted on, and of imported pairs."""
    writers = Candidate.objects.filter(pk__in=_writers(sources)).order_by("pk")
    told = [
        Licence(each.name, each.model, "texts", each.licence, is_non_commercial(each.licence))
        for each in writers
    ]
    sets = {source.preference_set for source in sources if source.preference_set is not None}
    told += [
        Licence(each.slug, "", "preferences", each.licence, is_non_commercial(each.licence))
        for each in sorted(sets, key=lambda each: each.slug)
    ]
    return tuple(told)


def _writers(sources: Iterable[DatasetSource]) -> set[int]:
    """Find the candidates whose replies were voted on."""
    parts = [
        votes_of_source(source)
        .order_by()
        .values_list("comparison__candidate_a", "comparison__candidate_b", Value(source.pk))
        .distinct()
        for source in sources
        if source.run_id
    ]
    if not parts:
        return set()
    rows = parts[0].union(*parts[1:])
    return {pk for a, b, _source in rows for pk in (a, b)}
