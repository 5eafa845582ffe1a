"""Trainings on a real cluster of Slurm, which has this machine as its only node."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.get_slurm import REASON, has_slurm
from tests.slurm_cluster import Cluster, run_cluster
from tests.training.conftest import read_rows, start_training
from tests.training.launching import (
    PROCESSES,
    make_pairs_run,
    make_split_run,
    measure_difference,
    measure_weights,
)
from tests.training.test_dpo import wait_for_step
from tests.waiting import wait_until
from training.config import DpoRun

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Give a cluster with one node of two CPUs."""
    if not has_slurm():
        pytest.skip(REASON)
    with run_cluster() as running:
        yield running


def test_a_job_is_streamed_requeued_and_goes_on_to_what_one_process_would_make(
    cluster: Cluster, alone: DpoRun, tiny_model: Path, tmp_path: Path
) -> None:
    run = make_split_run(tiny_model, tmp_path / "cluster")
    launcher = write_launcher(tmp_path)
    process = start_watching(run, tmp_path, launcher, cluster)
    wait_for_step(Path(run.metrics), step=2)
    job_id = read_job_id(tmp_path)
    # As Slurm does before the time limit.
    cluster.run("scancel", "--signal=USR2", job_id)
    wait_until(lambda: show_job(cluster, job_id)["Restarts"] == "1")
    # A requeued job rests for two minutes, while what is left of it goes from the node.
    wait_until(lambda: cluster.run("sinfo", "--noheader", "--format=%T").strip() == "idle")
    time.sleep(2)
    cluster.run("scontrol", "update", f"JobId={job_id}", "StartTime=now")
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert show_job(cluster, job_id)["NumTasks"] == str(PROCESSES)
    steps = [row["step"] for row in read_rows(Path(run.metrics)) if "started" in row]
    assert steps[0] == 0
    assert steps[1] >= 2
    assert len(steps) == 2
    assert f"Requeued job {job_id}" in output
    assert "Job completed successfully" in output
    assert measure_difference(run, alone) < 1e-4
    assert measure_weights(run, alone) < 1e-4


def test_a_killed_watcher_finds_its_job_again_and_can_cancel_it(
    cluster: Cluster, tiny_model: Path, tmp_path: Path
) -> None:
    run = make_pairs_run(tiny_model, tmp_path, epochs=500)
    launcher = write_launcher(tmp_path)
    watcher = start_watching(run, tmp_path, launcher, cluster)
    wait_for_step(Path(run.metrics), step=1)
    watcher.kill()
    watcher.communicate(timeout=60)
    again = start_watching(run, tmp_path, launcher, cluster)
    assert "Starting with JobEnvironment" in again.stdout.readline()
    job_id = read_job_id(tmp_path)
    assert cluster.run("squeue", "--noheader", "--format=%i").split() == [job_id]
    again.send_signal(signal.SIGTERM)
    _, errors = again.communicate(timeout=60)
    assert again.returncode == 143, errors
    assert show_job(cluster, job_id)["JobState"] == "CANCELLED"
    # Slurm has cancelled the job at once, and ends it when it has.
    wait_until(lambda: "stopped" in read_rows(Path(run.metrics))[-1])
    last = read_rows(Path(run.metrics))[-1]
    assert (last["finished"], last["stopped"]) == (False, "SIGTERM")
    assert Path(last["checkpoint"]).is_dir()


def test_what_fails_on_the_node_is_said_in_one_line(
    cluster: Cluster, tiny_model: Path, tmp_path: Path
) -> None:
    run = make_pairs_run(tiny_model, tmp_path, max_length=5)
    process = start_watching(run, tmp_path, write_launcher(tmp_path), cluster)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert len(errors.splitlines()) == 1
    assert errors.startswith("error: ")
    assert "max_length 5" in errors


def test_what_slurm_refuses_is_said_in_one_line(
    cluster: Cluster, tiny_model: Path, tmp_path: Path
) -> None:
    run = make_pairs_run(tiny_model, tmp_path)
    launcher = write_launcher(tmp_path, partition="none-such")
    process = start_watching(run, tmp_path, launcher, cluster)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    # submitit passes on what sbatch said, and then we say it in one line.
    last = errors.splitlines()[-1]
    assert last.startswith("error: Slurm refused the job: sbatch: error: ")
    assert "partition" in last
    assert not (tmp_path / "run.launch" / "job.json").exists()


def write_launcher(folder: Path, **fields: Any) -> Path:
    """Write settings under which two processes find each other on loopback."""
    settings = {"kind": "slurm", "time_min": 5, "poll_s": 0.5, "setup": ["ulimit -c 0"], **fields}
    path = folder / "slurm.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path


def start_watching(run: DpoRun, folder: Path, launcher: Path, cluster: Cluster) -> Any:
    """Start a run on the cluster and watch it."""
    return start_training(run, folder, "--launcher", str(launcher), environment=cluster.environment)


def read_job_id(folder: Path) -> str:
    """Return the job's number, as the launcher keeps it."""
    record = json.loads((folder / "run.launch" / "job.json").read_text(encoding="utf-8"))
    return str(record["job_id"])


def show_job(cluster: Cluster, job_id: str) -> dict[str, str]:
    """Return what Slurm says of a job."""
    said = cluster.run("scontrol", "show", "job", job_id, "--oneliner").split()
    return dict(part.split("=", 1) for part in said if "=" in part)
