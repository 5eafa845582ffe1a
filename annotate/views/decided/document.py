"""A stored decision as its page reads it: names for ids, pictures in rows, what is folded away."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from annotate.models import RunDecision
from annotate.services.deciding.slicing import SLICED_BY
from annotate.views.decided.bars import Bar, draw_bars
from annotate.views.decided.lattice import Lattice, lay_out

SHOWN = 10

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Folded:
    """Rows of a table: the first ones, and the rest behind a fold."""

    top: Sequence[Any]
    rest: Sequence[Any]

    def __bool__(self) -> bool:
        """Tell whether there is any row."""
        return bool(self.top)


def fold(rows: Iterable[Any]) -> Folded:
    """Keep the first rows in view; a fold of one row would hide no more than it takes."""
    listed = list(rows)
    shown = len(listed) if len(listed) <= SHOWN + 1 else SHOWN
    return Folded(listed[:shown], listed[shown:])


@dataclass(frozen=True)
class Who:
    """A candidate by its name, and by what was chosen in it."""

    id: int
    name: str
    checkpoint: str
    temperature: float | None
    is_anchor: bool
    is_finalist: bool

    def __str__(self) -> str:
        return self.name

    @property
    def told(self) -> SafeString:
        """Name the checkpoint and the temperature; the candidate where either is not known."""
        if not self.checkpoint or self.temperature is None:
            return format_html("<strong>{}</strong>", self.name)
        return format_html(
            _("<strong>{checkpoint}</strong> at temperature <strong>{temperature}</strong>"),
            checkpoint=self.checkpoint,
            temperature=f"{self.temperature:g}",
        )


@dataclass(frozen=True)
class Shown:
    """A row of a table: what is stored, who it is about, and its picture."""

    row: Row
    who: Who | None
    bar: Bar | None = None


@dataclass(frozen=True)
class Slice:
    """A language or a category: who leads there, and how the chosen candidate stands."""

    row: Row
    leader: Who | None
    bar: Bar


class Document:
    """A decision, ready to be written down; every number of it is in the content."""

    def __init__(self, decision: RunDecision) -> None:
        self.decision = decision
        self.content: Mapping[str, Any] = decision.content
        notes = {each["id"]: each for each in self.content["candidates"]}
        self.people = {
            each["id"]: Who(
                each["id"], notes[each["id"]]["name"], each["checkpoint"], each["temperature"],
                each["is_anchor"], each["is_finalist"],
            )
            for each in self.content["basis"]["contenders"]
        }  # fmt: skip
        self.chosen = self.people[self.content["choice"]["candidate"]]
        self.note = notes[self.chosen.id]

    @property
    def title(self) -> str:
        """The run's title at the time, or its name in commands."""
        run = self.content["run"]
        return str(run["title"] or run["slug"])

    @cached_property
    def closest(self) -> Shown | None:
        """The rival with the least evidence against it."""
        row = self.content["choice"]["closest"]
        return None if row is None else Shown(row, self.people[row["candidate"]])

    @cached_property
    def not_beaten(self) -> Folded:
        """Rivals that may be better, or are equivalent."""
        return fold(self.people[each] for each in self.content["choice"]["not_beaten"])

    @cached_property
    def unjoined(self) -> Folded:
        """Finalists whom no votes join to the others."""
        return fold(self.people[each] for each in self.content["choice"]["unjoined"])

    @cached_property
    def stronger_anchors(self) -> Sequence[Shown]:
        """Anchors that are ahead of the chosen candidate, and `by` how much."""
        rows = (row for row in self.content["evidence"] if row["role"] == "anchor")
        return [
            Shown(row | {"by": -row["difference"]}, self.people[row["candidate"]])
            for row in rows
            if row["difference"] < 0
        ]

    @cached_property
    def n_rivals(self) -> int:
        """How many finalists there are beside the chosen one."""
        return sum(each.is_finalist for each in self.people.values()) - 1

    @cached_property
    def n_annotators(self) -> int:
        """How many annotators cast the votes that decide."""
        basis = self.content["basis"]
        return int(self.content["votes"][basis["decided_by"]]["annotators"])

    @cached_property
    def n_votes(self) -> int:
        """How many votes decide."""
        return int(self.content["votes"][self.content["basis"]["decided_by"]]["votes"])

    @cached_property
    def standings(self) -> Folded:
        """Every candidate with votes, the strongest first."""
        rows = [row for row in self.content["standings"] if row["votes"]]
        return fold(self._with_bars(rows, "strength"))

    @cached_property
    def without_votes(self) -> Sequence[Who]:
        """Candidates that nobody judged."""
        rows = self.content["standings"]
        return [self.people[row["candidate"]] for row in rows if not row["votes"]]

    @cached_property
    def has_groups(self) -> bool:
        """Tell whether some candidates are not joined to others by votes."""
        return len({row["group"] for row in self.content["standings"]} - {None}) > 1

    @cached_property
    def evidence(self) -> Folded:
        """What speaks for the chosen candidate against each other one."""
        return fold(self._with_bars(self.content["evidence"], "difference"))

    @cached_property
    def surer(self) -> Sequence[Shown]:
        """What it takes to be surer, level by level."""
        return [self._name(row, "rival") for row in self.content["surer"]]

    @cached_property
    def slices(self) -> Sequence[tuple[str, Folded]]:
        """Languages and categories, each with its rows."""
        told = []
        for by in SLICED_BY:
            rows = sorted(self.content["slices"][by], key=lambda row: -row["n_votes"])
            told.append((by, fold(self._slices(rows))))
        return told

    @cached_property
    def has_best_lines(self) -> bool:
        """Tell whether some slice knows its best checkpoint and temperature."""
        slices = (row for by in SLICED_BY for row in self.content["slices"][by])
        return any(row["best_lines"] for row in slices)

    def _slices(self, rows: Sequence[Row]) -> list[Slice]:
        bars = draw_bars([_estimate(row["leader"] or {}, "strength") for row in rows])
        return [
            Slice(
                row,
                self.people[row["leader"]["candidate"]] if row["leader"] else None,
                bar,
            )
            for row, bar in zip(rows, bars, strict=True)
        ]

    @cached_property
    def lattice(self) -> Lattice:
        """The strengths by checkpoint and temperature."""
        return lay_out(self.content["grid"])

    @cached_property
    def lines(self) -> Folded:
        """The rows of that table."""
        return fold(self.lattice.lines)

    @cached_property
    def scores(self) -> Folded:
        """Newcomers with their scores against the anchors, the best first."""
        rows = self.content["scores"]["rows"] if self.content["scores"] else []
        return fold(self._with_bars(rows, "score", zero=5.0))

    @cached_property
    def anchors(self) -> Sequence[Who]:
        """The anchors that scores are against."""
        return [self.people[each] for each in self.content["scores"]["anchors"]]

    @cached_property
    def rounds(self) -> Sequence[Mapping[str, Any]]:
        """The rounds with the names of who left; `refused` did not win over their parents."""
        return [
            round_
            | {
                "left": [self._name_of(each) for each in (round_["cut"] or {}).get("left", [])],
                "refused": [
                    self._name_of(each) for each in (round_["cut"] or {}).get("refused", [])
                ],
                "leader": self._name_of(round_["stop"]["leader"]) if round_["stop"] else "",
            }
            for round_ in self.content["rounds"]
        ]

    @cached_property
    def has_cuts(self) -> bool:
        """Tell whether anybody left before the last round."""
        return any(round_["left"] for round_ in self.rounds)

    @cached_property
    def n_left(self) -> int:
        """How many left before the last round."""
        return sum(len(round_["left"]) for round_ in self.rounds)

    @cached_property
    def error_of_cuts(self) -> float:
        """The chance that the best one left in some round: errors of rounds add up at most."""
        return min(sum(round_["cut"]["error"] for round_ in self.rounds if round_["left"]), 1.0)

    @cached_property
    def is_bounded(self) -> bool:
        """Tell whether that chance is a bound: of rule "top" and of who was refused it is none."""
        return all(
            round_["cut"]["rule"] == "beaten" and not round_["refused"]
            for round_ in self.rounds
            if round_["left"]
        )

    @cached_property
    def kinds(self) -> Sequence[Mapping[str, Any]]:
        """Each kind of annotators: its votes, its leader, and where the chosen stands."""
        counts = self.content["votes"]
        return [
            row
            | counts[row["kind"]]
            | {
                "who": self.people[row["leader"]["candidate"]] if row["leader"] else None,
                "decides": row["kind"] == self.content["basis"]["decided_by"],
                "agrees": bool(row["leader"]) and row["leader"]["candidate"] == self.chosen.id,
            }
            for row in self.content["kinds"]["rows"]
        ]

    @cached_property
    def texts(self) -> Folded:
        """Lengths, foreign letters and repetition: the chosen, its parents, then the others."""
        parents = set(self.note["parents"])
        order = {row["candidate"]: place for place, row in enumerate(self.content["standings"])}

        def place(row: Row) -> tuple[bool, bool, int]:
            who = row["candidate"]
            return who != self.chosen.id, who not in parents, order.get(who, len(order))

        rows = sorted(self.content["texts"], key=place)
        return fold(
            Shown(row | {"is_parent": row["candidate"] in parents}, self.people[row["candidate"]])
            for row in rows
        )

    @cached_property
    def has_measures(self) -> bool:
        """Tell whether any completion was measured."""
        return any(row["measured"] for row in self.content["texts"])

    @cached_property
    def non_commercial(self) -> Sequence[Row]:
        """Licences behind the chosen candidate that allow no commercial use."""
        return [each for each in self.content["licences"] if each["is_non_commercial"]]

    @cached_property
    def has_simulated(self) -> bool:
        """Tell whether simulated annotators voted at all."""
        return "simulated" in self.content["votes"]

    def _with_bars(self, rows: Sequence[Row], of: str, zero: float = 0.0) -> list[Shown]:
        bars = draw_bars([_estimate(row, of) for row in rows], zero=zero)
        return [
            Shown(row, self.people[row["candidate"]], bar)
            for row, bar in zip(rows, bars, strict=True)
        ]

    def _name(self, row: Row, field: str) -> Shown:
        return Shown(row, None if row[field] is None else self.people[row[field]])

    def _name_of(self, candidate: int | None) -> str:
        who = self.people.get(candidate or 0)
        return who.name if who else "–"


def _estimate(row: Row, of: str) -> tuple[float | None, float | None, float | None]:
    return row.get(of), row.get("low"), row.get("high")


def read_document(decision: RunDecision) -> Document:
    """Read a stored decision."""
    return Document(decision)
