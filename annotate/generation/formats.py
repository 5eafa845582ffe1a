"""Prompt formats: messages in, the text that a model reads out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Messages = Sequence[Mapping[str, str]]

# Some models end a turn with a token that their tokenizer does not name as its end of sequence.
END_OF_TURN = {"chatml": "<|im_end|>"}

_ALPACA_JA = (
    "以下に、あるタスクを説明する指示があります。"
    "リクエストを適切に完了するための回答を記述してください。"
)
_ALPACA_JA_INPUT = (
    "以下に、あるタスクを説明する指示があり、それに付随する入力が更なる文脈を提供しています。"
    "リクエストを適切に完了するための回答を記述してください。"
)
_ALPACA_EN = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request."
)
_ALPACA_EN_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further "
    "context. Write a response that appropriately completes the request."
)


class ChatTokenizer(Protocol):
    """The part of a tokenizer that `chat_template` needs."""

    chat_template: Any

    def apply_chat_template(self, conversation: Any, **options: Any) -> Any:
        """Render messages by the tokenizer's own template."""


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """The text up to where the model goes on, and whether the tokenizer may add its own tokens.

    A BOS token stands in `text` where the format has one, so `add_special_tokens` is False
    whenever the tokenizer would double it or the format has none.
    """

    text: str
    add_special_tokens: bool


@dataclass(frozen=True, slots=True)
class RenderedConversation:
    """The text of a conversation to its last reply, and whether the tokenizer's EOS comes after it.

    EOS is left to the tokenizer where a format ends the last reply with whatever that is.
    """

    text: str
    appends_eos: bool


@dataclass(frozen=True, slots=True)
class _Turn:
    user: str
    input: str | None
    reply: str | None

    @property
    def joined(self) -> str:
        return self.user if self.input is None else f"{self.user}\n{self.input}"


def render_prompt(
    *, format: str, messages: Messages, tokenizer: ChatTokenizer | None = None
) -> RenderedPrompt:
    """Render messages `{"role": system|user|assistant, "content": text}` in a prompt format.

    A user message may carry an `input`: the Alpaca formats give it a section of its own, the
    others put it on a new line. `chat_template` needs the `tokenizer` whose template it is.
    Raises ValueError for an unknown format and for messages out of order, naming the message.
    """
    if format not in PROMPT_FORMATS:
        raise ValueError(f"prompt format {format!r} is unknown; known: {', '.join(PROMPT_FORMATS)}")
    system, turns = _split_messages(messages)
    if format == "chat_template":
        text = _render_chat_template(system, turns, tokenizer)
    else:
        text = _NAMED[format](system, turns)
    return RenderedPrompt(text=text, add_special_tokens=False)


def render_conversation(*, format: str, messages: Messages) -> RenderedConversation:
    """Render messages that end in an assistant's reply, as a model in a named format learns them.

    The text begins with what `render_prompt` gives of the messages before the reply.

    Raises:
        ValueError: as `render_prompt` does; the last message is no reply; or the format is
            `chat_template`, whose endings the tokenizer's own template knows.
    """
    if format == "chat_template":
        raise ValueError("'chat_template' is rendered by the tokenizer; use a named format")
    if not messages or messages[-1].get("role") != "assistant":
        role = messages[-1].get("role") if messages else None
        raise ValueError(f"the last message has role {role!r}; it must have role 'assistant'")
    prompt = render_prompt(format=format, messages=messages[:-1])
    reply = _read_content(messages[-1], len(messages), "assistant", len(messages))
    before, after, appends_eos = _ENDINGS[format]
    return RenderedConversation(prompt.text + before + reply + after, appends_eos)


def _split_messages(messages: Messages) -> tuple[str | None, list[_Turn]]:
    """Return the system text and the turns, whose last one has no reply yet."""
    if not messages:
        raise ValueError("no messages: at least one message with role 'user' is needed")
    has_system = messages[0].get("role") == "system"
    system = _read_content(messages[0], 1, "system", len(messages)) if has_system else None
    turns: list[_Turn] = []
    for number, message in enumerate(messages[has_system:], start=1 + has_system):
        if (number - has_system) % 2:
            user = _read_content(message, number, "user", len(messages))
            turns.append(_Turn(user=user, input=_read_input(message, number), reply=None))
        else:
            reply = _read_content(message, number, "assistant", len(messages))
            turns[-1] = _Turn(user=turns[-1].user, input=turns[-1].input, reply=reply)
    if not turns or turns[-1].reply is not None:
        role = messages[-1]["role"]
        raise ValueError(
            f"message {len(messages)} of {len(messages)} has role {role!r}; "
            "the last message must have role 'user'"
        )
    return system, turns


