"""Jobs of Slurm, submitted by submitit, watched by what Slurm itself says of them."""

import hashlib
import json
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, FailedSubmissionError

from training.fields import ConfigError
from training.launch.jobs import STOPPED, logs_folder
from training.launch.settings import SlurmSettings
from training.launch.slurm_task import RankTask
from training.run_files import describe_run, read_run

# States after which a job does not go on by itself (squeue's manual, "JOB STATE CODES").
ENDED = frozenset(
    [
        *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL"),
        *("OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"),
    ]
)
# How long a controller that does not answer is waited for.
PATIENCE_S = 600.0
SCONTROL_TIMEOUT_S = 60
JOB_FILE = "job.json"


@dataclass(frozen=True)
class JobState:
    """What Slurm says of a job: its state, the status and the signal of what ran, and why."""

    name: str
    status: int
    signal: int
    reason: str

    @property
    def is_ended(self) -> bool:
        """Return whether the job will not go on."""
        return self.name in ENDED

    @property
    def exit_status(self) -> int:
        """Return what a shell would: 0, 143 for a job that was stopped, or another."""
        if self.name == "COMPLETED":
            return 0
        if self.name == "CANCELLED":
            return STOPPED
        return self.status or (128 + self.signal if self.signal else 1)


class SlurmLauncher:
    """Submits runs to the cluster on which this machine is."""

    def __init__(self, settings: SlurmSettings) -> None:
        self._settings = settings

    def start(self, run: Path, *, processes: int, resume: bool) -> "SlurmJob":
        """Submit the run, or go on watching the job that it has: a run has one at a time.

        Raises ConfigError where Slurm refuses, or where the job that goes on is of other settings.
        """
        if shutil.which("sbatch") is None:
            raise ConfigError("field 'kind': 'slurm' needs sbatch, and there is none on the PATH")
        folder = logs_folder(run)
        digest = _hash_run(run)
        job_id = _find_living_job(folder, digest)
        if job_id is None:
            task = RankTask(run.absolute(), resume=resume)
            job_id = _submit(self._settings, folder, task, processes)
            record = {"job_id": job_id, "run_sha256": digest}
            (folder / JOB_FILE).write_text(json.dumps(record) + "\n", encoding="utf-8")
        return SlurmJob(job_id, folder, tick_s=self._settings.poll_s)


class SlurmJob:
    """A job of Slurm; it may be requeued, by a time limit or an administrator, and goes on."""

    def __init__(self, job_id: str, folder: Path, *, tick_s: float) -> None:
        self.job_id = job_id
        self.tick_s = tick_s
        self.log = folder / f"{job_id}_0_log.out"
        self._folder = folder
        self._state: JobState | None = None
        self._is_unwanted = False
        self._heard_at = time.monotonic()

    def poll(self) -> int | None:
        """Ask Slurm, and return the exit status of a job that has ended."""
        try:
            if self._is_unwanted:
                self._cancel()
            self._state = ask_state(self.job_id)
            self._heard_at = time.monotonic()
        except SlurmSilent as error:
            if time.monotonic() - self._heard_at > PATIENCE_S:
                raise ConfigError(f"Slurm says nothing of job {self.job_id}: {error}") from error
            return None
        return self._state.exit_status if self._state.is_ended else None

    def cancel(self) -> None:
        """Have the job cancelled: Slurm sends SIGTERM, and KillWait seconds later SIGKILL."""
        self._is_unwanted = True

    def _cancel(self) -> None:
        _run(["scancel", self.job_id])
        self._is_unwanted = False

    def describe_failure(self) -> str:
        """Say what Slurm says."""
        said = f"{self._state.name} ({self._state.reason})" if self._state else "without a state"
        logs = self._folder / f"{self.job_id}_*_log.out"
        return f"Slurm ended job {self.job_id}: {said}; each process's log is {logs}"


class SlurmSilent(Exception):
    """Slurm gave no answer, or did not know the job."""


def ask_state(job_id: str) -> JobState:
    """Ask the controller for a job's state, which needs no accounting. Raises SlurmSilent."""
    shown = _run(["scontrol", "show", "job", job_id, "--oneliner"])
    fields = dict(re.findall(r"(\w+)=(\S*)", shown))
    try:
        status, number = fields["ExitCode"].split(":")
        return JobState(fields["JobState"], int(status), int(number), fields["Reason"])
    except (KeyError, ValueError) as error:
        raise SlurmSilent(f"scontrol said {shown.strip()!r}") from error


def _find_living_job(folder: Path, digest: str) -> str | None:
    path = folder / JOB_FILE
    if not path.exists():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    job_id: str = record["job_id"]
    try:
        is_ended = ask_state(job_id).is_ended
    except SlurmSilent:
        # Slurm forgets a job some minutes after its end; one that it does not know does not run.
        return None
    if is_ended:
        return None
    if record["run_sha256"] != digest:
        raise ConfigError(
            f"job {job_id} of Slurm still trains {folder.with_suffix('.json')} as it was before; "
            f"expected its end, or `scancel {job_id}`"
        )
    return job_id


def _hash_run(run: Path) -> str:
    """Hash what a run is to do; whether it goes on or begins is no part of that."""
    fields = describe_run(read_run(run)) | {"resume": None}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _submit(settings: SlurmSettings, folder: Path, task: RankTask, processes: int) -> str:
    executor = submitit.SlurmExecutor(
        folder, max_num_timeout=settings.max_timeouts, python=settings.python
    )
    executor.update_parameters(**_parameters(settings, processes))
    try:
        job_id: str = executor.submit(task).job_id
    except (FailedJobError, FailedSubmissionError) as error:
        said = [line for line in str(error).splitlines() if line.startswith("sbatch: ")]
        raise ConfigError(f"Slurm refused the job: {' '.join(said) or error}") from error
    return job_id


def _parameters(settings: SlurmSettings, processes: int) -> dict[str, Any]:
    options = [option.removeprefix("--").partition("=") for option in settings.extra]
    wanted = {
        "job_name": "kurabe-training",
        "nodes": settings.nodes,
        "ntasks_per_node": settings.tasks_per_node(processes),
        "gpus_per_node": settings.gpus_per_node or None,
        "cpus_per_task": settings.cpus_per_task,
        "mem": None if settings.mem_gb is None else f"{round(settings.mem_gb * 1024)}MB",
        "time": settings.time_min,
        "signal_delay_s": settings.signal_delay_s,
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "setup": list(settings.setup) or None,
        "srun_args": list(settings.srun) or None,
        "stderr_to_stdout": True,
        "additional_parameters": {name: value or True for name, _, value in options}
        | {"requeue": True},
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _run(command: list[str]) -> str:
    """Run one of Slurm's commands. Raises SlurmSilent with its words where it fails."""
    try:
        return subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=SCONTROL_TIMEOUT_S
        ).stdout
    except subprocess.CalledProcessError as error:
        raise SlurmSilent(error.stderr.strip() or str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise SlurmSilent(f"{command[0]} gave no answer in {SCONTROL_TIMEOUT_S} s") from error
