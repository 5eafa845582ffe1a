"""What is known of the models that people bring: prompt format, system text, sampling, licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from annotate.generation.scripts import primary_subtag


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """The settings that a model's own card gives, so that nobody has to copy them.

    `model` is an id on a hub, empty where a folder must be named. `architecture` is the
    `model_type` of its config.json, `parameters` are counted in thousand millions. `system` is
    the text for prompts that have none of their own, by language; where it is empty, the model's
    own template decides. `sampling` are fields of `Sampling` but for `stop`, and what it leaves
    out has the default there; `alternatives` are other settings of the card, by what they are
    for. `tokenizer` are fields of `TokenizerOptions`. `origin` is the last step that made the
    weights, `lineage` all of them. `terms` says what a licence asks of those who go on.
    """

    name: str
    model: str
    architecture: str
    parameters: float
    prompt_format: str
    licence: str
    origin: str
    lineage: str
    system: Mapping[str, str] = field(default_factory=dict)
    sampling: Mapping[str, Any] = field(default_factory=dict)
    alternatives: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stop: tuple[str, ...] = ()
    tokenizer: Mapping[str, bool] = field(default_factory=dict)
    terms: str = ""
    note: str = ""

    def system_for(self, language: str) -> str | None:
        """Give the system text for a language tag; None where there is none."""
        return choose_text(self.system, language) or None


def choose_text(texts: Mapping[str, str], language: str) -> str:
    """Give the text for a language tag: its own, else that of its primary subtag, else none."""
    return texts.get(language) or texts.get(primary_subtag(language), "")


# The card names a temperature for two uses and two ways against tokens of other languages. The
# cooler one with top_p is the default here: such tokens become more frequent with temperature.
_SHISA_V2_SAMPLING = {"temperature": 0.2, "top_p": 0.9}
_SHISA_V2_ALTERNATIVES = {
    "translation": _SHISA_V2_SAMPLING,
    "translation, min_p": {"temperature": 0.2, "min_p": 0.1},
    "role play": {"temperature": 1.0, "top_p": 0.9},
    "role play, min_p": {"temperature": 1.0, "min_p": 0.1},
}


def _shisa_v2(
    size: str, *, architecture: str, parameters: float, licence: str, note: str = ""
) -> Preset:
    return Preset(
        name=f"shisa-v2-{size}",
        model=f"shisa-ai/shisa-v2-{size}",
        architecture=architecture,
        parameters=parameters,
        prompt_format="chat_template",
        sampling=_SHISA_V2_SAMPLING,
        alternatives=_SHISA_V2_ALTERNATIVES,
        licence=licence,
        origin="dpo",
        lineage="SFT → DPO",
        note=note,
    )


_ALL = (
    Preset(
        name="shisa-7b-v1",
        model="augmxnt/shisa-7b-v1",
        architecture="mistral",
        parameters=7,
        prompt_format="llama2",
        system={
            "ja": "あなたは役に立つアシスタントです。",
            "en": "You are a helpful, unbiased, uncensored assistant.",
        },
        sampling={
            "temperature": 0.7,
            "top_p": 0.95,
            "repetition_penalty": 1.05,
            "max_tokens": 1000,
        },
        licence="Apache-2.0",
        origin="dpo",
        lineage=(
            "shisa-base-7b-v1 → SFT (ultra-orca-boros-en-ja + SlimOrca) → SFT, 1 epoch, Japanese "
            "→ DPO"
        ),
        note="JA MT-Bench asked it with あなたは役立つアシスタントです。",
    ),
    _shisa_v2("qwen2.5-7b", architecture="qwen2", parameters=7, licence="Apache-2.0"),
    _shisa_v2("qwen2.5-32b", architecture="qwen2", parameters=32, licence="Apache-2.0"),
    _shisa_v2("llama3.1-8b", architecture="llama", parameters=8, licence="Llama 3.1"),
    _shisa_v2("llama3.3-70b", architecture="llama", parameters=70, licence="Llama 3.3"),
    _shisa_v2(
        "mistral-nemo-12b",
        architecture="mistral",
        parameters=12,
        licence="Apache-2.0",
        note="head_dim 128 of its own: hidden size 5120 over 32 heads would be 160",
    ),
    _shisa_v2(
        "unphi4-14b",
        architecture="llama",
        parameters=14,
        licence="MIT",
        note="Phi-4 in Llama form",
    ),
    Preset(
        name="swallow-ms-7b-instruct-v0.1",
        model="tokyotech-llm/Swallow-MS-7b-instruct-v0.1",
        architecture="mistral",
        parameters=7,
        prompt_format="swallow",
        system={"ja": "あなたは誠実で優秀な日本人のアシスタントです。"},
        sampling={"max_tokens": 128},
        licence="Apache-2.0",
        origin="sft",
        lineage="Mistral-7B → continual pre-training → SFT",
        note="The card draws at the defaults and ends a reply after 128 tokens.",
    ),
    Preset(
        name="rinna-bilingual-gpt-neox-4b-instruction-sft",
        model="rinna/bilingual-gpt-neox-4b-instruction-sft",
        architecture="gpt_neox",
        parameters=3.8,
        prompt_format="rinna",
        sampling={"temperature": 1.0, "top_p": 0.85, "max_tokens": 512},
        tokenizer={"use_fast": False, "add_special_tokens": False},
        licence="MIT",
        origin="sft",
        lineage="bilingual-gpt-neox-4b → SFT",
        note="There is no system role. The card calls it sensitive to decoding.",
    ),
    Preset(
        name="swallow-moe-4x7b-lisa",
        model="",
        architecture="mixtral",
        parameters=19.8,  # reckoned: four times the feed-forward layers of 7B, the rest once
        prompt_format="alpaca-ja",
        licence="CC-BY-NC-SA-4.0",
        origin="sft",
        lineage=(
            "merge of four (Swallow-7b-instruct-hf, Superswallow-7b v0.1, v0.2, v0.3) on "
            "Swallow-7b-hf → LISA (8 active layers, a new draw every 13 steps, lr 5e-5, batch 64, "
            "length 2048)"
        ),
        terms="Inherited by all that is trained on its outputs: no commercial use, share alike.",
        note="Four experts of Llama-2 7B. The card names no sampling.",
    ),
)

PRESETS: dict[str, Preset] = {preset.name: preset for preset in _ALL}
