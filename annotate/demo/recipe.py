"""The demo's numbers, chosen on `recipe_prompts`, never on the demo's own held-out prompts."""

from dataclasses import dataclass, field
from typing import Any


def _tiny() -> dict[str, Any]:
    return {
        # 1.2 M parameters: after as much time, 2.1 M took up the words of fewer questions (43 %
        # of held-out ones against 57 %).
        "hidden_size": 160,
        "layers": 3,
        "epochs": 3,
        "batch_size": 16,
        # 51 % of held-out questions had their words taken up at .003, 72 % at .006; .012 spoiled
        # sentences.
        "learning_rate": 8e-3,
    }


def _dpo() -> dict[str, Any]:
    return {
        "epochs": 2,
        "batch_size": 16,
        # What a tiny model bears; 8 B take a thousandth of it.
        "learning_rate": 8e-4,
        "beta": 0.1,
        # DPO alone makes chosen replies less likely too, and sentences come apart. As much weight
        # on learning them took the bold candidate's child from .69 of the votes to .73.
        "loss_type": ("sigmoid", "sft"),
        "loss_weights": (1.0, 1.0),
        "max_length": 256,
    }


@dataclass(frozen=True)
class DemoRecipe:
    """How the demo's model is made, sampled, voted on and trained.

    `tiny` and `dpo` are fields of `training.TinyRun` and `training.DpoRun`; `noise` is the scale
    of the annotators' Gumbel noise, where one plain fault weighs 3.
    """

    conversations: int = 4500
    # Each of two faults in more than half of the answers, so that one in seven is good: at .5 a
    # model at temperature .7 gave half its answers without a fault, and left little to learn.
    fault_share: float = 0.6
    tiny: dict[str, Any] = field(default_factory=_tiny)
    # A careful and a bold candidate of the same model; at 1.0 its sentences came apart.
    temperatures: tuple[float, ...] = (0.6, 0.9)
    samples_per_prompt: int = 4
    # The longest answer of the corpus, its end said three times over, has 103 tokens.
    max_tokens: int = 112
    annotators: int = 8
    noise: float = 0.6
    # Nearly as many as 48 prompts, with 4 samples by each of two candidates, have pairs to give
    # (768). More than half of the votes are decisive, which makes enough pairs for DPO.
    round_1_votes: int = 750
    # Of 384 pairs on 24 held-out prompts; a share of .75 is then known to .04.
    round_2_votes: int = 380
    dpo: dict[str, Any] = field(default_factory=_dpo)


RECIPE = DemoRecipe()
