"""Every preset end to end, with a tiny model of its own architecture and its kind of tokenizer."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from annotate.generation.engines import start_engine
from annotate.generation.formats import PROMPT_FORMATS
from annotate.generation.jobs import GenerationJob, TokenizerOptions
from annotate.generation.presets import PRESETS, Preset
from annotate.generation.rows import GenerationRequest
from annotate.generation.sampling import Sampling
from tests.generation.test_formats import JA
from tests.tiny import make_sentencepiece_tokenizer, make_tiny_model, make_tiny_tokenizer
from training.tokenizing import load_tokenizer

USER = "鷹は\nhawk  です。"
SHISA = "あなたは役に立つアシスタントです。"
SWALLOW = "あなたは誠実で優秀な日本人のアシスタントです。"
CHATML = f"<|im_start|>user\n{USER}<|im_end|>\n<|im_start|>assistant\n"
BOS_CHAT = f"<s>[user]{USER}[assistant]"

# preset: (tiny architecture, its class, whether its tokenizer adds BOS, what the model reads)
CASES = {
    "shisa-7b-v1": (
        "mistral", "MistralForCausalLM", True,
        f"<s>[INST] <<SYS>>\n{SHISA}\n<</SYS>>\n\n{USER} [/INST]",
    ),
    "shisa-v2-qwen2.5-7b": ("qwen2", "Qwen2ForCausalLM", False, CHATML),
    "shisa-v2-qwen2.5-32b": ("qwen2", "Qwen2ForCausalLM", False, CHATML),
    "shisa-v2-llama3.1-8b": ("llama", "LlamaForCausalLM", True, BOS_CHAT),
    "shisa-v2-llama3.3-70b": ("llama", "LlamaForCausalLM", True, BOS_CHAT),
    "shisa-v2-mistral-nemo-12b": ("mistral_nemo", "MistralForCausalLM", True, BOS_CHAT),
    "shisa-v2-unphi4-14b": ("phi4", "LlamaForCausalLM", False, CHATML),
    "swallow-ms-7b-instruct-v0.1": (
        "mistral", "MistralForCausalLM", True,
        f"<s>[INST] <<SYS>>\n{SWALLOW}\n<</SYS>>\n\n{USER} [/INST]",
    ),
    "rinna-bilingual-gpt-neox-4b-instruction-sft": (
        "gpt_neox", "GPTNeoXForCausalLM", False, f"ユーザー: {USER}\nシステム: ",
    ),
    "swallow-moe-4x7b-lisa": (
        "mixtral", "MixtralForCausalLM", True, f"{JA}\n\n### 指示:\n{USER}\n\n### 応答:",
    ),
}  # fmt: skip


def make_model(preset: Preset, folder: Path) -> Path:
    """Make a tiny model as the preset's is made, with a tokenizer of the same kind."""
    architecture, _, adds_bos, _ = CASES[preset.name]
    if preset.tokenizer.get("use_fast", True):
        tokenizer = make_tiny_tokenizer(adds_bos=adds_bos)
    else:
        tokenizer = make_sentencepiece_tokenizer(folder / "tokenizer")
    return make_tiny_model(folder / "model", architecture=architecture, tokenizer=tokenizer)


def make_job(preset: Preset, model: Path) -> GenerationJob:
    sampling = {**preset.sampling, "stop": list(preset.stop), "max_tokens": 12}
    return GenerationJob(
        engine="transformers",
        model=str(model),
        requests=Path("requests.jsonl"),
        completions=Path("completions.jsonl"),
        prompt_format=preset.prompt_format,
        sampling=Sampling.from_dict(sampling),
        tokenizer=TokenizerOptions(**preset.tokenizer),
        engine_options={"device": "cpu"},
    )


