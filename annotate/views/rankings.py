"""Stored rankings: all of a run, and one with its leaderboard."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from annotate.forms.ranking import RankNow
from annotate.models import Ranking, SelectionRun
from annotate.models.people import Role
from annotate.models.rankings import FigureKind
from annotate.permissions import SignedInRequest, role_required
from annotate.services import errors
from annotate.services.rankings import rank_now
from annotate.services.scaling import Scale, scale_standings, unit_of
from annotate.views import history
from annotate.views.figures import find_ranking
from annotate.views.plots.forest import Axis, forest
from annotate.views.plots.parts import Plot
from annotate.views.plots.words import chance, decimals, percent
from annotate.views.tables import as_csv, show_table

SNAPSHOTS_SHOWN = 50
SCALES: dict[Scale, Promise] = {
    Scale.LOG: gettext_lazy("Log strength"),
    Scale.ELO: gettext_lazy("Elo-like"),
    Scale.LOGISTIC: gettext_lazy("Logistic"),
}
MIDDLES = {Scale.LOG: 0.0, Scale.ELO: 1000.0, Scale.LOGISTIC: 5.0}
COLUMNS = [
    "group", "rank", "rank_low", "rank_high", "name", "strength", "low", "high", "p_best", "wins",
    "losses", "ties", "both_bad", "votes",
]  # fmt: skip
ABOUT_FITS = {"votes_by_kind", "n_excluded", "n_annotators"}

Standing = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """Candidates that votes join with each other, with a picture of their strengths."""

    number: int
    rows: Sequence[Standing]
    plot: Plot | None

    @property
    def is_provisional(self) -> bool:
        """Tell whether no chain of votes joins this group to the largest one."""
        return self.number > 0


@require_safe
@role_required(Role.RESEARCHER)
def ranking(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Show a ranking as it was stored, with what made it."""
    ranking = find_ranking(slug, pk)
    shown = _show_standings(request, ranking)
    scale, standings = shown["scale"], shown["standings"]
    context = shown | {
        "ranking": ranking,
        "run": ranking.run,
        "kinds": FigureKind,
        "kinds_of_votes": ranking.settings["votes_by_kind"],
        "settings": {k: v for k, v in sorted(ranking.settings.items()) if k not in ABOUT_FITS},
        "scales": [(each, SCALES[each]) for each in Scale],
        "unit": unit_of(scale),
        "level": percent(ranking.settings.get("level", 0.95)),
        "groups": part_groups(standings, scale),
        "has_p_best": any(row.get("p_best") is not None for row in standings),
        "without_votes": [row for row in standings if row["group"] is None],
        "file": f"{slug}-ranking-{pk}",
    }
    return render(request, "rankings/page.html", context)


