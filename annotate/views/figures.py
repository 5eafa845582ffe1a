"""The figures of one stored ranking: pictures, the same numbers as tables, and files."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from annotate.models import Ranking
from annotate.models.people import Role
from annotate.models.rankings import FigureKind
from annotate.permissions import SignedInRequest, role_required
from annotate.services.figures import figure_of
from annotate.views.figure_words import FACTS, GAPS, READING, SHARES
from annotate.views.plots.kinds import draw
from annotate.views.plots.words import CODES, decimals, percent
from annotate.views.tables import TITLES, as_csv, show_table


@require_safe
@role_required(Role.RESEARCHER)
def figure(request: SignedInRequest, slug: str, pk: int, kind: str) -> HttpResponse:
    """Show a figure of a ranking; the first visit computes its numbers."""
    ranking = find_ranking(slug, pk)
    content = _content_of(ranking, kind)
    tables = [
        show_table(name, content["tables"][name], request.GET)
        for name in TITLES
        if name in content["tables"]
    ]
    context = {
        "ranking": ranking,
        "run": ranking.run,
        "kind": FigureKind(kind),
        "kinds": FigureKind,
        "reading": READING[kind],
        "plots": draw(kind, content),
        "tables": tables,
        "facts": list_facts(content.get("facts", {})),
        "gaps": list(explain_gaps(content.get("gaps", {}))),
        "file": f"{slug}-ranking-{pk}-{kind}",
    }
    return render(request, "rankings/figure.html", context)


@require_safe
@role_required(Role.RESEARCHER)
def figure_csv(request: SignedInRequest, slug: str, pk: int, kind: str, table: str) -> HttpResponse:
    """Give a table of a figure as a file."""
    content = _content_of(find_ranking(slug, pk), kind)
    if table not in content["tables"]:
        raise Http404
    numbers = content["tables"][table]
    return as_csv(f"{slug}-ranking-{pk}-{kind}-{table}", numbers["columns"], numbers["rows"])


def find_ranking(slug: str, pk: int) -> Ranking:
    """Give a ranking of a run, or raise Http404."""
    return get_object_or_404(Ranking.objects.select_related("run"), pk=pk, run__slug=slug)


def _content_of(ranking: Ranking, kind: str) -> Mapping[str, Any]:
    if kind not in FigureKind.values:
        raise Http404
    content: Mapping[str, Any] = figure_of(ranking=ranking, kind=kind).content
    return content


def explain_gaps(gaps: Mapping[str, str]) -> Iterator[str]:
    """Say in a sentence each what a figure could not be given, and why."""
    for place, code in gaps.items():
        said = {"what": _name_place(place), "why": GAPS.get(code, code)}
        yield capfirst(_("%(what)s: %(why)s.") % said)


def _name_place(place: str) -> str:
    """Name a table or a field, or a part of one behind points: a view, a term, a category."""
    table, point, part = place.partition(".")
    if table == "points" and part:
        return _("%(n)s votes") % {"n": part}
    if point and table in TITLES:
        place = part
    names = [_name_code(code) for code in place.split(".")]
    return (" – ".join(names) if all(names) else place) or "–"


def _name_code(code: str) -> str:
    for names in (TITLES, FACTS, *CODES.values()):
        if code in names:
            return str(names[code])
    return ""


def list_facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name the single numbers of a figure, those that are known."""
    return [
        (str(name), _write_fact(code, facts[code]))
        for code, name in FACTS.items()
        if facts.get(code) is not None
    ]


def _write_fact(name: str, value: float) -> str:
    if name in SHARES:
        return percent(value, 1)
    return (
        number_format(value, force_grouping=True) if isinstance(value, int) else decimals(value, 3)
    )
