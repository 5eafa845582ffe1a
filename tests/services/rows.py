"""Rows as the readers of `annotate.formats` give them, each with only what a test says of it."""

import itertools
from typing import Any

from annotate.formats import CandidateRow, CompletionRow, Location, PromptRow, VoteRow

_line = itertools.count(1)


def prompt_row(key: str = "p1", *turns: str, line: int = 0, **fields: Any) -> PromptRow:
    """Give an English prompt; one turn unless more are named."""
    turns = turns or (f"Question {key}?",)
    return PromptRow(
        key=key, turns=turns, location=_place("prompts.jsonl", line), **{"language": "en"} | fields
    )


def completion_row(
    prompt: str = "p1",
    candidate: str = "x",
    *replies: str,
    sample: int = 0,
    line: int = 0,
    of: dict[str, Any] | None = None,
    **fields: Any,
) -> CompletionRow:
    """Give a completion; `of` are further facts of its candidate."""
    location = _place("completions.jsonl", line)
    return CompletionRow(
        prompt=prompt,
        candidate=CandidateRow(name=candidate, location=location, **of or {}),
        sample=sample,
        replies=replies or (f"{candidate} on {prompt}, sample {sample}",),
        location=location,
        **fields,
    )


def vote_row(
    a: str = "x", b: str = "y", outcome: Any = "a", *, line: int = 0, **fields: Any
) -> VoteRow:
    """Give a person's vote on two candidates' replies to prompt p1."""
    return VoteRow(
        candidate_a=a,
        candidate_b=b,
        outcome=outcome,
        location=_place("votes.jsonl", line),
        **{"prompt": "p1", "annotator": "ann"} | fields,
    )


def _place(path: str, line: int) -> Location:
    return Location(path, line or next(_line))
