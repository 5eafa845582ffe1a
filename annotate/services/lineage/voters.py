"""Whose votes are behind a dataset: counted, never listed, however many they are."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Value

from annotate.models import Consent, DatasetSource, Vote
from annotate.services.lineage.withdrawn import Withdrawn, is_of_consent, votes_of_source


@dataclass(frozen=True)
class VoteCounts:
    """The votes of one source of a dataset; each of the three tells all of them apart.

    Attributes:
        by_kind: kind of annotator → votes.
        by_round: number of the round → votes.
        by_consent: version of the consent text that the annotator had agreed to by then → votes;
            None for LLM judges, simulated annotators and imported votes, whom nobody asked here.
        withdrawn: those of them that were taken back since; None where all stand.
    """

    by_kind: Mapping[str, int] = field(default_factory=dict)
    by_round: Mapping[int, int] = field(default_factory=dict)
    by_consent: Mapping[int | None, int] = field(default_factory=dict)
    withdrawn: Withdrawn | None = None

    @property
    def n(self) -> int:
        """How many there are in all."""
        return sum(self.by_kind.values())

    def to_dict(self) -> dict[str, Any]:
        """Give the counts as JSON has them, whose names are texts: "none" is no consent here."""
        taken = self.withdrawn
        return {
            "n": self.n,
            "by_kind": dict(self.by_kind),
            "by_round": {str(number): n for number, n in self.by_round.items()},
            "by_consent_version": {
                "none" if version is None else str(version): n
                for version, n in self.by_consent.items()
            },
            "withdrawn": taken.to_dict() if taken else Withdrawn(0, 0).to_dict(),
        }


def count_voters(sources: Iterable[DatasetSource]) -> dict[int, VoteCounts]:
    """Count the votes behind each of these sources, in one query; imported pairs have none."""
    parts = [_grouped(source) for source in sources if source.run_id]
    if not parts:
        return {}
    kinds: dict[int, Counter[str]] = {}
    rounds: dict[int, Counter[int]] = {}
    consents: dict[int, Counter[int | None]] = {}
    taken: dict[int, Counter[bool]] = {}
    rows = parts[0].union(*parts[1:], all=True)
    for source, kind, number, version, n, n_withdrawn, n_of_consent in rows:
        kinds.setdefault(source, Counter())[kind] += n
        rounds.setdefault(source, Counter())[number] += n
        consents.setdefault(source, Counter())[version] += n
        counted = taken.setdefault(source, Counter())
        counted[True] += n_of_consent
        counted[False] += n_withdrawn - n_of_consent
    return {
        source: VoteCounts(
            by_kind=dict(kinds[source]),
            by_round=dict(sorted(rounds[source].items())),
            by_consent=dict(sorted(consents[source].items(), key=lambda pair: pair[0] or 0)),
            withdrawn=Withdrawn(taken[source][True], taken[source][False])
            if sum(taken[source].values())
            else None,
        )
        for source in kinds
    }


def consent_version() -> Subquery:
    """Select the newest text that a vote's annotator agreed to when the vote was cast."""
    given = Consent.objects.filter(
        Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gte=OuterRef("created_at")),
        annotator=OuterRef("comparison__annotator"),
        given_at__lte=OuterRef("created_at"),
    )
    return Subquery(given.order_by("-text__version").values("text__version")[:1])


def _grouped(source: DatasetSource) -> QuerySet[Vote, Any]:
    """Give rows of one source: its id, kind, round, consent version, and three counts."""
    is_gone = Q(withdrawn_number__isnull=False)
    return (
        votes_of_source(source)
        .order_by()
        .annotate(version=consent_version(), is_of_consent=is_of_consent())
        .values(
            "version",
            source=Value(source.pk),
            kind=F("comparison__annotator__kind"),
            number=F("comparison__round__number"),
        )
        .annotate(
            n=Count("pk"),
            n_withdrawn=Count("pk", filter=is_gone),
            n_of_consent=Count("pk", filter=is_gone & Q(is_of_consent=True)),
        )
        .values_list("source", "kind", "number", "version", "n", "n_withdrawn", "n_of_consent")
    )
