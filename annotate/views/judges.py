"""A run's LLM judges: what they are, how far they are, and what they are worth beside people."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from annotate.forms.judges import AddJudge, AskJudge
from annotate.models import (
    Judge,
    JudgeReading,
    JudgeSitting,
    JudgeTemplate,
    Ranking,
    SelectionRun,
)
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import errors, judges, judging
from annotate.services.judge_agreement import compare_orders, measure_judges
from annotate.services.rankings import rank_now
from annotate.services.slices import TOGETHER

ROWS_SHOWN = 100
# Whose votes a column of rankings counts, by the filters that such a ranking is stored with.
COLUMNS: Mapping[str, dict[str, Any]] = {
    "people": {},
    "judges": {"kind": "judge"},
    "together": {"kind": TOGETHER},
}


@dataclass(frozen=True)
class JudgeRow:
    """A judge in a run, and how far it is in each round that it was asked to judge.

    Attributes:
        n_drawn, n_judged, n_unreadable: comparisons given to it, with a vote, and passed over.
    """

    judge: Judge
    is_here: bool
    sittings: Sequence[JudgeSitting]
    n_wanted: int
    n_drawn: int
    n_judged: int
    n_unreadable: int

    @property
    def compares(self) -> bool:
        """Tell whether it compares pairs; others score replies."""
        return self.judge.template.use == JudgeTemplate.Use.PAIR

    @property
    def has_nothing_left(self) -> bool:
        """Tell whether it was asked for more comparisons than there are."""
        are_done = all(each.state == JudgeSitting.State.DONE for each in self.sittings)
        return self.compares and are_done and self.n_drawn < self.n_wanted


@dataclass(frozen=True)
class SideBySide:
    """The newest rankings by people, by judges and by both.

    Attributes:
        rankings: by column, None where there is none yet.
        rows: name of a candidate and its standing in each, None where it has none.
        n_more: candidates that are not shown.
        tau: Kendall's, of people's order and the judges'.
    """

    rankings: Mapping[str, Ranking | None]
    rows: Sequence[tuple[str, Sequence[Mapping[str, Any] | None]]]
    n_more: int
    tau: float | None


@require_safe
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def judges_page(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show a run's judges, their agreement, what they lean towards, and their ranking."""
    run = get_object_or_404(SelectionRun, slug=slug)
    measured = measure_judges(run=run)
    round_ = run.rounds.open().first()
    rows = list_rows(run)
    names = {row.judge.slug for row in rows if row.compares}
    context = {
        "run": run,
        "round": round_,
        "rows": rows,
        "measured": measured,
        "imported": [name for name in measured.judges if name not in names],
        "has_people": measured.n_people > 0,
        "side_by_side": put_side_by_side(run),
        "add": AddJudge(run=run),
        "ask": AskJudge(),
        "is_closed": run.state == SelectionRun.State.CLOSED,
        "has_readings": JudgeReading.objects.filter(comparison__round__run=run).exists(),
    }
    return render(request, "judges/page.html", context)


@require_POST
@role_required(Role.ADMIN)
def add(request: SignedInRequest, slug: str) -> HttpResponse:
    """Let a judge judge in the run."""
    run = get_object_or_404(SelectionRun, slug=slug)
    form = AddJudge(request.POST, run=run)
    if not form.is_valid():
        messages.error(request, _("Choose a judge that the run does not have yet."))
        return _back(run)
    judge = form.cleaned_data["judge"]
    said = _("%(judge)s judges in this run now.") % {"judge": judge.slug}
    return _do(request, run, partial(judges.add_judge, run=run, judge=judge, by=request.user), said)


@require_POST
@role_required(Role.ADMIN)
def remove(request: SignedInRequest, slug: str, judge: str) -> HttpResponse:
    """Let a judge judge no more in the run."""
    run, found = _find(slug, judge)
    said = _("%(judge)s judges here no more. What it judged stays.") % {"judge": judge}
    act = partial(judges.remove_judge, run=run, judge=found, by=request.user)
    return _do(request, run, act, said)


