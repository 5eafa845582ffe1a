"""Lineage both ways: of a checkpoint, of a dataset, and of a vote.

A checkpoint comes of a training, that of a dataset, that of votes and imported pairs; and a vote
went into datasets, those into checkpoints, and those have children.
"""

from collections.abc import Iterable, Sequence

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from annotate.models import Annotator, Candidate, DatasetSource, Exclusion, PreferenceDataset, Vote
from annotate.models.comparisons import Purpose
from annotate.services.exporting.recipe import FORMS_OF_VOTES
from annotate.services.lineage.family import Family, ancestors_of, descendants_of
from annotate.services.lineage.in_file import Place, find_place
from annotate.services.lineage.licences import (
    find_bound,
    licences_of_candidate,
    licences_of_sources,
)
from annotate.services.lineage.told import (
    CandidateLineage,
    DatasetLineage,
    DatasetPart,
    Source,
    Use,
    VoteLineage,
)
from annotate.services.lineage.voters import VoteCounts, consent_version, count_voters
from annotate.services.lineage.withdrawn import is_of_consent, withdrawn_by_dataset

DATASETS_SHOWN = 20
TRAINED = (Place.TRAIN, Place.PROMPT, Place.UNKNOWN)


def of_candidate(candidate: Candidate) -> CandidateLineage:
    """Tell where a candidate comes from, in a number of queries that grows with generations."""
    ancestors = ancestors_of(candidate)
    trained_on = [member.dataset.pk for member in ancestors.members if member.dataset]
    parts = {part.dataset.pk: part for part in tell_parts(dict.fromkeys(trained_on))}
    licences = licences_of_candidate(candidate)
    bound = any(each.is_non_commercial for each in licences)
    bound = bound or any(part.is_non_commercial for part in parts.values())
    children = candidate.children.values_list("pk", flat=True)
    return CandidateLineage(
        candidate=candidate,
        ancestors=ancestors,
        datasets=tuple(parts[pk] for pk in dict.fromkeys(trained_on)),
        licences=licences,
        children=descendants_of(children, is_bound=bound),
    )


def of_dataset(dataset: PreferenceDataset) -> DatasetLineage:
    """Tell what a dataset was made of, and what was made of it."""
    (part,) = tell_parts([dataset.pk])
    licences = licences_of_sources([source.source for source in part.sources])
    bound = part.is_non_commercial or any(each.is_non_commercial for each in licences)
    trainings = dataset.training_runs.select_related("base__run").order_by("pk")
    return DatasetLineage(
        part=part,
        licences=licences,
        trainings=tuple(trainings),
        children=_children_of([dataset.pk], is_bound=bound),
    )


def of_vote(vote: Vote, *, first: int = 0, most: int = DATASETS_SHOWN) -> VoteLineage:
    """Tell which datasets and checkpoints a vote went into.

    Args:
        first: how many of the newest datasets are passed over.
        most: how many are told of; each costs a look into its file.
    """
    vote = _read_vote(vote.pk)
    told = Vote.objects.filter(pk=vote.pk).annotate(version=consent_version(), gone=is_of_consent())
    version, is_gone_with_consent = told.values_list("version", "gone").get()
    uses = uses_of(vote)
    shown = list(uses[first : first + most])
    bound = find_bound(source.dataset for source in shown)
    return VoteLineage(
        vote=vote,
        consent_version=version,
        withdrawn=_say_withdrawn(vote, is_of_consent=is_gone_with_consent),
        never=_say_never(vote),
        uses=tuple(_tell_use(source, vote, source.dataset_id in bound) for source in shown),
        n_uses=uses.count(),
    )


def uses_of(vote: Vote) -> QuerySet[DatasetSource]:
    """Find the datasets that a vote counted for, the newest first: it stood and nobody excluded it.

    Whether its pair became a row is another question, which `in_file.find_place` answers.
    """
    sources = DatasetSource.objects.select_related("dataset__run").order_by("-dataset_id", "pk")
    comparison = vote.comparison
    if comparison.purpose != Purpose.RANKING:
        return sources.none()
    if comparison.prompt.is_held_out:
        sources = sources.filter(dataset__form__in=FORMS_OF_VOTES)
    run, annotator = comparison.round.run, comparison.annotator
    own = "judges" if annotator.kind == Annotator.Kind.JUDGE else "people"
    excluded = Exclusion.objects.filter(
        Q(undone_number__isnull=True) | Q(undone_number__gt=OuterRef("cutoff")),
        run=run,
        annotator=annotator,
        number__lte=OuterRef("cutoff"),
    )
    counted = sources.filter(
        Q(round_number__isnull=True) | Q(round_number=comparison.round.number),
        ~Exists(excluded),
        run=run,
        cutoff__gte=vote.pk,
        voters__in=[own, "together"],
    )
    if vote.withdrawn_number is not None:
        counted = counted.filter(cutoff__lt=vote.withdrawn_number)
    return counted


def tell_parts(datasets: Iterable[int]) -> list[DatasetPart]:
    """Tell of datasets with their sources and votes, in a fixed number of queries."""
    wanted = list(datasets)
    ordered = Prefetch("sources", DatasetSource.objects.order_by("pk"))
    rows = PreferenceDataset.objects.filter(pk__in=wanted).select_related("run")
    with_sources = rows.prefetch_related(ordered, "sources__run", "sources__preference_set")
    found = {each.pk: each for each in with_sources}
    bound = find_bound(found.values())
    counts = count_voters(source for each in found.values() for source in each.sources.all())
    withdrawn = withdrawn_by_dataset(found.values())
    return [
        DatasetPart(
            dataset=found[pk],
            sources=tuple(_tell_source(source, counts) for source in found[pk].sources.all()),
            withdrawn=withdrawn.get(pk),
            is_non_commercial=pk in bound,
        )
        for pk in wanted
    ]


def _tell_source(source: DatasetSource, counts: dict[int, VoteCounts]) -> Source:
    return Source(source, counts.get(source.pk, VoteCounts()) if source.run_id else None)


def _children_of(datasets: Sequence[int], *, is_bound: bool) -> Family:
    trained = Candidate.objects.filter(training_run__dataset__in=datasets)
    return descendants_of(trained.values_list("pk", flat=True), is_bound=is_bound)


def _tell_use(source: DatasetSource, vote: Vote, is_bound: bool) -> Use:
    dataset = source.dataset
    place = find_place(dataset, vote)
    # What was left out, or stands in the rows to test on, trained nobody.
    trained = [dataset.pk] if place in TRAINED else []
    return Use(source, place, is_bound, _children_of(trained, is_bound=is_bound))


def _read_vote(pk: int) -> Vote:
    return Vote.objects.select_related(
        "comparison__annotator",
        "comparison__round__run",
        "comparison__prompt__prompt_set",
        "comparison__completion_a__candidate",
        "comparison__completion_b__candidate",
    ).get(pk=pk)


def _say_withdrawn(vote: Vote, *, is_of_consent: bool) -> str:
    if vote.withdrawn_number is None:
        return ""
    return "consent" if is_of_consent else "single"


def _say_never(vote: Vote) -> str:
    if vote.comparison.purpose != Purpose.RANKING:
        return "purpose"
    return "held_out" if vote.comparison.prompt.is_held_out else ""
