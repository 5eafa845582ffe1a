"""What Slurm runs for each process of a run: the training, its stop, and its return to the queue.

submitit loads this on the nodes, so it imports nothing heavy.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from submitit import JobEnvironment
from submitit.core.utils import DelayedSubmission

from training.launch.jobs import STOPPED
from training.ranks import ENDS_WITH_LAUNCHER

# Above those that Slurm and its steps take by default, below the kernel's own.
FIRST_PORT, N_PORTS = 20_000, 10_000
TICK_S = 0.2


class RankTask:
    """Runs `python -m training RUN` as one rank of its job.

    SIGTERM (scancel, preemption) makes the run keep a checkpoint and end. Before the time limit
    Slurm sends another signal, on which submitit calls `checkpoint` in the first task: the run
    keeps a checkpoint and the job goes back to the queue. A job that was requeued, by whomever,
    resumes.
    """

    def __init__(self, run: Path, *, resume: bool) -> None:
        self._run, self._resume = run, resume
        self._pid: int | None = None

    def __call__(self) -> None:
        """Train to the end; exit with the training's status where that is not 0."""
        is_again = int(os.environ.get("SLURM_RESTART_COUNT", "0")) > 0
        options = ["--resume"] if self._resume or is_again else []
        with _start([sys.executable, "-m", "training", str(self._run), *options]) as process:
            self._pid = process.pid
            signal.signal(signal.SIGTERM, lambda *_: self._stop())
            status = _wait(process.pid)
        # Some clusters kill a job when a task fails, and the first task may just be requeueing it.
        is_for_the_first_to_say = status == STOPPED and JobEnvironment().global_rank > 0
        if status and not is_for_the_first_to_say:
            sys.exit(status)

    def checkpoint(self) -> DelayedSubmission:
        """Stop the run, and say what the queue is to run next: the same again."""
        self._stop()
        status = STOPPED if self._pid is None else _wait(self._pid)
        if status != STOPPED:
            # It ended by itself meanwhile, and there is nothing left to do or to save.
            sys.exit(status)
        return DelayedSubmission(RankTask(self._run, resume=True))

    def _stop(self) -> None:
        if self._pid is not None:
            os.kill(self._pid, signal.SIGTERM)


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    """Start the training, deaf to the signal that announces the time limit.

    Some of Slurm's plug-ins send it to every process of a job, and it would end the training. It is
    blocked meanwhile and not ignored, so that one that comes just now is heard afterwards.
    """
    limit = {getattr(signal, f"SIG{JobEnvironment.USR_SIG}")}
    signal.pthread_sigmask(signal.SIG_BLOCK, limit)
    try:
        return subprocess.Popen(
            command,
            env=rank_environment(os.environ, JobEnvironment()),
            stdin=subprocess.PIPE,  # closed by the kernel if this process is killed
        )
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, limit)


def rank_environment(environment: Mapping[str, str], place: JobEnvironment) -> dict[str, str]:
    """Name the rank and where the first one is, in the words of torchrun."""
    job_id = int(place.raw_job_id)
    return {
        "OMP_NUM_THREADS": environment.get("SLURM_CPUS_PER_TASK", "1"),
        **environment,
        "PYTHONUNBUFFERED": "1",
        ENDS_WITH_LAUNCHER: "1",
        "RANK": str(place.global_rank),
        "LOCAL_RANK": str(place.local_rank),
        "WORLD_SIZE": str(place.num_tasks),
        "LOCAL_WORLD_SIZE": str(place.num_tasks // place.num_nodes),
        "MASTER_ADDR": place.hostnames[0],
        "MASTER_PORT": str(FIRST_PORT + job_id % N_PORTS),
    }


def _wait(pid: int) -> int:
    """Wait for a child and leave it to be waited for again, as by whom a signal interrupted."""
    while True:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if ended is not None:
            is_exit = ended.si_code == os.CLD_EXITED
            return ended.si_status if is_exit else 128 + ended.si_status
        time.sleep(TICK_S)
