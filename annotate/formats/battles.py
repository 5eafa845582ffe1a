"""Battles: two completions of a prompt and what was said of them, which agree with each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from annotate.formats.conversations import Conversation
from annotate.formats.errors import Finding, FormatError, show_value
from annotate.formats.faults import STOP, Faults, LeftOut, made
from annotate.formats.fields import MAX_SMALL_INTEGER, Fields
from annotate.formats.languages import guess_language
from annotate.formats.rows import (
    AnnotatorKind,
    BattleRow,
    CandidateRow,
    CompletionRow,
    Location,
    Outcome,
    PromptRow,
    Side,
    VoteRow,
)
from annotate.formats.seen import SeenRows, vote_comes_again

AGAIN = "the same vote again"


def model_row(name: str, location: Location) -> CandidateRow:
    """Describe a candidate of which a log tells the model's name."""
    return CandidateRow(name=name, model=name, location=location)


def other_model(row: Fields, field: str, first: str, first_field: str) -> str:
    """Read the name of the second model, which has to be another than the first."""
    name = row.name(field)
    if name == first:
        raise row.fail(field, f"another model than {first_field}")
    return name


def battle_between(
    row: Fields,
    *,
    key: str,
    candidates: tuple[CandidateRow, CandidateRow],
    conversations: tuple[Conversation, Conversation],
    fields: tuple[str, str],
    language: str = "",
    category: str = "",
) -> BattleRow:
    """Put two conversations with the same turns together, without votes yet."""
    a, b = conversations
    if (a.system, a.turns) != (b.system, b.turns):
        found = Finding(f"other turns than {fields[0]}")
        raise row.refuse(fields[1], found, "the same turns of the user in both")
    first, second = (
        CompletionRow(
            prompt=key,
            candidate=candidate,
            sample=0,
            replies=conversation.replies,
            location=row.location,
        )
        for candidate, conversation in zip(candidates, conversations, strict=True)
    )
    prompt = PromptRow(
        key=key,
        turns=a.turns,
        language=language or guess_language(a.turns),
        system=a.system,
        category=category,
        location=row.location,
    )
    return BattleRow(prompt=prompt, a=first, b=second, votes=(), location=row.location)


def vote_on(
    battle: BattleRow,
    outcome: Outcome,
    annotator: str,
    *,
    kind: AnnotatorKind = "person",
    id: str | None = None,
    turn: int = 0,
    side_a: Side | None = None,
    created_at: datetime | None = None,
) -> VoteRow:
    """Say who preferred what of a battle."""
    return VoteRow(
        prompt=battle.prompt.key,
        candidate_a=battle.a.candidate.name,
        candidate_b=battle.b.candidate.name,
        sample_a=battle.a.sample,
        sample_b=battle.b.sample,
        outcome=outcome,
        annotator=annotator,
        annotator_kind=kind,
        id=id,
        turn=turn,
        side_a=side_a,
        created_at=created_at,
        location=battle.location,
    )


def agreeing_battles(rows: Iterable[BattleRow], faults: Faults = STOP) -> Iterator[BattleRow]:
    """Pass battles on, with each completion's sample number, and each vote once.

    A candidate's first text on a prompt is its sample 0; another one, in the order of the file, is
    the next. So a file gives the same numbers whenever it is read. A vote that comes again and
    says the same is left out; one that says otherwise is a fault, and so is a prompt that comes
    with other words. Some 90 bytes are kept for each battle.
    """
    return made(rows, _Agreement(faults).settle, faults)


class _Agreement:
    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._seen = SeenRows(with_said=True)

    def settle(self, battle: BattleRow) -> BattleRow:
        self._check_prompt(battle.prompt)
        a, b = self._numbered(battle.a), self._numbered(battle.b)
        votes = battle.votes
        if a.sample or b.sample:
            votes = tuple(replace(vote, sample_a=a.sample, sample_b=b.sample) for vote in votes)
        new = tuple(vote for vote in votes if self._is_new(vote))
        if votes and not new:
            # Its texts stand with the votes that came before.
            raise LeftOut(AGAIN)
        for _vote in range(len(votes) - len(new)):
            self._faults.leave_out(AGAIN)
        return replace(battle, a=a, b=b, votes=new)

    def _check_prompt(self, prompt: PromptRow) -> None:
        said = (prompt.turns, prompt.system, prompt.language, prompt.category)
        earlier = self._seen.note_said(prompt.location, said, prompt.key)
        if earlier is not None and not earlier[1]:
            found = Finding(f"{show_value(prompt.key)} with other turns, or other words on them")
            where = earlier[0].seen_from(prompt.location.path)
            raise FormatError(*prompt.location, "prompt", found, f"the prompt as on {where}")

    def _numbered(self, completion: CompletionRow) -> CompletionRow:
        name = (completion.prompt, completion.candidate.name)
        for sample in range(MAX_SMALL_INTEGER):
            earlier = self._seen.note_said(completion.location, completion.replies, *name, sample)
            if earlier is None or earlier[1]:
                return completion if sample == 0 else replace(completion, sample=sample)
        found = Finding(f"more than {MAX_SMALL_INTEGER} texts of {show_value(name[1])}")
        raise FormatError(*completion.location, "prompt", found, "fewer on one prompt")

    def _is_new(self, vote: VoteRow) -> bool:
        # The same in whichever order the two completions stand.
        sides = sorted(
            [
                (vote.candidate_a, vote.sample_a, vote.outcome == "a"),
                (vote.candidate_b, vote.sample_b, vote.outcome == "b"),
            ]
        )
        said = (sides, vote.outcome if vote.outcome not in ("a", "b") else "")
        earlier = self._seen.note_said(
            vote.location, said, vote.annotator, vote.identity, "vote", 0
        )
        if earlier is not None and not earlier[1]:
            raise vote_comes_again(vote, earlier[0])
        return earlier is None
