"""The snapshots of a run, and how strengths went over those of one kind."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from annotate.models import Ranking, SelectionRun
from annotate.views.plots.curves import strengths_over
from annotate.views.plots.parts import MAX_SERIES, Plot, known, records
from annotate.views.plots.words import LOG_STRENGTH

MAX_SNAPSHOTS = 40
COLUMNS = ["ranking", "made", "votes", "candidate", "group", "strength", "low", "high"]


def newest_of_each_kind(run: SelectionRun) -> QuerySet[Ranking]:
    """List the newest ranking of each kind: of those that count the same part of the votes."""
    newest = run.rankings.order_by().values("filters").annotate(newest=Max("pk")).values("newest")
    return run.rankings.filter(pk__in=newest).defer("standings")


def like(ranking: Ranking) -> QuerySet[Ranking]:
    """Give the snapshots that count the same part of the votes, the oldest first."""
    return ranking.run.rankings.filter(filters=ranking.filters).order_by("pk")


def read_rows(snapshots: QuerySet[Ranking]) -> Iterator[list[Any]]:
    """Yield a row of `COLUMNS` for each candidate with a strength, snapshot by snapshot."""
    for ranking in snapshots.iterator(chunk_size=20):
        for row in ranking.standings:
            if row["strength"] is not None:
                made = ranking.created_at.isoformat(timespec="minutes")
                yield [ranking.pk, made, ranking.n_votes, row["name"], row["group"],
                       row["strength"], row["low"], row["high"]]  # fmt: skip


def spread_out(numbers: Sequence[int], most: int = MAX_SNAPSHOTS) -> list[int]:
    """Keep at most so many, evenly spread, the first and the last among them."""
    if len(numbers) <= most:
        return list(numbers)
    stride = (len(numbers) - 1) / (most - 1)
    return [numbers[round(place * stride)] for place in range(most)]


def draw_history(table: dict[str, Any], *, n_snapshots: int) -> list[Plot]:
    """Draw the strongest candidates over the snapshots of a table.

    Args:
        n_snapshots: how many there are, of which the table may have fewer.
    """
    rows = [row for row in known(records(table), "strength") if row["group"] == 0]
    snapshots = list(dict.fromkeys(row["ranking"] for row in rows))
    if len(snapshots) < 2:
        return []
    last = [row for row in rows if row["ranking"] == snapshots[-1]]
    order = [row["candidate"] for row in sorted(last, key=lambda row: -row["strength"])]
    names = order[:MAX_SERIES]
    points = [
        row | {"place": snapshots.index(row["ranking"])}
        for row in rows
        if row["candidate"] in names
    ]
    gist = _(
        "Lines: strengths of %(n)d candidates over %(m)d snapshots. %(best)s stands highest in the "
        "newest."
    ) % {"n": len(names), "m": len(snapshots), "best": names[0]}
    spec = strengths_over(
        points, names, x="place", x_title=_("Ranking"), y_title=LOG_STRENGTH,
        steps=[f"#{number}" for number in snapshots],
    )  # fmt: skip
    left_out = []
    if len(names) < len(order):
        left_out.append(_("The picture shows the %(n)d strongest.") % {"n": len(names)})
    if len(snapshots) < n_snapshots:
        said = _("%(n)d of %(all)d snapshots are shown, evenly spread; the file has all.")
        left_out.append(said % {"n": len(snapshots), "all": n_snapshots})
    return [Plot("history", _("Strength over snapshots"), gist, spec, " ".join(left_out))]
