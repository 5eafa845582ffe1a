"""Two replies in, a judge's messages out; a judge's words in, a verdict out."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from annotate.generation.judge_templates import Template, fill
from annotate.generation.rows import GenerationRequest

UNREADABLE = "unreadable"
TIE = "tie"
# What a judge may write between double brackets, in terms of what it was shown first.
_VERDICTS = {
    **dict.fromkeys(("a", "assistant a", "アシスタントa"), "first"),
    **dict.fromkeys(("b", "assistant b", "アシスタントb"), "second"),
    **dict.fromkeys(("tie", "draw", "c", "引き分け", "同等", "同点", "同じ"), TIE),
    **dict.fromkeys(
        ("both bad", "bothbad", "both_bad", "both-bad", "どちらも悪い", "両方悪い",
         "どちらも不可", "どちらも役に立たない"),
        "both_bad",
    ),
}  # fmt: skip
_BRACKETED = re.compile(r"\[\s*\[\s*([^\[\]]{1,40}?)\s*\]\s*\]")
_WORDS_BEHIND = re.compile(r"\][^\]]*\w[^\]]*$")
# A last line in another form: `Verdict: A`, `最終判定:引き分け`, `[B]`. A letter alone is none: it
# may well be the answer to what the user asked.
_LABELLED = re.compile(
    r"^\W*(?:(?:my |the )?(?:final |overall )?(?:verdict|judge?ment|decision|winner)"
    r"|(?:最終的?な?)?(?:判定|判断|結論|評価))\s*(?:is|は)?[\s:*=\-\[_\"「]*"
    r"(?P<verdict>[^\W_][\w \-]*?)[\s\]*_.。\"」です]*$",
    re.IGNORECASE,
)
_SINGLE = re.compile(r"^[\s*_]*\[\s*(?P<verdict>[^\[\]]{1,40}?)\s*\][\s*_.。]*$")
_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_OPEN_THOUGHT = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_CLOSED_THOUGHT = re.compile(r"</think(?:ing)?>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one user said, with one assistant's replies: all turns of it."""

    turns: Sequence[str]
    replies: Sequence[str]
    system: str = ""


def ask_about_pair(
    *,
    template: Template,
    language: str,
    first: Conversation,
    second: Conversation,
    key: str,
    seed: int,
) -> GenerationRequest:
    """Ask which of two conversations went better; `first` is shown as assistant A.

    The template speaks the prompt's language. Its marks carry a fence that follows from the seed
    and stands in none of the texts, so that no reply can set a mark of its own.
    """
    texts = template.texts_for(language)
    fence = draw_fence(seed=seed, texts=[*_all_texts(first), *_all_texts(second)])
    user = fill(
        texts["user"],
        fence=fence,
        conversation_a=_write(texts, first, fence=fence, letter="A"),
        conversation_b=_write(texts, second, fence=fence, letter="B"),
    )
    return GenerationRequest(key=key, turns=(user,), seed=seed, system=texts["system"] or None)


def draw_fence(*, seed: int, texts: Iterable[str]) -> str:
    """Draw 12 hexadecimal digits by the seed that stand in none of the texts."""
    joined = "\n".join(texts).lower()
    for attempt in range(1000):
        digest = hashlib.sha256(f"fence {seed} {attempt}".encode()).hexdigest()[:12]
        if digest not in joined:
            return digest
    raise ValueError("the texts hold every fence that was drawn")


def read_verdict(reply: str) -> str:
    """Read which of the two a judge prefers: first, second, tie, both_bad, or unreadable.

    A verdict stands between double brackets. Where several different ones do, as when the choices
    are said again, one that ends the last line counts; where none does, a last line that is
    named a verdict. What a model thinks aloud before its answer is left out.
    """
    answer = leave_out_thoughts(unicodedata.normalize("NFKC", reply))
    if answer is None:
        return UNREADABLE
    answer = answer.replace("【", "[").replace("】", "]")
    lines = [line for line in answer.splitlines() if line.strip()]
    if not lines:
        return UNREADABLE
    everywhere, at_the_end = _find_bracketed(answer), _find_bracketed(lines[-1])
    if len(everywhere) == 1:
        return everywhere.pop()
    if len(at_the_end) == 1 and not _WORDS_BEHIND.search(lines[-1]):
        return at_the_end.pop()
    said = None if everywhere else _LABELLED.match(lines[-1]) or _SINGLE.match(lines[-1])
    return _VERDICTS.get(_plain(said["verdict"]), UNREADABLE) if said else UNREADABLE


def name_verdict(verdict: str, *, order: str) -> str:
    """Put a verdict on first and second in terms of a and b.

    Args:
        order: "ab" where a was shown first, else "ba".
    """
    if verdict not in ("first", "second"):
        return verdict
    return order[0 if verdict == "first" else 1]


def combine_verdicts(ab: str, ba: str) -> str | None:
    """Give a judge's vote by what it said in both orders, in terms of a and b.

    The same twice is the vote; two different verdicts are a draw; where one could not be read
    there is none.
    """
    if UNREADABLE in (ab, ba):
        return None
    return ab if ab == ba else TIE


def _all_texts(conversation: Conversation) -> list[str]:
    return [conversation.system, *conversation.turns, *conversation.replies]


def _write(texts: Mapping[str, str], conversation: Conversation, *, fence: str, letter: str) -> str:
    """Write a conversation between the template's marks, replies without a question left out."""
    mark = {
        part: fill(texts[part], fence=fence, letter=letter)
        for part in ("begin", "end", "system_turn", "user_turn", "assistant_turn")
    }
    blocks = [mark["begin"]]
    if conversation.system:
        blocks += [mark["system_turn"], conversation.system]
    for turn, reply in zip(conversation.turns, conversation.replies, strict=False):
        blocks += [mark["user_turn"], turn, mark["assistant_turn"], reply]
    return "\n".join([*blocks, mark["end"]])


def leave_out_thoughts(reply: str) -> str | None:
    """Give what follows a model's thoughts; None where it never came to an end with them."""
    rest = _THOUGHT.sub("", reply)
    if _OPEN_THOUGHT.search(rest):
        return None
    # Some templates open the thoughts in the prompt, so that only their end is written.
    return _CLOSED_THOUGHT.split(rest)[-1]


def _find_bracketed(text: str) -> set[str]:
    said = (_VERDICTS.get(_plain(found)) for found in _BRACKETED.findall(text))
    return {verdict for verdict in said if verdict is not None}


def _plain(text: str) -> str:
    return " ".join(text.strip(" *_`'\"").lower().split())
