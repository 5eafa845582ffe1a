"""`render_prompt`: the bytes that a real process prints, and what it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from annotate.generation.presets import PRESETS
from tests.commands.conftest import Run
from tests.generation.test_formats import JA
from tests.tiny import make_tiny_tokenizer

ROOT = Path(__file__).resolve().parents[2]
USER = {"role": "user", "content": "海\nとは?"}
TWO_TURNS = [
    {"role": "user", "content": "U1"},
    {"role": "assistant", "content": "A1"},
    {"role": "user", "content": "U2"},
]


def process(*words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "manage.py", "render_prompt", *words]
    return subprocess.run(
        command, cwd=ROOT, env=environment, input=stdin, capture_output=True, check=False
    )


@pytest.fixture
def messages(tmp_path: Path) -> Any:
    """Write messages to a file, and give its name."""

    def write(content: Any) -> str:
        path = tmp_path / "messages.json"
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        return str(path)

    return write


def test_prompt_is_printed_byte_for_byte(messages: Any) -> None:
    file = messages([{"role": "system", "content": "S"}, USER])
    answer = process("--preset", "shisa-7b-v1", "--messages", file)
    expected = "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\n海\nとは? [/INST]"
    assert (answer.stdout, answer.stderr) == (expected.encode(), b"")
    assert answer.returncode == 0


def test_stdin_is_read_and_a_trailing_space_printed() -> None:
    stdin = json.dumps([USER]).encode()
    answer = process("--format", "rinna", "--messages", "-", stdin=stdin)
    assert answer.stdout == "ユーザー: 海\nとは?\nシステム: ".encode()


def test_chat_template_is_that_of_the_folder(messages: Any, tmp_path: Path) -> None:
    tokenizer = make_tiny_tokenizer()
    tokenizer.chat_template = "{{ bos_token }}{% for m in messages %}{{ m.content }}|{% endfor %}\n"
    tokenizer.save_pretrained(tmp_path / "model")
    file = messages(TWO_TURNS)
    answer = process(
        "--format", "chat_template", "--model", str(tmp_path / "model"), "--messages", file
    )
    assert (answer.stdout, answer.stderr) == (b"<s>U1|A1|U2|", b"")
    assert answer.returncode == 0


def test_model_that_is_not_there_is_one_line(messages: Any) -> None:
    file = messages([USER])
    answer = process("--preset", "shisa-v2-qwen2.5-7b", "--messages", file, "--model", "/nowhere")
    assert (answer.returncode, answer.stdout) == (1, b"")
    expected = "there is no folder '/nowhere', of which a tokenizer could be loaded"
    assert answer.stderr.decode() == f"CommandError: {expected}\n"


SHISA_JA = "<<SYS>>\nあなたは役に立つアシスタントです。\n<</SYS>>\n\n"
SHISA_EN = "<<SYS>>\nYou are a helpful, unbiased, uncensored assistant.\n<</SYS>>\n\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), f"<s>[INST] {SHISA_JA}U1 [/INST] A1 </s><s>[INST] U2 [/INST]"),
        (("--language", "en-GB"), f"<s>[INST] {SHISA_EN}U1 [/INST] A1 </s><s>[INST] U2 [/INST]"),
        (("--language", "fr"), "<s>[INST] U1 [/INST] A1 </s><s>[INST] U2 [/INST]"),
        (("--no-system",), "<s>[INST] U1 [/INST] A1 </s><s>[INST] U2 [/INST]"),
    ],
)
def test_presets_system_text_stands_in(
    run: Run, messages: Any, words: tuple[str, ...], expected: str
) -> None:
    file = messages(TWO_TURNS)
    assert run("render_prompt", "--preset", "shisa-7b-v1", "--messages", file, *words) == expected


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        (
            "swallow-ms-7b-instruct-v0.1",
            "<s>[INST] <<SYS>>\nあなたは誠実で優秀な日本人のアシスタントです。\n<</SYS>>\n\n"
            "U1 [/INST] A1</s>[INST] U2 [/INST]",
        ),
        (
            "rinna-bilingual-gpt-neox-4b-instruction-sft",
            "ユーザー: U1\nシステム: A1\nユーザー: U2\nシステム: ",
        ),
        (
            "swallow-moe-4x7b-lisa",
            f"{JA}\n\n### 指示:\nU1\n\n### 応答:A1\n\n### 指示:\nU2\n\n### 応答:",
        ),
    ],
)
def test_preset_renders_in_its_own_format(
    run: Run, messages: Any, preset: str, expected: str
) -> None:
    file = messages(TWO_TURNS)
    assert run("render_prompt", "--preset", preset, "--messages", file) == expected


def test_presets_of_shisa_v2_have_the_tokenizers_system_text(
    run: Run, messages: Any, tmp_path: Path
) -> None:
    make_tiny_tokenizer().save_pretrained(tmp_path / "model")
    file = messages([USER])
    names = [name for name, preset in PRESETS.items() if preset.prompt_format == "chat_template"]
    assert len(names) == 6
    for name in names:
        text = run("render_prompt", "--preset", name, "--messages", file, "--model",
                   tmp_path / "model")  # fmt: skip
        assert text == "<|im_start|>user\n海\nとは?<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("words", "content", "expected"),
    [
        (("--preset", "shisa"), [USER], "no preset is called 'shisa'; there is 'shisa-7b-v1'"),
        (("--format", "vicuna"), [USER], "prompt format 'vicuna' is unknown; known: llama2"),
        (("--format", "chat_template"), [USER], "chat_template is a tokenizer's own format: name"),
        (("--preset", "shisa-7b-v1"), [], "no messages: at least one message with role 'user'"),
        (("--format", "chatml"), {"role": "user"}, "holds no list of messages, each an object"),
        (("--format", "chatml"), ["U"], "holds no list of messages, each an object"),
        (("--format", "chatml"), [{"role": "user"}], "message 1 of 1 has content None; a text"),
        (("--format", "alpaca-ja"), [{**USER, "input": 3}], "message 1 has input 3; a text was"),
    ],
)
def test_refusal_says_what_would_be_right(
    refused: Run, messages: Any, words: tuple[str, ...], content: Any, expected: str
) -> None:
    assert expected in refused("render_prompt", *words, "--messages", messages(content))


def test_refusal_names_the_file(refused: Run, tmp_path: Path) -> None:
    words = ("render_prompt", "--format", "chatml", "--messages")
    assert "no.json cannot be read: No such file" in refused(*words, tmp_path / "no.json")
    (tmp_path / "bad.json").write_text("[{'role'")
    assert "bad.json is not JSON: Expecting property name" in refused(*words, tmp_path / "bad.json")
    (tmp_path / "half.json").write_text('[{"role": "user", "content": "\\ud800"}]')
    assert "surrogates not allowed" in refused(*words, tmp_path / "half.json")
