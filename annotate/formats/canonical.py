"""Kurabe's own forms of prompts, completions and votes: JSONL, and tables with the same columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from annotate.formats.columns import Columns, refuse_misspelt
from annotate.formats.errors import MISSING, Finding
from annotate.formats.faults import Faults, made
from annotate.formats.fields import MAX_MODEL_CHARS, MAX_SEED, MAX_SMALL_INTEGER, Fields
from annotate.formats.jsontext import read_json_lines
from annotate.formats.languages import guess_language
from annotate.formats.rows import (
    ANNOTATOR_KINDS,
    DEGREES,
    FINISH_REASONS,
    OUTCOMES,
    PASSAGE_TAGS,
    SIDES,
    WHICH,
    CandidateRow,
    CompletionRow,
    Degree,
    MarkRow,
    Outcome,
    PromptRow,
    VoteRow,
)

_Row = TypeVar("_Row")

_ABOUT_PROMPT = ("system", "language", "category", "is_held_out", "references")
_BROUGHT = frozenset({"turns", *_ABOUT_PROMPT})
_TOLD_OF_PROMPT = ("prompt", "turns", "system", "language", "category", "references", "is_held_out")
PROMPT_COLUMNS = ("key", "turns", "prompt", *_ABOUT_PROMPT)
COMPLETION_COLUMNS = (
    "prompt",
    "candidate",
    "sample",
    "reply",
    "replies",
    "model",
    "revision",
    "prompt_format",
    "sampling",
    "licence",
    "finish_reason",
    "seed",
    "prompt_tokens",
    "completion_tokens",
    "turns",
    *_ABOUT_PROMPT,
)
_ABOUT_CANDIDATE = ("model", "revision", "prompt_format", "sampling", "licence")
_VOTE_REQUIRED = ("prompt", "candidate_a", "candidate_b", "outcome", "annotator")
_VOTE_OPTIONAL = (
    "sample_a",
    "sample_b",
    "annotator_kind",
    "side_a",
    "turn",
    "created_at",
    "id",
    "degree",
    "reasons_a",
    "reasons_b",
    "comment",
    "marks",
)
VOTE_COLUMNS = _VOTE_REQUIRED + _VOTE_OPTIONAL


PROMPT_TABLE = Columns(
    required=("key",),
    optional=PROMPT_COLUMNS[1:],
    flags=("is_held_out",),
    json_values=("turns", "references"),
)
COMPLETION_TABLE = Columns(
    required=("prompt", "candidate"),
    optional=COMPLETION_COLUMNS[2:],
    whole_numbers=("sample", "seed", "prompt_tokens", "completion_tokens"),
    flags=("is_held_out",),
    json_values=("replies", "sampling", "turns", "references"),
)
VOTE_TABLE = Columns(
    required=_VOTE_REQUIRED,
    optional=_VOTE_OPTIONAL,
    whole_numbers=("sample_a", "sample_b", "turn"),
    json_values=("reasons_a", "reasons_b", "marks"),
)


def read_prompt_rows(path: str, faults: Faults) -> Iterator[PromptRow]:
    """Read one prompt a line."""
    return made(read_json_lines(path, faults), _spelt(PROMPT_COLUMNS, prompt_of), faults)


def read_completion_rows(
    path: str, faults: Faults
) -> Iterator[tuple[PromptRow | None, CompletionRow]]:
    """Read one completion a line, with its prompt where the line brings it along."""
    make = _spelt(COMPLETION_COLUMNS, CompletionMaker())
    return made(read_json_lines(path, faults), make, faults)


def read_vote_rows(path: str, faults: Faults) -> Iterator[VoteRow]:
    """Read one vote a line."""
    return made(read_json_lines(path, faults), _spelt(VOTE_COLUMNS, vote_of), faults)


def _spelt(columns: tuple[str, ...], make: Callable[[Fields], _Row]) -> Callable[[Fields], _Row]:
    """Refuse misspelt columns before a row is made; a table's header has been looked at."""

    def make_well_spelt(row: Fields) -> _Row:
        refuse_misspelt(row.location, row.cells, columns)
        return make(row)

    return make_well_spelt


