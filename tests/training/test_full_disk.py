"""A disk that is full while a checkpoint is written: the run goes on from the one before."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.disks import fill, mounted
from tests.training.conftest import make_pair, make_run, write_rows
from tests.training.test_killed import read_weights
from training.config import DpoRun


def train_and_fill(run: DpoRun, filler: str) -> None:
    """Train in this process, which fills the disk as its second checkpoint is begun."""
    from training.dpo import train_dpo  # noqa: PLC0415 - in the forked process, as ever

    is_full: list[bool] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and "checkpoint-4" in str(arguments[0]) and not is_full:
            is_full.append(True)
            fill(Path(filler))

    sys.addaudithook(watch)
    train_dpo(run)


def train(run: DpoRun) -> None:
    from training.dpo import train_dpo  # noqa: PLC0415 - as above

    train_dpo(run)


@pytest.mark.slow
def test_run_whose_disk_was_full_goes_on_from_its_last_checkpoint(
    processes: Any, tiny_model: Path, tmp_path: Path
) -> None:
    from training.checkpoints import find_last_checkpoint  # noqa: PLC0415 - loads torch

    disk = tmp_path / "disk"
    disk.mkdir()
    write_rows(tmp_path / "pairs.jsonl", [make_pair(number) for number in range(32)])
    plain = make_run(tiny_model, tmp_path, epochs=2, checkpoint_every=2, batch_size=8)
    whole = replace(plain, output_dir=str(tmp_path / "whole"))
    with mounted(disk, size="512m"):
        run = replace(plain, output_dir=str(disk / "trained"))
        filler = disk / "filler"
        process = processes.Process(target=train_and_fill, args=(run, str(filler)))
        process.start()
        process.join()
        assert process.exitcode == 1
        last = find_last_checkpoint(disk / "trained" / "checkpoints")
        assert last is not None
        assert Path(last).name == "checkpoint-2"
        filler.unlink()
        for each in (replace(run, resume=True), whole):
            process = processes.Process(target=train, args=(each,))
            process.start()
            process.join()
            assert process.exitcode == 0
        assert read_weights(run) == read_weights(whole)
