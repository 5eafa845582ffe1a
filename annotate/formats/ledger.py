"""Keeps the rows of one reading of completions in agreement with each other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import NamedTuple

from annotate.formats.errors import Finding, FormatError, show_value
from annotate.formats.faults import Faults
from annotate.formats.rows import CandidateRow, CompletionRow, Location, PromptRow
from annotate.formats.seen import SeenRows, comes_again


class _KnownPrompt(NamedTuple):
    n_turns: int
    digest: bytes
    location: Location


class CompletionLedger:
    """Gives each prompt once and before its completions, and refuses what contradicts itself.

    It holds one record for each prompt and candidate, and 17 bytes for each completion.
    """

    def __init__(self) -> None:
        self._prompts: dict[str, _KnownPrompt | None] = {}
        self._candidates: dict[str, CandidateRow] = {}
        self._completions = SeenRows()
        self._newest: PromptRow | None = None

    def admit(self, completion: CompletionRow) -> CompletionRow:
        """Return the completion, its candidate as the first row described it.

        Raises FormatError for a second row of one completion, for a candidate that is not as a row
        before it said, and for a number of replies that is not that of the turns.
        """
        known = self._prompts.setdefault(completion.prompt, None)
        if known and len(completion.replies) != known.n_turns:
            raise FormatError(
                *completion.location,
                "replies",
                Finding(f"{len(completion.replies)} given"),
                f"{known.n_turns}, one for each turn of the prompt",
            )
        completion = self._with_known_candidate(completion)
        self._refuse_second(completion)
        return completion

    def is_new(self, prompt: PromptRow) -> bool:
        """Say whether the prompt was not there yet.

        Raises FormatError for a prompt that is not as a row before it said.
        """
        if prompt is self._newest:
            return False
        digest = _digest(prompt)
        if prompt.key not in self._prompts:
            self._newest = prompt
            known = _KnownPrompt(len(prompt.turns), digest, prompt.location)
            self._prompts[prompt.key] = known
            return True
        earlier = self._prompts[prompt.key]
        if earlier is None:
            found = Finding("given here, and not with the prompt's first completion")
            raise FormatError(*prompt.location, "turns", found, "them there, or nowhere")
        if earlier.digest != digest:
            where = earlier.location.seen_from(prompt.location.path)
            found = Finding(f"{show_value(prompt.key)} with other turns, or other words on them")
            raise FormatError(*prompt.location, "prompt", found, f"the prompt as on {where}")
        return False

    def _refuse_second(self, completion: CompletionRow) -> None:
        name, sample = completion.candidate.name, completion.sample
        earlier = self._completions.note(completion.location, completion.prompt, name, sample)
        if earlier is not None:
            told = f"sample {sample} of {show_value(name)} for {show_value(completion.prompt)}"
            raise comes_again(completion.location, "sample", told, earlier)

    def _with_known_candidate(self, completion: CompletionRow) -> CompletionRow:
        given = completion.candidate
        first = self._candidates.setdefault(given.name, given)
        if given is first or given == first:
            return completion
        if given == CandidateRow(name=given.name, location=given.location):
            return replace(completion, candidate=first)
        field = next(
            column.name
            for column in fields(CandidateRow)
            if getattr(given, column.name) != getattr(first, column.name)
        )
        raise FormatError(
            *completion.location,
            field,
            getattr(given, field),
            f"{show_value(getattr(first, field))}, which candidate {show_value(first.name)} has on"
            f" {first.location.seen_from(completion.location.path)}",
        )


def admitted(
    answers: Iterable[tuple[PromptRow | None, CompletionRow]], faults: Faults
) -> Iterator[PromptRow | CompletionRow]:
    """Pass on completions that agree with each other, and each prompt before the first of its."""
    ledger = CompletionLedger()
    for prompt, completion in answers:
        try:
            if prompt is not None and ledger.is_new(prompt):
                yield prompt
            agreed = ledger.admit(completion)
        except FormatError as fault:
            faults.tell(fault)
        else:
            yield agreed


def _digest(prompt: PromptRow) -> bytes:
    told = (prompt.turns, prompt.system, prompt.language, prompt.category, prompt.is_held_out)
    return hashlib.blake2b(repr(told).encode("utf-8"), digest_size=16).digest()