def prompt_of(row: Fields) -> PromptRow:
    """Make a prompt of a row."""
    return _prompt(row, row.name("key"), row.one_or_more("prompt", "turns", may_be_blank=False))


class CompletionMaker:
    """Makes completions of rows, each with its prompt where the row brings it along.

    A candidate that is told as on an earlier row is that row's, and a prompt as on the row before.
    """

    def __init__(self) -> None:
        self._candidates: dict[str, tuple[list[object], CandidateRow]] = {}
        self._prompt: tuple[list[object], PromptRow | None] = ([], None)

    def __call__(self, row: Fields) -> tuple[PromptRow | None, CompletionRow]:
        """Make a completion of a row."""
        return self._brought(row), _completion(row, self._candidate(row))

    def _brought(self, row: Fields) -> PromptRow | None:
        told: list[object] = [row.cells.get(column) for column in _TOLD_OF_PROMPT]
        before, prompt = self._prompt
        # 1 would equal true, and is none.
        if told != before or told[-1] is not before[-1]:
            prompt = _brought_prompt(row)
            self._prompt = told, prompt
        return prompt

    def _candidate(self, row: Fields) -> CandidateRow:
        given = row.cells.get("candidate")
        told = [row.cells.get(column) for column in _ABOUT_CANDIDATE]
        known = self._candidates.get(given) if isinstance(given, str) else None
        if known is not None and known[0] == told:
            return known[1]
        name = row.name("candidate")
        candidate = CandidateRow(
            name=name,
            model=row.name("model", "", MAX_MODEL_CHARS),
            revision=row.label("revision"),
            prompt_format=row.label("prompt_format"),
            sampling=row.settings("sampling"),
            licence=row.label("licence"),
            location=row.location,
        )
        self._candidates[name] = (told, candidate)
        return candidate


def _prompt(row: Fields, key: str, turns: tuple[str, ...]) -> PromptRow:
    return PromptRow(
        key=key,
        turns=turns,
        language=row.language("language") if row.has("language") else guess_language(turns),
        system=row.text("system", ""),
        category=row.label("category"),
        is_held_out=row.flag("is_held_out"),
        references=row.references("references", turns),
        location=row.location,
    )


def _brought_prompt(row: Fields) -> PromptRow | None:
    if row.cells.keys().isdisjoint(_BROUGHT):
        return None
    if row.has("turns"):
        return _prompt(row, row.name("prompt"), row.texts("turns", may_be_blank=False))
    described = next((field for field in _ABOUT_PROMPT if row.has(field)), None)
    if described is not None:
        raise row.refuse("turns", MISSING, f"the prompt's turns, as {described} is given")
    return None


def _completion(row: Fields, candidate: CandidateRow) -> CompletionRow:
    return CompletionRow(
        prompt=row.name("prompt"),
        candidate=candidate,
        sample=row.whole_number("sample", 0, maximum=MAX_SMALL_INTEGER),
        replies=row.one_or_more("reply", "replies"),
        finish_reason=row.choice("finish_reason", FINISH_REASONS, ""),
        seed=row.maybe_whole_number("seed", minimum=-MAX_SEED - 1, maximum=MAX_SEED),
        prompt_tokens=row.maybe_whole_number("prompt_tokens"),
        completion_tokens=row.maybe_whole_number("completion_tokens"),
        location=row.location,
    )


