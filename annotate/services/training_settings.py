"""What can be set of a training: the fields of `training.DpoRun` that are for people to choose."""

import dataclasses
import json
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from annotate.generation.presets import PRESETS as MODELS
from annotate.models import Candidate
from annotate.services import errors
from annotate.services.model_paths import may_load
from annotate.services.training_words import PRESETS, RIGHT, RIGHT_BEGINS, Words
from training import presets
from training.config import (
    CHECKPOINTING,
    DTYPES,
    LAYOUTS,
    LOSS_TYPES,
    OPTIMIZERS,
    SCHEDULERS,
    SHARDINGS,
    WEIGHTS,
    ConfigError,
    DpoRun,
)

# Those that follow from the candidate, the dataset and the folder of a training.
MANAGED = frozenset(
    [
        *("model", "revision", "slow_tokenizer", "pairs", "output_dir", "metrics", "control"),
        *("lineage", "reference_cache", "resume"),
    ]
)
FIELDS = {each.name: each for each in dataclasses.fields(DpoRun) if each.name not in MANAGED}
# The values that a field can have, or the parts of a list.
CHOICES: dict[str, list[str]] = {
    name: sorted(values)
    for name, values in {
        "loss_type": LOSS_TYPES, "weight_by": WEIGHTS, "optimizer": OPTIMIZERS,
        "scheduler": SCHEDULERS, "dtype": DTYPES, "layout": LAYOUTS,
        "checkpointing": CHECKPOINTING, "sharding": SHARDINGS,
    }.items()
}  # fmt: skip
# Those that name a file or a folder, of the machine that trains.
PATHS = frozenset({"eval_pairs", "tensorboard", "deepspeed_config"})
NONE = "none"  # as one writes that a setting is switched off
PRESET_NAMES = tuple(presets.PRESETS)
MAX_HEADER_BYTES = 100_000_000
# How `training.fields.require` says it.
_FIELD = re.compile(r"field '(\w+)'")
_NOT_VALID = re.compile(
    r"field '(?P<field>\w+)': (?P<value>.*) is not valid; expected (?P<right>.*)", re.DOTALL
)
_HINTS = typing.get_type_hints(DpoRun)


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a field holds: one value of `kind`, or a list of such; and whether it may be none."""

    kind: type[str] | type[int] | type[float] | type[bool]
    is_list: bool
    may_be_none: bool


def shape_of(name: str) -> Shape:
    """Read from its annotation what a field of a training holds."""
    hint = _HINTS[name]
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    hint = next(part for part in parts if part is not types.NoneType)
    is_list = typing.get_origin(hint) is tuple
    kind = typing.get_args(hint)[0] if is_list else hint
    return Shape(kind, is_list, may_be_none=types.NoneType in parts)


def refuse_unknown(wishes: Iterable[str]) -> None:
    """Refuse names that are no setting which a person may choose.

    Raises:
        TrainingRefused: for the first of them.
    """
    for name in sorted(set(wishes) - set(FIELDS)):
        message = _("A training has no setting “%(name)s”; there is %(known)s.")
        told = {"name": name, "known": errors.names_like(name, FIELDS)}
        raise errors.TrainingRefused(message % told, field=name)


def settle(*, base: Candidate, preset: str, wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields of a preset for a base, with what was wished for in their place.

    Raises:
        TrainingRefused: there is no such preset or field, or the preset's learning rate follows
            from a size that is not known here.
    """
    refuse_unknown(wishes)
    processes = wishes.get("processes", 1)
    return {**fields_of_preset(preset, base=base, processes=processes), **wishes}


