"""What exports count and hold, in words for pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotate.services.exporting import REASONS, left_out_of, say_warnings
from annotate.services.languages import language_name

LARGEST_TEXT = 4_000  # characters of a message that a page shows
ROLES: dict[str, Promise] = {
    "system": gettext_lazy("System"),
    "user": gettext_lazy("User"),
    "assistant": gettext_lazy("Reply"),
}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Said:
    """A message, cut where it is longer than a page shows."""

    role: str
    text: str
    is_cut: bool


@dataclass(frozen=True)
class Part:
    """One of a row's texts: the prompt, or a reply, as a conversation."""

    title: str
    said: tuple[Said, ...]


@dataclass(frozen=True)
class Example:
    """A row as a person reads it; `facts` are its other columns."""

    opening: str
    language: str
    parts: tuple[Part, ...]
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Figures:
    """What a dataset's counts say.

    Attributes:
        left_out: why pairs gave no row, the commonest reason first.
        made_by: rows by weight that have people's votes behind them, and those that have not; None
            where nobody counted that, as in older datasets and forms of votes.
    """

    left_out: tuple[tuple[str, int], ...]
    sources: tuple[tuple[str, int], ...]
    languages: tuple[tuple[str, int], ...]
    made_by: tuple[float, float] | None
    with_judges: int
    warnings: tuple[str, ...]

    @property
    def n_left_out(self) -> int:
        """Count what was left out."""
        return sum(n for _reason, n in self.left_out)


def tell_figures(counts: Mapping[str, Any]) -> Figures:
    """Tell what a dataset counted, an older one as well."""
    left_out = sorted(left_out_of(counts).items(), key=lambda pair: -pair[1])
    languages = sorted(counts.get("languages", {}).items(), key=lambda pair: -pair[1])
    by_people, by_others = counts.get("rows_by_people"), counts.get("rows_by_others")
    return Figures(
        left_out=tuple((str(REASONS.get(reason, reason)), n) for reason, n in left_out),
        sources=tuple(counts.get("sources", {}).items()),
        languages=tuple((str(language_name(tag)), n) for tag, n in languages),
        made_by=(by_people, by_others) if by_people or by_others else None,
        with_judges=counts.get("rows_with_judges", counts.get("pairs_with_judges", 0)),
        warnings=tuple(say_warnings(counts)),
    )


def tell_example(row: Row) -> Example:
    """Tell a row of any form: its texts apart from its other columns."""
    parts, used = _parts_of(row)
    facts = [
        (name, _write(value))
        for name, value in row.items()
        if name not in used and value not in (None, "", [])
    ]
    said = [each.text for part in parts for each in part.said if each.role != ROLES["system"]]
    opening = said[0] if said else str(row.get("prompt", ""))
    return Example(
        opening=" ".join(opening.split())[:120],
        language=str(row.get("language", "")),
        parts=tuple(parts),
        facts=tuple(facts),
    )


def _parts_of(row: Row) -> tuple[list[Part], set[str]]:
    """Give a row's conversations with their titles, and the names of the columns that they are."""
    titles = {
        "prompt": _("Prompt"),
        "chosen": _("Chosen"),
        "rejected": _("Rejected"),
        "completion": _("Wanted") if row.get("label") else _("Not wanted"),
        "conversation_a": _("A: %(name)s") % {"name": row.get("model_a", "")},
        "conversation_b": _("B: %(name)s") % {"name": row.get("model_b", "")},
    }
    parts = [
        Part(title, _read(row[name]))
        for name, title in titles.items()
        if isinstance(row.get(name), list)
    ]
    used = {name for name in titles if isinstance(row.get(name), list)}
    if "completions" in row:
        place = _("Place %(rank)s: %(name)s")
        told = zip(row["completions"], row["ranks"], row["candidates"], strict=True)
        parts += [
            Part(place % {"rank": rank, "name": name or "–"}, _read(messages))
            for messages, rank, name in told
        ]
        used.add("completions")
    return parts, used


def _read(messages: Sequence[Mapping[str, str]]) -> tuple[Said, ...]:
    return tuple(
        Said(
            role=str(ROLES.get(each["role"], each["role"])),
            text=each["content"][:LARGEST_TEXT],
            is_cut=len(each["content"]) > LARGEST_TEXT,
        )
        for each in messages
    )


def _write(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(_write(each) for each in value)
    return str(value)
