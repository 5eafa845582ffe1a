"""What a run of `benchmarks.loop` depends on, as plain numbers that can be stored beside it."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from annotate.demo.recipe import RECIPE


@dataclass(frozen=True)
class LoopSettings:
    """How the loop is turned; `tiny` and `dpo` are fields of `training`'s runs.

    Attributes:
        rounds: each trains a child, which meets its parent in the next.
        prompts: "demo" are the reported ones, "recipe" those on which settings were chosen.
        questions: every so-manieth prompt is used; 1 uses all.
        temperatures: of the models whose lineage is followed, and of the twins that they are
            compared with on training prompts.
        training_votes: in each round, on training prompts, by two samplings of one model.
        meeting_votes: for each pair of candidates that meet on held-out prompts.
        dpo: the training of round 1.
        decay: of the learning rate from round to round: the better the model, the more of its votes
            are decided by noise, and the less each of them should move it.
        votes: "fresh" trains on the votes of the round, "all" on those of the rounds before it too.
    """

    rounds: int = 4
    prompts: str = "demo"
    questions: int = 1
    conversations: int = RECIPE.conversations
    fault_share: float = RECIPE.fault_share
    tiny: dict[str, Any] = field(default_factory=lambda: dict(RECIPE.tiny))
    temperatures: tuple[float, float] = (RECIPE.temperatures[0], RECIPE.temperatures[-1])
    samples_per_prompt: int = RECIPE.samples_per_prompt
    max_tokens: int = RECIPE.max_tokens
    annotators: int = RECIPE.annotators
    noise: float = RECIPE.noise
    training_votes: int = RECIPE.round_1_votes
    meeting_votes: int = RECIPE.round_2_votes
    dpo: dict[str, Any] = field(default_factory=lambda: dict(RECIPE.dpo))
    decay: float = 0.5
    votes: str = "fresh"

    def dpo_of(self, round_number: int) -> dict[str, Any]:
        """Give the fields of the round's training."""
        learning_rate = self.dpo["learning_rate"] * self.decay ** (round_number - 1)
        return self.dpo | {"learning_rate": learning_rate}

    def to_dict(self) -> dict[str, Any]:
        """Give all as JSON can hold it."""
        return _plain(asdict(self))

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "LoopSettings":
        """Read what `to_dict` gave."""
        first, last = stored["temperatures"]
        return cls(**stored | {"temperatures": (first, last)})

    def of_base(self) -> dict[str, Any]:
        """Give what the first model depends on, beside its seed."""
        names = ("conversations", "fault_share", "tiny")
        return {name: self.to_dict()[name] for name in names}


def quick_settings() -> LoopSettings:
    """Give settings by which the loop turns twice in a minute, and learns nothing."""
    return replace(
        LoopSettings(),
        rounds=2,
        questions=6,
        conversations=200,
        tiny=RECIPE.tiny | {"hidden_size": 64, "layers": 1, "epochs": 1},
        samples_per_prompt=2,
        max_tokens=24,
        training_votes=40,
        meeting_votes=12,
        dpo={"epochs": 1, "max_length": 256, "learning_rate": 1e-4, "batch_size": 16},
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
