"""What the pairs of a round are drawn by: its newest estimate, kept in memory, and what came since.

Serving fits nothing and counts little. One small question tells how the round stands and which
version of its estimate is the newest; the estimate itself is read when that has changed. What it
has of comparisons is settled; those drawn later are counted each time, leases with them, and one
that runs out is free again. A round without an estimate is counted as a whole.
"""

import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Count,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.utils import timezone

from annotate.models import (
    Annotator,
    Comparison,
    DecisionRules,
    Exclusion,
    RatingRules,
    Round,
    RoundEstimate,
)
from annotate.models.comparisons import ComparisonQuerySet, Purpose
from annotate.ranking.arrays import BoolArray
from annotate.ranking.pairing import Counts
from annotate.ranking.posterior import PairChances
from annotate.services.languages import primary_subtag
from annotate.services.memory import Newest

Cell = tuple[str, str]  # a language and a category
# Rounds that a process keeps in memory: one of 500 candidates takes some megabytes.
ROUNDS_KEPT = 16
_PAIR_AND_CELL = ("candidate_a", "candidate_b", "prompt__language", "prompt__category")


@dataclass(frozen=True)
class RoundNow:
    """A round as it stands at this moment.

    Attributes:
        candidates: (n,) ids, ascending.
        anchors: those of them that are frozen points of comparison.
        is_decided: it has its answer, and the run stops early.
        stamp: version and time of its estimate; None where there is none to draw by.
    """

    round: Round
    rules: RatingRules
    decision: DecisionRules
    candidates: tuple[int, ...]
    anchors: tuple[int, ...]
    is_decided: bool
    stamp: tuple[int, datetime] | None

    @cached_property
    def contends(self) -> BoolArray | None:
        """(n,) who may be found the best; None: all. Anchors do not, while there are others."""
        contends = ~np.isin(self.candidates, self.anchors)
        return np.asarray(contends) if contends.any() and self.anchors else None

    @cached_property
    def mask(self) -> BoolArray | None:
        """(n, n) pairs that the round compares; None: all."""
        if not self.round.anchors_only:
            return None
        is_anchor = np.isin(self.candidates, self.anchors)
        return np.asarray(is_anchor[:, None] != is_anchor[None, :])


@dataclass(frozen=True)
class Estimate:
    """What a stored estimate holds for drawing; candidates by their places from 0.

    Attributes:
        last_comparison: id up to which comparisons are in it.
        met: (n, n) how often two met, symmetric.
        cells: comparisons by language and category of their prompts.
        chances: of the adaptive policy; None before its first votes.
        available: by language, (n, n) the pairs of completions that there are to compare.
    """

    candidates: tuple[int, ...]
    last_comparison: int
    met: Counts
    cells: Counter[Cell]
    chances: PairChances | None
    available: dict[str, Counts]
    _readable: dict[frozenset[str], Counts] = field(default_factory=dict, compare=False)

    @classmethod
    def empty(cls, candidates: tuple[int, ...]) -> "Estimate":
        """Give what is known of a round that nobody has estimated."""
        n = len(candidates)
        return cls(candidates, 0, np.zeros((n, n), dtype=np.int32), Counter(), None, {})

    @cached_property
    def candidate_met(self) -> Counts:
        """(n,) how often each met any other."""
        return np.asarray(self.met.sum(axis=1))

    def add(self, since: Iterable[tuple[int, int, int]]) -> tuple[Counts, Counts]:
        """Give `met` and `candidate_met` with (first, second, n) comparisons drawn since."""
        met, candidate_met = self.met.copy(), self.candidate_met.copy()
        for first, second, n in since:
            met[first, second] += n
            met[second, first] += n
            candidate_met[first] += n
            candidate_met[second] += n
        return met, candidate_met

    def readable(self, annotator: Annotator) -> Counts:
        """Give (n, n) the pairs of completions in languages that the annotator reads."""
        tags = frozenset(tag for tag in self.available if is_read_by(annotator, tag))
        if tags not in self._readable:
            total = np.zeros(self.met.shape, dtype=np.int32)
            for tag in tags:
                total += self.available[tag]
            self._readable[tags] = total
        return self._readable[tags]

    def to_bytes(self) -> bytes:
        """Give the arrays as numpy's npz."""
        cells, languages = list(self.cells), list(self.available)
        n = len(self.candidates)
        chances = self.chances
        packed = io.BytesIO()
        np.savez_compressed(
            packed,
            met=self.met,
            cell_names=np.array(cells, dtype=np.str_).reshape(-1, 2),
            cell_counts=np.array([self.cells[cell] for cell in cells], dtype=np.int64),
            pairs=np.zeros((0, 2), np.int64) if chances is None else chances.pairs,
            chances=np.zeros(0) if chances is None else chances.chances,
            languages=np.array(languages, dtype=np.str_),
            available=np.array([self.available[tag] for tag in languages]).reshape(-1, n, n),
        )
        return packed.getvalue()

    @classmethod
    def of(cls, stored: RoundEstimate) -> "Estimate":
        """Read what `to_bytes` wrote."""
        with np.load(io.BytesIO(stored.arrays), allow_pickle=False) as arrays:
            cells = Counter(
                {
                    (str(language), str(category)): int(n)
                    for (language, category), n in zip(
                        arrays["cell_names"], arrays["cell_counts"], strict=True
                    )
                }
            )
            pairs, chances = arrays["pairs"], arrays["chances"]
            languages = [str(tag) for tag in arrays["languages"]]
            return cls(
                candidates=tuple(stored.candidates),
                last_comparison=stored.last_comparison,
                met=arrays["met"],
                cells=cells,
                chances=PairChances(pairs, chances) if len(pairs) else None,
                available=dict(zip(languages, arrays["available"], strict=True)),
            )


