import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from training.checkpoints import (
    MARKER_NAME,
    CheckpointCallback,
    find_last_checkpoint,
    is_whole,
    mark_whole,
    remove_checkpoints,
)


def write_checkpoint(folder: Path, step: int, *, whole: bool = True) -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    (checkpoint / "shards").mkdir(parents=True)
    (checkpoint / "model.safetensors").write_bytes(b"weights")
    (checkpoint / "shards" / "optimizer.pt").write_bytes(b"moments")
    if whole:
        mark_whole(checkpoint)
    return checkpoint


def test_last_checkpoint_is_the_whole_one_of_the_most_steps(tmp_path: Path) -> None:
    assert find_last_checkpoint(tmp_path / "none") is None
    assert find_last_checkpoint(tmp_path) is None
    write_checkpoint(tmp_path, 9)
    tenth = write_checkpoint(tmp_path, 10)
    write_checkpoint(tmp_path, 11, whole=False)
    assert find_last_checkpoint(tmp_path) == str(tenth)


@pytest.mark.parametrize("name", ["model.safetensors", "shards/optimizer.pt", MARKER_NAME])
def test_checkpoint_that_lost_a_file_is_not_whole(name: str, tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path, 1)
    assert is_whole(checkpoint)
    (checkpoint / name).unlink()
    assert not is_whole(checkpoint)


def test_checkpoint_with_a_file_cut_short_is_not_whole(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path, 1)
    (checkpoint / "model.safetensors").write_bytes(b"weigh")
    assert not is_whole(checkpoint)


def test_files_of_a_checkpoint_are_on_the_disk_before_its_marker_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a power cut could leave a marked checkpoint whose weights are zeros."""
    calls: list[str] = []
    sync, replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        calls.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        sync(descriptor)

    def rename(source: Any, target: Any) -> None:
        calls.append(f"-> {Path(target).name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", rename)
    checkpoint = write_checkpoint(tmp_path, 1)
    files = {"model.safetensors", "shards", "optimizer.pt", checkpoint.name, tmp_path.name}
    assert set(calls[:5]) == files
    assert calls[5:] == [f"{MARKER_NAME}.tmp", f"-> {MARKER_NAME}", checkpoint.name]


def test_remove_checkpoints_leaves_one_and_what_is_no_checkpoint(tmp_path: Path) -> None:
    kept = write_checkpoint(tmp_path, 2)
    write_checkpoint(tmp_path, 1)
    write_checkpoint(tmp_path, 3, whole=False)
    (tmp_path / "checkpoint-notes").mkdir()
    remove_checkpoints(tmp_path, but=str(kept))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-2", "checkpoint-notes"]
    remove_checkpoints(tmp_path)
    assert find_last_checkpoint(tmp_path) is None


def test_callback_marks_what_was_saved_and_removes_the_older(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, 5)
    new = write_checkpoint(tmp_path, 10, whole=False)
    arguments: Any = SimpleNamespace(output_dir=str(tmp_path))
    state: Any = SimpleNamespace(global_step=10, is_world_process_zero=True)
    CheckpointCallback().on_save(arguments, state, None)
    assert find_last_checkpoint(tmp_path) == str(new)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-10"]


def test_callback_leaves_the_files_to_the_first_process(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, 5)
    new = write_checkpoint(tmp_path, 10, whole=False)
    arguments: Any = SimpleNamespace(output_dir=str(tmp_path))
    state: Any = SimpleNamespace(global_step=10, is_world_process_zero=False)
    CheckpointCallback().on_save(arguments, state, None)
    assert not is_whole(new)
    assert len(list(tmp_path.iterdir())) == 2
