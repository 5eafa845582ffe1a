"""The demo's numbers, chosen on `recipe_prompts`, never on the demo's own held-out prompts."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class DemoRecipe:
    """How the demo's model is made, sampled, voted on and trained.

    `tiny` and `dpo` are fields of `training.TinyRun` and `training.DpoRun`; `noise` is the scale
    of the annotators' Gumbel noise, where one plain fault weighs 3.
    """

    # Enough for names to be copied from question to answer; a minute or two of two cores.
    conversations: int = 4500
    # With each of two faults in every other answer, about one answer in five is good.
    fault_share: float = 0.55
    tiny: dict[str, Any] = field(
        default_factory=lambda: {
            # 1.2 M parameters: a wider or deeper model knew less after the same time.
            "hidden_size": 160,
            "layers": 3,
            "epochs": 3,
            "batch_size": 16,
            # Muon bears it; .003 left names uncopied, .012 spoiled sentences.
            "learning_rate": 8e-3,
        }
    )
    # One careful and one bold candidate of the same model.
    temperatures: tuple[float, ...] = (0.7, 1.0)
    samples_per_prompt: int = 4
    # The longest answer, said three times over, has about 70 tokens.
    max_tokens: int = 96
    annotators: int = 8
    noise: float = 0.6
    # More than 48 prompts with 4 samples by each of two candidates have pairs to give.
    round_1_votes: int = 900
    round_2_votes: int = 400
    dpo: dict[str, Any] = field(
        default_factory=lambda: {
            "epochs": 2,
            "batch_size": 16,
            # A tiny model has tiny gradients: a thousand times what a model of 8 B bears.
            "learning_rate": 5e-4,
            "beta": 0.1,
            # DPO alone makes the chosen replies less likely too, and sentences come apart.
            "loss_type": ("sigmoid", "sft"),
            "loss_weights": (1.0, 0.5),
            "max_length": 256,
            # The reference reads each pair once instead of once an epoch.
            "precompute_ref": True,
        }
    )


RECIPE = DemoRecipe()
