"""Where a trained candidate comes from, and under which licences that puts it."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count

from annotate.models import Candidate, DatasetSource, PreferenceDataset, TrainingRun
from annotate.services.deciding.licences import is_non_commercial, note_licences
from annotate.services.exporting import votes_behind
from annotate.services.training_rows import PairsRead

Source = dict[str, Any]


def list_sources(
    *, base: Candidate, dataset: PreferenceDataset, writers: Iterable[str]
) -> list[Source]:
    """List what goes into a training, as `deciding.licences` tells it.

    That is the base, what it was made from, whoever wrote replies of the dataset ("texts"), and the
    imported pairs in it ("preferences").

    Args:
        writers: names of the candidates of the dataset's runs that wrote them.
    """
    sources = note_licences(base)
    known = {(each["candidate"], each["model"]) for each in sources}
    parts = DatasetSource.objects.filter(dataset=dataset.pk).select_related("preference_set")
    runs = {dataset.run_id, *(part.run_id for part in parts if part.run_id)}
    for writer in Candidate.objects.filter(run__in=runs, name__in=set(writers)).order_by("pk"):
        if (writer.name, writer.model) not in known:
            sources.append(
                {
                    "candidate": writer.name,
                    "model": writer.model,
                    "relation": "texts",
                    "licence": writer.licence,
                    "is_non_commercial": is_non_commercial(writer.licence),
                }
            )
    sets = {part.preference_set for part in parts if part.preference_set is not None}
    for each in sorted(sets, key=lambda each: each.slug):
        if (each.slug, "") not in known:
            sources.append(
                {
                    "candidate": each.slug,
                    "model": "",
                    "relation": "preferences",
                    "licence": each.licence,
                    "is_non_commercial": is_non_commercial(each.licence),
                }
            )
    return sources


def inherit_licence(sources: Iterable[Source]) -> str:
    """Give the licence of what is made of these: the base's, and what binds beside it.

    Weights bind whatever is made from them. Texts of others bind where their licence allows no
    commercial use: such a licence asks the same of all that is trained on what its model wrote.
    Licences that hold together are joined by AND, as SPDX has it.
    """
    binding: dict[str, None] = {}
    for source in sources:
        is_weights = source["relation"] == "itself"
        if source["licence"] and (is_weights or source["is_non_commercial"]):
            binding.update(dict.fromkeys(source["licence"].split(" AND ")))
    return " AND ".join(binding)


def tell_lineage(*, training_run: TrainingRun, pairs: PairsRead) -> dict[str, Any]:
    """Say where the pairs of a training came from, for the model's card and for whoever asks."""
    base, dataset = training_run.base, training_run.dataset
    sources = list_sources(base=base, dataset=dataset, writers=pairs.writers)
    kinds = votes_behind(dataset).filter(comparison__prompt__is_held_out=False).order_by()
    votes = kinds.values_list("comparison__annotator__kind").annotate(n=Count("pk"))
    return {
        "name": training_run.child_name,
        "parent": base.name,
        "licence": inherit_licence(sources),
        "licences": list(dict.fromkeys(each["licence"] for each in sources if each["licence"])),
        "sources": sources,
        "languages": list(pairs.languages),
        "run": dataset.run.slug,
        "dataset": str(dataset.pk),
        "dataset_sha256": dataset.sha256,
        "votes": dict(votes),
    }
