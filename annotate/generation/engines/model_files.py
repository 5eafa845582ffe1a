"""A model's own files: whether they are there, and what they say of ends and context."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from annotate.generation.engines.conversations import NO_LIMIT
from annotate.generation.jobs import GenerationJob
from annotate.generation.rows import JobError
from training import tokenizing

# Files whose reading may run what somebody wrote into them.
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def check_folder(model: str) -> None:
    """Raise JobError where `model` is a folder that lacks what every engine needs.

    A name without a folder's shape is an id on a hub, whose files are not looked at here.
    """
    folder = Path(model)
    if not folder.is_dir():
        if folder.is_absolute() or model.startswith((".", "~")) or folder.exists():
            raise JobError(f"model {model!r} cannot be loaded: there is no such folder")
        return
    if not (folder / "config.json").is_file():
        raise JobError(f"model {model!r} cannot be loaded: its folder has no config.json")
    if next(folder.glob("*.safetensors"), None):
        return
    pickled = next((file for each in _PICKLED for file in folder.glob(each)), None)
    if pickled is not None:
        raise JobError(
            f"model {model!r} cannot be loaded: {pickled.name} is a pickle, which could run "
            "anything as it is read; save the model as *.safetensors "
            "(save_pretrained does), and name that folder"
        )
    raise JobError(
        f"model {model!r} cannot be loaded: its folder has no *.safetensors file, so there are no "
        "weights"
    )


def where(job: GenerationJob) -> dict[str, Any]:
    """Return what every `from_pretrained` of a model is told: no pickle, no code of its own."""
    return {
        "revision": job.revision or None,
        "trust_remote_code": False,
        "use_safetensors": True,
    }


def load_tokenizer(job: GenerationJob, name: str | None = None) -> Any:
    """Load the job's tokenizer, or another by its name; raises JobError."""
    name, revision = (job.model, job.revision) if name is None else (name, "")
    try:
        return tokenizing.load_tokenizer(
            model=name, revision=revision, use_fast=job.tokenizer.use_fast
        )
    except ValueError as error:
        raise JobError(str(error)) from error


def read_ends(eos: int | list[int] | None) -> frozenset[int]:
    """Read `eos_token_id` as generation configs have it: none, one, or several."""
    if eos is None:
        return frozenset()
    return frozenset(eos) if isinstance(eos, list | tuple) else frozenset({eos})


def read_context(config: Any) -> int:
    """Return how many tokens a model of this config can read and write together."""
    context = getattr(config.get_text_config(), "max_position_embeddings", None)
    return int(context) if context else NO_LIMIT
