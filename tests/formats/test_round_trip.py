"""Whatever rows are written in their canonical form are read as they were."""

import csv
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.formats import (
    ANNOTATOR_KINDS,
    OUTCOMES,
    SIDES,
    CandidateRow,
    CompletionRow,
    Location,
    MarkRow,
    PromptRow,
    VoteRow,
    completion_columns,
    prompt_columns,
    read_completions,
    read_prompts,
    read_votes,
    vote_columns,
    write_rows,
)
from annotate.formats.rows import DEGREES, PASSAGE_TAGS, WHICH

WRITTEN = Location("written", 1)

# Each example waits for the disk, and a busy disk takes its time.
written_to_disk = settings(max_examples=50, deadline=None)

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
spoken = texts.filter(str.strip)
names = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20
).filter(lambda name: name == name.strip())
counts = st.integers(0, 2**31 - 1)
small_counts = st.integers(0, 2**15 - 1)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def with_references(row: PromptRow) -> st.SearchStrategy[PromptRow]:
    """Give the prompt with a right answer to each turn, or to none."""
    n_turns = len(row.turns)
    answers = st.lists(texts, min_size=n_turns, max_size=n_turns).filter(any).map(tuple)
    return (st.just(()) | answers).map(lambda found: replace(row, references=found))


prompts = st.builds(
    PromptRow,
    key=names,
    turns=st.lists(spoken, min_size=1, max_size=3).map(tuple),
    language=st.sampled_from(["ja", "en", "fr", "yue"]),
    system=texts,
    category=names | st.just(""),
    is_held_out=st.booleans(),
    location=st.just(WRITTEN),
).flatmap(with_references)
candidates = st.builds(
    CandidateRow,
    name=names,
    model=names | st.just(""),
    revision=names | st.just(""),
    prompt_format=names | st.just(""),
    sampling=st.dictionaries(texts, json_values, max_size=3),
    licence=names | st.just(""),
    location=st.just(WRITTEN),
)
completions = st.builds(
    CompletionRow,
    prompt=names,
    candidate=candidates,
    sample=small_counts,
    replies=st.lists(texts, min_size=1, max_size=3).map(tuple),
    finish_reason=st.sampled_from(["", "stop", "length"]),
    seed=st.none() | st.integers(-(2**63), 2**63 - 1),
    prompt_tokens=st.none() | counts,
    completion_tokens=st.none() | counts,
    location=st.just(WRITTEN),
)
marks = st.builds(
    MarkRow,
    which=st.sampled_from(WHICH),
    turn=st.integers(1, 2**15 - 1),
    start=st.integers(0, 1_000),
    end=st.integers(1_001, 2**31 - 1),
    tag=st.sampled_from(PASSAGE_TAGS),
)
reasons = st.lists(st.from_regex(r"[-a-zA-Z0-9_]{1,50}", fullmatch=True), max_size=3, unique=True)
votes = st.builds(
    VoteRow,
    prompt=names,
    candidate_a=names,
    candidate_b=names,
    outcome=st.sampled_from(OUTCOMES),
    annotator=names,
    sample_a=small_counts,
    sample_b=small_counts,
    annotator_kind=st.sampled_from(ANNOTATOR_KINDS),
    side_a=st.none() | st.sampled_from(SIDES),
    turn=small_counts,
    created_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    id=st.none() | names,
    degree=st.sampled_from(("", *DEGREES)),
    reasons_a=reasons.map(tuple),
    reasons_b=reasons.map(tuple),
    comment=texts,
    marks=st.lists(marks, max_size=3, unique=True).map(sorted).map(tuple),
    location=st.just(WRITTEN),
).filter(
    lambda vote: vote.candidate_a != vote.candidate_b and (vote.outcome in WHICH or not vote.degree)
)


def csv_columns(vote: VoteRow) -> dict[str, object]:
    """Give a vote's columns with lists written as JSON."""
    return {
        column: json.dumps(cell) if isinstance(cell, list) else cell
        for column, cell in vote_columns(vote).items()
    }


@contextmanager
def new_file(name: str) -> Iterator[Path]:
    """Make a folder for each example: hypothesis runs many within one test."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / name


@written_to_disk
@given(st.lists(prompts, min_size=1, max_size=5, unique_by=lambda row: row.key))
def test_prompts_written_are_read_as_they_were(rows: list[PromptRow]) -> None:
    with new_file("prompts.jsonl") as path:
        write_rows(path, map(prompt_columns, rows))
        assert list(read_prompts(path, format="jsonl")) == rows


@written_to_disk
@given(st.lists(completions, min_size=1, max_size=5, unique_by=lambda row: row.candidate.name))
def test_completions_written_are_read_as_they_were(rows: list[CompletionRow]) -> None:
    with new_file("completions.jsonl") as path:
        write_rows(path, map(completion_columns, rows))
        assert list(read_completions([path], format="jsonl")) == rows


@written_to_disk
@given(prompts, st.lists(st.lists(texts, min_size=3, max_size=3), min_size=1, max_size=4))
def test_prompt_written_with_its_completions_is_read_first(
    prompt: PromptRow, answers: list[list[str]]
) -> None:
    candidate = CandidateRow(name="x", location=WRITTEN)
    rows = [
        CompletionRow(
            prompt=prompt.key,
            candidate=candidate,
            sample=sample,
            replies=tuple(replies[: len(prompt.turns)]),
            location=WRITTEN,
        )
        for sample, replies in enumerate(answers)
    ]
    with new_file("completions.jsonl") as path:
        write_rows(path, (completion_columns(row, prompt) for row in rows))
        assert list(read_completions([path], format="jsonl")) == [prompt, *rows]


@written_to_disk
@given(st.lists(votes, min_size=1, max_size=5, unique_by=lambda row: (row.annotator, row.identity)))
def test_votes_written_are_read_as_they_were(rows: list[VoteRow]) -> None:
    with new_file("votes.jsonl") as path:
        write_rows(path, map(vote_columns, rows))
        assert list(read_votes(path, format="jsonl")) == rows
        as_csv = path.with_suffix(".csv")
        with as_csv.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(vote_columns(rows[0])))
            writer.writeheader()
            writer.writerows(map(csv_columns, rows))
        assert list(read_votes(as_csv, format="csv")) == rows
