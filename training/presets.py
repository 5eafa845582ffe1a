"""Settings that have proved good, with where they come from; `preset_fields` fills a DpoRun."""

import math
from dataclasses import dataclass, field
from typing import Any

from training.fields import ConfigError, one_of

SHISA = "Shisa.AI's DPO settings for its models of 1.2 to 70 B"
PARAMETERS_8B = 8e9
GLOBAL_BATCH = 64
# One that fits 80 GB with 8 B parameters at 4096 tokens; the rest is accumulated.
BATCH_SIZE = 8


@dataclass(frozen=True)
class Rate:
    """A learning rate that falls with the root of the number of parameters, within bounds."""

    at_8b: float
    lowest: float = 0.0
    highest: float = math.inf
    needs_parameters: bool = False

    def for_parameters(self, parameters: int) -> float:
        """Return lr_8B · √(8 B / N), to three digits."""
        rate = self.at_8b * math.sqrt(PARAMETERS_8B / parameters)
        return float(f"{min(max(rate, self.lowest), self.highest):.3g}")


@dataclass(frozen=True)
class Preset:
    """Fields of a DpoRun, and why they are so.

    `rate` gives the learning rate by the model's size, where `fields` has none. `global_batch`
    pairs make one optimizer step over all processes, `batch_size` at most at a time.
    """

    name: str
    title: str
    source: str
    why: str
    global_batch: int
    batch_size: int
    fields: dict[str, Any] = field(hash=False)
    rate: Rate | None = None


_SHISA_FIELDS = {
    "epochs": 1.0,
    "beta": 0.1,
    "weight_decay": 1e-4,
    "neftune_alpha": 5.0,
    "scheduler": "constant_with_warmup",
    "warmup_ratio": 0.03,
    "max_length": 4096,
}


def _shisa(name: str, title: str, learning_rate: float, **fields: Any) -> Preset:
    return Preset(
        name=name,
        title=f"Shisa, {title}",
        source=SHISA,
        why="The settings that this very model was trained with, on about 100,000 pairs.",
        global_batch=GLOBAL_BATCH,
        batch_size=BATCH_SIZE,
        fields=_SHISA_FIELDS | {"learning_rate": learning_rate} | fields,
    )


_PRESETS = (
    Preset(
        name="shisa",
        title="Shisa, by the model's size",
        source=SHISA,
        why=(
            "Full fine-tuning on some 100,000 pairs. The rate falls with the root of the size; 2e-7"
            " at 8 B is the geometric mean of Shisa's six models brought to that size, each of"
            " which is within a factor of 2.5. With few pairs it moves a model hardly at all."
        ),
        global_batch=GLOBAL_BATCH,
        batch_size=BATCH_SIZE,
        fields=_SHISA_FIELDS,
        rate=Rate(2e-7, needs_parameters=True),
    ),
    # Shisa warms up over 25 steps there, of about 1,560.
    _shisa("shisa-qwen3-8b", "Qwen3 8B", 5e-7, warmup_ratio=0.016),
    _shisa("shisa-llama3.1-8b", "Llama 3.1 8B", 1.25e-7, max_length=2048),
    _shisa("shisa-7b", "shisa-7b-v1 and v2.1", 1.25e-7),
    _shisa("shisa-unphi4-14b", "unphi4 14B", 1.5e-7),
    _shisa("shisa-llama3.3-70b", "Llama 3.3 70B", 6e-8),
    _shisa("shisa-lfm2-1.2b", "LFM2 1.2B", 1.2e-6, max_length=2048),
    Preset(
        name="lora-few-pairs",
        title="A few hundred human pairs, with LoRA",
        source="Kurabe's own, reckoned from Shisa's; LoRA by Hu et al. 2021",
        why=(
            "300 pairs make 38 steps of 8 an epoch, where Shisa's had some 1,500 of 64: at its"
            " rates of 1e-7 weights would hardly move. An adapter begins at zero and has a"
            " hundredth of the weights, so it bears 5e-6 to 5e-5, by the model's size. Two epochs"
            " and no more, since so few pairs are soon learnt by heart."
        ),
        global_batch=8,
        batch_size=BATCH_SIZE,
        fields={
            "epochs": 2.0,
            "beta": 0.1,
            "lora_rank": 16,
            "lora_alpha": 32.0,
            "scheduler": "cosine",
            "warmup_ratio": 0.1,
            "max_length": 2048,
        },
        rate=Rate(2e-5, lowest=5e-6, highest=5e-5),
    ),
    Preset(
        name="tiny-cpu",
        title="A tiny model, on a CPU",
        source="Kurabe's demo, chosen on prompts that it does not hold out",
        why=(
            "A model of a million parameters bears a thousand times the rate of one of 8 B. DPO"
            " alone makes chosen replies less likely too, and sentences come apart: as much weight"
            " on learning the chosen replies keeps them whole."
        ),
        global_batch=16,
        batch_size=16,
        fields={
            "epochs": 2.0,
            "beta": 0.1,
            "learning_rate": 8e-4,
            "loss_type": ("sigmoid", "sft"),
            "loss_weights": (1.0, 1.0),
            "max_length": 256,
        },
    ),
)
PRESETS = {preset.name: preset for preset in _PRESETS}


def preset_fields(name: str, *, parameters: int | None, processes: int = 1) -> dict[str, Any]:
    """Return the fields of a DpoRun that a preset sets, for a model of so many parameters.

    Raises ConfigError for a name that is not known, and for a preset whose learning rate depends
    on a number of parameters that is not.
    """
    if name not in PRESETS:
        raise ConfigError(f"preset {name!r} is not known; expected {one_of(PRESETS)}")
    preset = PRESETS[name]
    fields = preset.fields | _split_batch(preset.global_batch, processes, largest=preset.batch_size)
    if preset.rate is None:
        return fields
    if parameters is None and preset.rate.needs_parameters:
        raise ConfigError(
            f"preset {name!r} needs the number of the model's parameters, which is not known;"
            " expected another preset, or the settings by themselves"
        )
    rate = preset.rate.at_8b if parameters is None else preset.rate.for_parameters(parameters)
    return fields | {"learning_rate": rate}


def _split_batch(pairs: int, processes: int, *, largest: int) -> dict[str, Any]:
    """Share the pairs of one optimizer step among processes, and each share among batches."""
    share = max(1, pairs // processes)
    batch_size = next(size for size in range(min(largest, share), 0, -1) if share % size == 0)
    return {"batch_size": batch_size, "gradient_accumulation": share // batch_size}
