"""Say which datasets and checkpoints were made from votes that were taken back since."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Value

from annotate.models import (
    Candidate,
    Consent,
    DatasetSource,
    PreferenceDataset,
    SelectionRun,
    Vote,
)
from annotate.models.votes import VoteQuerySet
from annotate.services.exporting.ballots import keep_voters
from annotate.services.exporting.recipe import FORMS_OF_VOTES


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

    def to_dict(self) -> dict[str, int]:
        """Give both numbers by name."""
        return {"with_consent": self.with_consent, "single": self.single}


def withdrawn_since(dataset: PreferenceDataset) -> Withdrawn | None:
    """Count the votes that the dataset was made from and that were taken back; None for none."""
    return withdrawn_by_dataset([dataset]).get(dataset.pk)


def withdrawn_by_dataset(datasets: Iterable[PreferenceDataset]) -> dict[int, Withdrawn]:
    """Count by dataset, in two queries; a dataset whose votes all stand is left out.

    Votes on held-out prompts are not counted where they never reach a row.
    """
    asked = [dataset.pk for dataset in datasets]
    sources = DatasetSource.objects.filter(dataset__in=asked, run__isnull=False)
    behind: dict[int, list[VoteQuerySet]] = {}
    for source in sources.select_related("dataset", "run").order_by("pk"):
        behind.setdefault(source.dataset_id, []).append(votes_of_source(source))
    # A vote that counted for two sources of a dataset is one vote.
    parts = [_withdrawn_votes(pk, reduce(or_, votes)) for pk, votes in behind.items()]
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


def is_of_consent() -> Exists:
    """Tell of votes whether their annotator took a consent back after they were cast."""
    taken_back = Consent.objects.filter(
        annotator=OuterRef("comparison__annotator"), withdrawn_at__gte=OuterRef("created_at")
    )
    return Exists(taken_back)


def votes_of_source(source: DatasetSource) -> VoteQuerySet:
    """Find the votes that a source was made of; imported pairs have none.

    No pair is made of votes on held-out prompts; where a row is a vote, they are to test on.
    """
    if source.run is None or source.cutoff is None:
        return Vote.objects.none()
    counted = Vote.objects.of_run(source.run).counting_at(source.cutoff)
    votes = keep_voters(counted, source.voters, source.round_number)
    if source.dataset.form in FORMS_OF_VOTES:
        return votes
    return votes.filter(comparison__prompt__is_held_out=False)


def _withdrawn_votes(dataset: int, votes: VoteQuerySet) -> QuerySet[Vote, tuple[int, int, int]]:
    """Give one row: the dataset, votes taken back, and how many of them with the consent."""
    return (
        votes.filter(withdrawn_number__isnull=False)
        .order_by()
        .annotate(is_of_consent=is_of_consent())
        .values(dataset=Value(dataset))
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
