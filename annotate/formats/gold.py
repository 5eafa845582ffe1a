"""Pairs of written answers of which one is known to be better: JSONL of Kurabe's own."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike, fspath

from annotate.formats.columns import refuse_misspelt
from annotate.formats.errors import Finding
from annotate.formats.fields import Fields
from annotate.formats.jsontext import read_json_lines
from annotate.formats.rows import GOLD_OUTCOMES, GOLD_USES, GoldRow

GOLD_COLUMNS = (
    "use",
    "language",
    "system",
    "turns",
    "better",
    "worse",
    "outcome",
    "explanation_en",
    "explanation_ja",
)


def read_gold(path: str | PathLike[str]) -> Iterator[GoldRow]:
    """Read one pair a line.

    Raises FormatError at the first row that is wrong, when the rows before it have been given.
    """
    for row in read_json_lines(fspath(path)):
        refuse_misspelt(row.location, row.cells, GOLD_COLUMNS)
        yield _gold(row)


def _gold(row: Fields) -> GoldRow:
    turns = row.texts("turns", may_be_blank=False)
    return GoldRow(
        use=row.choice("use", GOLD_USES),
        language=row.language("language"),
        system=row.text("system", ""),
        turns=turns,
        better=_replies(row, "better", len(turns)),
        worse=_replies(row, "worse", len(turns)),
        outcome=row.choice("outcome", GOLD_OUTCOMES, "a"),
        explanation_en=row.spoken("explanation_en"),
        explanation_ja=row.spoken("explanation_ja"),
        location=row.location,
    )


def _replies(row: Fields, field: str, n_turns: int) -> tuple[str, ...]:
    """Read a text, or a list of one for each turn."""
    is_text = isinstance(row.cells.get(field), str)
    replies = (row.spoken(field),) if is_text else row.texts(field, may_be_blank=False)
    if len(replies) != n_turns:
        found = Finding(f"{len(replies)} against the {n_turns} turn(s)")
        raise row.refuse(field, found, "one reply for each turn")
    return replies
