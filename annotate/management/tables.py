"""Rankings as tables for a terminal."""

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from annotate.models import Ranking


def ranking_table(ranking: Ranking) -> RenderableType:
    """Lay a ranking out as a table, strongest first, each group apart."""
    level = f"{100 * ranking.settings['level']:g} %"
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
    for heading in ("strength", level, "won-lost-tied", "votes"):
        table.add_column(heading, justify="right", no_wrap=True)
    groups = {row["group"] for row in ranking.standings if row["group"] is not None}
    last_group = None
    for row in ranking.standings:
        if last_group not in (None, row["group"]):
            table.add_section()
        last_group = row["group"]
        table.add_row(
            _rank(row, len(groups)),
            "" if row["rank_low"] is None else f"{row['rank_low']}-{row['rank_high']}",
            Text(row["name"]),
            _number(row["strength"]),
            "" if row["low"] is None else f"{row['low']:+.2f} to {row['high']:+.2f}",
            f"{row['wins']}-{row['losses']}-{row['ties'] + row['both_bad']}",
            str(row["votes"]),
        )
    return table


def _title(ranking: Ranking) -> str:
    where = "".join(
        f", {ranking.filters.get('by') if name == 'value' else name} {value}"
        for name, value in ranking.filters.items()
        if name != "by"
    )
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


def _number(strength: object) -> str:
    return "no votes" if strength is None else f"{strength:+.3f}"