def fields_of_preset(preset: str, *, base: Candidate, processes: int = 1) -> dict[str, Any]:
    """Give the fields that a preset sets for a base; the empty preset sets none.

    Raises:
        TrainingRefused: as `settle` does.
    """
    if not preset:
        return {}
    if preset not in PRESET_NAMES:
        message = _("No preset of a training is called “%(name)s”; there is %(known)s.")
        told = {"name": preset, "known": errors.names_like(preset, PRESET_NAMES)}
        raise errors.TrainingRefused(message % told, field="preset")
    parameters = count_parameters(base)
    shared = processes if isinstance(processes, int) and processes > 0 else 1
    try:
        return presets.preset_fields(preset, parameters=parameters, processes=shared)
    except ConfigError as error:
        message = _(
            "The learning rate of this preset follows from the number of the model’s parameters,"
            " which is not known here. Choose another preset, or none."
        )
        raise errors.TrainingRefused(message, field="preset") from error


@dataclasses.dataclass(frozen=True)
class PresetLine:
    """What a preset sets, whatever the model, and where its numbers come from."""

    name: str
    words: Words
    fields: dict[str, str]
    has_rate_by_size: bool
    source: str


def list_presets() -> list[PresetLine]:
    """List the presets for whoever chooses one."""
    return [
        PresetLine(
            name=name,
            words=PRESETS[name],
            fields={
                "pairs": str(preset.global_batch),
                **{name: write_setting(value) for name, value in preset.fields.items()},
            },
            has_rate_by_size=preset.rate is not None,
            source=preset.source,
        )
        for name, preset in presets.PRESETS.items()
    ]


def write_setting(value: Any) -> str:
    """Write a setting as one would type it."""
    if value is None:
        return NONE
    if isinstance(value, list | tuple):
        return ", ".join(map(write_setting, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def split_settings(config: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Write a training's settings, those that are not the default and the others, in their order.

    Whatever it was given beside them, by an older version, stands among the first.
    """
    known = {each.name: each.default for each in dataclasses.fields(DpoRun)}
    ordered = [name for name in known if name in config]
    ordered += [name for name in config if name not in known and name != "method"]
    changed: dict[str, str] = {}
    plain: dict[str, str] = {}
    for name in ordered:
        value = config[name]
        default = known.get(name, dataclasses.MISSING)
        is_plain = (list(default) if isinstance(default, tuple) else default) == value
        (plain if is_plain else changed)[name] = write_setting(value)
    return changed, plain


def explain(error: ConfigError) -> errors.TrainingRefused:
    """Say in the reader's language which field is not valid, and what would be right."""
    found = _NOT_VALID.fullmatch(str(error))
    if found is None:
        named = _FIELD.match(str(error))
        return errors.TrainingRefused(str(error), field=named[1] if named else "")
    told = {"field": found["field"], "value": found["value"], "right": _translate(found["right"])}
    message = _("%(field)s: %(value)s does not fit; %(right)s")
    return errors.TrainingRefused(message % told, field=found["field"])


def _translate(right: str) -> str:
    """Say what would be right; the trainer, which knows no Django, says it in English."""
    if right in RIGHT:
        return str(RIGHT[right])
    for beginning, words in RIGHT_BEGINS.items():
        if right.startswith(beginning):
            return str(words) % {"rest": right.removeprefix(beginning)}
    return right


def count_parameters(base: Candidate) -> int | None:
    """Count the weights of a candidate's model: in its files here, else as its preset has it."""
    counted = _count_in_files(Path(base.model)) if base.model and may_load(base.model) else None
    if counted is None and base.preset in MODELS:
        return round(MODELS[base.preset].parameters * 1e9)
    return counted


def _count_in_files(folder: Path) -> int | None:
    """Add up the tensors that the headers of a folder's safetensors name; None without any."""
    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    shapes = [shape for file in files for shape in _read_shapes(file)]
    return sum(math.prod(shape) for shape in shapes) or None


def _read_shapes(file: Path) -> list[list[int]]:
    """Read from a safetensors file's header, eight bytes of length and JSON, what is in it."""
    with file.open("rb") as stream:
        n_bytes = int.from_bytes(stream.read(8), "little")
        if n_bytes > MAX_HEADER_BYTES:
            return []
        try:
            header = json.loads(stream.read(n_bytes))
        except ValueError:
            return []
    return [tensor["shape"] for name, tensor in header.items() if name != "__metadata__"]
