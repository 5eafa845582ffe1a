"""Rows as the readers of `annotate.formats` give them, each with only what a test says of it."""

import itertools
from typing import Any

from annotate.formats import (
    BattleRow,
    CandidateRow,
    CompletionRow,
    Location,
    MessageRow,
    PreferenceRow,
    PromptRow,
    VoteRow,
)

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


def battle_row(
    prompt: str = "p1", a: str = "x", b: str = "y", *, line: int = 0, **vote: Any
) -> BattleRow:
    """Give a battle of two candidates on a prompt of one turn, with one vote."""
    location = _place("battles.jsonl", line)
    first, second = (completion_row(prompt, name, line=location.line) for name in (a, b))
    cast = vote_row(a, b, line=location.line, prompt=prompt, **vote)
    asked = prompt_row(prompt, line=location.line)
    return BattleRow(prompt=asked, a=first, b=second, votes=(cast,), location=location)


def preference_row(
    key: str = "k1",
    prompt: str = "質問？",
    chosen: str = "良い返事",
    rejected: str = "悪い返事",
    *,
    line: int = 0,
    **fields: Any,
) -> PreferenceRow:
    """Give a pair of one turn, in Japanese."""
    return PreferenceRow(
        key=key,
        prompt=(MessageRow("user", prompt),),
        chosen=(MessageRow("assistant", chosen),),
        rejected=(MessageRow("assistant", rejected),),
        location=_place("preferences.jsonl", line),
        **{"language": "ja"} | fields,
    )


def _place(path: str, line: int) -> Location:
    return Location(path, line or next(_line))