def _read_content(message: Mapping[str, str], number: int, expected: str, total: int) -> str:
    where = f"message {number} of {total}"
    role = message.get("role")
    if role != expected:
        raise ValueError(
            f"{where} has role {role!r}; {expected!r} was expected there (an optional system "
            "message first, then user and assistant in turn)"
        )
    content = message.get("content")
    if not isinstance(content, str):
        raise ValueError(f"{where} has content {content!r}; a text was expected")
    return content


def _read_input(message: Mapping[str, str], number: int) -> str | None:
    given = message.get("input")
    if given is not None and not isinstance(given, str):
        raise ValueError(f"message {number} has input {given!r}; a text was expected")
    return given


def _llama_system(system: str | None) -> str:
    return "" if system is None else f"<<SYS>>\n{system}\n<</SYS>>\n\n"


def _render_llama2(system: str | None, turns: list[_Turn]) -> str:
    text, before = "", _llama_system(system)
    for turn in turns:
        text += f"<s>[INST] {before}{turn.joined} [/INST]"
        text += "" if turn.reply is None else f" {turn.reply} </s>"
        before = ""
    return text


def _render_swallow(system: str | None, turns: list[_Turn]) -> str:
    text, before = "<s>", _llama_system(system)
    for turn in turns:
        text += f"[INST] {before}{turn.joined} [/INST]"
        text += "" if turn.reply is None else f" {turn.reply}</s>"
        before = ""
    return text


def _render_rinna(system: str | None, turns: list[_Turn]) -> str:
    text = "" if system is None else f"ユーザー: {system}\n"
    for turn in turns:
        text += f"ユーザー: {turn.joined}\nシステム: "
        text += "" if turn.reply is None else f"{turn.reply}\n"
    return text


def _render_chatml(system: str | None, turns: list[_Turn]) -> str:
    text = "" if system is None else f"<|im_start|>system\n{system}<|im_end|>\n"
    for turn in turns:
        text += f"<|im_start|>user\n{turn.joined}<|im_end|>\n<|im_start|>assistant\n"
        text += "" if turn.reply is None else f"{turn.reply}<|im_end|>\n"
    return text


def _render_alpaca_ja(system: str | None, turns: list[_Turn]) -> str:
    has_input = any(turn.input is not None for turn in turns)
    preamble = _ALPACA_JA_INPUT if has_input else _ALPACA_JA
    headings = ("### 指示:\n", "### 入力:\n", "### 応答:")
    return _render_alpaca(preamble if system is None else system, turns, headings)


def _render_alpaca_en(system: str | None, turns: list[_Turn]) -> str:
    has_input = any(turn.input is not None for turn in turns)
    preamble = _ALPACA_EN_INPUT if has_input else _ALPACA_EN
    headings = ("### Instruction:\n", "### Input:\n", "### Response:")
    return _render_alpaca(preamble if system is None else system, turns, headings)


def _render_alpaca(preamble: str, turns: list[_Turn], headings: tuple[str, str, str]) -> str:
    """Join the sections by empty lines; a reply follows its heading as the model wrote it."""
    instruction, given, response = headings
    sections = [preamble]
    for turn in turns:
        sections.append(instruction + turn.user)
        if turn.input is not None:
            sections.append(given + turn.input)
        sections.append(response + (turn.reply or ""))
    return "\n\n".join(sections)


def _render_chat_template(
    system: str | None, turns: list[_Turn], tokenizer: ChatTokenizer | None
) -> str:
    from jinja2 import TemplateError  # noqa: PLC0415 - comes with transformers, which is heavy

    if tokenizer is None:
        raise ValueError("prompt format 'chat_template' needs a tokenizer")
    if not tokenizer.chat_template:
        named = ", ".join(_NAMED)
        raise ValueError(f"the tokenizer has no chat template; use a named format: {named}")
    messages = [] if system is None else [{"role": "system", "content": system}]
    for turn in turns:
        messages.append({"role": "user", "content": turn.joined})
        if turn.reply is not None:
            messages.append({"role": "assistant", "content": turn.reply})
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except (TemplateError, TypeError, OverflowError) as error:
        raise ValueError(f"the tokenizer's chat template refused the messages: {error}") from error
    return str(text)


_NAMED: dict[str, Callable[[str | None, list[_Turn]], str]] = {
    "llama2": _render_llama2,
    "swallow": _render_swallow,
    "rinna": _render_rinna,
    "chatml": _render_chatml,
    "alpaca-ja": _render_alpaca_ja,
    "alpaca-en": _render_alpaca_en,
}
PROMPT_FORMATS = (*_NAMED, "chat_template")
# What stands before and after a format's last reply, and whether EOS follows.
_ENDINGS = {
    "llama2": (" ", " ", True),
    "swallow": (" ", "", True),
    "rinna": ("", "", True),
    "chatml": ("", END_OF_TURN["chatml"], False),
    "alpaca-ja": ("", "", True),
    "alpaca-en": ("", "", True),
}
