"""Scores from 1 to 10 that judges gave: by turn and by category, with their spread over repeats."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from annotate.forms.scores import ScoreForm
from annotate.models import Judge, JudgeSitting, JudgeTemplate, SelectionRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import errors
from annotate.services.scores import UNIT, MeanScore, Scores, list_scorers, read_scores
from annotate.services.scoring import score_round
from annotate.views.plots.parts import Plot
from annotate.views.plots.radar import MAX_POLYGONS, MIN_SPOKES, radar
from annotate.views.tables import as_csv

SCALES = {"ten": gettext_lazy("1 to 10"), "unit": gettext_lazy("0 to 1")}
ROWS_SHOWN = 100
COLUMNS = (
    "candidate", "category", "turn", "mean", "low", "high", "spread", "questions", "repeats",
    "unread",
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A mean in the scale that the page shows; everything None where nothing was scored."""

    mean: float | None = None
    spread: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class WideTable:
    """Candidates as rows, turns or categories as columns."""

    title: str
    heads: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]


@require_safe
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def scores(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show what a judge found of each candidate; `?judge=` and `?scale=unit` choose."""
    run = get_object_or_404(SelectionRun, slug=slug)
    judges = list_scorers(run=run)
    judge = _choose(judges, request.GET.get("judge", ""))
    scale = request.GET.get("scale", "ten")
    if scale not in SCALES:
        raise Http404
    found = read_scores(run=run, judge=judge) if judge else None
    context = {
        "run": run,
        "judges": judges,
        "judge": judge,
        "scale": scale,
        "scales": SCALES,
        "places": 3 if scale == "unit" else 2,
        "found": found,
        "tables": list_tables(found, scale) if found else [],
        "plots": draw(found, scale) if found else [],
        "file": f"{slug}-scores-{judge.slug}" if judge else "",
        "sittings": JudgeSitting.objects.filter(
            round__run=run, judge__template__use=JudgeTemplate.Use.SCORE
        )
        .exclude(state=JudgeSitting.State.DONE)
        .select_related("judge", "round"),
        "form": ScoreForm(),
        "n_more": max(0, len(found.candidates) - ROWS_SHOWN) if found else 0,
    }
    return render(request, "runs/scores.html", context)


@require_POST
@role_required(Role.ADMIN)
def score_now(request: SignedInRequest, slug: str) -> HttpResponse:
    """Have a worker score the newest round."""
    run = get_object_or_404(SelectionRun, slug=slug)
    form = ScoreForm(request.POST)
    round_ = run.rounds.order_by("-number").first()
    if not form.is_valid() or round_ is None:
        said = form.errors.as_text() or _(
            "This run has no round yet, so there is nothing to score."
        )
        messages.error(request, said)
    else:
        try:
            score_round(round_=round_, by=request.user, **form.cleaned_data)
        except errors.Refused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(
                request, _("A worker scores the newest round; come back for the means.")
            )
    return HttpResponseRedirect(reverse("scores", args=[slug]), status=303)


@require_safe
@role_required(Role.RESEARCHER)
def scores_csv(request: SignedInRequest, slug: str, judge: str) -> HttpResponse:
    """Give all means of a judge as a file, on 1 to 10."""
    run = get_object_or_404(SelectionRun, slug=slug)
    found = read_scores(run=run, judge=get_object_or_404(Judge, slug=judge))
    rows = (
        (found.names[m.candidate], m.category, m.turn or None, m.mean, m.low, m.high, m.spread,
         m.n_questions, m.n_repeats, m.n_unread)
        for m in found.means
    )  # fmt: skip
    return as_csv(f"{slug}-scores-{judge}", COLUMNS, rows)


def _choose(judges: Sequence[Judge], slug: str) -> Judge | None:
    """Give the judge of this name, or the first."""
    if not slug:
        return judges[0] if judges else None
    for judge in judges:
        if judge.slug == slug:
            return judge
    raise Http404


def list_tables(found: Scores, scale: str) -> list[WideTable]:
    """Give the means by turn, and by category where there are several."""
    turns = [(_("Overall"), None, 0), *((_name_turn(t), None, t) for t in found.turns if t)]
    tables = [_table(_("By turn"), turns, found, scale)]
    if len(found.categories) > 1:
        places = [(category or "–", category, 0) for category in found.categories]
        tables.append(_table(_("By category"), places, found, scale))
    return tables


def _table(
    title: str, places: Iterable[tuple[str, str | None, int]], found: Scores, scale: str
) -> WideTable:
    places = list(places)
    rows = [
        (
            found.names[who],
            [_cell(found.find(who, category, turn), scale) for _head, category, turn in places],
        )
        for who in found.candidates[:ROWS_SHOWN]
    ]
    return WideTable(title, [head for head, _category, _turn in places], rows)


def _name_turn(turn: int) -> str:
    names = {1: _("First turn"), 2: _("Second turn")}
    return names.get(turn) or _("Turn %(n)s") % {"n": turn}


def _cell(mean: MeanScore | None, scale: str) -> Cell:
    if mean is None:
        return Cell()
    values = (mean.mean, mean.spread, mean.low, mean.high)
    return Cell(*(_rescale(value, scale) for value in values))


def _rescale(value: float | None, scale: str) -> float | None:
    return value / UNIT if value is not None and scale == "unit" else value


def draw(found: Scores, scale: str) -> list[Plot]:
    """Draw a radar chart of the best candidates, where there are categories enough for one."""
    names = [found.names[who] for who in found.candidates[:MAX_POLYGONS]]
    rows: list[dict[str, Any]] = []
    for who in found.candidates[:MAX_POLYGONS]:
        for category in found.categories:
            cell = _cell(found.find(who, category), scale)
            if cell.mean is not None:
                known = {"candidate": found.names[who], "category": category or "–"}
                rows.append(known | {"strength": cell.mean})
    if len(found.categories) < MIN_SPOKES or not rows:
        return []
    title = _("Mean score, %(scale)s") % {"scale": SCALES[scale]}
    spec = radar(rows, [category or "–" for category in found.categories], names, title=title)
    left_out = ""
    if len(found.candidates) > len(names):
        left_out = _("The %(n)s best of %(all)s candidates.") % {
            "n": len(names), "all": len(found.candidates),
        }  # fmt: skip
    gist = _("Mean scores by category of %(names)s") % {"names": ", ".join(names)}
    return [Plot("categories", _("Scores by category"), gist, spec, left_out)]
