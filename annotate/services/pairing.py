"""What the pairs of a round are drawn by: its newest estimate, kept in memory, and what came since.

Serving fits nothing and counts little. One small question tells how the round stands and which
version of its estimate is the newest; the estimate itself is read when that has changed. What it
has of comparisons is settled; those drawn later, and the few that were still open, are counted in
`counted`, leases with them. A round without an estimate is counted as a whole.
"""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from django.db.models import Q
from django.utils import timezone

from annotate.models import (
    Annotator,
    DecisionRules,
    Exclusion,
    RatingRules,
    Round,
    RoundEstimate,
    SelectionRun,
)
from annotate.models.comparisons import ComparisonQuerySet, Purpose
from annotate.ranking.arrays import BoolArray, IntArray
from annotate.ranking.pairing import Counts
from annotate.ranking.posterior import PairChances
from annotate.services.joined import Columns, Parts, ask
from annotate.services.languages import primary_subtag
from annotate.services.memory import Newest

Cell = tuple[str, str]  # a language and a category
NONE_OPEN = np.zeros((0, 3), dtype=np.int64)
# Comparisons so new may not all be committed in the order of their ids.
SETTLING = timedelta(seconds=2)
# Rounds that a process keeps in memory: one of 500 candidates takes some megabytes.
ROUNDS_KEPT = 16


@dataclass(frozen=True)
class RoundNow:
    """A round as it stands at this moment.

    Attributes:
        candidates: (n,) ids, ascending.
        anchors: those of them that are frozen points of comparison.
        is_decided: it has its answer, and the run stops early.
        last_exclusion: number in the ledger at which one of the run's was made or undone; 0: never.
        stamp: version and time of its estimate; None where there is none to draw by.
        n_looked_at: votes that the last look at it was at.
    """

    round: Round
    rules: RatingRules
    decision: DecisionRules
    candidates: tuple[int, ...]
    anchors: tuple[int, ...]
    is_decided: bool
    last_exclusion: int
    stamp: tuple[int, datetime] | None
    n_looked_at: int

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
        last_comparison: id up to which comparisons are in it, but for those that were open.
        open: (k, 3) ids of those, and of their candidates a and b.
        met: (n, n) how often two met, symmetric.
        cells: comparisons by language and category of their prompts.
        chances: of the adaptive policy; None before its first votes.
        available: by language, (n, n) the pairs of completions that there are to compare.
    """

    candidates: tuple[int, ...]
    last_comparison: int
    open: IntArray
    met: Counts
    cells: Counter[Cell]
    chances: PairChances | None
    available: dict[str, Counts]
    _readable: dict[frozenset[str], Counts] = field(default_factory=dict, compare=False)

    @classmethod
    def empty(cls, candidates: tuple[int, ...]) -> "Estimate":
        """Give what is known of a round that nobody has estimated."""
        n = len(candidates)
        met = np.zeros((n, n), dtype=np.int32)
        return cls(candidates, 0, NONE_OPEN, met, Counter(), None, {})

    @cached_property
    def candidate_met(self) -> Counts:
        """(n,) how often each met any other."""
        return np.asarray(self.met.sum(axis=1))

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
            open=self.open,
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
                open=arrays.get("open", NONE_OPEN),
                met=arrays["met"],
                cells=cells,
                chances=PairChances(pairs, chances) if len(pairs) else None,
                available=dict(zip(languages, arrays["available"], strict=True)),
            )


_memory: Newest[Estimate] = Newest(ROUNDS_KEPT)


_LOOK = Parts(
    Columns(Round, "round"),
    Columns(SelectionRun, "run"),
    Columns(RatingRules, "rules", without=("instructions_en", "instructions_ja")),
    Columns(DecisionRules, "decision"),
)
# What is read of a round, its run and their rules, by these names, and how they hang together.
LOOK_COLUMNS = f"""{_LOOK.sql},
  estimate.version, estimate.made_at, estimate.through, COALESCE(estimate.n_votes, 0),
  (
    SELECT max(GREATEST(excluded.number, excluded.undone_number))
    FROM annotate_exclusion AS excluded WHERE excluded.run_id = round.run_id
  ),
  stop.id IS NOT NULL AND COALESCE(decision.stops_early, false),
  ARRAY(
    SELECT candidate_id FROM annotate_round_candidates WHERE round_id = round.id
    ORDER BY candidate_id
  ),
  ARRAY(
    SELECT candidate_id FROM annotate_round_candidates AS member
    JOIN annotate_candidate AS candidate ON candidate.id = member.candidate_id
    WHERE member.round_id = round.id AND candidate.is_anchor
  )"""  # noqa: S608 - only names and constants of our own go in
LOOK_JOINS = """
  LEFT JOIN annotate_ratingrules AS rules ON rules.run_id = run.id
  LEFT JOIN annotate_decisionrules AS decision ON decision.run_id = run.id
  LEFT JOIN annotate_roundestimate AS estimate ON estimate.round_id = round.id
  LEFT JOIN annotate_stop AS stop ON stop.round_id = round.id"""
_LOOK_AT = f"""SELECT {LOOK_COLUMNS} FROM annotate_round AS round
  JOIN annotate_selectionrun AS run ON run.id = round.run_id {LOOK_JOINS}
