"""Changes of a run: one at a time, and the run's log keeps who made them."""

from collections.abc import Iterable
from typing import Any

from annotate.models import DecisionRules, RatingRules, RunEvent, SelectionRun, User


def hold_run(run: SelectionRun) -> None:
    """Let nobody else change the run until the transaction ends."""
    SelectionRun.objects.select_for_update(no_key=True).get(pk=run.pk)


def log_event(*, run: SelectionRun, kind: str, by: User | None = None, **detail: Any) -> RunEvent:
    """Write a line into the run's log, in the transaction that does what it says.

    Args:
        kind: one of `RunEvent.Kind`.
        by: who did it; nobody is Kurabe itself.
        detail: names and numbers, as JSON types.
    """
    return RunEvent.objects.create(run=run, kind=kind, by=by, detail=detail)


def log_change(
    rules: RatingRules | DecisionRules, *, by: User | None, fields: Iterable[str]
) -> None:
    """Write into the run's log which of its rules were changed."""
    page = "rating" if isinstance(rules, RatingRules) else "decision"
    log_event(run=rules.run, kind=RunEvent.Kind.RULES, by=by, page=page, fields=sorted(fields))
