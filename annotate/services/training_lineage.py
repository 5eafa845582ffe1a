"""Where a trained candidate comes from, and under which licences that puts it."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count

from annotate.models import Candidate, PreferenceDataset, TrainingRun
from annotate.services.deciding.licences import is_non_commercial, note_licences
from annotate.services.exporting import votes_behind
from annotate.services.training_rows import PairsRead

Source = dict[str, Any]


def list_sources(
    *, base: Candidate, dataset: PreferenceDataset, writers: Iterable[str]
) -> list[Source]:
    """List the models that go into a training, as `deciding.licences` tells them.

    They are the base, what it was made from, and whoever wrote replies of the dataset ("texts").

    Args:
        writers: names of the candidates of the dataset's run that wrote them.
    """
    sources = note_licences(base)
    known = {(each["candidate"], each["model"]) for each in sources}
    for writer in dataset.run.candidates.filter(name__in=set(writers)).order_by("pk"):
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
