"""Rankings as tables for a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from annotate.models import Ranking
from annotate.services.scaling import Scale, scale_standings, unit_of
from annotate.services.slices import named_slices


def ranking_table(
    ranking: Ranking, *, scale: Scale = Scale.LOG, anchors: Iterable[str] = ()
) -> RenderableType:
    """Lay a ranking out as a table, strongest first, each group apart.

    Raises:
        ScaleRefused: an anchor has no strength in this ranking.
    """
    rows = scale_standings(ranking.standings, scale=scale, anchors=anchors)
    table = Table(
        title=Text(_title(ranking)),
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("of", no_wrap=True)
    table.add_column("candidate", overflow="fold")  # a name is read whole, on two lines if need be
    for heading in (f"strength\n({unit_of(scale)})", _interval(ranking), "P(best)",
                    "won-lost-tied", "votes"):  # fmt: skip
        table.add_column(heading, justify="right", no_wrap=True)
    n_groups = len({row["group"] for row in rows} - {None})
    last_group = None
    for row in rows:
        if last_group not in (None, row["group"]):
            table.add_section()
        last_group = row["group"]
        table.add_row(*_cells(row, n_groups, scale))
    return table


def _cells(row: dict[str, Any], n_groups: int, scale: Scale) -> list[str | Text]:
    return [
        _rank(row, n_groups),
        "" if row["rank_low"] is None else f"{row['rank_low']}-{row['rank_high']}",
        Text(row["name"]),
        _number(row["strength"], scale, more_decimals=1),
        "" if row["low"] is None
        else f"{_number(row['low'], scale)} to {_number(row['high'], scale)}",
        "" if row.get("p_best") is None else f"{row['p_best']:.2f}",
        f"{row['wins']}-{row['losses']}-{row['ties'] + row['both_bad']}",
        str(row["votes"]),
    ]  # fmt: skip


def _interval(ranking: Ranking) -> str:
    """Say what the interval is: by its level, and whether it holds at every moment."""
    level = f"{100 * ranking.settings['level']:g} %"
    return f"{level}\nat every moment" if ranking.settings.get("anytime") else level


def _title(ranking: Ranking) -> str:
    where = "".join(f", {name} {value}" for name, value in named_slices(ranking.filters).items())
    votes = name_votes(ranking.n_votes, ranking.settings["votes_by_kind"])
    return f"{ranking.run}{where}: {votes}{name_excluded(ranking.settings.get('n_excluded', 0))}"


def name_excluded(n: int) -> str:
    """Say how many annotators are left out, if any is."""
    return f", {n} annotator{'' if n == 1 else 's'} excluded" if n else ""


def name_votes(n: int, kinds: Mapping[str, int]) -> str:
    """Say how many votes there are, and by whom: kind of annotator → votes."""
    voters = ", ".join(f"{n} by {_kind_name(kind)}" for kind, n in kinds.items())
    return f"{n} votes" + (f" ({voters})" if voters else "")


def _kind_name(kind: str) -> str:
    return {
        "person": "people",
        "judge": "LLM judges",
        "simulated": "simulated annotators",
    }[kind]


def _rank(row: dict[str, object], n_groups: int) -> str:
    """Give the rank; where groups cannot be compared, with the group's number before it."""
    if row["rank"] is None:
        return "–"
    return str(row["rank"]) if n_groups == 1 else f"{row['group']}:{row['rank']}"


def _number(value: float | None, scale: Scale, more_decimals: int = 0) -> str:
    if value is None:
        return "no votes"
    if scale is Scale.LOG:
        return f"{value:+.{scale.decimals + more_decimals}f}"
    return f"{value:.{scale.decimals}f}"
