"""Candidates by descent: what one was made from, and what was made of it since."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotate.models import Candidate, PreferenceDataset, TrainingRun
from annotate.services.deciding.licences import is_non_commercial

# A page can show as many, and nobody reads more.
MOST = 200


@dataclass(frozen=True)
class Member:
    """A candidate of a family.

    Attributes:
        depth: generations away from where the family was looked at; 0 is there.
        parents: the candidates that it was made from, in order of their ids.
        is_non_commercial: a licence that allows no commercial use binds it, be it inherited.
    """

    candidate: Candidate
    depth: int
    parents: tuple[Candidate, ...]
    is_non_commercial: bool

    @property
    def training(self) -> TrainingRun | None:
        """Give the training whose checkpoint it is."""
        return self.candidate.training_run

    @property
    def dataset(self) -> PreferenceDataset | None:
        """Give what it was trained on."""
        return self.training.dataset if self.training else None

    def to_dict(self) -> dict[str, Any]:
        """Give it as the API does."""
        return {
            **tell_candidate(self.candidate),
            "depth": self.depth,
            "parents": [each.pk for each in self.parents],
            "training": self.training.pk if self.training else None,
            "dataset": self.dataset.pk if self.dataset else None,
            "is_non_commercial": self.is_non_commercial,
        }


@dataclass(frozen=True)
class Family:
    """Candidates by generation, the nearest first; `is_whole` unless there are more than `MOST`."""

    members: tuple[Member, ...]
    is_whole: bool

    def __len__(self) -> int:
        return len(self.members)

    @property
    def depth(self) -> int:
        """Count the generations beyond the first."""
        return max((member.depth for member in self.members), default=0)


def tell_candidate(candidate: Candidate) -> dict[str, Any]:
    """Name a candidate as the API does."""
    return {
        "id": candidate.pk,
        "run": candidate.run.slug,
        "name": candidate.name,
        "model": candidate.model,
        "revision": candidate.revision,
        "origin": candidate.origin,
        "licence": candidate.licence,
    }


def ancestors_of(candidate: Candidate) -> Family:
    """Give a candidate and all that it was made from, a query a generation."""
    return _walk([candidate.pk], "children", is_bound=False)


def descendants_of(candidates: Iterable[int], *, is_bound: bool) -> Family:
    """Give candidates and all that were made from them, a query a generation.

    Args:
        candidates: ids of the first generation.
        is_bound: they inherit a licence that allows no commercial use, and so do their children.
    """
    return _walk(list(candidates), "parents", is_bound=is_bound)


def _walk(first: Sequence[int], related: str, *, is_bound: bool) -> Family:
    found: dict[int, tuple[Candidate, int]] = {}
    asked: dict[str, Sequence[int]] = {"pk__in": first}
    depth = 0
    while len(found) <= MOST:
        rows = (
            Candidate.objects.filter(**asked)
            .exclude(pk__in=list(found))
            .select_related("run", "training_run__dataset__run", "training_run__base__run")
            .prefetch_related("parents")
            .order_by("pk")
            .distinct()
        )
        generation = list(rows[: MOST + 1 - len(found)])
        if not generation:
            break
        found |= {each.pk: (each, depth) for each in generation}
        asked = {f"{related}__in": [each.pk for each in generation]}
        depth += 1
    bound = _bound(found, first if is_bound else ())
    members = [
        Member(each, depth, tuple(sorted(each.parents.all(), key=_pk)), each.pk in bound)
        for each, depth in found.values()
    ]
    return Family(tuple(members[:MOST]), is_whole=len(members) <= MOST)


def _bound(found: Mapping[int, tuple[Candidate, int]], first: Sequence[int]) -> set[int]:
    """Find whom a licence binds that allows no commercial use: a child inherits its parents'."""
    bound = set(first) | {pk for pk, (each, _depth) in found.items() if _is_bound_itself(each)}
    while True:
        heirs = {
            pk
            for pk, (each, _depth) in found.items()
            if pk not in bound and any(parent.pk in bound for parent in each.parents.all())
        }
        if not heirs:
            return bound
        bound |= heirs


def _is_bound_itself(candidate: Candidate) -> bool:
    """Look at its own licence, its parents' and that of what it was trained on."""
    licences = [candidate.licence, *(parent.licence for parent in candidate.parents.all())]
    if candidate.training_run is not None:
        licences.append(candidate.training_run.dataset.licence)
    return any(map(is_non_commercial, licences))


def _pk(candidate: Candidate) -> int:
    return candidate.pk