@dataclass(frozen=True)
class Field:
    """The pairs of candidates among which one annotator's next is drawn.

    Attributes:
        met, candidate_met: (n, n) and (n,) how often two and each met, those under way included.
        cells: comparisons of the round by language and category.
        allowed: (n, n) pairs that have something left for the annotator; None is all of them.
        last_prompt: id of the prompt of the annotator's last comparison in the round.
    """

    candidates: tuple[int, ...]
    met: Counts
    candidate_met: Counts
    cells: Counter[Cell]
    chances: PairChances | None
    allowed: BoolArray | None
    last_prompt: int | None

    @property
    def n_taken(self) -> int:
        """Count the comparisons that are answered, or may be."""
        return int(self.candidate_met.sum()) // 2

    def allow_only(self, pairs: Iterable[tuple[int, int]]) -> BoolArray:
        """Give (n, n) with these pairs of candidates' ids allowed."""
        place = {candidate: place for place, candidate in enumerate(self.candidates)}
        allowed = np.zeros(self.met.shape, dtype=np.bool_)
        for a, b in pairs:
            allowed[place[a], place[b]] = allowed[place[b], place[a]] = True
        return allowed


_memory: Newest[Estimate] = Newest(ROUNDS_KEPT)


def look_at(round_: Round) -> RoundNow:
    """Ask how a round stands, with the run's rules.

    An estimate from before the last exclusion is none: it counts votes that nobody wants, or
    lacks some that count again.
    """
    excluded_since = Exclusion.objects.filter(run=OuterRef("run")).filter(
        Q(number__gt=OuterRef("estimate__through"))
        | Q(undone_number__gt=OuterRef("estimate__through"))
    )
    members = Round.candidates.through.objects.filter(round=OuterRef("pk"))
    found: Any = (
        Round.objects.filter(pk=round_.pk)
        .select_related("run__stored_rules", "run__stored_decision")
        .annotate(
            version=F("estimate__version"),
            made_at=F("estimate__made_at"),
            is_outdated=Exists(excluded_since),
            is_decided=Exists(Round.objects.decided().filter(pk=OuterRef("pk"))),
            members=ArraySubquery(members.order_by("candidate").values("candidate")),
            anchors=ArraySubquery(members.filter(candidate__is_anchor=True).values("candidate")),
        )
        .get()
    )
    run = found.run
    decision = getattr(run, "stored_decision", None) or DecisionRules(run=run)
    has_estimate = found.version is not None and not found.is_outdated
    return RoundNow(
        round=found,
        rules=getattr(run, "stored_rules", None) or RatingRules(run=run),
        decision=decision,
        candidates=tuple(found.members),
        anchors=tuple(found.anchors),
        is_decided=found.is_decided,
        stamp=(found.version, found.made_at) if has_estimate else None,
    )


def read_field(now: RoundNow, annotator: Annotator) -> Field:
    """Give what the annotator's next pair of candidates is drawn by.

    An LLM judge's pairs are in balance among its own comparisons; chances follow people's votes.
    """
    estimate, judge = _newest(now), as_judge(annotator)
    if judge is not None:
        estimate = replace(estimate, last_comparison=0, met=0 * estimate.met, cells=Counter())
    place = {candidate: place for place, candidate in enumerate(now.candidates)}
    cells = estimate.cells.copy()
    since: list[tuple[int, int, int]] = []
    seen: Counter[tuple[int, int]] = Counter()
    last_prompt = None
    drawn = _drawn_since(now.round, estimate.last_comparison, judge)
    for a, b, language, category, n, is_own, last in drawn.union(
        _seen_by(annotator, now.round), all=True
    ):
        if is_own:
            last_prompt = last
        if a not in place or b not in place:
            continue
        pair = place[a], place[b]
        if not is_own:
            since.append((*pair, n))
            cells[language, category] += n
        elif is_read_by(annotator, language):
            seen[pair] += n
    allowed = _allow(estimate, annotator, seen, now.mask)
    met, candidate_met = estimate.add(since)
    return Field(
        candidates=now.candidates,
        met=met,
        candidate_met=candidate_met,
        cells=cells,
        chances=estimate.chances,
        allowed=allowed,
        last_prompt=last_prompt,
    )


