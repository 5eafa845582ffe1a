"""A library that tokenizes texts of a pair reads what the model reads, BOS and EOS once each."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from annotate.generation.formats import render_conversation, render_prompt
from tests.tiny import make_sentencepiece_tokenizer, make_tiny_tokenizer
from training.data import DatasetError, Pair, Rendered
from training.encoding import encode_pair
from training.texts import TextWriter

PROMPT = [{"role": "system", "content": "S"}, {"role": "user", "content": "海は?"}]
PAIR = Pair(
    PROMPT,
    [{"role": "assistant", "content": "広い。"}],
    [{"role": "assistant", "content": "Wide."}],
)


def rendered(prompt_format: str, *, begins_with_bos: bool, pair: Pair = PAIR) -> Pair:
    """Render a pair as the site does, for a candidate of a named format."""
    opening = render_prompt(format=prompt_format, messages=pair.prompt)
    chosen, rejected = (
        render_conversation(format=prompt_format, messages=pair.prompt + reply)
        for reply in (pair.chosen, pair.rejected)
    )
    return Pair(
        pair.prompt,
        pair.chosen,
        pair.rejected,
        rendered=Rendered(
            prompt=opening.text,
            chosen=chosen.text.removeprefix(opening.text),
            rejected=rejected.text.removeprefix(opening.text),
            begins_with_bos=begins_with_bos,
            appends_eos=chosen.appends_eos,
        ),
    )


def read_as_trl(texts: tuple[str, str, str], tokenizer: Any) -> tuple[list[int], list[int]]:
    """Let TRL's DPOTrainer prepare a row of texts, and give the ids of both conversations."""
    from datasets import Dataset  # noqa: PLC0415  torch comes along
    from trl import DPOConfig, DPOTrainer  # noqa: PLC0415  as above

    rows = Dataset.from_list([dict(zip(("prompt", "chosen", "rejected"), texts, strict=True))])
    trainer: Any = SimpleNamespace(_tokenizer=tokenizer)
    settings = DPOConfig(output_dir="unused", report_to=[], bf16=False, max_length=None)
    (row,) = DPOTrainer._prepare_dataset(trainer, rows, tokenizer, settings, "train")
    return row["prompt_ids"] + row["chosen_ids"], row["prompt_ids"] + row["rejected_ids"]


def tokenizer_of(kind: str, folder: Path) -> Any:
    if kind == "sentencepiece":
        return make_sentencepiece_tokenizer(folder)
    return make_tiny_tokenizer(adds_bos=kind == "adds bos")


@pytest.mark.parametrize(
    ("prompt_format", "begins_with_bos", "kind", "n_bos"),
    [
        ("chat_template", True, "adds bos", 1),
        ("chat_template", False, "adds none", 0),
        ("llama2", True, "adds bos", 1),
        ("llama2", True, "adds none", 1),
        ("swallow", True, "adds bos", 1),
        ("swallow", True, "adds none", 1),
        ("rinna", False, "sentencepiece", 0),
        ("chatml", False, "adds none", 0),
        ("alpaca-ja", False, "adds none", 0),
        ("alpaca-ja", True, "adds bos", 1),
        ("alpaca-en", True, "adds none", 1),
    ],
)
def test_trl_reads_one_bos_and_one_eos(
    prompt_format: str, begins_with_bos: bool, kind: str, n_bos: int, tmp_path: Path
) -> None:
    """The ids are those that our own trainer makes, but for what a template puts behind EOS."""
    tokenizer = tokenizer_of(kind, tmp_path)
    pair = (
        PAIR
        if prompt_format == "chat_template"
        else rendered(prompt_format, begins_with_bos=begins_with_bos)
    )
    texts = TextWriter(tokenizer).write(pair, "pair 1")
    _prompt, *ours = encode_pair(pair, tokenizer, where="pair 1")
    for ids, own in zip(read_as_trl(texts, tokenizer), ours, strict=True):
        assert ids.count(tokenizer.bos_token_id) == n_bos
        assert ids[:1] == [tokenizer.bos_token_id] or n_bos == 0
        assert ids[-1] == tokenizer.eos_token_id
        assert ids[-2] != tokenizer.eos_token_id
        assert ids == own[: len(ids)]
        assert tokenizer.decode(own[len(ids) :]).strip() == ""


def test_later_turns_keep_their_own_bos(tmp_path: Path) -> None:
    """Llama 2 opens each turn with BOS: only the first is the tokenizer's to add."""
    tokenizer = make_tiny_tokenizer(adds_bos=True)
    question = {"role": "user", "content": "Q2"}
    pair = Pair(
        PROMPT,
        [*PAIR.chosen, question, {"role": "assistant", "content": "A"}],
        [*PAIR.rejected, question, {"role": "assistant", "content": "B"}],
    )
    pair = rendered("llama2", begins_with_bos=True, pair=pair)
    texts = TextWriter(tokenizer).write(pair, "pair 1")
    assert texts[0] == "[INST] <<SYS>>\nS\n<</SYS>>\n\n海は? [/INST]"
    assert texts[1] == " 広い。 </s><s>[INST] Q2 [/INST] A </s>"
    _prompt, *ours = encode_pair(pair, tokenizer, where="pair 1")
    assert list(read_as_trl(texts, tokenizer)) == ours


def test_bos_that_the_format_has_not_is_refused() -> None:
    pair = rendered("rinna", begins_with_bos=False)
    with pytest.raises(DatasetError, match="pair 1: the tokenizer puts BOS before every text"):
        TextWriter(make_tiny_tokenizer(adds_bos=True)).write(pair, "pair 1")


def test_eos_after_every_text_is_refused() -> None:
    from tokenizers.processors import TemplateProcessing  # noqa: PLC0415  not needed elsewhere

    tokenizer = make_tiny_tokenizer()
    end = ("<|im_end|>", tokenizer.eos_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="$A <|im_end|>", special_tokens=[end]
    )
    with pytest.raises(DatasetError, match="puts EOS at the end of every text"):
        TextWriter(tokenizer)


def test_prompt_without_a_template_is_refused() -> None:
    tokenizer = make_tiny_tokenizer()
    tokenizer.chat_template = None
    with pytest.raises(DatasetError, match="pair 1: the tokenizer has no chat template"):
        TextWriter(tokenizer).write(PAIR, "pair 1")


def test_process_writes_texts_of_many_pairs_at_once(tmp_path: Path) -> None:
    make_tiny_tokenizer().save_pretrained(tmp_path)
    row = {"prompt": PROMPT, "chosen": PAIR.chosen, "rejected": PAIR.rejected}
    fed = row | {"rendered": asdict(rendered("swallow", begins_with_bos=True).rendered)}  # type: ignore[arg-type]
    command = [sys.executable, "-m", "training.texts", f"--model={tmp_path}"]
    lines = "".join(json.dumps(rows) + "\n" for rows in ([row, fed], [row]))
    answer = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    first, second = (json.loads(line) for line in answer.stdout.splitlines())
    assert first == [
        [
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n海は?<|im_end|>\n"
            "<|im_start|>assistant\n",
            "広い。<|im_end|>",
            "Wide.<|im_end|>",
        ],
        [
            "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\n海は? [/INST]",
            " 広い。<|im_end|>",
            " Wide.<|im_end|>",
        ],
    ]
    assert second == first[:1]


def test_process_says_in_one_line_what_is_wrong(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training.texts", f"--model={tmp_path / 'none'}"]
    answer = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"error: there is no folder '{tmp_path / 'none'}'")
