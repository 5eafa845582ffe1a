"""The README.md of a trained model: a model card with the hub's header, and where it came from."""

import json
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from training.config import ConfigError, DpoRun
from training.licences import name_licence

CARD_NAME = "README.md"
# Settings that a reader looks for even where they were left as they are, and those that say where
# things lie on a machine.
ALWAYS_TOLD = ("epochs", "beta", "learning_rate", "batch_size", "gradient_accumulation",
               "max_length")  # fmt: skip
PLACES = ("model", "revision", "pairs", "eval_pairs", "output_dir", "metrics", "control", "lineage",
          "reference_cache", "tensorboard", "deepspeed_config", "resume")  # fmt: skip
LIMITS = (
    "It was trained on which of two replies annotators liked better. That is their taste on these"
    " prompts, and no measure of truth or safety.",
    "DPO is known to make replies longer, and words of another language more frequent, while"
    " people still prefer them. Compare both with the parent before use.",
    "The figures above are of the training itself. They do not say how often people prefer this"
    " model to its parent.",
)


@dataclass(frozen=True)
class Lineage:
    """What the card is to say of where the pairs came from; each may be unknown.

    `votes` counts those behind the pairs by kind of annotator; `licences` are those of the model
    trained and of all that its pairs were made with.
    """

    name: str | None = None
    parent: str | None = None
    licences: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    run: str | None = None
    dataset: str | None = None
    dataset_sha256: str | None = None
    votes: dict[str, int] = field(default_factory=dict)


def read_lineage(path: str | None) -> Lineage:
    """Read the lineage that `DpoRun.lineage` names; keys that a card has no use for are left alone.

    Raises ConfigError for a file that cannot be read, or a value that is not what it should be.
    """
    if path is None:
        return Lineage()
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"field 'lineage': {path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"field 'lineage': {path} is a JSON {type(values).__name__}, no object")
    known = {name: values[name] for name in _FITS if values.get(name) is not None}
    for name, value in known.items():
        right, fits = _FITS[name]
        if not fits(value):
            raise ConfigError(f"field 'lineage': {path}: {name} is {value!r}; expected {right}")
    return Lineage(**known)


def write_card(run: DpoRun, record: dict[str, Any], lineage: Lineage) -> None:
    """Write the card into the run's output folder, in place of one that a library wrote."""
    text = make_card(run, record, lineage)
    (Path(run.output_dir) / CARD_NAME).write_text(text, encoding="utf-8")


def make_card(run: DpoRun, record: dict[str, Any], lineage: Lineage) -> str:
    """Return the card of a run by its record (`training.json`), a header of YAML above Markdown."""
    header = yaml.safe_dump(make_header(run, lineage), allow_unicode=True, sort_keys=False)
    name = _plain(lineage.name or Path(run.output_dir).name)
    parts = [
        f"---\n{header}---\n\n# {name}\n",
        _introduce(run, record, lineage),
        "## Where it comes from\n",
        _list_facts(_trace(run, record, lineage)),
        "## Settings\n",
        _make_table(_changed_settings(run)),
        "## At the end of the training\n",
        _make_table(record.get("final", {})),
        "## Versions\n",
        _make_table(record.get("versions", {})),
        "## Known limits\n",
        "".join(f"- {limit}\n" for limit in LIMITS),
    ]
    return "\n".join(parts)


def make_header(run: DpoRun, lineage: Lineage) -> dict[str, Any]:
    """Return the header's keys, as the hub knows them; what is not known is left out."""
    is_adapter = run.lora_rank is not None and not run.merge_adapter
    header: dict[str, Any] = {}
    # A folder of this machine is nothing that the hub could link to.
    if re.fullmatch(r"[\w.-]+/[\w.-]+", run.model) and not Path(run.model).exists():
        header["base_model"] = run.model
        header["base_model_relation"] = "adapter" if is_adapter else "finetune"
    header |= name_licence(lineage.licences)
    languages = [code for code in lineage.languages if re.fullmatch("[a-z]{2,3}", code)]
    if languages:
        header["language"] = languages
    header["library_name"] = "peft" if is_adapter else "transformers"
    header["pipeline_tag"] = "text-generation"
    header["tags"] = ["dpo", "trl", "kurabe"] + (["lora"] if run.lora_rank else [])
    return header


def _introduce(run: DpoRun, record: dict[str, Any], lineage: Lineage) -> str:
    parent = _plain(lineage.parent or run.model)
    pairs = record.get("forecast", {}).get("pairs")
    how_many = "preference pairs" if pairs is None else f"{pairs:,} preference pairs"
    said = f"{parent}, trained on {how_many} with DPO (Rafailov 2023) by TRL and Kurabe.\n"
    final = record.get("final", {})
    step, total_steps = final.get("step"), final.get("total_steps")
    if step is not None and total_steps is not None and step < total_steps:
        said += f"\nIt was ended early, at step {step} of {total_steps}.\n"
    return said


def _trace(run: DpoRun, record: dict[str, Any], lineage: Lineage) -> dict[str, Any]:
    votes = ", ".join(f"{n:,} by {kind}" for kind, n in sorted(lineage.votes.items()))
    model = run.model if run.revision is None else f"{run.model} at {run.revision}"
    return {
        "Parent": lineage.parent,
        "Model": model,
        "Run": lineage.run,
        "Dataset": lineage.dataset,
        "SHA-256 of the dataset": lineage.dataset_sha256 or record.get("pairs_sha256"),
        "Votes": votes,
        "Pairs left out": record.get("forecast", {}).get("dropped_pairs"),
        "Share of wrong labels taken": record.get("forecast", {}).get("label_smoothing"),
        "Licences of what went in": ", ".join(lineage.licences),
        "Languages": ", ".join(lineage.languages),
    }


def _changed_settings(run: DpoRun) -> dict[str, Any]:
    """Return what a reader needs to train it again; paths and what was left as it was stay out."""
    return {
        each.name: getattr(run, each.name)
        for each in fields(run)
        if each.name not in PLACES
        and (each.name in ALWAYS_TOLD or getattr(run, each.name) != each.default)
    }


def _list_facts(facts: dict[str, Any]) -> str:
    return "".join(
        f"- {name}: {_plain(value)}\n" for name, value in facts.items() if value not in (None, "")
    )


def _make_table(values: dict[str, Any]) -> str:
    rows = [f"| {_plain(name)} | {_plain(value)} |\n" for name, value in values.items()]
    return "| | |\n| --- | --- |\n" + "".join(rows)


def _plain(value: Any) -> str:
    """Write a value on one line, so that Markdown reads nothing into it."""
    if isinstance(value, list | tuple):
        value = ", ".join(str(part) for part in value)
    elif isinstance(value, float):
        value = f"{value:.6g}"
    return re.sub(r"([\\`*\[\]<>#|])", r"\\\1", " ".join(str(value).split()))


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _is_counts(value: Any) -> bool:
    return isinstance(value, dict) and all(type(n) is int and n >= 0 for n in value.values())


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_TEXT = ("a string", _is_text)
_TEXTS = ("a list of strings", _is_texts)
_FITS = {
    **dict.fromkeys(("name", "parent", "run", "dataset", "dataset_sha256"), _TEXT),
    **dict.fromkeys(("licences", "languages"), _TEXTS),
    "votes": ("an object of numbers by kind of annotator", _is_counts),
}