def as_judge(annotator: Annotator) -> Annotator | None:
    """Give an annotator who is an LLM judge; None for a person or a simulated one."""
    return annotator if annotator.kind == Annotator.Kind.JUDGE else None


def taken_for_ranking(
    round_: Round, *, after: int = 0, judge: Annotator | None = None
) -> ComparisonQuerySet:
    """Find the comparisons for ranking that are answered or leased, with an id above `after`.

    Those of annotators who are excluded are no votes that anybody wanted. LLM judges take nothing
    from people: theirs are left out, or with `judge` that one's alone are found.
    """
    if judge is not None:
        return round_.comparisons.filter(annotator=judge, purpose=Purpose.RANKING, id__gt=after)
    excluded = Exclusion.objects.standing().filter(run=round_.run_id)
    taken = round_.comparisons.by_people().taken(timezone.now()).filter(purpose=Purpose.RANKING)
    return taken.filter(~Q(annotator__in=excluded.values("annotator")), id__gt=after)


def is_read_by(annotator: Annotator, tag: str) -> bool:
    """Tell whether the annotator reads a language; who was never asked gets them all."""
    if annotator.kind == Annotator.Kind.SIMULATED or not annotator.languages:
        return True
    return primary_subtag(tag) in {primary_subtag(own) for own in annotator.languages}


def _newest(now: RoundNow) -> Estimate:
    """Give the round's estimate from memory, or read it; an empty one where it has none."""
    if now.stamp is None:
        return Estimate.empty(now.candidates)
    estimate = _memory.find(now.round.pk, now.stamp)
    if estimate is None:
        stored = RoundEstimate.objects.get(round=now.round)
        estimate = Estimate.of(stored)
        _memory.keep(now.round.pk, (stored.version, stored.made_at), estimate)
    # Candidates may have been imported into the open round since.
    return estimate if estimate.candidates == now.candidates else Estimate.empty(now.candidates)


def _drawn_since(round_: Round, last_comparison: int, judge: Annotator | None) -> "QuerySet[Any]":
    """Count what was taken since the estimate, by pair of candidates, language and category."""
    rows: QuerySet[Any] = (
        taken_for_ranking(round_, after=last_comparison, judge=judge)
        .order_by()
        .values(*_PAIR_AND_CELL)
        .annotate(
            n=Count("id"),
            is_own=Value(False, output_field=BooleanField()),
            last=Value(None, output_field=BigIntegerField()),
        )
        .values_list(*_PAIR_AND_CELL, "n", "is_own", "last")
    )
    return rows


def _seen_by(annotator: Annotator, round_: Round) -> "QuerySet[Any]":
    """Count what the annotator has seen of the run, likewise, with the prompt they saw last."""
    of_round = Comparison.objects.filter(annotator=annotator, round=round_)
    # Not by id alone: the planner would look for it from the end of the whole table.
    newest_first = of_round.exclude(purpose=Purpose.PRACTICE).order_by("-created_at", "-id")
    rows: QuerySet[Any] = (
        Comparison.objects.filter(annotator=annotator, round__run=round_.run_id)
        .order_by()
        .values(*_PAIR_AND_CELL)
        .annotate(
            n=Count("id", filter=~Q(purpose=Purpose.REPEAT)),
            is_own=Value(True, output_field=BooleanField()),
            last=Subquery(newest_first.values("prompt")[:1]),
        )
        .values_list(*_PAIR_AND_CELL, "n", "is_own", "last")
    )
    return rows


def _allow(
    estimate: Estimate,
    annotator: Annotator,
    seen: Counter[tuple[int, int]],
    mask: BoolArray | None,
) -> BoolArray | None:
    """Give the pairs of candidates that have something left; None where all have, or none is known.

    It may be a little behind: whoever draws asks again where a pair turns out to have nothing.
    Pairs outside of the mask have nothing (`availability.count_available`).
    """
    if not estimate.available:
        return mask
    readable = estimate.readable(annotator)
    used_up = [pair for pair, n in seen.items() if n >= readable[pair]]
    n_pairs = len(readable) * (len(readable) - 1)
    if not used_up and np.count_nonzero(readable) == n_pairs:
        return None
    allowed = readable > 0
    for a, b in used_up:
        allowed[a, b] = allowed[b, a] = False
    return np.asarray(allowed)
