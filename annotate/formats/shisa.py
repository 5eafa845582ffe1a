"""The evaluation grid of Shisa: tasks.json, and one file of generations a candidate and run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from annotate.formats.errors import Finding, FormatError
from annotate.formats.faults import STOP, Faults, made
from annotate.formats.fields import Fields
from annotate.formats.jsontext import read_json_array
from annotate.formats.rows import CandidateRow, CompletionRow, Location, PromptRow

_LANGUAGES = ("ja", "en")
_ROLES = ("system", "user", "assistant")
_FILE_NAME = re.compile(
    r"(?P<model>.+)_temp-(?P<temperature>\d+(\.\d+)?)_run-(?P<run>[1-9]\d{0,3})\.json(\.gz)?"
)
# The files do not say these; the grid was sampled with them throughout.
_SAMPLING = {"top_p": 0.95, "repetition_penalty": 1.15, "max_tokens": 500}


def read_prompt_rows(path: str, faults: Faults = STOP) -> Iterator[PromptRow]:
    """Read a Japanese and an English prompt of each task, as far as it has them."""

    def prompts(task: Fields) -> list[PromptRow]:
        given = [language for language in _LANGUAGES if task.has(f"user_{language}")]
        return [_prompt(task, language) for language in given]

    for several in made(read_json_array(path), prompts, faults):
        yield from several


def read_completion_rows(
    path: str, faults: Faults = STOP
) -> Iterator[tuple[PromptRow, CompletionRow]]:
    """Read the generations of the candidate and run that the file's name tells."""
    candidate, sample = _of_file_name(path)

    def generation(row: Fields) -> tuple[PromptRow, CompletionRow]:
        prompt = _prompt(row.nested("task"), row.choice("lang", _LANGUAGES))
        completion = CompletionRow(
            prompt=prompt.key,
            candidate=candidate,
            sample=sample,
            replies=(row.text("response"),),
            location=row.location,
        )
        _check_chat(row, prompt, completion.replies[0])
        return prompt, completion

    return made(read_json_array(path), generation, faults)


def is_file_name(path: str) -> bool:
    """Say whether a file is named as generations are."""
    return _FILE_NAME.fullmatch(Path(path).name) is not None


def _prompt(task: Fields, language: str) -> PromptRow:
    return PromptRow(
        key=f"{task.whole_number('id')}-{language}",
        turns=(task.spoken(f"user_{language}"),),
        language=language,
        system=task.text(f"prompt_{language}", ""),
        category=task.label("type"),
        location=task.location,
    )


def _check_chat(row: Fields, prompt: PromptRow, reply: str) -> None:
    """Refuse a generation whose chat is not that of its task."""
    messages = row.nested_list("chat")
    roles = tuple(message.text("role") for message in messages)
    if roles != _ROLES:
        found = Finding(f"messages by {', '.join(roles)}")
        raise row.refuse("chat", found, f"messages by {', '.join(_ROLES)}")
    for message, text in zip(messages, (prompt.system, *prompt.turns, reply), strict=True):
        if message.text("content") != text:
            raise message.fail("content", "the text that task and response have")


def _of_file_name(path: str) -> tuple[CandidateRow, int]:
    """Return the candidate, and the sample: run 1 is sample 0."""
    name = Path(path).name
    match = _FILE_NAME.fullmatch(name)
    if match is None:
        expected = "{model}_temp-{temperature}_run-{run from 1}.json.gz, which tell the candidate"
        raise FormatError(path, 0, "file name", name, expected)
    temperature = float(match["temperature"])
    candidate = CandidateRow(
        name=f"{match['model']} temp {temperature}",
        model=match["model"],
        sampling={"temperature": temperature, **_SAMPLING},
        location=Location(path, 0),
    )
    return candidate, int(match["run"]) - 1
