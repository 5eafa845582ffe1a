"""Typed rows: what every reader of this room gives, whatever the file looked like."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from annotate.formats.errors import line_word, place

Outcome = Literal["a", "b", "tie", "both_bad"]
AnnotatorKind = Literal["person", "judge", "simulated"]
Side = Literal["left", "right"]
Degree = Literal["", "clearly", "slightly"]
Which = Literal["a", "b"]
PassageTag = Literal["wrong_language", "wrong_fact", "unnatural"]
FinishReason = Literal["", "stop", "length"]
GoldUse = Literal["gold", "practice"]
Role = Literal["system", "user", "assistant"]

OUTCOMES: tuple[Outcome, ...] = ("a", "b", "tie", "both_bad")
ANNOTATOR_KINDS: tuple[AnnotatorKind, ...] = ("person", "judge", "simulated")
SIDES: tuple[Side, ...] = ("left", "right")
DEGREES: tuple[Degree, ...] = ("clearly", "slightly")
WHICH: tuple[Which, ...] = ("a", "b")
PASSAGE_TAGS: tuple[PassageTag, ...] = ("wrong_language", "wrong_fact", "unnatural")
FINISH_REASONS: tuple[FinishReason, ...] = ("stop", "length")
GOLD_USES: tuple[GoldUse, ...] = ("gold", "practice")
ROLES: tuple[Role, ...] = ("system", "user", "assistant")
GOLD_OUTCOMES: tuple[Outcome, ...] = ("a", "tie", "both_bad")


class Location(NamedTuple):
    """Where a row stands: its file as it was named, and the line on which it begins, from 1.

    Where the file is a `Table`, `line` is the number of the row, from 1.
    """

    path: str
    line: int

    def __str__(self) -> str:
        return place(self.path, self.line)

    def seen_from(self, path: str) -> str:
        """Name this place to somebody who looks at the file `path`."""
        return f"{line_word(path)} {self.line}" if self.path == path else str(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRow:
    """A prompt: one or several user turns, perhaps under a system prompt.

    `references` are right answers for judges: one for each turn, "" where a turn has none; or none.
    """

    key: str
    turns: tuple[str, ...]
    language: str
    system: str = ""
    category: str = ""
    is_held_out: bool = False
    references: tuple[str, ...] = ()
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRow:
    """A candidate, as far as a file of completions tells."""

    name: str
    model: str = ""
    revision: str = ""
    prompt_format: str = ""
    sampling: dict[str, object] = field(default_factory=dict, hash=False)
    licence: str = ""
    origin: str = "imported"
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRow:
    """What a candidate answered to the prompt with key `prompt`: one reply for each turn."""

    prompt: str
    candidate: CandidateRow
    sample: int
    replies: tuple[str, ...]
    finish_reason: FinishReason = ""
    seed: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    location: Location = field(compare=False)


class MarkRow(NamedTuple):
    """A marked passage: characters `start` to before `end` (code points) of one of the replies.

    `which` names the completion, `turn` the reply, from 1.
    """

    which: Which
    turn: int
    start: int
    end: int
    tag: PassageTag


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteRow:
    """One annotator's outcome on two completions of a prompt; turn 0 is the whole conversation."""

    prompt: str
    candidate_a: str
    candidate_b: str
    outcome: Outcome
    annotator: str
    sample_a: int = 0
    sample_b: int = 0
    annotator_kind: AnnotatorKind = "person"
    side_a: Side | None = None
    turn: int = 0
    created_at: datetime | None = None
    id: str | None = None
    degree: Degree = ""
    reasons_a: tuple[str, ...] = ()
    reasons_b: tuple[str, ...] = ()
    comment: str = ""
    marks: tuple[MarkRow, ...] = ()
    location: Location = field(compare=False)

    @property
    def identity(self) -> str:
        """Name this vote within its annotator's, the same whenever its file is read.

        That is its `id`, or, for one turn of several that share an id, a digest of id and turn;
        without an id a digest of prompt, turn and the two completions, in whichever order these
        are named.
        """
        if self.id is not None:
            return self.id if self.turn == 0 else _digest([self.id, self.turn])
        completions = sorted([(self.candidate_a, self.sample_a), (self.candidate_b, self.sample_b)])
        return _digest([self.prompt, self.turn, completions])


@dataclass(frozen=True, slots=True, kw_only=True)
class BattleRow:
    """Two completions of one prompt, and what annotators said of them.

    `a` and `b` answer `prompt`, and each of `votes` names these two, in this order. A prompt or
    completion may come again in a later battle; it is the same then.
    """

    prompt: PromptRow
    a: CompletionRow
    b: CompletionRow
    votes: tuple[VoteRow, ...]
    location: Location = field(compare=False)


class MessageRow(NamedTuple):
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceRow:
    """A conversation that ends with a user's message, and a better and a worse way to go on.

    `margin` says by how much the chosen one is better, in the file's own units. `key` is the
    file's own, or a digest of the texts, the same whenever they are read.
    """

    key: str
    prompt: tuple[MessageRow, ...]
    chosen: tuple[MessageRow, ...]
    rejected: tuple[MessageRow, ...]
    language: str
    category: str = ""
    margin: float | None = None
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldRow:
    """Two answers written by hand, and which is better; outcome `a` says that `better` is."""

    use: GoldUse
    language: str
    turns: tuple[str, ...]
    better: tuple[str, ...]
    worse: tuple[str, ...]
    explanation_en: str
    explanation_ja: str
    system: str = ""
    outcome: Outcome = "a"
    location: Location = field(compare=False)


def _digest(told: list[object]) -> str:
    return f"sha256:{hashlib.sha256(json.dumps(told).encode()).hexdigest()}"
