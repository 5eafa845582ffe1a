"""The pictures of each kind of figure, out of its stored content."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotate.models.people import Annotator
from annotate.models.rankings import FigureKind
from annotate.views.plots import curves, forest, matrices, radar, scatter
from annotate.views.plots.parts import MAX_SERIES, Plot, Row, known, records
from annotate.views.plots.words import LOG_STRENGTH, decimals, name_of, percent

MAX_MATRIX = 60
MAX_ROWS = 80

Content = Mapping[str, Any]


def draw(kind: str, content: Content) -> list[Plot]:
    """Draw what there is to see of a figure; nothing where its tables are empty."""
    return _DRAW[FigureKind(kind)](content)


def draw_head_to_head(content: Content) -> list[Plot]:
    """Draw who beats whom, each group of candidates that votes join apart."""
    by_group = groupby(_table(content, "pairs"), key=lambda row: row["group"])
    plots = (_draw_matrix(number, list(pairs)) for number, pairs in by_group)
    return [plot for plot in plots if plot is not None]


def _draw_matrix(group: int, pairs: Sequence[Row]) -> Plot | None:
    """Draw a group's pairs, which stand in the order of the standings on both sides."""
    met = [row for row in pairs if row["votes"]]
    if not met:
        return None
    order = list(dict.fromkeys(row[end] for row in pairs for end in ("candidate", "rival")))
    names = order[:MAX_MATRIX]
    widest = max(met, key=lambda row: abs(row["rate"] - 0.5))
    gist = _(
        "Heat map of how often each of %(n)d candidates won against each other. Of the pairs "
        "that met, the most one-sided is %(candidate)s against %(rival)s: %(rate)s."
    ) % {
        "n": len(names), "candidate": widest["candidate"], "rival": widest["rival"],
        "rate": percent(widest["rate"]),
    }  # fmt: skip
    spec = matrices.win_rates([cell for row in met for cell in _both_orders(row, names)], names)
    title, name = _("Share won, in per cent"), "matrix"
    if group > 0:
        title, name = _("Provisional group %(n)d") % {"n": group}, f"matrix-{group}"
    return Plot(name, title, gist, spec, _left_out(len(names), len(order)))


def _both_orders(row: Row, names: Sequence[str]) -> list[dict[str, Any]]:
    if row["candidate"] not in names or row["rival"] not in names:
        return []
    one, other = names.index(row["candidate"]), names.index(row["rival"])
    seen = {"row": one, "column": other, "rate": row["rate"], "votes": row["votes"],
            "candidate": row["candidate"], "rival": row["rival"]}  # fmt: skip
    turned = {"row": other, "column": one, "rate": 1 - row["rate"], "votes": row["votes"],
              "candidate": row["rival"], "rival": row["candidate"]}  # fmt: skip
    return [cell | {"percent": 100 * cell["rate"]} for cell in (seen, turned)]


def draw_categories(content: Content) -> list[Plot]:
    """Draw strengths by category: a radar of the strongest, and all of them with intervals."""
    rows = _joined(content, "strengths")
    categories = list(dict.fromkeys(row["category"] for row in rows))
    if len(categories) < 2:
        return []
    order = _by_mean(rows)
    names = order[:MAX_SERIES]
    shown = [row for row in rows if row["candidate"] in names]
    gist = _(
        "Strengths of %(n)d candidates in %(m)d categories. "
        "Where each category's strongest stands: %(best)s."
    ) % {"n": len(names), "m": len(categories), "best": _best_of_each(rows, categories)}
    left_out = _left_out(len(names), _n_candidates(content, "strengths"))
    marks = [
        _mark(row["candidate"], row, series=row["category"] or "–")
        for name in names for row in rows if row["candidate"] == name
    ]  # fmt: skip
    plots = []
    if len(categories) >= radar.MIN_SPOKES:
        few = names[: radar.MAX_POLYGONS]
        spec = radar.radar(shown, categories, few, title=LOG_STRENGTH)
        plots.append(
            Plot(
                "radar",
                _("Strengths as a radar (log odds)"),
                gist,
                spec,
                _left_out(len(few), _n_candidates(content, "strengths")),
            )
        )
    if len(categories) <= MAX_SERIES:
        axis = forest.Axis(LOG_STRENGTH)
        series = [category or "–" for category in categories]
        spec = forest.grouped_forest(marks, axis, names=series)
        plots.append(Plot("intervals", _("With intervals"), gist, spec, left_out))
    return plots


