"""Each prompt format, string for string."""

from __future__ import annotations

from typing import Any

import pytest

from annotate.generation.formats import PROMPT_FORMATS, render_conversation, render_prompt
from tests.tiny import make_tiny_tokenizer

Messages = list[dict[str, str]]

JA = (
    "以下に、あるタスクを説明する指示があります。"
    "リクエストを適切に完了するための回答を記述してください。"
)
JA_INPUT = (
    "以下に、あるタスクを説明する指示があり、それに付随する入力が更なる文脈を提供しています。"
    "リクエストを適切に完了するための回答を記述してください。"
)
EN = (
    "Below is an instruction that describes a task. Write a response that appropriately "
    "completes the request."
)
EN_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further "
    "context. Write a response that appropriately completes the request."
)

# format: (one turn, one turn with S, two turns, two turns with S)
GOLDEN = {
    "llama2": (
        "<s>[INST] U1 [/INST]",
        "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nU1 [/INST]",
        "<s>[INST] U1 [/INST] A1 </s><s>[INST] U2 [/INST]",
        "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nU1 [/INST] A1 </s><s>[INST] U2 [/INST]",
    ),
    "swallow": (
        "<s>[INST] U1 [/INST]",
        "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nU1 [/INST]",
        "<s>[INST] U1 [/INST] A1</s>[INST] U2 [/INST]",
        "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nU1 [/INST] A1</s>[INST] U2 [/INST]",
    ),
    "rinna": (
        "ユーザー: U1\nシステム: ",
        "ユーザー: S\nユーザー: U1\nシステム: ",
        "ユーザー: U1\nシステム: A1\nユーザー: U2\nシステム: ",
        "ユーザー: S\nユーザー: U1\nシステム: A1\nユーザー: U2\nシステム: ",
    ),
    "chatml": (
        "<|im_start|>user\nU1<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU1<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start|>user\nU1<|im_end|>\n<|im_start|>assistant\nA1<|im_end|>\n"
        "<|im_start|>user\nU2<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start|>system\nS<|im_end|>\n"
        "<|im_start|>user\nU1<|im_end|>\n<|im_start|>assistant\nA1<|im_end|>\n"
        "<|im_start|>user\nU2<|im_end|>\n<|im_start|>assistant\n",
    ),
    "alpaca-ja": (
        f"{JA}\n\n### 指示:\nU1\n\n### 応答:",
        "S\n\n### 指示:\nU1\n\n### 応答:",
        f"{JA}\n\n### 指示:\nU1\n\n### 応答:A1\n\n### 指示:\nU2\n\n### 応答:",
        "S\n\n### 指示:\nU1\n\n### 応答:A1\n\n### 指示:\nU2\n\n### 応答:",
    ),
    "alpaca-en": (
        f"{EN}\n\n### Instruction:\nU1\n\n### Response:",
        "S\n\n### Instruction:\nU1\n\n### Response:",
        f"{EN}\n\n### Instruction:\nU1\n\n### Response:A1\n\n### Instruction:\nU2\n\n### Response:",
        "S\n\n### Instruction:\nU1\n\n### Response:A1\n\n### Instruction:\nU2\n\n### Response:",
    ),
}


def make_messages(*, n_turns: int, system: str | None = None) -> Messages:
    messages = [] if system is None else [{"role": "system", "content": system}]
    for turn in range(1, n_turns):
        messages.append({"role": "user", "content": f"U{turn}"})
        messages.append({"role": "assistant", "content": f"A{turn}"})
    return [*messages, {"role": "user", "content": f"U{n_turns}"}]


def test_prompt_formats_are_those_with_golden_texts() -> None:
    assert list(PROMPT_FORMATS) == [*GOLDEN, "chat_template"]


@pytest.mark.parametrize("name", GOLDEN)
def test_render_prompt_matches_the_golden_texts(name: str) -> None:
    cases = [(1, None), (1, "S"), (2, None), (2, "S")]
    rendered = [
        render_prompt(format=name, messages=make_messages(n_turns=n, system=system))
        for n, system in cases
    ]
    assert tuple(prompt.text for prompt in rendered) == GOLDEN[name]
    assert not any(prompt.add_special_tokens for prompt in rendered)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alpaca-ja", f"{JA_INPUT}\n\n### 指示:\nU\n\n### 入力:\nI\n\n### 応答:"),
        ("alpaca-en", f"{EN_INPUT}\n\n### Instruction:\nU\n\n### Input:\nI\n\n### Response:"),
        ("swallow", "<s>[INST] U\nI [/INST]"),
    ],
)
def test_render_prompt_places_an_input(name: str, expected: str) -> None:
    messages = [{"role": "user", "content": "U", "input": "I"}]
    assert render_prompt(format=name, messages=messages).text == expected