@require_safe
@role_required(Role.RESEARCHER)
def standings_csv(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Give the standings as a file, on the scale that is asked for."""
    shown = _show_standings(request, find_ranking(slug, pk))
    return as_csv(
        f"{slug}-ranking-{pk}-standings-{shown['scale']}",
        ["candidate" if name == "name" else name for name in COLUMNS],
        ([row.get(name) for name in COLUMNS] for row in shown["standings"]),
    )


def _show_standings(request: SignedInRequest, ranking: Ranking) -> dict[str, Any]:
    """Put the standings on the scale that an address asks for, which another may name as well."""
    asked = request.GET.get("scale", "")
    scale = Scale(asked) if asked in set(Scale) else Scale.LOG
    anchors = request.GET.getlist("anchor") if scale is Scale.LOGISTIC else []
    query = QueryDict(mutable=True)
    query["scale"] = scale
    query.setlist("anchor", anchors)
    shown = {
        "scale": scale,
        "anchors": anchors,
        "anchor_names": [row["name"] for row in ranking.standings if row["strength"] is not None],
        "csv_query": query.urlencode(),
    }
    try:
        rows = scale_standings(ranking.standings, scale=scale, anchors=anchors)
    except errors.ScaleRefused as refusal:
        rows = scale_standings(ranking.standings, scale=scale)
        shown |= {"anchor_error": str(refusal), "anchors": [], "csv_query": f"scale={scale}"}
    return shown | {"standings": rows}


def part_groups(standings: Sequence[Standing], scale: Scale) -> list[Group]:
    """Part the standings, which lie group by group, into the groups that votes join."""
    voted = [row for row in standings if row["group"] is not None]
    by_group = groupby(voted, key=lambda row: row["group"])
    groups = [(number, list(rows)) for number, rows in by_group]
    return [Group(number, rows, draw_group(number, rows, scale)) for number, rows in groups]


def draw_group(number: int, rows: Sequence[Standing], scale: Scale) -> Plot | None:
    """Draw the strengths of a group with their intervals; a group of one has no scale."""
    if len(rows) < 2:
        return None
    marks = [
        {"name": row["name"], "centre": row["strength"], "low": row["low"], "high": row["high"],
         "note": _note(row)}
        for row in rows
    ]  # fmt: skip
    places = ".0f" if scale.decimals == 0 else f".{scale.decimals}f"
    title = _("Strength (%(unit)s)") % {"unit": unit_of(scale)}
    has_p_best = any(row.get("p_best") is not None for row in rows)
    notes = _("Ranks · P(best)") if has_p_best else _("Ranks")
    spec = forest(marks, Axis(title, places, [MIDDLES[scale]]), notes_title=notes)
    name = "leaderboard" if number == 0 else f"leaderboard-{number}"
    return Plot(name, _("Leaderboard"), _gist(rows, scale), spec)


def _note(row: Standing) -> str:
    ranks = f"{row['rank_low']}–{row['rank_high']}" if row["rank_low"] is not None else "–"
    return ranks if row.get("p_best") is None else f"{ranks} · {chance(row['p_best'])}"


def _gist(rows: Sequence[Standing], scale: Scale) -> str:
    said = ngettext(
        "Forest plot: %(n)d candidate. Strongest: %(best)s, %(strength)s %(unit)s (%(low)s to "
        "%(high)s). Weakest: %(last)s, %(least)s.",
        "Forest plot: %(n)d candidates. Strongest: %(best)s, %(strength)s %(unit)s (%(low)s to "
        "%(high)s). Weakest: %(last)s, %(least)s.",
        len(rows),
    )
    best, last = rows[0], rows[-1]
    numbers = {name: decimals(best[name], scale.decimals) for name in ("strength", "low", "high")}
    least = decimals(last["strength"], scale.decimals)
    return said % {
        "n": len(rows), "best": best["name"], "last": last["name"], "unit": unit_of(scale),
        "least": least, **numbers,
    }  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.RESEARCHER)
def rankings(request: SignedInRequest, slug: str) -> HttpResponse:
    """List every snapshot of a run, draw those of one kind, and make new ones."""
    run = get_object_or_404(SelectionRun, slug=slug)
    form = RankNow(request.POST if request.method == "POST" else None, run=run)
    if request.method == "POST" and form.is_valid() and (made := _rank(request, form)):
        return HttpResponseRedirect(made, status=303)
    page = Paginator(run.rankings.defer("standings"), SNAPSHOTS_SHOWN).get_page(
        request.GET.get("page")
    )
    context = {"run": run, "form": form, "page": page} | _history(request, run)
    return render(request, "rankings/list.html", context, status=400 if form.errors else 200)


def _rank(request: SignedInRequest, form: RankNow) -> str | None:
    """Rank as the form says; give where to look at the outcome, or None where it was refused."""
    run = form.run
    try:
        made = rank_now(run=run, by=form.by, filters=form.filters)
    except errors.Refused as refusal:
        form.add_error(None, str(refusal))
        return None
    if not made:
        form.add_error(None, _("There are no such votes, so there is nothing to rank."))
        return None
    said = ngettext("%(n)d ranking was made.", "%(n)d rankings were made.", len(made))
    messages.success(request, said % {"n": len(made)})
    if len(made) == 1:
        return reverse("ranking", args=[run.slug, made[0].pk])
    return reverse("rankings", args=[run.slug])


def _history(request: SignedInRequest, run: SelectionRun) -> dict[str, Any]:
    """Say what the history shows: the kind of ranking that was asked for, or of the newest."""
    kinds = list(history.newest_of_each_kind(run))
    chosen = _like_asked_for(request, run) or next((r for r in kinds if not r.filters), None)
    chosen = chosen or (kinds[0] if kinds else None)
    if chosen is None:
        return {"kinds": kinds}
    numbers = list(history.like(chosen).values_list("pk", flat=True))
    shown = history.like(chosen).filter(pk__in=history.spread_out(numbers))
    table = {"columns": history.COLUMNS, "rows": list(history.read_rows(shown))}
    return {
        "kinds": kinds,
        "chosen": chosen,
        "n_snapshots": len(numbers),
        "plots": history.draw_history(table, n_snapshots=len(numbers)),
        "table": show_table("history", table, request.GET),
        "file": f"{run.slug}-rankings",
    }


def _like_asked_for(request: SignedInRequest, run: SelectionRun) -> Ranking | None:
    asked = request.GET.get("like", "")
    if not asked.isdecimal():
        return None
    return get_object_or_404(run.rankings.defer("standings"), pk=int(asked))


@require_safe
@role_required(Role.RESEARCHER)
def history_csv(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Give all snapshots of a ranking's kind as a file."""
    ranking = find_ranking(slug, pk)
    rows = history.read_rows(history.like(ranking))
    return as_csv(f"{slug}-ranking-{pk}-history", history.COLUMNS, rows)
