"""What lineage tells: of a candidate, of a dataset, of a vote; as pages and the API give it."""

from dataclasses import dataclass
from typing import Any

from annotate.models import Candidate, DatasetSource, PreferenceDataset, TrainingRun, Vote
from annotate.services.lineage.family import Family, tell_candidate
from annotate.services.lineage.in_file import Place
from annotate.services.lineage.licences import Licence
from annotate.services.lineage.voters import VoteCounts
from annotate.services.lineage.withdrawn import Withdrawn


@dataclass(frozen=True)
class Source:
    """A part of what a dataset was made of; imported pairs have no votes."""

    source: DatasetSource
    votes: VoteCounts | None

    def to_dict(self) -> dict[str, Any]:
        """Give it as the API does."""
        source = self.source
        return {
            "name": source.name,
            "run": source.run.slug if source.run else None,
            "cutoff": source.cutoff,
            "voters": source.voters or None,
            "round": source.round_number,
            "preference_set": source.preference_set.slug if source.preference_set else None,
            "weight": source.weight,
            "n_rows": source.n_rows,
            "votes": self.votes.to_dict() if self.votes else None,
        }


@dataclass(frozen=True)
class DatasetPart:
    """A dataset with its sources; `withdrawn` are votes behind it that were taken back since."""

    dataset: PreferenceDataset
    sources: tuple[Source, ...]
    withdrawn: Withdrawn | None
    is_non_commercial: bool

    def to_dict(self) -> dict[str, Any]:
        """Give it as the API does."""
        return {
            **tell_dataset(self.dataset),
            "sources": [source.to_dict() for source in self.sources],
            "withdrawn": (self.withdrawn or Withdrawn(0, 0)).to_dict(),
            "is_non_commercial": self.is_non_commercial,
        }


@dataclass(frozen=True)
class CandidateLineage:
    """Where a candidate comes from, and what was made of it.

    Attributes:
        ancestors: the candidate itself, at depth 0, and all that it was made from.
        datasets: what it and its ancestors were trained on, the nearest first.
        children: what was made from it; depth 0 are its own children.
    """

    candidate: Candidate
    ancestors: Family
    datasets: tuple[DatasetPart, ...]
    licences: tuple[Licence, ...]
    children: Family

    @property
    def is_non_commercial(self) -> bool:
        """Tell whether a licence that allows no commercial use binds the candidate."""
        return (
            self.ancestors.members[0].is_non_commercial
            or any(part.is_non_commercial for part in self.datasets)
            or any(licence.is_non_commercial for licence in self.licences)
        )

    def to_dict(self) -> dict[str, Any]:
        """Give it as the API does."""
        return {
            "kind": "candidate",
            "candidate": tell_candidate(self.candidate),
            "is_non_commercial": self.is_non_commercial,
            "ancestors": _tell_family(self.ancestors),
            "datasets": [part.to_dict() for part in self.datasets],
            "licences": [licence.to_dict() for licence in self.licences],
            "children": _tell_family(self.children),
        }


@dataclass(frozen=True)
class DatasetLineage:
    """What a dataset was made of, and which checkpoints were made of it."""

    part: DatasetPart
    licences: tuple[Licence, ...]
    trainings: tuple[TrainingRun, ...]
    children: Family

    @property
    def is_non_commercial(self) -> bool:
        """Tell whether the dataset, and so all that is trained on it, is bound."""
        return self.part.is_non_commercial or any(each.is_non_commercial for each in self.licences)

    def to_dict(self) -> dict[str, Any]:
        """Give it as the API does."""
        return {
            "kind": "dataset",
            "dataset": self.part.to_dict(),
            "is_non_commercial": self.is_non_commercial,
            "licences": [licence.to_dict() for licence in self.licences],
            "trainings": [_tell_training(training) for training in self.trainings],
            "children": _tell_family(self.children),
        }


@dataclass(frozen=True)
class Use:
    """A dataset that a vote counted for; checkpoints are of those that its rows trained."""

    source: DatasetSource
    place: Place
    is_non_commercial: bool
    children: Family

    @property
    def dataset(self) -> PreferenceDataset:
        """Give the dataset."""
        return self.source.dataset

    def to_dict(self) -> dict[str, Any]:
        """Give it as the API does."""
        return {
            **tell_dataset(self.dataset),
            "source": self.source.name,
            "place": self.place.value,
            "is_non_commercial": self.is_non_commercial,
            "checkpoints": _tell_family(self.children),
        }


@dataclass(frozen=True)
class VoteLineage:
    """Which datasets and checkpoints a vote went into.

    Attributes:
        consent_version: of the text that the annotator had agreed to; None: nobody asked here.
        withdrawn: "" while it stands, "consent" where it went with the annotator's consent, else
            "single".
        never: why nobody is ever trained on it: "purpose" (a repeat, a known answer, practice),
            "held_out" (its prompt is), or "".
        uses: datasets that it counted for, the newest first; `n_uses` there are in all.
    """

    vote: Vote
    consent_version: int | None
    withdrawn: str
    never: str
    uses: tuple[Use, ...]
    n_uses: int

    def to_dict(self) -> dict[str, Any]:
        """Give it as the API does; the annotator by pseudonym."""
        comparison = self.vote.comparison
        return {
            "kind": "vote",
            "vote": {
                "number": self.vote.pk,
                "id": str(comparison.token),
                "turn": self.vote.turn,
                "run": comparison.round.run.slug,
                "round": comparison.round.number,
                "prompt_set": comparison.prompt.prompt_set.slug,
                "prompt": comparison.prompt.key,
                "candidate_a": comparison.completion_a.candidate.name,
                "candidate_b": comparison.completion_b.candidate.name,
                "outcome": self.vote.outcome,
                "annotator": comparison.annotator.pseudonym,
                "annotator_kind": comparison.annotator.kind,
                "created_at": self.vote.created_at.isoformat(),
                "consent_version": self.consent_version,
                "withdrawn": self.withdrawn or None,
                "never": self.never or None,
            },
            "n_datasets": self.n_uses,
            "datasets": [use.to_dict() for use in self.uses],
        }


Lineage = CandidateLineage | DatasetLineage | VoteLineage


def tell_dataset(dataset: PreferenceDataset) -> dict[str, Any]:
    """Name a dataset as the API does."""
    return {
        "id": dataset.pk,
        "run": dataset.run.slug,
        "form": dataset.form,
        "n_rows": dataset.n_pairs,
        "sha256": dataset.sha256,
        "licence": dataset.licence,
        "created_at": dataset.created_at.isoformat(),
    }


def _tell_training(training: TrainingRun) -> dict[str, Any]:
    return {
        "id": training.pk,
        "base": tell_candidate(training.base),
        "child_name": training.child_name,
        "state": training.state,
        "licence": training.licence,
    }


def _tell_family(family: Family) -> dict[str, Any]:
    return {
        "is_whole": family.is_whole,
        "candidates": [member.to_dict() for member in family.members],
    }