def _best_of_each(rows: Sequence[Row], categories: Sequence[str]) -> str:
    best = (
        max((row for row in rows if row["category"] == each), key=lambda row: row["strength"])
        for each in categories
    )
    return ", ".join(f"{row['category'] or '–'}: {row['candidate']}" for row in best)


def draw_growth(content: Content) -> list[Plot]:
    """Draw strengths as votes came in."""
    rows = _joined(content, "points")
    if not rows:
        return []
    most = max(row["votes"] for row in rows)
    last = sorted((row for row in rows if row["votes"] == most), key=lambda r: -r["strength"])
    names = [row["candidate"] for row in last][:MAX_SERIES]
    gist = _(
        "Lines: strengths of %(n)d candidates as votes came in, up to %(votes)d votes. "
        "%(best)s stands highest at the end, at %(strength)s."
    ) % {
        "n": len(names), "votes": most, "best": last[0]["candidate"],
        "strength": decimals(last[0]["strength"]),
    }  # fmt: skip
    shown = [row for row in rows if row["candidate"] in names]
    spec = curves.strengths_over(shown, names, x="votes", x_title=_("Votes"), y_title=LOG_STRENGTH)
    return [
        Plot(
            "strengths",
            _("Strength over votes"),
            gist,
            spec,
            _left_out(len(names), _n_candidates(content, "points")),
        )
    ]


def draw_calibration(content: Content) -> list[Plot]:
    """Draw observed over predicted shares."""
    bins = known(_table(content, "bins"), "predicted", "observed")
    if not bins:
        return []
    covered = known(bins, "low", "high")
    inside = sum(row["low"] <= row["predicted"] <= row["high"] for row in covered)
    gist = ngettext(
        "Observed over predicted shares: the prediction lies inside the interval of %(n)d of "
        "%(total)d group of votes.",
        "Observed over predicted shares: the prediction lies inside the interval of %(n)d of "
        "%(total)d groups of votes.",
        len(covered),
    ) % {"n": inside, "total": len(covered)}
    return [Plot("votes", _("Predicted and observed"), gist, scatter.calibration(bins))]


def draw_temperatures(content: Content) -> list[Plot]:
    """Draw the grid of checkpoints and temperatures, with both margins."""
    cells = _joined(content, "cells")
    if not cells:
        return []
    models = _by_mean(_table(content, "models") or cells, "model")
    temperatures = sorted({row["temperature"] for row in cells})
    every = _("all")
    margins = [row | {"temperature": None} for row in known(_table(content, "models"), "strength")]
    margins += [row | {"model": None} for row in known(_table(content, "temperatures"), "strength")]
    rows = [*models, every] if margins else models
    columns = [*(f"{each:g}" for each in temperatures), *([every] if margins else [])]
    values = [
        dict(row)
        | {
            "row": models.index(row["model"]) if row["model"] is not None else len(models),
            "column": len(temperatures) if row["temperature"] is None
            else temperatures.index(row["temperature"]),
            "interval": f"{decimals(row['low'])} – {decimals(row['high'])}",
        }
        for row in [*cells, *margins]
    ]  # fmt: skip
    best = max(cells, key=lambda row: row["strength"])
    gist = _(
        "Heat map of strengths of %(n)d models at %(m)d temperatures. The strongest cell is "
        "%(model)s at %(temperature)s, at %(strength)s."
    ) % {
        "n": len(models), "m": len(temperatures), "model": best["model"],
        "temperature": f"{best['temperature']:g}", "strength": decimals(best["strength"]),
    }  # fmt: skip
    spec = matrices.two_way(values, rows, columns, title=LOG_STRENGTH)
    return [Plot("grid", _("Checkpoint × temperature"), gist, spec)]


