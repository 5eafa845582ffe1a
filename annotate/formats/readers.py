"""One door to every format: files in, typed rows out, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from os import PathLike, fspath
from typing import TypeVar

from annotate.formats import canonical, llmfao, mtbench, shisa
from annotate.formats.errors import FormatError
from annotate.formats.ledger import CompletionLedger
from annotate.formats.rows import CompletionRow, PromptRow, VoteRow
from annotate.formats.seen import unique_prompts, unique_votes

_Reader = TypeVar("_Reader")
_CompletionReader = Callable[[str], Iterator[tuple[PromptRow | None, CompletionRow]]]

_PROMPT_READERS: dict[str, Callable[[str], Iterator[PromptRow]]] = {
    "jsonl": canonical.read_prompt_rows,
    "shisa": shisa.read_prompt_rows,
    "mtbench": mtbench.read_prompt_rows,
}
_COMPLETION_READERS: dict[str, _CompletionReader] = {
    "jsonl": canonical.read_completion_rows,
    "shisa": shisa.read_completion_rows,
    "mtbench": mtbench.read_completion_rows,
    "llmfao": llmfao.read_completion_rows,
}
_VOTE_READERS: dict[str, Callable[[str], Iterator[VoteRow]]] = {
    "jsonl": canonical.read_vote_rows,
    "csv": canonical.read_vote_csv,
    "llmfao": llmfao.read_vote_rows,
}
PROMPT_FILE_FORMATS = tuple(_PROMPT_READERS)
COMPLETION_FILE_FORMATS = tuple(_COMPLETION_READERS)
VOTE_FILE_FORMATS = tuple(_VOTE_READERS)


def read_prompts(path: str | PathLike[str], *, format: str) -> Iterator[PromptRow]:
    """Read the prompts of a file, each key once.

    Raises FormatError at the first row that is wrong, when the rows before it have been given.
    """
    name = fspath(path)
    return unique_prompts(_reader(_PROMPT_READERS, format, name)(name))


def read_completions(
    paths: Iterable[str | PathLike[str]], *, format: str
) -> Iterator[PromptRow | CompletionRow]:
    """Read the completions of all files, and before them the prompts that the files bring along.

    Each prompt comes once, before its first completion. Raises FormatError at the first row that
    is wrong, or contradicts a row of any of the files.
    """
    names = [fspath(path) for path in paths]
    reader = _reader(_COMPLETION_READERS, format, names[0] if names else "")
    return _admitted(reader, names)


def read_votes(path: str | PathLike[str], *, format: str) -> Iterator[VoteRow]:
    """Read the votes of a file, each once.

    Raises FormatError at the first row that is wrong, when the rows before it have been given.
    """
    name = fspath(path)
    return unique_votes(_reader(_VOTE_READERS, format, name)(name))


def _admitted(
    reader: _CompletionReader, names: Iterable[str]
) -> Iterator[PromptRow | CompletionRow]:
    ledger = CompletionLedger()
    for name in names:
        for prompt, completion in reader(name):
            yield from ledger.admit(prompt, completion)


def _reader(readers: dict[str, _Reader], format: str, path: str) -> _Reader:
    if format not in readers:
        raise FormatError(path, 0, "format", format, f"one of {', '.join(readers)}")
    return readers[format]