@require_POST
@role_required(Role.ADMIN)
def ask(request: SignedInRequest, slug: str, judge: str) -> HttpResponse:
    """Have a judge make more comparisons in the open round."""
    run, found = _find(slug, judge)
    form, round_ = AskJudge(request.POST), run.rounds.open().first()
    if round_ is None:
        messages.error(request, _("No round is open, so there is nothing to judge."))
    elif not form.is_valid():
        messages.error(request, _("Say how many comparisons: a whole number from 1."))
    else:
        n = form.cleaned_data["comparisons"]
        act = partial(
            judging.judge_more, round_=round_, judge=found, comparisons=n, by=request.user
        )
        said = _("%(judge)s is asked for %(n)s more comparisons.") % {"judge": judge, "n": n}
        return _do(request, run, act, said)
    return _back(run)


@require_POST
@role_required(Role.ADMIN)
def retry(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Try a judge's work again that failed."""
    sitting = get_object_or_404(
        JudgeSitting.objects.select_related("round__run", "judge__template"),
        pk=pk,
        round__run__slug=slug,
    )
    act = partial(judging.try_again, sitting=sitting)
    return _do(request, sitting.round.run, act, _("It is tried again."))


@require_POST
@role_required(Role.RESEARCHER)
def rank(request: SignedInRequest, slug: str) -> HttpResponse:
    """Rank by people, by judges and by both, to see them beside each other."""
    run = get_object_or_404(SelectionRun, slug=slug)
    try:
        for filters in COLUMNS.values():
            rank_now(run=run, filters=filters)
    except errors.Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Ranked by people, by judges and by both together."))
    return HttpResponseRedirect(f"{reverse('judges', args=[slug])}#rankings", status=303)


def list_rows(run: SelectionRun) -> list[JudgeRow]:
    """List the judges that a run has or had, with how far they are."""
    here = set(run.judges.values_list("pk", flat=True))
    known = judges.list_judges(run=run)
    sittings: dict[int, list[JudgeSitting]] = {}
    asked = JudgeSitting.objects.filter(round__run=run).select_related("round")
    for sitting in asked.order_by("round__number"):
        sittings.setdefault(sitting.judge_id, []).append(sitting)
    counted = _count_comparisons(run)
    return [
        JudgeRow(
            judge=judge,
            is_here=judge.pk in here,
            sittings=(mine := sittings.get(judge.pk, [])),
            n_wanted=sum(each.n_wanted for each in mine),
            **counted.get(judge.pk, {"n_drawn": 0, "n_judged": 0, "n_unreadable": 0}),
        )
        for judge in known
    ]


def put_side_by_side(run: SelectionRun) -> SideBySide:
    """Put the newest rankings of the whole run by people, by judges and by both side by side."""
    rankings = {
        name: run.rankings.filter(filters=filters).order_by("-id").first()
        for name, filters in COLUMNS.items()
    }
    standings = [
        {row["name"]: row for row in ranking.standings} if ranking else {}
        for ranking in rankings.values()
    ]
    names = list(dict.fromkeys(name for each in standings for name in each))
    rows = [(name, [_voted(each.get(name)) for each in standings]) for name in names[:ROWS_SHOWN]]
    return SideBySide(
        rankings, rows, max(0, len(names) - ROWS_SHOWN), compare_orders(*standings[:2])
    )


def _voted(row: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return row if row is not None and row["strength"] is not None else None


def _count_comparisons(run: SelectionRun) -> dict[int, dict[str, int]]:
    """Count each judge's comparisons in the run that were drawn here."""
    own = Q(annotator__comparisons__round__run=run, annotator__comparisons__import_key=None)
    path = "annotator__comparisons__"
    rows = (
        Judge.objects.filter(own)
        .order_by()
        .values("pk")
        .annotate(
            n_drawn=Count(f"{path}pk"),
            n_judged=Count(f"{path}pk", filter=Q(**{f"{path}answered_at__isnull": False})),
            n_unreadable=Count(f"{path}pk", filter=Q(**{f"{path}skipped_at__isnull": False})),
        )
    )
    return {row.pop("pk"): row for row in rows}


def _find(slug: str, judge: str) -> tuple[SelectionRun, Judge]:
    run = get_object_or_404(SelectionRun, slug=slug)
    return run, get_object_or_404(Judge.objects.select_related("template", "annotator"), slug=judge)


def _do(
    request: SignedInRequest, run: SelectionRun, act: Callable[[], Any], said: str
) -> HttpResponse:
    """Do what was asked, and show the page with what came of it."""
    try:
        act()
    except errors.Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said)
    return _back(run)


def _back(run: SelectionRun) -> HttpResponse:
    return HttpResponseRedirect(reverse("judges", args=[run.slug]), status=303)