# format: (what is added to the prompt by reply R, whether EOS follows)
ENDINGS = {
    "llama2": (" R ", True),
    "swallow": (" R", True),
    "rinna": ("R", True),
    "chatml": ("R<|im_end|>", False),
    "alpaca-ja": ("R", True),
    "alpaca-en": ("R", True),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_render_conversation_adds_the_reply_to_the_prompts_text(name: str) -> None:
    reply = {"role": "assistant", "content": "R"}
    cases = [(1, None), (1, "S"), (2, None), (2, "S")]
    rendered = [
        render_conversation(format=name, messages=[*make_messages(n_turns=n, system=system), reply])
        for n, system in cases
    ]
    added, appends_eos = ENDINGS[name]
    assert tuple(each.text for each in rendered) == tuple(text + added for text in GOLDEN[name])
    assert {each.appends_eos for each in rendered} == {appends_eos}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_later_turn_goes_on_from_the_conversation_before_it(name: str) -> None:
    """As it ends in training a reply is the beginning of what stands before the next question."""
    messages = make_messages(n_turns=2, system="S")
    after_one = render_conversation(format=name, messages=messages[:-1])
    assert render_prompt(format=name, messages=messages).text.startswith(after_one.text)


def test_render_conversation_refuses_what_does_not_end_in_a_reply() -> None:
    with pytest.raises(ValueError, match="last message has role 'user'; it must have"):
        render_conversation(format="chatml", messages=make_messages(n_turns=1))
    with pytest.raises(ValueError, match="last message has role None"):
        render_conversation(format="chatml", messages=[])


def test_render_conversation_leaves_a_template_to_its_tokenizer() -> None:
    messages = [*make_messages(n_turns=1), {"role": "assistant", "content": "R"}]
    with pytest.raises(ValueError, match="rendered by the tokenizer"):
        render_conversation(format="chat_template", messages=messages)


def test_chat_template_is_the_tokenizers_own() -> None:
    tokenizer = make_tiny_tokenizer()
    messages = make_messages(n_turns=2, system="S")
    rendered = render_prompt(format="chat_template", messages=messages, tokenizer=tokenizer)
    assert rendered.text == GOLDEN["chatml"][3]


def test_chat_template_that_prints_bos_is_not_given_another() -> None:
    tokenizer = make_tiny_tokenizer()
    tokenizer.chat_template = "{{ bos_token }}{{ messages[0]['content'] }}"
    rendered = render_prompt(
        format="chat_template", messages=make_messages(n_turns=1), tokenizer=tokenizer
    )
    assert (rendered.text, rendered.add_special_tokens) == ("<s>U1", False)


def test_chat_template_refusal_is_a_value_error() -> None:
    tokenizer = make_tiny_tokenizer()
    tokenizer.chat_template = "{{ raise_exception('no system role') }}"
    with pytest.raises(ValueError, match="template refused the messages: no system role"):
        render_prompt(
            format="chat_template",
            messages=make_messages(n_turns=1, system="S"),
            tokenizer=tokenizer,
        )


@pytest.mark.parametrize("tokenizer", [None, "without template"])
def test_chat_template_needs_a_template(tokenizer: Any) -> None:
    if tokenizer is not None:
        tokenizer = make_tiny_tokenizer()
        tokenizer.chat_template = None
    with pytest.raises(ValueError, match=r"needs a tokenizer|no chat template; use a named format"):
        render_prompt(
            format="chat_template", messages=make_messages(n_turns=1), tokenizer=tokenizer
        )


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ([], "no messages"),
        (["system"], "message 1 of 1 has role 'system'; the last message must"),
        (["assistant"], "message 1 of 1 has role 'assistant'; 'user' was expected"),
        (["user", "assistant"], "message 2 of 2 has role 'assistant'; the last message must"),
        (["user", "user"], "message 2 of 2 has role 'user'; 'assistant' was expected"),
        (["system", "user", "system"], "message 3 of 3 has role 'system'; 'assistant' was"),
        (["system", "system", "user"], "message 2 of 3 has role 'system'; 'user' was expected"),
        (["tool"], "message 1 of 1 has role 'tool'; 'user' was expected"),
    ],
)
def test_render_prompt_names_the_message_out_of_order(roles: list[str], expected: str) -> None:
    messages = [{"role": role, "content": "text"} for role in roles]
    with pytest.raises(ValueError, match=expected):
        render_prompt(format="chatml", messages=messages)


def test_render_prompt_refuses_content_that_is_no_text() -> None:
    broken: Any = [{"role": "user", "content": None}]
    with pytest.raises(ValueError, match="message 1 of 1 has content None; a text was expected"):
        render_prompt(format="chatml", messages=broken)


def test_render_prompt_names_the_known_formats() -> None:
    with pytest.raises(ValueError, match=r"'vicuna' is unknown; known: llama2, .*chat_template"):
        render_prompt(format="vicuna", messages=make_messages(n_turns=1))