WHERE round.id = %(round)s"""  # noqa: S608 - only names and constants of our own go in


def look_at(round_: Round) -> RoundNow:
    """Ask how a round stands, with the run's rules.

    An estimate from before the last exclusion is none: it counts votes that nobody wants, or
    lacks some that count again.
    """
    values = ask(_LOOK_AT, {"round": round_.pk})[0]
    _run, now, _rest = read_look(values)
    assert now is not None
    return now


def read_look(
    values: Sequence[Any],
) -> tuple[SelectionRun, RoundNow | None, Sequence[Any]]:
    """Read `LOOK_COLUMNS`: the run, how its round stands (None: it has none), and what follows.

    The run's `stored_rules` are set, to the defaults where nobody has set any.
    """
    (round_, run, rules, decision), rest = _LOOK.take(values)
    version, made_at, through, n_looked_at, *rest = rest
    last_exclusion, is_decided, members, anchors, *more = rest
    last_exclusion = last_exclusion or 0
    has_estimate = version is not None and last_exclusion <= through
    run.stored_rules = rules or RatingRules(run=run)
    if round_ is None:
        return run, None, more
    round_.run = run
    now = RoundNow(
        round=round_,
        rules=run.stored_rules,
        decision=decision or DecisionRules(run=run),
        candidates=tuple(members),
        anchors=tuple(anchors),
        is_decided=is_decided,
        last_exclusion=last_exclusion,
        stamp=(version, made_at) if has_estimate else None,
        n_looked_at=n_looked_at,
    )
    return run, now, more


def as_judge(annotator: Annotator) -> Annotator | None:
    """Give an annotator who is an LLM judge; None for a person or a simulated one."""
    return annotator if annotator.kind == Annotator.Kind.JUDGE else None


def taken_for_ranking(round_: Round, *, judge: Annotator | None = None) -> ComparisonQuerySet:
    """Find the comparisons for ranking that are answered or leased.

    Those of annotators who are excluded are no votes that anybody wanted. LLM judges take nothing
    from people: theirs are left out, or with `judge` that one's alone are found.
    """
    if judge is not None:
        return round_.comparisons.filter(annotator=judge, purpose=Purpose.RANKING)
    excluded = Exclusion.objects.standing().filter(run=round_.run_id)
    taken = round_.comparisons.by_people().taken(timezone.now()).filter(purpose=Purpose.RANKING)
    return taken.filter(~Q(annotator__in=excluded.values("annotator")))


def is_read_by(annotator: Annotator, tag: str) -> bool:
    """Tell whether the annotator reads a language; who was never asked gets them all."""
    if annotator.kind == Annotator.Kind.SIMULATED or not annotator.languages:
        return True
    read = primary_subtag(tag)
    return any(primary_subtag(own) == read for own in annotator.languages)


def newest_estimate(now: RoundNow) -> Estimate:
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
