"""What was drawn in a round so far, as a process knows it.

An estimate counts what was settled when it was made. What came since is read every `FRESH_S`
seconds by one thread of a process, and what the process draws itself is added at once; so a draw
asks nothing of this, and knows of what other processes drew up to so long ago.

Nothing that has to be exact rests on it. How many annotators are given two completions is asked
where a comparison is stored (`waiting.keep_drawn`); whether a text is hidden, where it is taken
(`texts.take_two`); and who draws near the end of a round, or finds nothing left, has all counted
anew.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils import timezone

from annotate.models import Annotator, Comparison
from annotate.models.comparisons import Purpose
from annotate.ranking.pairing import Counts
from annotate.services import matches
from annotate.services.joined import HIDES, ask, ask_unprepared
from annotate.services.memory import Recent
from annotate.services.pairing import (
    ROUNDS_KEPT,
    SETTLING,
    Cell,
    Estimate,
    RoundNow,
    newest_estimate,
)

FRESH_S = 0.5
# All is counted anew so often: leases end, and skipped comparisons are nobody's.
ANEW_S = 30.0

# `taken_for_ranking` in words of its own.
TAKEN_BY_PEOPLE = f"""
  annotator.kind <> '{Annotator.Kind.JUDGE}' AND (
    comparison.answered_at IS NOT NULL OR comparison.lease_expires_at > %(at)s
    AND comparison.skipped_at IS NULL AND comparison.dropped_at IS NULL
  ) AND NOT EXISTS (
    SELECT FROM annotate_exclusion AS excluded WHERE excluded.run_id = %(run)s
    AND excluded.annotator_id = comparison.annotator_id AND excluded.undone_number IS NULL
  )"""
# Of all rounds, with an id above one, or among those that were open up to there. Asked in one with
# OR, PostgreSQL would read whatever else is asked of them from the beginning; and it has to know
# the id, to find out how few there are.
_COMPARISONS_SINCE = """(
  SELECT * FROM annotate_comparison WHERE id > %(settled)s
  UNION ALL
  SELECT * FROM annotate_comparison WHERE id = ANY (%(open)s::bigint[]) AND id <= %(settled)s
)"""
_READ_DRAWN = f"""
SELECT comparison.id, comparison.candidate_a_id, comparison.candidate_b_id,
  comparison.completion_a_id, comparison.completion_b_id, prompt.language, prompt.category,
  comparison.created_at
FROM {_COMPARISONS_SINCE} AS comparison
  JOIN annotate_annotator AS annotator ON annotator.id = comparison.annotator_id
  JOIN annotate_prompt AS prompt ON prompt.id = comparison.prompt_id
