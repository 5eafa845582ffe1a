"""How far a volunteer has come, and how far the run has."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone

from annotate.models import Annotator, Round, SelectionRun
from annotate.models.comparisons import Purpose
from annotate.services.joined import ask
from annotate.services.memory import Recent
from annotate.services.pairing import RoundNow


@dataclass(frozen=True)
class Progress:
    """What an annotator judged, in all runs, and how much everybody judged in one.

    `streak` is the days in a row, up to today or yesterday, with something judged. `run_votes` are
    those in the open round where it wants `run_wanted` votes, else in the run; None without a run.
    A round that has its answer wants none.
    """

    today: int
    total: int
    streak: int
    run_votes: int | None = None
    run_wanted: int | None = None

    def add_one(self) -> "Progress":
        """Give it with one more comparison that the annotator has judged just now."""
        run_votes = self.run_votes
        if run_votes is not None:
            run_votes = min(run_votes + 1, self.run_wanted or run_votes + 1)
        return replace(
            self,
            today=self.today + 1,
            total=self.total + 1,
            streak=self.streak + (self.today == 0),
            run_votes=run_votes,
        )


# How old a run's number may be: every page of every volunteer shows it.
FRESH_S = 0.5
RUNS_KEPT = 64

_JUDGED = f"""FROM annotate_comparison AS judged WHERE judged.annotator_id = annotator.id
    AND judged.answered_at IS NOT NULL AND judged.purpose <> '{Purpose.PRACTICE}'"""
_LAST_BEFORE = f"""(SELECT (judged.answered_at AT TIME ZONE %(zone)s)::date {_JUDGED}
      AND judged.answered_at < ({{day}})::timestamp AT TIME ZONE %(zone)s
      ORDER BY judged.answered_at DESC LIMIT 1)"""
# Columns beside an annotator, each from an index alone: what they judged today, and in all; and
# days in a row, from each to the last one before it on which there was something.
PROGRESS_COLUMNS = f"""
  (SELECT ARRAY[
    count(*) FILTER (
      WHERE judged.answered_at >= %(today)s::timestamp AT TIME ZONE %(zone)s
    ), count(*)
  ] {_JUDGED}),
  (
    WITH RECURSIVE streak (day) AS (
      SELECT last.day FROM (
        SELECT {_LAST_BEFORE.format(day="%(today)s::date + 1")} AS day
      ) AS last WHERE last.day >= %(today)s::date - 1
      UNION ALL
      SELECT streak.day - 1 FROM streak
      WHERE {_LAST_BEFORE.format(day="streak.day")} = streak.day - 1
    )
    SELECT count(*) FROM streak
  )"""  # noqa: S608 - only names and constants of our own go in
N_COLUMNS = 2
_PROGRESS = f"""SELECT {PROGRESS_COLUMNS}
FROM (SELECT %(annotator)s::bigint AS id) AS annotator"""  # noqa: S608 - only names and constants of our own go in
# What was judged in a round, or in all of a run's: up to the last look at each, and since.
_JUDGED_IN = f"""
SELECT COALESCE(sum(COALESCE(look.n_judged, 0) + (
  SELECT count(*) FROM annotate_comparison AS since
  WHERE since.round_id = its.id
  AND since.answered_at > COALESCE(look.judged_by, '-infinity')
  AND since.answered_at IS NOT NULL AND since.purpose <> '{Purpose.PRACTICE}'
  AND NOT EXISTS (
    SELECT FROM annotate_annotator AS judge
    WHERE judge.id = since.annotator_id AND judge.kind = '{Annotator.Kind.JUDGE}'
  )
)), 0)::bigint
FROM annotate_round AS its
  LEFT JOIN annotate_roundestimate AS look ON look.round_id = its.id
WHERE its.run_id = %(run)s AND its.id = COALESCE(%(round)s::bigint, its.id)"""  # noqa: S608 - only names and constants of our own go in


def progress_of(
    annotator: Annotator | None,
    run: SelectionRun | None = None,
    now: RoundNow | None = None,
) -> Progress:
    """Count what an annotator judged, practice left out, and the run's way to its decision.

    Comparisons that decide no ranking are counted too: a number that stood still after some votes
    would tell which comparisons have a known answer or come again. LLM judges' are not.

    Args:
        now: the run's open round as it stands; None where none is open.
    """
    values = ask(_PROGRESS, {"annotator": annotator and annotator.pk, **today_here()})[0]
    return read_progress(values, run, now)


def read_progress(
    values: Sequence[Any], run: SelectionRun | None, now: RoundNow | None
) -> Progress:
    """Read `PROGRESS_COLUMNS`, and tell how far a run is beside them."""
    (today, total), streak = values
    if run is None:
        return Progress(today, total, streak)
    wants = None if now is None or now.is_decided else now.round.votes_wanted
    n_judged = _count_judged(run, None if now is None or wants is None else now.round)
    run_votes = n_judged if wants is None else min(n_judged, wants)
    return Progress(today, total, streak, run_votes, wants)


@dataclass
class _Number:
    """What was judged in a run or in its round, and when that was read."""

    n: int
    read_at: float


_numbers: Recent[tuple[int, int | None], _Number] = Recent(RUNS_KEPT)


def note_judged(round_: Round) -> None:
    """Count one that this process has taken, so that whoever votes sees it counted."""
    for key in ((round_.run_id, None), (round_.run_id, round_.pk)):
        if (number := _numbers.find(key)) is not None:
            number.n += 1


def _count_judged(run: SelectionRun, round_: Round | None) -> int:
    """Count what was judged in a round, None: in all of the run's; a moment ago is good enough."""
    key = run.pk, None if round_ is None else round_.pk
    number, now = _numbers.find(key), time.monotonic()
    if number is None or now - number.read_at >= FRESH_S:
        ((n,),) = ask(_JUDGED_IN, {"run": key[0], "round": key[1]})
        number = _Number(n, now)
        _numbers.keep(key, number)
    return number.n


def today_here() -> dict[str, Any]:
    """Give the day that it is, and where: `PROGRESS_COLUMNS` asks for both."""
    return {"today": timezone.localdate(), "zone": timezone.get_current_timezone_name()}
