"""One attempt at a training: keeps what its process writes, and tells it what was wished for."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.utils import timezone

from annotate.models import TrainingMetric, TrainingRun
from annotate.services.training_states import State

Row = dict[str, Any]
OnMetrics = Callable[[Row], None]
# Of the row that a training begins with, what only says that it is that row.
_OF_THE_ROW = ("started", "method", "step", "total_steps")


class TrainingWork:
    """What stands between a training's process and its row.

    Attributes:
        is_wanted: whether to go on. Not where another process has taken the training over.
    """

    def __init__(
        self, *, training_run: TrainingRun, metrics: Path, control: Path, on_metrics: OnMetrics
    ) -> None:
        self.training_run = training_run
        self.attempt = training_run.attempt
        self.is_wanted = True
        self._metrics = MetricsFile(metrics)
        self._control = control
        self._on_metrics = on_metrics
        # What an earlier attempt was told is no wish of this one, and what it measured is kept now:
        # this one may begin its file anew.
        control.unlink(missing_ok=True)
        self._keep(list(self._metrics.read_new()))
        self._metrics.clear()

    def tick(self) -> None:
        """Keep the rows that were added, say that this process runs, and pass on a wish."""
        self._keep(list(self._metrics.read_new()))
        row = TrainingRun.objects.filter(
            pk=self.training_run.pk, attempt=self.attempt, state=State.RUNNING
        )
        self.is_wanted = self.is_wanted and row.update(seen_at=timezone.now()) > 0
        wish = row.values_list("wish", flat=True).first()
        if wish and not (self._control.exists() and self._control.read_text() == wish):
            self._control.write_text(wish)

    def _keep(self, rows: list[Row]) -> None:
        for row in rows:
            if row.get("started"):
                forecast = {name: row[name] for name in row if name not in _OF_THE_ROW}
                TrainingRun.objects.filter(pk=self.training_run.pk).update(forecast=forecast)
        measured = [row for row in rows if is_measurement(row)]
        store_metrics(training_run=self.training_run, rows=measured)
        for row in measured:
            self._on_metrics(row)


class MetricsFile:
    """A metrics file that another process is writing, read on from where it was left."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0  # bytes, always at the start of a line

    def read_new(self) -> Iterator[Row]:
        """Yield the whole rows that were added; half a row of a killed process is passed over."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                with suppress(ValueError):
                    yield json.loads(line)

    def clear(self) -> None:
        """Forget the file, which may be written anew."""
        self._path.unlink(missing_ok=True)
        self._offset = 0


def is_measurement(row: Row) -> bool:
    """Tell whether a row was measured at a step, in training or in evaluation."""
    names = ("loss", "eval_loss")
    return "step" in row and "finished" not in row and any(name in row for name in names)


def store_metrics(*, training_run: TrainingRun, rows: list[Row]) -> None:
    """Keep rows by their step: those of one step, such as its evaluation, become one."""
    if not rows:
        return
    steps = {row["step"] for row in rows}
    known = training_run.metrics.filter(step__in=steps).values_list("step", "values")
    merged: dict[int, Row] = dict(known)
    for row in rows:
        # What an evaluation did not measure, the step before it may have.
        measured = {name: value for name, value in row.items() if value is not None}
        merged[row["step"]] = {**row, **merged.get(row["step"], {}), **measured}
    TrainingMetric.objects.bulk_create(
        [
            TrainingMetric(training_run=training_run, step=step, values=values)
            for step, values in merged.items()
        ],
        update_conflicts=True,
        unique_fields=["training_run", "step"],
        update_fields=["values"],
    )
