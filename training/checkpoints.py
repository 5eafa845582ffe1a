"""Checkpoints that a killed run can trust: one counts once a marker says that it is whole."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from torch import distributed
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.durable import sync, sync_tree

MARKER_NAME = "whole.json"
_NAME = re.compile(r"checkpoint-(\d+)")


class CheckpointCallback(TrainerCallback):  # type: ignore[misc] # transformers is not typed
    """Marks each checkpoint once all of it is written, then removes the older ones.

    The Trainer writes weights, optimizer, random states and last `trainer_state.json`, each process
    its own random state and none waiting for another; then it removes older checkpoints, and then
    calls `on_save`. So nothing that it writes proves that all is there, and what it removes is gone
    before anything could. It is therefore to remove none (`save_total_limit` None).
    """

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Mark the checkpoint of this step and leave no other."""
        if distributed.is_available() and distributed.is_initialized():
            distributed.barrier()
        if not state.is_world_process_zero:
            return
        checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        mark_whole(checkpoint)
        remove_checkpoints(args.output_dir, but=str(checkpoint))


def mark_whole(checkpoint: str | Path) -> None:
    """Write into a checkpoint's folder which files it has, and how many bytes each.

    The files are on the disk before the marker is, and the marker is when this returns: so what is
    marked outlives a power cut too, and an older checkpoint may go.
    """
    folder = Path(checkpoint)
    sync_tree(folder)
    sizes = {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MARKER_NAME
    }
    draft = folder / f"{MARKER_NAME}.tmp"
    draft.write_text(json.dumps(sizes, indent=2) + "\n", encoding="utf-8")
    # A marker is there in whole or not at all, however the process ends.
    sync(draft)
    draft.replace(folder / MARKER_NAME)
    sync(folder)


def is_whole(checkpoint: str | Path) -> bool:
    """Return whether a checkpoint is marked, and each file is there with the size it had then."""
    folder = Path(checkpoint)
    try:
        sizes = json.loads((folder / MARKER_NAME).read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except FileNotFoundError:
        return False


def find_last_checkpoint(folder: str | Path) -> str | None:
    """Return the whole checkpoint of the most steps under a folder, or None."""
    whole = [checkpoint for checkpoint in _list_checkpoints(folder) if is_whole(checkpoint)]
    return str(max(whole, key=count_steps)) if whole else None


def remove_checkpoints(folder: str | Path, *, but: str | None = None) -> None:
    """Remove every checkpoint under a folder, whole or not, but one."""
    for checkpoint in _list_checkpoints(folder):
        if str(checkpoint) != but:
            # First, so that no half of it is ever taken for a whole one.
            (checkpoint / MARKER_NAME).unlink(missing_ok=True)
            shutil.rmtree(checkpoint)


def _list_checkpoints(folder: str | Path) -> list[Path]:
    folder = Path(folder)
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.is_dir() and _NAME.fullmatch(path.name)]


def count_steps(checkpoint: str | Path) -> int:
    """Return the steps that a checkpoint has behind it."""
    return int(Path(checkpoint).name.rpartition("-")[2])