def vote_of(row: Fields) -> VoteRow:
    """Make a vote of a row."""
    outcome = row.choice("outcome", OUTCOMES)
    vote = VoteRow(
        prompt=row.name("prompt"),
        candidate_a=row.name("candidate_a"),
        candidate_b=row.name("candidate_b"),
        outcome=outcome,
        annotator=row.name("annotator"),
        sample_a=row.whole_number("sample_a", 0, maximum=MAX_SMALL_INTEGER),
        sample_b=row.whole_number("sample_b", 0, maximum=MAX_SMALL_INTEGER),
        annotator_kind=row.choice("annotator_kind", ANNOTATOR_KINDS, "person"),
        side_a=row.choice("side_a", SIDES) if row.has("side_a") else None,
        turn=row.whole_number("turn", 0, maximum=MAX_SMALL_INTEGER),
        created_at=row.moment("created_at"),
        id=row.name("id") if row.has("id") else None,
        degree=_degree(row, outcome),
        reasons_a=row.tags("reasons_a"),
        reasons_b=row.tags("reasons_b"),
        comment=row.text("comment", ""),
        marks=_marks(row),
        location=row.location,
    )
    if vote.candidate_a == vote.candidate_b:
        raise row.fail("candidate_b", "another candidate than candidate_a")
    return vote


def _degree(row: Fields, outcome: Outcome) -> Degree:
    degree = row.choice("degree", DEGREES, "")
    if degree and outcome not in WHICH:
        found = Finding(f"given beside the outcome {outcome}")
        raise row.refuse("degree", found, "it only where a or b is the better one")
    return degree


def _marks(row: Fields) -> tuple[MarkRow, ...]:
    """Read the marked passages in the order of the text, whatever that of the file is."""
    marks = [
        MarkRow(
            which=mark.choice("which", WHICH),
            turn=mark.whole_number("turn", minimum=1, maximum=MAX_SMALL_INTEGER),
            start=(start := mark.whole_number("start")),
            end=mark.whole_number("end", minimum=start + 1),
            tag=mark.choice("tag", PASSAGE_TAGS),
        )
        for mark in row.nested_list("marks", may_be_empty=True)
    ]
    if len(set(marks)) < len(marks):
        raise row.refuse("marks", Finding("a passage given twice"), "each mark once")
    return tuple(sorted(marks))


def prompt_columns(prompt: PromptRow) -> dict[str, object]:
    """Return a prompt as a row of its canonical form; what says nothing is left out."""
    columns = {"key": prompt.key, "turns": list(prompt.turns), **_about_prompt(prompt)}
    return _given(columns)


def completion_columns(
    completion: CompletionRow, prompt: PromptRow | None = None
) -> dict[str, object]:
    """Return a completion as a row of its canonical form, with its prompt where one is passed."""
    candidate = completion.candidate
    columns: dict[str, object] = {
        "prompt": completion.prompt,
        "candidate": candidate.name,
        "sample": completion.sample,
        "replies": list(completion.replies),
        "model": candidate.model,
        "revision": candidate.revision,
        "prompt_format": candidate.prompt_format,
        "sampling": candidate.sampling,
        "licence": candidate.licence,
        "finish_reason": completion.finish_reason,
        "seed": completion.seed,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
    }
    if prompt is not None:
        columns |= {"turns": list(prompt.turns), **_about_prompt(prompt)}
    return _given(columns)


def vote_columns(vote: VoteRow) -> dict[str, object]:
    """Return a vote as a row of its canonical form, every column of it; None is not given."""
    columns: dict[str, object] = {column: getattr(vote, column) for column in VOTE_COLUMNS}
    columns["created_at"] = vote.created_at.isoformat() if vote.created_at else None
    columns |= {"reasons_a": list(vote.reasons_a), "reasons_b": list(vote.reasons_b)}
    columns["marks"] = [mark._asdict() for mark in vote.marks]
    return columns


def _about_prompt(prompt: PromptRow) -> dict[str, object]:
    return {
        "language": prompt.language,
        "system": prompt.system,
        "category": prompt.category,
        "is_held_out": prompt.is_held_out or None,
        "references": list(prompt.references),
    }


def _given(columns: dict[str, object]) -> dict[str, object]:
    # Zero is a value that was given; "", {} and None are not.
    return {name: value for name, value in columns.items() if value == 0 or value}
