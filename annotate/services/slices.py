"""The parts of a run's votes that can be ranked apart."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Max
from django.utils.translation import gettext as _

from annotate.models import Annotator, Prompt, Ranking, Round, SelectionRun, Vote
from annotate.models.votes import VoteQuerySet
from annotate.services import errors

if TYPE_CHECKING:
    from annotate.services.vote_columns import Votes

# What a part is named by, and where a vote has it.
SLICES = {
    "language": "comparison__prompt__language",
    "category": "comparison__prompt__category",
    "turn": "turn",
    "kind": "comparison__annotator__kind",
    "round": "comparison__round__number",
}
OVERALL = "overall"
# A value of the filter `kind`: people, simulated annotators and LLM judges as one crowd.
TOGETHER = "together"


def keep_slices(votes: VoteQuerySet, filters: Mapping[str, Any]) -> VoteQuerySet:
    """Keep the votes that a ranking's filters ask for: without a kind those of people.

    Simulated annotators stand for people. LLM judges never count among them unsaid.
    """
    named = named_slices(filters)
    if "kind" not in named:
        votes = votes.by_people()
    elif named["kind"] == TOGETHER:
        del named["kind"]
    return votes.filter(**{SLICES[name]: _stored(name, each) for name, each in named.items()})


def filters_of(ranking: Ranking) -> dict[str, Any]:
    """Give the filters of a stored ranking so that they keep what it counted.

    Before judges were told apart, a ranking without a filter on kinds counted them all.
    """
    filters: dict[str, Any] = ranking.filters
    counted = ranking.settings.get("votes_by_kind", {Annotator.Kind.JUDGE: 1})
    if "kind" in named_slices(filters) or not counted.get(Annotator.Kind.JUDGE):
        return filters
    return filters | {"kind": TOGETHER}


def named_slices(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Give the slices that a ranking is of, name → value, whether it is one of several or alone."""
    named = {name: filters[name] for name in SLICES if name in filters}
    if "by" in filters:
        named[filters["by"]] = filters["value"]
    return named


def round_of(filters: Mapping[str, Any]) -> int | None:
    """Give the number of the one round whose votes the filters keep."""
    named = named_slices(filters)
    return int(named["round"]) if "round" in named else None


def known_values(*, run: SelectionRun, name: str) -> list[Any]:
    """List what a filter of this name can ask for in the run."""
    prompts = run.prompts().order_by()
    if name in ("language", "category"):
        return sorted(prompts.values_list(name, flat=True).distinct())
    if name == "turn":
        longest = prompts.aggregate(longest=Max("turns__len"))["longest"] or 1
        return [OVERALL, *map(str, range(1, longest + 1))]
    if name == "kind":
        return [*Annotator.Kind.values, TOGETHER]
    return list(run.rounds.order_by("number").values_list("number", flat=True))


def check_filters(*, run: SelectionRun, by: str | None, filters: Mapping[str, Any]) -> None:
    """Refuse filters that can keep no vote of the run, whoever votes.

    Raises:
        NoSuchSlice: a value that the run does not have, or a filter on what it is sliced by.
    """
    if by in filters:
        said = _("by %(name)s and of one %(name)s are two different wishes; leave one of them out")
        raise errors.NoSuchSlice(said % {"name": by})
    for name, value in filters.items():
        known = known_values(run=run, name=name)
        if value not in known:
            said = _("run %(run)s has no %(name)s %(value)s; there is %(known)s")
            told = ", ".join(str(each) or '""' for each in known) or _("none")
            raise errors.NoSuchSlice(
                said % {"run": run.slug, "name": name, "value": value, "known": told}
            )


def split_votes(votes: "Votes", by: str) -> Iterator[tuple[str, "Votes"]]:
    """Yield the votes of each value that a slice has among them, in the order of its names."""
    values = _values(votes, by)
    names = {value: _name(by, value) for value in set(values.tolist())}
    for value, name in sorted(names.items(), key=lambda each: each[1]):
        yield name, votes[values == value]


def _values(votes: "Votes", by: str) -> "np.ndarray[Any, Any]":
    """Return (votes,) what each vote has of a slice."""
    if by == "turn":
        return votes["turn"]
    column = {"kind": "annotator", "round": "round"}.get(by, "prompt")
    ids, place = np.unique(votes[column], return_inverse=True)
    known = _known(by, ids.tolist())
    return np.array([known[pk] for pk in ids.tolist()])[place]


def _known(by: str, ids: list[int]) -> dict[int, Any]:
    """Give what prompts, annotators or rounds have of a slice, by id."""
    if by == "kind":
        return dict(Annotator.objects.filter(pk__in=ids).values_list("pk", "kind"))
    if by == "round":
        return dict(Round.objects.filter(pk__in=ids).values_list("pk", "number"))
    return dict(Prompt.objects.filter(pk__in=ids).values_list("pk", by))


def _name(by: str, value: Any) -> str:
    return OVERALL if by == "turn" and value == Vote.WHOLE_CONVERSATION else str(value)


def _stored(name: str, value: Any) -> Any:
    """Give a slice's value as votes have it."""
    if name == "turn":
        return Vote.WHOLE_CONVERSATION if value == OVERALL else int(value)
    return int(value) if name == "round" else value
