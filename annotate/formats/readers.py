"""One door to every format: files in, typed rows out, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from os import PathLike, fspath
from typing import TypeVar

from annotate.formats import (
    arena,
    argilla,
    canonical,
    labelstudio,
    llmfao,
    mtbench,
    mtjudgments,
    shisa,
)
from annotate.formats import preferences as pairs
from annotate.formats.battles import agreeing_battles
from annotate.formats.canonical import COMPLETION_TABLE, PROMPT_TABLE, VOTE_TABLE
from annotate.formats.columns import Columns
from annotate.formats.csvtext import read_csv
from annotate.formats.errors import FormatError
from annotate.formats.faults import STOP, Faults, made, until_unreadable
from annotate.formats.fields import Fields
from annotate.formats.ledger import admitted
from annotate.formats.rows import (
    BattleRow,
    CompletionRow,
    PreferenceRow,
    PromptRow,
    VoteRow,
)
from annotate.formats.seen import unique_preferences, unique_prompts, unique_votes
from annotate.formats.tables import read_parquet

_Row = TypeVar("_Row")
_Reader = Callable[[str, Faults], Iterator[_Row]]
_Table = Callable[[str, Columns, Faults], Iterator[Fields]]
_Answer = tuple[PromptRow | None, CompletionRow]


def _prompt_table(read: _Table) -> _Reader[PromptRow]:
    return lambda path, faults: made(read(path, PROMPT_TABLE, faults), canonical.prompt_of, faults)


def _completion_table(read: _Table) -> _Reader[_Answer]:
    return lambda path, faults: made(
        read(path, COMPLETION_TABLE, faults), canonical.CompletionMaker(), faults
    )


def _vote_table(read: _Table) -> _Reader[VoteRow]:
    return lambda path, faults: made(read(path, VOTE_TABLE, faults), canonical.vote_of, faults)


_PROMPT_READERS: dict[str, _Reader[PromptRow]] = {
    "jsonl": canonical.read_prompt_rows,
    "csv": _prompt_table(read_csv),
    "parquet": _prompt_table(read_parquet),
    "shisa": shisa.read_prompt_rows,
    "mtbench": mtbench.read_prompt_rows,
}
_COMPLETION_READERS: dict[str, _Reader[_Answer]] = {
    "jsonl": canonical.read_completion_rows,
    "csv": _completion_table(read_csv),
    "parquet": _completion_table(read_parquet),
    "shisa": shisa.read_completion_rows,
    "mtbench": mtbench.read_completion_rows,
    "llmfao": llmfao.read_completion_rows,
}
_VOTE_READERS: dict[str, _Reader[VoteRow]] = {
    "jsonl": canonical.read_vote_rows,
    "csv": _vote_table(read_csv),
    "parquet": _vote_table(read_parquet),
    "mtbench": mtjudgments.read_vote_rows,
    "llmfao": llmfao.read_vote_rows,
}
_BATTLE_READERS: dict[str, _Reader[BattleRow]] = {
    "lmarena": arena.read_battle_rows,
    "mtbench": mtjudgments.read_battle_rows,
    "argilla": argilla.read_argilla_battles,
    "labelstudio": labelstudio.read_labelstudio_battles,
}
_PREFERENCE_READERS: dict[str, _Reader[PreferenceRow]] = {
    "trl": pairs.read_trl_rows,
    "dpo": pairs.read_dpo_rows,
    "ultrafeedback": pairs.read_ultrafeedback_rows,
    "hh-rlhf": pairs.read_hh_rows,
    "argilla": argilla.read_argilla_preferences,
    "labelstudio": labelstudio.read_labelstudio_preferences,
}
PROMPT_FILE_FORMATS = tuple(_PROMPT_READERS)
COMPLETION_FILE_FORMATS = tuple(_COMPLETION_READERS)
VOTE_FILE_FORMATS = tuple(_VOTE_READERS)
BATTLE_FILE_FORMATS = tuple(_BATTLE_READERS)
PREFERENCE_FILE_FORMATS = tuple(_PREFERENCE_READERS)


def read_prompts(
    path: str | PathLike[str], *, format: str, faults: Faults = STOP
) -> Iterator[PromptRow]:
    """Read the prompts of a file, each key once.

    What is wrong is told to `faults`. By default that raises FormatError at the first row that is
    wrong, when the rows before it have been given.
    """
    return unique_prompts(_rows(_PROMPT_READERS, path, format, faults), faults)


def read_completions(
    paths: Iterable[str | PathLike[str]], *, format: str, faults: Faults = STOP
) -> Iterator[PromptRow | CompletionRow]:
    """Read the completions of all files, and before them the prompts that the files bring along.

    Each prompt comes once, before its first completion. A row that contradicts one of any of the
    files is a fault as well; `faults` as for `read_prompts`.
    """
    names = [fspath(path) for path in paths]
    _reader(_COMPLETION_READERS, format, names[0] if names else "")
    answers = (
        answer for name in names for answer in _rows(_COMPLETION_READERS, name, format, faults)
    )
    return admitted(answers, faults)


def read_votes(
    path: str | PathLike[str], *, format: str, faults: Faults = STOP
) -> Iterator[VoteRow]:
    """Read the votes of a file, each once; `faults` as for `read_prompts`."""
    return unique_votes(_rows(_VOTE_READERS, path, format, faults), faults)


def read_battles(
    path: str | PathLike[str], *, format: str, faults: Faults = STOP
) -> Iterator[BattleRow]:
    """Read the battles of a file, each vote once; `faults` as for `read_prompts`.

    Prompts and completions come again with every battle that has them.
    """
    return agreeing_battles(_rows(_BATTLE_READERS, path, format, faults), faults)


def read_preferences(
    path: str | PathLike[str], *, format: str, faults: Faults = STOP
) -> Iterator[PreferenceRow]:
    """Read the preferences of a file, each once; `faults` as for `read_prompts`."""
    return unique_preferences(_rows(_PREFERENCE_READERS, path, format, faults), faults)


def _rows(
    readers: dict[str, _Reader[_Row]], path: str | PathLike[str], format: str, faults: Faults
) -> Iterator[_Row]:
    name = fspath(path)
    read = _reader(readers, format, name)
    return until_unreadable(lambda: read(name, faults), faults)


def _reader(readers: dict[str, _Reader[_Row]], format: str, path: str) -> _Reader[_Row]:
    if format not in readers:
        raise FormatError(path, 0, "format", format, f"one of {', '.join(readers)}")
    return readers[format]
