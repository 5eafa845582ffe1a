"""How candidates' replies have changed against their parents', as researchers see it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from annotate.models import Completion, Round, SelectionRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services.drift import CandidateDrift, Estimate, drift_of, drift_of_rounds
from annotate.services.kinship import tell_kinship
from annotate.services.measure_columns import Measure, count_measured
from annotate.views.kinship import show_kinship
from annotate.views.measure_words import (
    MEANINGS,
    NAMES,
    places_of,
    read_measure,
    write_interval,
    write_number,
)
from annotate.views.plots.forest import Axis, forest
from annotate.views.plots.parts import Plot
from annotate.views.tables import Cell, as_csv, show_cells

MAX_ROWS = 80
CSV_COLUMNS = (
    "candidate", "parent", "measure", "completions", "mean", "low", "high", "pairs", "change",
    "change_low", "change_high",
)  # fmt: skip


@require_safe
@role_required(Role.RESEARCHER)
def drift(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show one measure of every candidate, and how it differs from the parent's."""
    run = get_object_or_404(SelectionRun, slug=slug)
    round_ = _asked_round(request, run)
    measure = read_measure(request.GET.get("measure"))
    rows = drift_of(run=run, round_=round_)
    n_measured, n_completions = count_measured(Completion.objects.of_run(run))
    context = {
        "run": run,
        "rounds": run.rounds.order_by("number"),
        "chosen": round_,
        "measures": NAMES.items(),
        "measure": measure,
        "title": NAMES[measure],
        "meaning": MEANINGS[measure],
        "n_measured": n_measured,
        "n_completions": n_completions,
        "plots": [*_draw(rows, measure)] if n_measured else [],
        "tables": [*_tables(request, run, rows, measure)] if n_measured else [],
        "kinship": show_kinship(tell_kinship(run=run), request.GET) if n_measured else None,
        "query": request.GET.urlencode(),
        "file": f"{slug}-drift",
    }
    return render(request, "runs/drift.html", context)


@require_safe
@role_required(Role.RESEARCHER)
def drift_csv(request: SignedInRequest, slug: str) -> HttpResponse:
    """Give every measure of every candidate as a file."""
    run = get_object_or_404(SelectionRun, slug=slug)
    rows = drift_of(run=run, round_=_asked_round(request, run))
    return as_csv(f"{slug}-drift", CSV_COLUMNS, _csv_rows(rows))


def _asked_round(request: HttpRequest, run: SelectionRun) -> Round | None:
    asked = request.GET.get("round", "")
    if not asked:
        return None
    if not asked.isdecimal():
        raise Http404
    return get_object_or_404(Round, run=run, number=int(asked[:5]))


def _csv_rows(rows: Sequence[CandidateDrift]) -> Iterator[list[Any]]:
    nothing = Estimate(None, None, None, 0)
    for row in rows:
        for measure in Measure:
            value, change = row.values[measure], row.changes.get(measure, nothing)
            parent = row.parent.name if row.parent else None
            yield [row.candidate.name, parent, str(measure), value.n, value.mean, value.low,
                   value.high, change.n, change.mean, change.low, change.high]  # fmt: skip


def _tables(
    request: HttpRequest, run: SelectionRun, rows: Sequence[CandidateDrift], measure: Measure
) -> Iterator[Any]:
    labels = [
        Cell(_("Candidate"), False), Cell(_("Parent"), False), Cell(_("Completions"), True),
        Cell(_("Mean"), True), Cell(_("Interval"), True), Cell(_("Pairs of replies"), True),
        Cell(_("Change from the parent"), True), Cell(_("Interval of the change"), True),
    ]  # fmt: skip
    cells = [list(_cells(row, measure)) for row in rows]
    yield show_cells("candidates", _("Candidates"), labels, cells, request.GET)
    labels = [Cell(_("Round"), False), *labels[2:5]]
    by_round = [
        [Cell(str(each.round.number), False), *_value(each.values[measure], measure)]
        for each in drift_of_rounds(run=run)
    ]
    yield show_cells("rounds", _("Rounds, all their candidates together"), labels, by_round,
                     request.GET)  # fmt: skip


def _cells(row: CandidateDrift, measure: Measure) -> Iterator[Cell]:
    yield Cell(row.candidate.name, False)
    yield Cell(row.parent.name if row.parent else "–", False)
    yield from _value(row.values[measure], measure)
    change = row.changes.get(measure, Estimate(None, None, None, 0))
    yield Cell(str(change.n) if row.parent else "–", True)
    yield Cell(write_number(measure, change.mean, is_change=True), True)
    yield Cell(write_interval(measure, change, is_change=True), True)


def _value(estimate: Estimate, measure: Measure) -> Iterator[Cell]:
    yield Cell(str(estimate.n), True)
    yield Cell(write_number(measure, estimate.mean), True)
    yield Cell(write_interval(measure, estimate), True)


def _draw(rows: Sequence[CandidateDrift], measure: Measure) -> Iterator[Plot]:
    """Draw the changes, largest first, where there are parents; and the values of all."""
    changed = [row for row in rows if row.changes and row.changes[measure].mean is not None]
    if changed:
        often = Counter(row.candidate.pk for row in changed)
        marks = [
            _mark(
                _name_pair(row) if often[row.candidate.pk] > 1 else row.candidate.name,
                row.changes[measure],
            )
            for row in changed
        ]
        title = _("Change from the parent: %(measure)s") % {"measure": NAMES[measure]}
        yield _forest("changes", title, marks, measure, lines=(0.0,))
    known = {row.candidate.pk: row for row in rows if row.values[measure].mean is not None}
    if known:
        marks = [_mark(row.candidate.name, row.values[measure]) for row in known.values()]
        yield _forest("values", str(NAMES[measure]), marks, measure, lines=())


def _name_pair(row: CandidateDrift) -> str:
    return _("%(candidate)s, from %(parent)s") % {"candidate": row.candidate, "parent": row.parent}


def _mark(name: str, estimate: Estimate) -> dict[str, Any]:
    return {"name": name, "centre": estimate.mean, "low": estimate.low, "high": estimate.high}


def _forest(
    name: str, title: str, marks: list[dict[str, Any]], measure: Measure, *, lines: Sequence[float]
) -> Plot:
    ordered = sorted(marks, key=lambda mark: -mark["centre"])
    shown = ordered[:MAX_ROWS]
    is_change = name == "changes"
    gist = _("Forest plot, %(title)s: %(n)d candidates. Highest: %(best)s, %(high)s. Lowest: "
             "%(last)s, %(low)s.") % {
        "title": title, "n": len(shown), "best": shown[0]["name"], "last": shown[-1]["name"],
        "high": write_number(measure, shown[0]["centre"], is_change=is_change),
        "low": write_number(measure, shown[-1]["centre"], is_change=is_change),
    }  # fmt: skip
    left_out = ""
    if len(shown) < len(ordered):
        said = _("The picture shows the %(n)d highest of %(all)d; the table has them all.")
        left_out = said % {"n": len(shown), "all": len(ordered)}
    return Plot(name, title, gist, forest(shown, Axis(title, places_of(measure), lines)), left_out)