def draw_judges(content: Content) -> list[Plot]:
    """Draw strengths by who judged."""
    rows = _joined(content, "strengths")
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    if len(kinds) < 2:
        return []
    order = _by_mean([row for row in rows if row["kind"] == kinds[0]])
    names = order[:MAX_ROWS]
    marks = [_mark(row["candidate"], row, series=name_of("kind", row["kind"]))
             for name in names for row in rows if row["candidate"] == name]  # fmt: skip
    gist = _(
        "Forest plot: strengths of %(n)d candidates, once for each kind: %(kinds)s. %(tau)s"
    ) % {
        "n": len(names),
        "kinds": ", ".join(name_of("kind", kind) for kind in kinds),
        "tau": " ".join(_agreement(row) for row in known(_table(content, "agreement"), "tau")),
    }
    axis = forest.Axis(LOG_STRENGTH)
    spec = forest.grouped_forest(marks, axis, names=[name_of("kind", kind) for kind in kinds])
    left_out = _left_out(len(names), _n_candidates(content, "strengths"))
    return [Plot("strengths", _("Strengths by who judged"), gist, spec, left_out)]


def _agreement(row: Row) -> str:
    return _("Kendall's τ of %(one)s and %(other)s: %(tau)s.") % {
        "one": name_of("kind", row["kind"]),
        "other": name_of("kind", row["other_kind"]),
        "tau": decimals(row["tau"]),
    }


def draw_sides(content: Content) -> list[Plot]:
    """Draw each annotator's share of votes for the left side."""
    rows = known(_table(content, "annotators"), "share")
    if not rows:
        return []
    shown = sorted(rows, key=lambda row: -(row["left"] + row["right"]))[:MAX_ROWS]
    marks = [
        _mark(f"{row['annotator']} ({Annotator.Kind(row['kind']).label})", row, centre="share",
              note=str(row["left"] + row["right"]))
        for row in sorted(shown, key=lambda row: -row["share"])
    ]  # fmt: skip
    facts = content.get("facts", {})
    overall = facts.get("share")
    lines = [0.5] if overall is None else [0.5, overall]
    said = {name: percent(facts.get(name)) for name in ("share", "low", "high")}
    gist = _(
        "Forest plot: share of votes for the left side by %(n)d annotators. All together: "
        "%(share)s (%(low)s to %(high)s)."
    ) % (said | {"n": len(shown)})
    axis = forest.Axis(_("Share of the left side"), ".0%", lines, (0.0, 1.0))
    spec = forest.forest(marks, axis, notes_title=_("Votes"))
    left_out = _left_out(len(shown), len(rows), annotators=True)
    return [Plot("annotators", _("Share of the left side"), gist, spec, left_out)]


