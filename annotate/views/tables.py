"""Stored tables of numbers as a page shows them, and as files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpResponse, QueryDict
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotate.services.cells import encode_line, guard_cell
from annotate.templatetags.kurabe import NONE, decimals, percent
from annotate.views.plots.words import CODES, name_of

ROWS_SHOWN = 250

# In the order in which a page shows them.
TITLES: dict[str, Promise] = {
    "pairs": _("Pairs of candidates"),
    "bins": _("Groups of votes"),
    "agreement": _("Agreement"),
    "coefficients": _("What was adjusted for"),
    "cells": _("Checkpoint × temperature"),
    "models": _("Checkpoints, all temperatures together"),
    "temperatures": _("Temperatures, all checkpoints together"),
    "strengths": _("Strengths"),
    "points": _("Strengths, vote by vote"),
    "annotators": _("Annotators"),
    "history": _("Strengths, snapshot by snapshot"),
}
LABELS: dict[str, Promise] = {
    "agreeing": _("Same verdict on the same texts"),
    "annotator": _("Annotator"),
    "bias": _("Lean to the left (log odds)"),
    "both_bad": _("Both bad"),
    "candidate": _("Candidate"),
    "candidates": _("Candidates"),
    "category": _("Category"),
    "estimate": _("Effect (log odds)"),
    "group": _("Group"),
    "high": _("High"),
    "kind": _("Judged by"),
    "left": _("Left"),
    "losses": _("Losses"),
    "low": _("Low"),
    "made": _("Made"),
    "model": _("Model"),
    "observed": _("Observed"),
    "other_kind": _("And by"),
    "predicted": _("Predicted"),
    "predicted_loss": _("Predicted loss"),
    "predicted_tie": _("Predicted tie"),
    "predicted_win": _("Predicted win"),
    "rank": _("Rank"),
    "ranking": _("Ranking"),
    "rate": _("Share won"),
    "reliability": _("Reliability"),
    "right": _("Right"),
    "rival": _("Against"),
    "share": _("Share of the left"),
    "shared": _("Texts that both judged"),
    "strength": _("Strength (log odds)"),
    "tau": _("Kendall's τ"),
    "temperature": _("Temperature"),
    "term": _("Adjusted for"),
    "ties": _("Draws"),
    "view": _("View"),
    "votes": _("Votes"),
    "wins": _("Wins"),
}
WORDS = {"made", "candidate", "rival", "category", "model", "annotator", "temperature", *CODES}
COUNTS = {
    "both_bad", "candidates", "group", "left", "losses", "rank", "ranking", "right",
    "shared", "ties", "votes", "wins",
}  # fmt: skip
SHARES = {
    "agreeing", "observed", "predicted", "predicted_loss", "predicted_tie", "predicted_win", "rate",
    "share",
}  # fmt: skip
# Where low and high are the ends of an interval of log odds, or of a share.
IN_LOG_ODDS = {"strength", "estimate"}
ENDS_IN_LOG_ODDS = {"low": _("Low (log odds)"), "high": _("High (log odds)")}
TABLES_OF_SHARES = {"agreeing", "observed", "share"}


@dataclass(frozen=True)
class Cell:
    """A value as it is read, and whether it stands as a number does."""

    text: str
    is_number: bool


@dataclass(frozen=True)
class Table:
    """A page of a stored table.

    Attributes:
        before, after: where the neighbouring pages are; empty at the ends.
    """

    name: str
    title: str
    labels: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    page: Page[Any]
    before: str
    after: str


def show_cells(
    name: str,
    title: str,
    labels: Sequence[Cell],
    rows: Sequence[Sequence[Cell]],
    asked: QueryDict,
) -> Table:
    """Give one page of a table whose cells are written already."""
    part = Paginator(rows, ROWS_SHOWN).get_page(asked.get(name))
    return Table(
        name=name,
        title=title,
        labels=labels,
        rows=list(part),
        page=part,
        before=_page(name, part.number - 1, asked) if part.has_previous() else "",
        after=_page(name, part.number + 1, asked) if part.has_next() else "",
    )


def show_table(name: str, content: Mapping[str, Any], asked: QueryDict) -> Table:
    """Give one page of a table in words: the page that the address asks for by the table's name."""
    columns = content["columns"]
    in_shares = not TABLES_OF_SHARES.isdisjoint(columns)
    labels = [Cell(_label(column, columns), column not in WORDS) for column in columns]
    table = show_cells(name, str(TITLES[name]), labels, content["rows"], asked)
    return replace(
        table,
        rows=[
            [
                Cell(write(column, value, in_shares=in_shares), column not in WORDS)
                for column, value in zip(columns, row, strict=True)
            ]
            for row in table.rows
        ],
    )


def _page(name: str, number: int, asked: QueryDict) -> str:
    address = asked.copy()
    address[name] = str(number)
    return f"?{address.urlencode()}#{name}"


def _label(column: str, columns: Sequence[str]) -> str:
    """Name a column with its unit; shares have theirs beside each number, reliability has none."""
    if column in ("low", "high") and not IN_LOG_ODDS.isdisjoint(columns):
        return str(ENDS_IN_LOG_ODDS[column])
    return str(LABELS[column])


def write(column: str, value: Any, *, in_shares: bool = False) -> str:
    """Write a value of a column as a page does."""
    if value is None or value == "":
        return NONE
    if column in COUNTS:
        return number_format(value, force_grouping=True)
    if column in SHARES or (in_shares and column in ("low", "high")):
        return percent(value, 1)
    if column in WORDS:
        return f"{value:g}" if isinstance(value, float) else name_of(column, str(value))
    return decimals(value, 2)


def as_csv(file_name: str, columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """Give a table as a file: numbers in full, nothing translated, no formulas."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{file_name}.csv"'
    # A name that somebody imported may look like a formula to a spreadsheet.
    for row in (list(columns), *rows):
        response.write(encode_line([guard_cell(value) for value in row]))
    return response
