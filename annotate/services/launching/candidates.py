"""A plan's candidates: presets filled in, and models multiplied by the grid."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from annotate.generation.presets import PRESETS, Preset
from annotate.generation.sampling import Sampling
from annotate.models import Candidate
from annotate.services.plans import Model, Plan

Point = Mapping[str, float | int]


@dataclass(frozen=True)
class CandidateDraft:
    """A candidate as the launch will make it; the fields are those of `Candidate`.

    `sampling` has every field written out but for `stop`, which stands by itself.
    """

    name: str
    model: str
    revision: str
    preset: str
    engine: str
    engine_options: dict[str, Any]
    prompt_format: str
    system_prompts: dict[str, str]
    sampling: dict[str, Any]
    stop: list[str]
    tokenizer: dict[str, Any]
    licence: str
    origin: str
    is_anchor: bool


def resolve_candidates(plan: Plan) -> list[CandidateDraft]:
    """List the candidates of a plan that `read_plan` gave, model by model along the grid."""
    return [draft for model in plan.models for draft in resolve_model(model, plan.grid)]


def resolve_model(model: Model, grid: Mapping[str, list[float | int]]) -> Iterator[CandidateDraft]:
    """Yield the candidates that one model becomes: an anchor is one, whatever the grid.

    Raises:
        ValueError: the sampling is out of range.
    """
    preset = PRESETS.get(model.preset)
    # In one order, however the plan was written or stored: names stand in seeds, and a plan's
    # hash knows no order of its fields.
    grid = {field.name: grid[field.name] for field in fields(Sampling) if field.name in grid}
    varied = [name for name, values in grid.items() if len(values) > 1]
    base = base_name(model)
    for point in [{}] if model.is_anchor else points_of(grid):
        said = [f"{name} {write_number(point[name])}" for name in varied if name in point]
        yield _draft(model, preset, name=" · ".join([base, *said]), point=point)


def points_of(grid: Mapping[str, list[float | int]]) -> Iterator[Point]:
    """Yield every point of the grid, the last parameter running fastest."""
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def base_name(model: Model) -> str:
    """Give the name that the candidates of a model begin with."""
    return model.name or model.preset or path_of(model).rstrip("/").rsplit("/", 1)[-1]


def path_of(model: Model) -> str:
    """Give the folder or id that is loaded; empty where neither plan nor preset names one."""
    preset = PRESETS.get(model.preset)
    return model.model or (preset.model if preset else "")


def write_number(value: float) -> str:
    """Write a number as short as it can be read back, for names."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _draft(model: Model, preset: Preset | None, *, name: str, point: Point) -> CandidateDraft:
    given = {**(preset.sampling if preset else {}), **model.sampling, **point}
    stop = given.pop("stop", list(preset.stop) if preset else [])
    sampling = Sampling.from_dict({**given, "stop": stop}).to_dict()
    tokenizer = model.tokenizer.model_dump(exclude_unset=True) if model.tokenizer else None
    system = model.system if model.system is not None else dict(preset.system if preset else {})
    return CandidateDraft(
        name=name,
        model=path_of(model),
        revision=model.revision,
        preset=model.preset,
        engine=model.engine or "",
        engine_options=dict(model.engine_options),
        prompt_format=format_of(model),
        system_prompts=system,
        stop=sampling.pop("stop"),
        sampling=sampling,
        tokenizer=dict(preset.tokenizer if preset else {}) if tokenizer is None else tokenizer,
        licence=model.licence or (preset.licence if preset else ""),
        origin=model.origin or (preset.origin if preset else Candidate.Origin.IMPORTED.value),
        is_anchor=model.is_anchor,
    )


def format_of(model: Model) -> str:
    """Give the prompt format: the plan's, else the preset's, else the tokenizer's own template."""
    preset = PRESETS.get(model.preset)
    return model.prompt_format or (preset.prompt_format if preset else "chat_template")