@pytest.mark.parametrize("name", CASES)
def test_preset_runs_on_a_model_of_its_architecture(name: str, tmp_path: Path) -> None:
    preset = PRESETS[name]
    _, class_name, adds_bos, expected = CASES[name]
    model = make_model(preset, tmp_path)
    config = json.loads((model / "config.json").read_text())
    assert (config["model_type"], config["architectures"]) == (preset.architecture, [class_name])
    request = GenerationRequest(key="p", turns=(USER,), seed=5, system=preset.system_for("ja"))
    requests = [request, GenerationRequest(key="q", turns=(USER, "U2"), seed=5)]
    made = {each.key: each for each in start_engine(make_job(preset, model)).generate(requests)}

    completion = made["p"]
    assert completion.rendered_prompt_sha256 == hashlib.sha256(expected.encode()).hexdigest()
    assert [len(made[key].replies) for key in "pq"] == [1, 2]
    assert 1 <= completion.completion_tokens <= 12
    tokenizer = load_tokenizer(model=str(model), use_fast=preset.tokenizer.get("use_fast", True))
    ids = tokenizer(expected, add_special_tokens=False)["input_ids"]
    assert completion.prompt_tokens == len(ids)
    assert tokenizer.decode(ids) == expected
    assert ids.count(tokenizer.bos_token_id) == expected.count("<s>") <= 1
    doubled = tokenizer(expected)["input_ids"].count(tokenizer.bos_token_id) - ids.count(
        tokenizer.bos_token_id
    )
    assert doubled == adds_bos  # what the engine must not do


def test_every_preset_is_tested() -> None:
    assert list(CASES) == list(PRESETS)


def test_nemos_heads_are_not_hidden_size_over_heads(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path, architecture="mistral_nemo")
    config = json.loads((model / "config.json").read_text())
    assert config["head_dim"] != config["hidden_size"] // config["num_attention_heads"]


@pytest.mark.parametrize("preset", PRESETS.values(), ids=str)
def test_preset_holds_settings_that_a_run_accepts(preset: Preset) -> None:
    assert preset.prompt_format in PROMPT_FORMATS
    assert preset.origin in {"base", "sft", "dpo", "merge"}
    assert preset.licence
    assert preset.lineage
    Sampling.from_dict({**preset.sampling, "stop": list(preset.stop)})
    for alternative in preset.alternatives.values():
        Sampling.from_dict(alternative)
    TokenizerOptions(**preset.tokenizer)
    # Where the tokenizer's template decides, a system text of ours would replace its own.
    assert not (preset.system and preset.prompt_format in ("chat_template", "rinna"))


def test_system_text_is_that_of_the_language() -> None:
    shisa = PRESETS["shisa-7b-v1"]
    assert shisa.system_for("en-GB") == "You are a helpful, unbiased, uncensored assistant."
    assert (shisa.system_for("ja"), shisa.system_for("fr")) == (SHISA, None)
    assert PRESETS["swallow-ms-7b-instruct-v0.1"].system_for("en") is None


def test_licence_that_is_inherited_says_so() -> None:
    moe = PRESETS["swallow-moe-4x7b-lisa"]
    assert moe.licence == "CC-BY-NC-SA-4.0"
    assert moe.terms.startswith("Inherited by all that is trained on its outputs")
    assert [p.name for p in PRESETS.values() if p.terms] == [moe.name]


def test_sentencepiece_tokenizer_gives_back_what_it_took(tmp_path: Path) -> None:
    tokenizer = make_sentencepiece_tokenizer(tmp_path)
    text = "ユーザー: 鷹は  hawk\n\n\tです\nシステム: "
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert ids == tokenizer.sp_model.encode(text)
    assert tokenizer.unk_token_id not in ids
    ended = [*ids, tokenizer.eos_token_id]
    assert tokenizer.decode(ended, skip_special_tokens=True) == text
    assert tokenizer.decode(ended) == f"{text}</s>"


def read_by_transformers(folder: Path, text: str) -> str:
    """Encode and decode by transformers' own reading; without protobuf it has none."""
    from transformers import AutoTokenizer  # noqa: PLC0415 - heavy

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, use_fast=False)
    except (ImportError, ValueError) as error:
        return f"cannot be read: {error}"
    return str(tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]))


def test_transformers_itself_loses_what_sentencepiece_keeps(tmp_path: Path) -> None:
    """The day this fails, transformers reads rinna's tokenizer again and ours may go."""
    make_tiny_model(tmp_path, architecture="gpt_neox")
    for left in ("tokenizer.json", "chat_template.jinja"):
        (tmp_path / left).unlink()
    tokenizer = make_sentencepiece_tokenizer(tmp_path)
    text = "ユーザー: 鷹\nシステム: "
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    assert read_by_transformers(tmp_path, text) != text
