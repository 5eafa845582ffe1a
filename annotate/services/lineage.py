"""Say which datasets and checkpoints were made from votes that were taken back since."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Value

from annotate.models import Candidate, Consent, PreferenceDataset, SelectionRun, Vote
from annotate.services.exporting import votes_behind


@dataclass(frozen=True)
class Withdrawn:
    """Votes behind a dataset that no longer stand.

    Attributes:
        with_consent: of annotators who took their consent back after they had cast them.
        single: the others, each taken back by itself.
    """

    with_consent: int
    single: int

    @property
    def total(self) -> int:
        """How many there are in all."""
        return self.with_consent + self.single


def withdrawn_since(dataset: PreferenceDataset) -> Withdrawn | None:
    """Count the votes that the dataset was made from and that were taken back; None for none."""
    return withdrawn_by_dataset([dataset]).get(dataset.pk)


def withdrawn_by_dataset(datasets: Iterable[PreferenceDataset]) -> dict[int, Withdrawn]:
    """Count by dataset, in one query; a dataset whose votes all stand is left out.

    Votes on held-out prompts are not counted, since they never reach a dataset.
    """
    parts = [_withdrawn_votes(dataset) for dataset in datasets]
    if not parts:
        return {}
    rows = parts[0].union(*parts[1:], all=True)
    return {dataset: Withdrawn(consent, n - consent) for dataset, n, consent in rows if n}


def withdrawn_by_candidate(run: SelectionRun) -> dict[int, dict[int, Withdrawn]]:
    """Count by candidate of the run and dataset: votes taken back that had trained it.

    A checkpoint passes on what trained it to those that were trained from it. A vote may stand
    behind several datasets, so the numbers of one candidate are not to be added up.
    """
    candidates = {
        candidate.pk: candidate
        for candidate in Candidate.objects.filter(run=run)
        .select_related("training_run__dataset__run")
        .prefetch_related("parents")
    }
    behind = {pk: _datasets_behind(candidates, pk) for pk in candidates}
    datasets = {each.pk: each for found in behind.values() for each in found}
    withdrawn = withdrawn_by_dataset(datasets.values())
    found = {
        pk: {each.pk: withdrawn[each.pk] for each in made_of if each.pk in withdrawn}
        for pk, made_of in behind.items()
    }
    return {pk: parts for pk, parts in found.items() if parts}


def _withdrawn_votes(dataset: PreferenceDataset) -> QuerySet[Vote, tuple[int, int, int]]:
    """Give one row: the dataset, votes taken back, and how many of them with the consent."""
    taken_back = Consent.objects.filter(
        annotator=OuterRef("comparison__annotator"), withdrawn_at__gte=OuterRef("created_at")
    )
    votes = votes_behind(dataset)
    return (
        votes.filter(withdrawn_number__isnull=False, comparison__prompt__is_held_out=False)
        .order_by()
        .annotate(is_of_consent=Exists(taken_back))
        .values(dataset=Value(dataset.pk))
        .annotate(n=Count("pk"), n_of_consent=Count("pk", filter=Q(is_of_consent=True)))
        .values_list(F("dataset"), "n", "n_of_consent")
    )


def _datasets_behind(candidates: dict[int, Candidate], pk: int) -> list[PreferenceDataset]:
    """List what trained a candidate and those that it descends from, within its run."""
    seen: dict[int, None] = {}
    waiting = [pk]
    while waiting:
        candidate = candidates.get(waiting.pop())
        if candidate is not None and candidate.pk not in seen:
            seen[candidate.pk] = None
            waiting += [parent.pk for parent in candidate.parents.all()]
    trainings = [candidates[each].training_run for each in seen]
    return list({each.dataset.pk: each.dataset for each in trainings if each}.values())
