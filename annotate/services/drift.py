"""How a candidate's replies have changed against its parent's: leakage, length and the like.

A reply is held against the parent's reply to the same prompt, of the same sample number, so that
hard prompts weigh on both alike; intervals come from how much prompts differ.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import QuerySet

from annotate.models import Candidate, Prompt, Round, SelectionRun
from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.means import GroupMeans, mean_by_group
from annotate.services.measure_columns import Measure, Measured, read_measures
from annotate.services.numbers import json_number


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval, None where there is none to give; of `n` completions or pairs."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class CandidateDrift:
    """What was counted in a candidate's replies, and how that differs from one parent's.

    Attributes:
        parent: None for a candidate that has none; one with two parents has a row for each.
        values: mean of each measure.
        changes: mean of candidate less parent over pairs of replies; empty without a parent.
    """

    candidate: Candidate
    parent: Candidate | None
    values: dict[Measure, Estimate]
    changes: dict[Measure, Estimate]


@dataclass(frozen=True)
class RoundDrift:
    """The mean over all completions of a round's candidates on its prompts."""

    round: Round
    values: dict[Measure, Estimate]


def drift_of(*, run: SelectionRun, round_: Round | None = None) -> list[CandidateDrift]:
    """Compare each candidate with its parents, on all prompts or on those of a round.

    Args:
        round_: whose candidates and prompts are looked at; None for all of the run.
    """
    candidates = _candidates(run, round_)
    parents = {each.pk: list(each.parents.all()) for each in candidates}
    prompts = run.prompts() if round_ is None else round_.prompts()
    everybody = {each.pk for each in candidates} | {
        parent.pk for some in parents.values() for parent in some
    }
    measured = read_measures(candidates=sorted(everybody), prompts=prompts)
    values = _values(measured, [each.pk for each in candidates])
    lines: list[tuple[int, Candidate | None]] = []
    for place, each in enumerate(candidates):
        lines += [(place, parent) for parent in parents[each.pk]] or [(place, None)]
    pairs = [(candidates[place].pk, parent.pk) for place, parent in lines if parent is not None]
    changes = iter(_changes(measured, pairs))
    return [
        CandidateDrift(
            candidate=candidates[place],
            parent=parent,
            values=values[place],
            changes={} if parent is None else next(changes),
        )
        for place, parent in lines
    ]


def drift_between(
    pairs: Sequence[tuple[Candidate, Candidate]], *, prompts: QuerySet[Prompt]
) -> list[CandidateDrift]:
    """Compare each child with its parent, in that order, on these prompts."""
    children = [child.pk for child, _parent in pairs]
    everybody = {pk for pair in pairs for pk in (pair[0].pk, pair[1].pk)}
    measured = read_measures(candidates=sorted(everybody), prompts=prompts)
    values = dict(zip(children, _values(measured, children), strict=True))
    changes = _changes(measured, [(child.pk, parent.pk) for child, parent in pairs])
    return [
        CandidateDrift(candidate=child, parent=parent, values=values[child.pk], changes=changed)
        for (child, parent), changed in zip(pairs, changes, strict=True)
    ]


def drift_of_rounds(*, run: SelectionRun) -> list[RoundDrift]:
    """Give what was counted round by round, all of a round's candidates together."""
    return list(_rounds(run))


def _candidates(run: SelectionRun, round_: Round | None) -> list[Candidate]:
    competing = run.candidates.competing() if round_ is None else round_.candidates.all()
    return list(competing.prefetch_related("parents").order_by("pk"))


def _rounds(run: SelectionRun) -> Iterator[RoundDrift]:
    measured = read_measures(candidates=run.candidates.competing().values_list("pk", flat=True))
    for round_ in run.rounds.prefetch_related("candidates").order_by("number"):
        members = [each.pk for each in round_.candidates.all()]
        prompts = list(round_.prompts().values_list("pk", flat=True))
        inside = np.isin(measured.candidate, members) & np.isin(measured.prompt, prompts)
        part = measured.of(inside)
        group = np.zeros(len(part.prompt), dtype=np.int64)
        yield RoundDrift(round_, estimates_by_group(part.values, group, part.prompt, 1)[0])


def _values(measured: Measured, ids: Sequence[int]) -> list[dict[Measure, Estimate]]:
    place = {pk: number for number, pk in enumerate(ids)}
    part = measured.of(np.isin(measured.candidate, list(ids)))
    group = np.array([place[pk] for pk in part.candidate.tolist()], dtype=np.int64)
    return estimates_by_group(part.values, group, part.prompt, len(ids))


def _changes(measured: Measured, pairs: Sequence[tuple[int, int]]) -> list[dict[Measure, Estimate]]:
    """Average child less parent over the prompts and samples that both have, pair by pair."""
    ours, theirs, group = _match(measured, pairs)
    differences = {name: column[ours] - column[theirs] for name, column in measured.values.items()}
    return estimates_by_group(differences, group, measured.prompt[ours], len(pairs), is_change=True)


def _match(
    measured: Measured, pairs: Sequence[tuple[int, int]]
) -> tuple[IntArray, IntArray, IntArray]:
    """Return, a pair of replies a place, where the child's and the parent's stand, and the pair."""
    order = np.argsort(measured.candidate, kind="stable")
    ids, starts = np.unique(measured.candidate[order], return_index=True)
    rows = dict(zip(ids.tolist(), np.split(order, starts[1:]), strict=False))  # of none: [[]]
    key = measured.prompt * (measured.sample.max(initial=0) + 1) + measured.sample
    nobody = np.empty(0, dtype=np.int64)
    found: list[tuple[IntArray, IntArray, IntArray]] = [(nobody, nobody, nobody)]
    for number, (child, parent) in enumerate(pairs):
        ours, theirs = rows.get(child, nobody), rows.get(parent, nobody)
        _shared, i, j = np.intersect1d(
            key[ours], key[theirs], assume_unique=True, return_indices=True
        )
        found.append((ours[i], theirs[j], np.full(len(i), number)))
    return tuple(map(np.concatenate, zip(*found, strict=True)))  # type: ignore[return-value]


def estimates_by_group(
    values: dict[Measure, FloatArray],
    group: IntArray,
    prompt: IntArray,
    n_groups: int,
    *,
    is_change: bool = False,
) -> list[dict[Measure, Estimate]]:
    """Give each group's mean of each measure."""
    _known, cluster = np.unique(prompt, return_inverse=True)
    means = {
        name: mean_by_group(column, group, cluster, n_groups=n_groups)
        for name, column in values.items()
    }
    return [
        {name: estimate_at(each, place, name, is_change=is_change) for name, each in means.items()}
        for place in range(n_groups)
    ]


def estimate_at(
    means: GroupMeans, place: int, measure: Measure, *, is_change: bool = False
) -> Estimate:
    """Give one group's mean; the interval of a share ends at 0 and 1, that of a length at 0."""
    low, high = json_number(means.low[place]), json_number(means.high[place])
    if not is_change:
        low = None if low is None else max(0.0, low)
        high = min(1.0, high) if high is not None and measure.is_share else high
    return Estimate(json_number(means.mean[place]), low, high, int(means.n[place]))