WHERE comparison.round_id = %(round)s
  AND comparison.purpose = '{Purpose.RANKING}' AND {{taken}}"""  # noqa: S608 - only names and constants of our own go in
_BY_JUDGE = "comparison.annotator_id = %(judge)s"
_READ_STOCK = f"""
SELECT (SELECT max(id) FROM annotate_comparison), (SELECT max(id) FROM annotate_completion), ARRAY(
  SELECT report.completion_id FROM annotate_report AS report
  JOIN annotate_completion AS completion ON completion.id = report.completion_id
  WHERE {HIDES} AND completion.candidate_id = ANY (%(candidates)s::bigint[])
)"""  # noqa: S608 - only names and constants of our own go in
_COUNT_TEXTS = """
SELECT candidate_id, count(*) FROM annotate_completion
WHERE candidate_id = ANY (%(candidates)s::bigint[]) GROUP BY candidate_id"""


@dataclass(frozen=True)
class Stock:
    """What texts a round's candidates have.

    Attributes:
        n_texts: how many completions, by candidate.
        hidden: ids of completions that were reported, until an admin has looked.
        newest: id of the newest completion of all; while it is the same, so are the numbers.
    """

    n_texts: Mapping[int, int]
    hidden: tuple[int, ...]
    newest: int | None


class Counted:
    """A round's comparisons for ranking that are answered or leased, counted.

    Attributes:
        estimate: what is settled of them.
        place: of each candidate, by its id.
        n_lately: how many were drawn in the seconds before they were read, at least.
    """

    def __init__(self, now: RoundNow, stock: Stock | None = None) -> None:
        self.estimate: Estimate = newest_estimate(now)
        self.place = {candidate: place for place, candidate in enumerate(now.candidates)}
        self.n_lately = 0
        self._round = now.round.pk
        self._run = now.round.run_id
        self._made_at = now.stamp[1] if now.stamp else None
        self._excluded = now.last_exclusion
        self._met = self.estimate.met.copy()
        self._candidate_met = self.estimate.candidate_met.copy()
        self._cells = self.estimate.cells.copy()
        self._stock = stock
        # Ids that are counted, above the one up to which none is committed any more; and the newest
        # of all rounds a while ago, up to which that will be true.
        self._ids: set[int] = set()
        self._through = self.estimate.last_comparison
        self._newest: tuple[float, int] | None = None
        self._lock, self._reading = threading.Lock(), threading.Lock()
        self._begun = self._read_at = time.monotonic()

    def serves(self, now: RoundNow) -> bool:
        """Tell whether it is still of the round as it stands, and not to be counted anew."""
        if self.estimate.candidates != now.candidates or self._excluded != now.last_exclusion:
            return False
        if time.monotonic() - self._begun >= ANEW_S:
            return False
        made_at = now.stamp[1] if now.stamp else None
        return made_at is None or (self._made_at is not None and self._made_at >= made_at)

    @property
    def stock(self) -> Stock:
        """Give what texts there are, as they were last read."""
        assert self._stock is not None
        return self._stock

    def copy(self) -> tuple[Counts, Counts, Counter[Cell]]:
        """Give `Field.met`, `candidate_met` and `cells`."""
        with self._lock:
            return self._met.copy(), self._candidate_met.copy(), self._cells.copy()

    def read_all(self) -> "Counted":
        """Read what the estimate has not counted."""
        open_ = self.estimate.open[:, 0].tolist()
        self._read(settled=self.estimate.last_comparison, open_=open_)
        return self

    def catch_up(self) -> None:
        """Read what came since it was last read, where that is long ago and nobody does."""
        is_behind = time.monotonic() - self._read_at >= FRESH_S
        if is_behind and self._reading.acquire(blocking=False):
            try:
                self._read(settled=self._through, open_=[])
            finally:
                self._reading.release()

    def add(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Count comparisons, none twice: rows of `_READ_DRAWN` without their times."""
        with self._lock:
            for pk, a, b, first, second, *cell in rows:
                if pk in self._ids or a not in self.place or b not in self.place:
                    continue
                self._ids.add(pk)
                place_a, place_b = self.place[a], self.place[b]
                self._met[place_a, place_b] += 1
                self._met[place_b, place_a] += 1
                self._candidate_met[place_a] += 1
                self._candidate_met[place_b] += 1
                self._cells[cell[0], cell[1]] += 1
                matches.note((self._round, a, b), pk, first, second)

    def _read(self, *, settled: int, open_: list[int]) -> None:
        read_at, at = time.monotonic(), timezone.now()
        asked = {
            "round": self._round,
            "run": self._run,
            "settled": settled,
            "open": open_,
            "at": at,
        }
        rows = ask_unprepared(_READ_DRAWN.format(taken=TAKEN_BY_PEOPLE), asked)
        newest, self._stock = _read_stock(tuple(self.place), self._stock)
        self.add(row[:-1] for row in rows)
        self._settle(newest, read_at)
        self.n_lately = sum(created_at > at - SETTLING for *_row, created_at in rows)
        self._read_at = read_at

    def _settle(self, newest: int, read_at: float) -> None:
        """Move the id on from which the next reading begins; newer ones may lack neighbours."""
        with self._lock:
            if self._newest is None:
                self._newest = read_at, newest
            elif read_at - self._newest[0] >= SETTLING.total_seconds():
                self._through = max(self._through, self._newest[1])
                self._newest = read_at, newest
            self._ids = {pk for pk in self._ids if pk > self._through}


_kept: Recent[int, Counted] = Recent(ROUNDS_KEPT)


def count_drawn(now: RoundNow, *, at_once: bool = False) -> Counted:
    """Give what was drawn in a round so far.

    Args:
        at_once: as it is in the database at this moment.
    """
    kept = _kept.find(now.round.pk)
    if kept is None or at_once or not kept.serves(now):
        kept = Counted(now, kept.stock if kept else None).read_all()
        _kept.keep(now.round.pk, kept)
    else:
        kept.catch_up()
    return kept


def note_drawn(comparison: Comparison) -> None:
    """Count what this process has drawn to rank candidates, and is about to commit."""
    kept = _kept.find(comparison.round_id)
    if kept is not None:
        prompt = comparison.prompt
        row = (
            comparison.pk,
            comparison.candidate_a_id,
            comparison.candidate_b_id,
            comparison.completion_a_id,
            comparison.completion_b_id,
            prompt.language,
            prompt.category,
        )
        kept.add([row])


def count_judged(now: RoundNow, judge: Annotator) -> tuple[Counts, Counts, Counter[Cell]]:
    """Count an LLM judge's own comparisons of a round, as `Counted.copy` gives people's."""
    place = {candidate: place for place, candidate in enumerate(now.candidates)}
    met = np.zeros((len(place), len(place)), dtype=np.int32)
    cells: Counter[Cell] = Counter()
    asked = {"round": now.round.pk, "judge": judge.pk, "settled": 0, "open": []}
    for _pk, a, b, _first, _second, language, category, _at in ask_unprepared(
        _READ_DRAWN.format(taken=_BY_JUDGE), asked
    ):
        if a in place and b in place:
            met[place[a], place[b]] += 1
            met[place[b], place[a]] += 1
            cells[language, category] += 1
    return met, met.sum(axis=1), cells


def _read_stock(candidates: tuple[int, ...], before: Stock | None) -> tuple[int, Stock]:
    """Give the newest comparison of all, and what texts there are."""
    comparison, newest, hidden = ask(_READ_STOCK, {"candidates": list(candidates)})[0]
    if before is not None and before.newest == newest and before.n_texts.keys() == set(candidates):
        stock = Stock(before.n_texts, tuple(hidden), newest)
    else:
        counted = dict(ask(_COUNT_TEXTS, {"candidates": list(candidates)}))
        n_texts = {each: counted.get(each, 0) for each in candidates}
        stock = Stock(n_texts, tuple(hidden), newest)
    return comparison or 0, stock
