"""How far a volunteer has come, and how far the run has."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone

from annotate.models import Annotator, SelectionRun
from annotate.models.comparisons import Purpose
from annotate.services.joined import ask
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


_JUDGED = f"""FROM annotate_comparison AS judged WHERE judged.annotator_id = annotator.id
    AND judged.answered_at IS NOT NULL AND judged.purpose <> '{Purpose.PRACTICE}'"""
_ON_DAY = f"""EXISTS (
    SELECT {_JUDGED} AND judged.answered_at >= ({{day}})::timestamp AT TIME ZONE %(zone)s
    AND judged.answered_at < ({{day}} + 1)::timestamp AT TIME ZONE %(zone)s
  )"""
# Columns beside an annotator, a run, and its open round with its stop, if any. Each reads an index
# alone: what the annotator judged, from day to day as long as there was something on the day
# before, and what was judged in the round, or the run, since a look at its votes.
PROGRESS_COLUMNS = f"""
  (SELECT count(*) {_JUDGED}
    AND judged.answered_at >= %(today)s::timestamp AT TIME ZONE %(zone)s),
  (SELECT count(*) {_JUDGED}),
  (
    WITH RECURSIVE streak (day) AS (
      SELECT last.day FROM (
        SELECT CASE WHEN {_ON_DAY.format(day="%(today)s::date")}
        THEN %(today)s::date ELSE %(today)s::date - 1 END AS day
      ) AS last WHERE {_ON_DAY.format(day="last.day")}
      UNION ALL
      SELECT streak.day - 1 FROM streak WHERE {_ON_DAY.format(day="streak.day - 1")}
    )
    SELECT count(*) FROM streak
  ),
  (
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
    WHERE its.run_id = run.id AND its.id = COALESCE(CASE
      WHEN round.votes_wanted IS NOT NULL AND (stop.id IS NULL OR NOT decision.stops_early)
      THEN round.id END, its.id)
  )"""  # noqa: S608 - only names and constants of our own go in
N_COLUMNS = 4
_PROGRESS = f"""SELECT {PROGRESS_COLUMNS}
FROM (SELECT %(annotator)s::bigint AS id) AS annotator
  LEFT JOIN annotate_selectionrun AS run ON run.id = %(run)s
  LEFT JOIN annotate_round AS round ON round.run_id = run.id
    AND round.opened_at IS NOT NULL AND round.closed_at IS NULL
  LEFT JOIN annotate_stop AS stop ON stop.round_id = round.id
  LEFT JOIN annotate_decisionrules AS decision ON decision.run_id = run.id"""  # noqa: S608 - only names and constants of our own go in


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
    asked = {"annotator": annotator and annotator.pk, "run": run and run.pk}
    values = ask(_PROGRESS, asked | today_here())[0]
    return read_progress(values, now) if run else Progress(*values[:3])


def read_progress(values: Sequence[Any], now: RoundNow | None) -> Progress:
    """Read `PROGRESS_COLUMNS`."""
    wants = None if now is None or now.is_decided else now.round.votes_wanted
    today, total, streak, n_judged = values
    run_votes = n_judged if wants is None else min(n_judged, wants)
    return Progress(today, total, streak, run_votes, wants)


def today_here() -> dict[str, Any]:
    """Give the day that it is, and where: `PROGRESS_COLUMNS` asks for both."""
    return {"today": timezone.localdate(), "zone": timezone.get_current_timezone_name()}