def draw_adjusted(content: Content) -> list[Plot]:
    """Draw each view beside the primary one, and what was adjusted for."""
    rows = _joined(content, "strengths")
    views = list(dict.fromkeys(row["view"] for row in rows))
    if not rows:
        return []
    order = _by_mean([row for row in rows if row["view"] == views[0]])
    names = order[: MAX_ROWS // 2]
    marks = [_mark(row["candidate"], row, series=name_of("view", row["view"]))
             for name in names for row in rows if row["candidate"] == name]  # fmt: skip
    gist = _("Forest plot: strengths of %(n)d candidates in %(m)d views. Strongest: %(best)s.") % {
        "n": len(names), "m": len(views), "best": _best_of_views(rows, views),
    }  # fmt: skip
    reach = _reach([row for row in rows if row["view"] == views[0]])
    is_cut = any(abs(row[end] or 0) > reach for row in rows for end in ("low", "high"))
    axis = forest.Axis(LOG_STRENGTH, domain=(-reach, reach) if is_cut else None)
    spec = forest.grouped_forest(marks, axis, names=[name_of("view", view) for view in views])
    left_out = [_left_out(len(names), _n_candidates(content, "strengths"))]
    if is_cut:
        left_out.append(_("Intervals that go on beyond the picture are cut at its edge."))
    said = " ".join(filter(None, left_out))
    plots = [Plot("views", _("Strengths in each view"), gist, spec, said)]
    terms = known(_table(content, "coefficients"), "estimate")
    return plots + _coefficients([row for row in terms if row["group"] == 0])


def _reach(rows: Sequence[Row]) -> float:
    """Give how far from 0 a picture goes: twice as far as these, whatever others do."""
    ends = [abs(row[end]) for row in rows for end in ("strength", "low", "high") if row[end]]
    return 2 * max(ends, default=0.5)


def _best_of_views(rows: Sequence[Row], views: Sequence[str]) -> str:
    best = (
        max((row for row in rows if row["view"] == each), key=lambda row: row["strength"])
        for each in views
    )
    return ", ".join(f"{name_of('view', row['view'])}: {row['candidate']}" for row in best)


def _coefficients(rows: Sequence[Row]) -> list[Plot]:
    if not rows:
        return []
    marks = [_mark(_term(row), row, centre="estimate") for row in rows]
    said = "; ".join(f"{_term(row)} {decimals(row['estimate'])}" for row in rows)
    gist = _("Forest plot of what was adjusted for: %(terms)s.") % {"terms": said}
    spec = forest.forest(marks, forest.Axis(_("Effect (log odds)")))
    return [Plot("effects", _("What was adjusted for"), gist, spec)]


def _term(row: Row) -> str:
    return f"{name_of('view', row['view'])}: {name_of('term', row['term'])}"


def _table(content: Content, name: str) -> list[dict[str, Any]]:
    table = content["tables"].get(name)
    return records(table) if table else []


def _joined(content: Content, name: str) -> list[dict[str, Any]]:
    """Read the strengths of those that votes join: others have a scale of their own."""
    return [row for row in known(_table(content, name), "strength") if row["group"] == 0]


def _n_candidates(content: Content, name: str) -> int:
    return len({row["candidate"] for row in known(_table(content, name), "strength")})


def _mark(name: str, row: Row, *, centre: str = "strength", **more: str) -> dict[str, Any]:
    """Give a row of a forest plot."""
    return {"name": name, "centre": row[centre], "low": row["low"], "high": row["high"], **more}


def _by_mean(rows: Sequence[Row], column: str = "candidate") -> list[str]:
    """List the names in a column, those of the highest mean strength first."""
    found: dict[str, list[float]] = {}
    for row in known(rows, "strength"):
        found.setdefault(row[column], []).append(row["strength"])
    return sorted(found, key=lambda name: -sum(found[name]) / len(found[name]))


def _left_out(n_shown: int, n_all: int, *, annotators: bool = False) -> str:
    if n_shown == n_all:
        return ""
    if annotators:
        said = _("The picture shows the %(n)d annotators of most votes; the table has all %(all)d.")
    else:
        said = _(
            "The picture shows %(n)d of %(all)d candidates, the strongest that votes join; the "
            "table has them all."
        )
    return said % {"n": n_shown, "all": n_all}


_DRAW: dict[FigureKind, Callable[[Content], list[Plot]]] = {
    FigureKind.HEAD_TO_HEAD: draw_head_to_head,
    FigureKind.CATEGORIES: draw_categories,
    FigureKind.GROWTH: draw_growth,
    FigureKind.CALIBRATION: draw_calibration,
    FigureKind.TEMPERATURES: draw_temperatures,
    FigureKind.JUDGES: draw_judges,
    FigureKind.SIDES: draw_sides,
    FigureKind.ADJUSTED: draw_adjusted,
}
