"""What a run is launched with: the one schema behind the form, the command's TOML and the API."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from annotate.services.canonical import hash_content

Slug = Annotated[str, StringConstraints(pattern=r"^[-a-zA-Z0-9_]{1,100}$")]
Line = Annotated[str, StringConstraints(max_length=100)]
ParameterName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
LanguageTag = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
EngineName = Literal["vllm", "openai", "transformers"]


class Part(BaseModel):
    """A part of a plan: nothing unknown in it, and nothing changed once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Prompts(Part):
    """What the candidates are asked, and how often.

    `samples` are completions of each candidate to each prompt; `held_out_share` is the least share
    of the prompts whose votes never train a model.
    """

    sets: Annotated[list[Slug], Field(min_length=1)]
    samples: Annotated[int, Field(ge=1, le=1000)] = 1
    held_out_share: Annotated[float, Field(ge=0, lt=1)] = 0
    scope: Literal["all", "training", "held_out"] = "all"


class Tokenizer(Part):
    """How the tokenizer is loaded and used; without `add_special_tokens` the format decides."""

    use_fast: bool = True
    add_special_tokens: bool | None = None


class Model(Part):
    """One model; with the grid it becomes one candidate or several.

    What a preset says holds where a field is left out. `model` is a folder or an id on a hub;
    `sampling` are fields of `generation.sampling.Sampling`; `engine_options` are those of the
    engine (`docs/engines.md`); `system` is the text for prompts that have none of their own, by
    language. An anchor stays in every round, and is made once: by its own sampling, without the
    grid.
    """

    preset: Line = ""
    name: Line = ""
    model: Annotated[str, StringConstraints(max_length=500)] = ""
    revision: Line = ""
    engine: EngineName | None = None
    engine_options: dict[str, Any] = {}
    prompt_format: Line = ""
    system: dict[LanguageTag, str] | None = None
    sampling: dict[str, Any] = {}
    tokenizer: Tokenizer | None = None
    licence: Line = ""
    origin: Literal["", "base", "sft", "dpo", "merge", "imported"] = ""
    is_anchor: bool = False


class Pairing(Part):
    """Which pair is compared next; as `DecisionRules`."""

    policy: Literal["uniform", "balanced", "adaptive"] = "adaptive"
    epsilon: Annotated[float, Field(ge=0.01, le=1)] = 0.2
    warm_up: Annotated[int, Field(ge=0, le=1000)] = 5
    votes_per_pair: Annotated[int, Field(ge=1, le=100)] = 1


class Stopping(Part):
    """When a round has its answer; as `DecisionRules`. `votes` is the budget of each round."""

    stops_early: bool = True
    alpha: Annotated[float, Field(ge=0.0001, le=0.5)] = 0.05
    delta: Annotated[float, Field(ge=0.001, le=3)] | None = None
    votes_per_language: Annotated[int, Field(ge=0)] = 0
    votes: Annotated[int, Field(ge=1, lt=2**31)] | None = None


class Rounds(Part):
    """How many rounds there are at most, and who leaves after each.

    `beaten`: whoever is beaten by proof at the run's alpha; `top`: all but the `keep` strongest;
    `none`: nobody. Anchors always stay. The last round decides.
    """

    at_most: Annotated[int, Field(ge=1, le=100)] = 1
    leave: Literal["beaten", "top", "none"] = "beaten"
    keep: Annotated[int, Field(ge=2, le=1000)] = 2
    anchors_only: bool = False


class Judges(Part):
    """LLM judges by their slugs, and how many comparisons each makes in a round."""

    slugs: list[Slug] = []
    comparisons: Annotated[int, Field(ge=0, lt=2**31)] = 0


class Rating(Part):
    """How volunteers come in; the run's rating rules hold the rest and can be set later."""

    door: Literal["open", "invitation", "account"] = "account"
    leaves_out_maker_names: bool = False
    judges_each_turn: bool = False


class Generation(Part):
    """How the work is cut: each candidate's completions are made in so many shards."""

    shards: Annotated[int, Field(ge=1, le=1000)] = 1


class Plan(Part):
    """A whole candidate selection run.

    Candidates are `models` × the product of `grid`, whose keys are sampling parameters, as in
    `{"temperature": [0.1, 0.7]}`. A grid's value goes before the model's own.
    """

    slug: Slug
    title: Annotated[str, StringConstraints(max_length=200)] = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    prompts: Prompts
    models: Annotated[list[Model], Field(min_length=1)]
    grid: dict[ParameterName, Annotated[list[float | int], Field(min_length=1)]] = {}
    pairing: Pairing = Pairing()
    stopping: Stopping = Stopping()
    rounds: Rounds = Rounds()
    judges: Judges = Judges()
    rating: Rating = Rating()
    generation: Generation = Generation()

    def to_config(self) -> dict[str, Any]:
        """Give the plan as JSON types, every default written out, and 1.0 as 1, which it equals."""
        return {name: _plain(value) for name, value in self.model_dump(mode="json").items()}

    def sha256(self) -> str:
        """Hash the canonical JSON: the same plan has the same hash, however written."""
        return hash_content(self.to_config())


def _plain(value: Any) -> Any:
    """Write whole numbers in one way, at any depth."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
