"""Checkpoints × temperatures as a table with both margins."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """A checkpoint: its candidates at each temperature in order, and its mean over them."""

    checkpoint: str
    cells: Sequence[Sequence[Row]]
    margin: Row | None


@dataclass(frozen=True)
class Lattice:
    """The whole table; margins are None where a line does not stand at every temperature."""

    temperatures: Sequence[float]
    lines: Sequence[Line]
    margins: Sequence[Row | None]

    @property
    def has_margins(self) -> bool:
        """Tell whether any line has a mean that can be compared."""
        return any(self.margins)


def lay_out(grid: Mapping[str, Any]) -> Lattice:
    """Lay out the stored cells, checkpoints with the strongest margin first."""
    cells: dict[tuple[str, float], list[Row]] = defaultdict(list)
    for row in _records(grid["cells"]):
        cells[row["checkpoint"], row["temperature"]].append(row)
    temperatures = sorted({temperature for _checkpoint, temperature in cells})
    of_checkpoint = {row["line"]: row for row in _records(grid["margins"]["checkpoint"])}
    of_temperature = {row["line"]: row for row in _records(grid["margins"]["temperature"])}
    names = dict.fromkeys(checkpoint for checkpoint, _temperature in cells)
    ordered = sorted(names, key=lambda name: _place(name, of_checkpoint))
    lines = [
        Line(name, [cells[name, each] for each in temperatures], of_checkpoint.get(name))
        for name in ordered
    ]
    return Lattice(temperatures, lines, [of_temperature.get(each) for each in temperatures])


def _place(name: str, margins: Mapping[str, Row]) -> tuple[bool, float, str]:
    margin = margins.get(name)
    return margin is None, -margin["strength"] if margin else 0.0, name


def _records(table: Row) -> list[dict[str, Any]]:
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
