"""One reply in, a judge's messages out; a judge's words in, a score from 1 to 10 out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from annotate.generation.judge_templates import Template, fill
from annotate.generation.judging import Conversation, draw_fence, leave_out_thoughts
from annotate.generation.rows import GenerationRequest

LOWEST, HIGHEST = 1.0, 10.0
_NUMBER = r"(?P<score>\d{1,2}(?:\.\d{1,3})?)\s*(?:/\s*10|点)?"
_BRACKETED = re.compile(rf"\[\s*\[\s*{_NUMBER}\s*\]\s*\]")
# A last line in another form: `Score: 7/10`, `評価:[8]`, `8点`.
_LAST_LINE = re.compile(
    r"^\W*(?:(?:my |the )?(?:final |overall )?(?:score|rating)|(?:最終的?な?)?(?:点数|評価|スコア))"
    rf"\s*(?:is|は)?[\s:*=\-\[_]*{_NUMBER}[\s\]*_.。です]*$",
    re.IGNORECASE,
)


def ask_for_score(
    *,
    template: Template,
    language: str,
    conversation: Conversation,
    turn: int,
    references: Sequence[str],
    key: str,
    seed: int,
) -> GenerationRequest:
    """Ask how good the reply of one turn (from 1) is; later turns are left out.

    `references` hold a right answer to each turn, "" where there is none. The judge reads those up
    to the turn, as MT-Bench's judges do, and the other text where this turn has none.
    """
    texts = template.texts_for(language)
    known = references[:turn] if has_reference(references, turn=turn) else ()
    said = [conversation.system, *conversation.turns[:turn], *conversation.replies[:turn], *known]
    fence = draw_fence(seed=seed, texts=said)
    asked = texts["user_with_reference" if known else "user"]
    user = fill(
        asked,
        fence=fence,
        conversation=_write_conversation(texts, conversation, turn=turn, fence=fence),
        reference=_write_references(texts, conversation.turns, known, fence=fence),
    )
    return GenerationRequest(key=key, turns=(user,), seed=seed, system=texts["system"] or None)


def has_reference(references: Sequence[str], *, turn: int) -> bool:
    """Say whether there is a right answer to this turn."""
    return len(references) >= turn and bool(references[turn - 1])


def read_score(reply: str) -> float | None:
    """Read the score that a judge wrote, 1 to 10; None where there is none that can be told.

    It stands between double brackets. Where several different ones do, the one on the last line
    counts; where none does, a last line that is named a score.
    """
    answer = leave_out_thoughts(unicodedata.normalize("NFKC", reply))
    lines = [line for line in (answer or "").splitlines() if line.strip()]
    if answer is None or not lines:
        return None
    answer, last = (text.replace("【", "[").replace("】", "]") for text in (answer, lines[-1]))
    everywhere, at_the_end = _find(answer), _find(last)
    for found in (everywhere, at_the_end):
        if len(found) == 1:
            return found.pop()
    named = None if everywhere else _LAST_LINE.match(last)
    return _in_range(named["score"]) if named else None


def _find(text: str) -> set[float]:
    scores = (_in_range(found["score"]) for found in _BRACKETED.finditer(text))
    return {score for score in scores if score is not None}


def _in_range(text: str) -> float | None:
    score = float(text)
    return score if LOWEST <= score <= HIGHEST else None


def _write_conversation(
    texts: Mapping[str, str], conversation: Conversation, *, turn: int, fence: str
) -> str:
    blocks = [fill(texts["begin"], fence=fence)]
    if conversation.system:
        blocks += [fill(texts["system_turn"], fence=fence), conversation.system]
    pairs = zip(conversation.turns[:turn], conversation.replies[:turn], strict=True)
    for asked, replied in pairs:
        blocks += [fill(texts["user_turn"], fence=fence), asked]
        blocks += [fill(texts["assistant_turn"], fence=fence), replied]
    return "\n".join([*blocks, fill(texts["end"], fence=fence)])


def _write_references(
    texts: Mapping[str, str], turns: Sequence[str], references: Sequence[str], *, fence: str
) -> str:
    """Write the right answers, each after its question; a turn without one is left out."""
    blocks = [fill(texts["reference_begin"], fence=fence)]
    for asked, answer in zip(turns, references, strict=False):
        if answer:
            blocks += [fill(texts["user_turn"], fence=fence), asked]
            blocks += [fill(texts["assistant_turn"], fence=fence), answer]
    return "\n".join([*blocks, fill(texts["reference_end"], fence=fence)])
