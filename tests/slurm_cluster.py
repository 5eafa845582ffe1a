"""A cluster of Slurm with one node, this machine, on loopback; nothing of it outlives the test."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.get_slurm import PATH

LOOPBACK = "127.0.0.1"
READY_S = 60
CONFIG = """
ClusterName=kurabe
SlurmctldHost={host}({loopback})
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
SchedulerParameters=batch_sched_delay=1,sched_interval=2,defer_batch
KillWait=30
NodeName={host} NodeAddr={loopback} CPUs=2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs: its folder, and the environment in which Slurm's commands find it."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str) -> str:
        """Run one of Slurm's commands and return what it said."""
        return subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True, timeout=60
        ).stdout


@contextmanager
def run_cluster() -> Iterator[Cluster]:
    """Start munge, the controller and the node's daemon; end them by their process ids."""
    # A socket's path must be short, which pytest's folders are not.
    folder = Path(tempfile.mkdtemp(prefix="kurabe-slurm-", dir="/tmp"))
    environment = {**os.environ, "PATH": PATH, "SLURM_CONF": str(folder / "slurm.conf")}
    cluster = Cluster(folder, environment)
    _write_config(folder)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for command in _daemons(folder):
            stack.enter_context(_running(command, cluster))
        _wait_until_idle(cluster)
        try:
            yield cluster
        finally:
            _end_jobs(cluster)


def _write_config(folder: Path) -> None:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    controller_port, node_port = _find_free_ports()
    text = CONFIG.format(
        folder=folder,
        host=socket.gethostname().partition(".")[0],
        loopback=LOOPBACK,
        user=pwd.getpwuid(os.getuid()).pw_name,
        controller_port=controller_port,
        node_port=node_port,
    )
    (folder / "slurm.conf").write_text(text, encoding="utf-8")


def _daemons(folder: Path) -> list[list[str]]:
    names = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log"}
    places = {option: folder / f"munge.{name}" for option, name in names.items()}
    places["seed-file"] = folder / "munge.seed"
    options = [f"--{option}={place}" for option, place in places.items()]
    return [
        # It would refuse a folder below one that others may write to, as /tmp.
        ["munged", "--foreground", "--force", *options],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D"],
    ]


@contextmanager
def _running(command: list[str], cluster: Cluster) -> Iterator[None]:
    log = cluster.folder / f"{command[0]}.out"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            env=cluster.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cluster.folder,
        ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_idle(cluster: Cluster) -> None:
    deadline = time.monotonic() + READY_S
    said = ""
    while time.monotonic() < deadline:
        try:
            said = cluster.run("sinfo", "--noheader", "--format=%T").strip()
        except subprocess.CalledProcessError as error:
            said = error.stderr
        if said == "idle":
            return
        time.sleep(0.3)
    logs = [path.read_text("utf-8", "replace")[-2000:] for path in cluster.folder.glob("*.out")]
    raise AssertionError(f"Slurm is not ready after {READY_S} s: {said}\n" + "\n".join(logs))


def _end_jobs(cluster: Cluster) -> None:
    """Cancel what a failed test left, and wait until the node has ended it."""
    cluster.run("scancel", "--signal=KILL", "--state=RUNNING", "--user", str(os.getuid()))
    cluster.run("scancel", "--user", str(os.getuid()))
    deadline = time.monotonic() + READY_S
    while cluster.run("squeue", "--noheader") and time.monotonic() < deadline:
        time.sleep(0.3)


def _find_free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind((LOOPBACK, 0))
        return one.getsockname()[1], other.getsockname()[1]
