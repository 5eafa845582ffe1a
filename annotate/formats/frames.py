"""A pandas DataFrame as typed rows, by the same checks as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from annotate.formats import arena, argilla, canonical, labelstudio, mtjudgments, preferences
from annotate.formats.battles import agreeing_battles
from annotate.formats.columns import Columns
from annotate.formats.errors import Finding, FormatError, Table
from annotate.formats.faults import STOP, Faults, made, until_unreadable
from annotate.formats.fields import Fields
from annotate.formats.guess import FileKind, guess_of_cells
from annotate.formats.ledger import admitted
from annotate.formats.pairwise import battle_of, preference_of
from annotate.formats.rows import (
    BattleRow,
    CompletionRow,
    Location,
    PreferenceRow,
    PromptRow,
    VoteRow,
)
from annotate.formats.seen import unique_preferences, unique_prompts, unique_votes
from annotate.formats.tables import cell_reader, row_of, without_nulls

if TYPE_CHECKING:
    import pandas as pd

NAME = Table("DataFrame")

_Row = TypeVar("_Row")
_Task = Callable[[Fields, Faults], _Row]

_BATTLES: dict[str, tuple[Columns, _Task[BattleRow]]] = {
    "lmarena": (arena.TABLE, lambda row, _faults: arena.battle_of(row)),
    "mtbench": (mtjudgments.HUMAN_TABLE, lambda row, _faults: mtjudgments.battle_of(row)),
    "argilla": (argilla.TABLE, lambda row, faults: battle_of(argilla.task_of(row, faults))),
    "labelstudio": (
        labelstudio.TABLE,
        lambda row, faults: battle_of(labelstudio.task_of(row, faults)),
    ),
}
_PREFERENCES: dict[str, tuple[Columns, _Task[PreferenceRow]]] = {
    "trl": (preferences.TABLE, lambda row, _faults: preferences.trl_pair_of(row)),
    "dpo": (preferences.TABLE, lambda row, _faults: preferences.dpo_pair_of(row)),
    "ultrafeedback": (
        preferences.TABLE,
        lambda row, _faults: preferences.ultrafeedback_pair_of(row),
    ),
    "hh-rlhf": (preferences.TABLE, lambda row, _faults: preferences.hh_pair_of(row)),
    "argilla": (argilla.TABLE, lambda row, faults: preference_of(argilla.task_of(row, faults))),
    "labelstudio": (
        labelstudio.TABLE,
        lambda row, faults: preference_of(labelstudio.task_of(row, faults)),
    ),
}


def prompts_of_frame(frame: pd.DataFrame, *, faults: Faults = STOP) -> Iterator[PromptRow]:
    """Read the prompts of a frame with the columns of Kurabe's own form, each key once.

    NaN, NaT and None are not given. What is wrong is told to `faults`, with the row from 1; by
    default that raises FormatError.
    """
    rows = _rows(frame, canonical.PROMPT_TABLE, faults)
    return unique_prompts(made(rows, canonical.prompt_of, faults), faults)


def completions_of_frame(
    frame: pd.DataFrame, *, faults: Faults = STOP
) -> Iterator[PromptRow | CompletionRow]:
    """Read the completions of a frame, and the prompts that it brings along before them."""
    rows = _rows(frame, canonical.COMPLETION_TABLE, faults)
    return admitted(made(rows, canonical.CompletionMaker(), faults), faults)


def votes_of_frame(frame: pd.DataFrame, *, faults: Faults = STOP) -> Iterator[VoteRow]:
    """Read the votes of a frame, each once."""
    rows = _rows(frame, canonical.VOTE_TABLE, faults)
    return unique_votes(made(rows, canonical.vote_of, faults), faults)


def battles_of_frame(
    frame: pd.DataFrame, *, format: str | None = None, faults: Faults = STOP
) -> Iterator[BattleRow]:
    """Read the battles of a frame; without a format, it is recognised from the columns."""
    rows = _made_as(frame, "battles", _BATTLES, format, faults)
    return agreeing_battles(rows, faults)


def preferences_of_frame(
    frame: pd.DataFrame, *, format: str | None = None, faults: Faults = STOP
) -> Iterator[PreferenceRow]:
    """Read the preferences of a frame; without a format, it is recognised from the columns."""
    rows = _made_as(frame, "preferences", _PREFERENCES, format, faults)
    return unique_preferences(rows, faults)


def _made_as(
    frame: pd.DataFrame,
    kind: FileKind,
    makers: dict[str, tuple[Columns, _Task[_Row]]],
    format: str | None,
    faults: Faults,
) -> Iterator[_Row]:
    name = format or guess_of_cells(NAME, _first_cells(frame), kind)
    if name not in makers:
        raise FormatError(NAME, 0, "format", name, f"one of {', '.join(makers)}")
    columns, make = makers[name]
    return made(_rows(frame, columns, faults), lambda row: make(row, faults), faults)


def _rows(frame: pd.DataFrame, columns: Columns, faults: Faults) -> Iterator[Fields]:
    return until_unreadable(lambda: _cells(frame, columns), faults)


def _cells(frame: pd.DataFrame, columns: Columns) -> Iterator[Fields]:
    header = [str(column) for column in frame.columns]
    columns.check_header(Location(NAME, 0), header)
    if not len(frame):
        raise FormatError(NAME, 0, "", Finding("an empty table"), "at least one row")
    readers = [cell_reader(column, columns) for column in header]
    values: Iterable[tuple[object, ...]] = frame.itertuples(index=False, name=None)
    for number, row in enumerate(values, start=1):
        plain = tuple(_plain(value) for value in row)
        yield row_of(Location(NAME, number), header, readers, plain)


def _first_cells(frame: pd.DataFrame) -> dict[str, object]:
    """Return the first row's cells by column, None where it has none."""
    values = next(iter(frame.itertuples(index=False, name=None)), (None,) * len(frame.columns))
    return {str(column): _plain(value) for column, value in zip(frame.columns, values, strict=True)}


def _plain(value: Any) -> object:
    """Turn what pandas and numpy hold into what JSON has; missing values into None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict):
        return without_nulls({str(key): _plain(part) for key, part in value.items()})
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    # Whoever has a DataFrame has loaded pandas; other callers of this room need not.
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    if isinstance(value, np.ndarray):
        return [_plain(part) for part in value.tolist()]
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime(warn=False)
    return value.item() if isinstance(value, np.generic) else value
