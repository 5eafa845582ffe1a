"""The launcher that a run asks for, or that a JSON file describes."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.config import DpoRun
from training.fields import ConfigError, require, require_positive
from training.launch.jobs import Launcher
from training.launch.local import LocalLauncher
from training.ranks import is_rank
from training.run_files import Run, parse_fields, read_object

# A launcher's file for every run of a machine, as that of a worker which sends all to a cluster.
VARIABLE = "KURABE_LAUNCHER"


@dataclass(frozen=True, kw_only=True)
class SlurmSettings:
    """How runs become jobs of Slurm.

    nodes: a run's `processes` are spread evenly over them, one task each.
    gpus_per_node: 0 for none, otherwise as many as processes on a node.
    cpus_per_task, mem_gb: of a process, and of a node; None leaves it to the cluster.
    time_min: until Slurm ends the job. `signal_delay_s` before, the run keeps a checkpoint, and the
        job goes back to the queue, at most `max_timeouts` times.
    partition, account, qos: as sbatch knows them.
    extra: more of sbatch's options, as `--constraint=h200`.
    setup: lines of shell before the run, as `module load cuda`.
    srun: options of srun, as `--cpu-bind=none`.
    python: the interpreter on the nodes; None is the one that submits.
    poll_s: how often Slurm is asked for the job's state.
    """

    nodes: int = 1
    gpus_per_node: int = 0
    cpus_per_task: int | None = None
    mem_gb: float | None = None
    time_min: int = 60
    signal_delay_s: int = 120
    max_timeouts: int = 20
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    extra: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    srun: tuple[str, ...] = ()
    python: str | None = None
    poll_s: float = 2.0

    def __post_init__(self) -> None:
        require_positive(self, "nodes", "time_min", "signal_delay_s", "poll_s")
        for field in ("cpus_per_task", "mem_gb"):
            if getattr(self, field) is not None:
                require_positive(self, field)
        require(self.gpus_per_node >= 0, "gpus_per_node", self.gpus_per_node, "0 or more")
        require(self.max_timeouts >= 0, "max_timeouts", self.max_timeouts, "0 or more")
        for option in self.extra:
            holds = option.startswith("--") and len(option) > 2
            require(holds, "extra", option, "an option of sbatch, as --constraint=h200")

    def tasks_per_node(self, processes: int) -> int:
        """Return how many processes a node has. Raises ConfigError where they do not fit."""
        require(
            processes % self.nodes == 0,
            "nodes",
            self.nodes,
            f"a divisor of the run's {processes} processes",
        )
        tasks = processes // self.nodes
        require(
            self.gpus_per_node in (0, tasks),
            "gpus_per_node",
            self.gpus_per_node,
            f"{tasks}, one for each process on a node",
        )
        return tasks


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """Runs stay on this machine, and there is nothing to set."""


KINDS: dict[str, type[SlurmSettings] | type[LocalSettings]] = {
    "local": LocalSettings,
    "slurm": SlurmSettings,
}


def choose_launcher(run: Run, file: str | None) -> Launcher | None:
    """Return what starts the run, or None where this process is to train.

    That is so in a process that a launcher started, and for a run of one process without a file.
    Raises ConfigError for a file that describes no launcher.
    """
    if is_rank():
        return None
    if file:
        return read_launcher(Path(file))
    # DeepSpeed wants a group, be it of one.
    is_group = isinstance(run, DpoRun) and (run.processes > 1 or run.sharding == "deepspeed")
    return LocalLauncher() if is_group else None


def read_launcher(path: Path) -> Launcher:
    """Read a launcher's settings: a JSON object with `kind` (local or slurm) and its fields."""
    try:
        settings = parse_settings(read_object(path))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    if isinstance(settings, LocalSettings):
        return LocalLauncher()
    if importlib.util.find_spec("submitit") is None:
        raise ConfigError(f"{path}: 'slurm' needs submitit; expected the extra [slurm]")
    from training.launch.slurm import SlurmLauncher  # noqa: PLC0415 - submitit is an extra

    return SlurmLauncher(settings)


def parse_settings(fields: dict[str, Any]) -> SlurmSettings | LocalSettings:
    """Make checked settings of a JSON object. Raises ConfigError naming the field."""
    if "kind" not in fields:
        raise ConfigError("field 'kind' is missing")
    kind = fields["kind"]
    require(kind in KINDS, "kind", kind, "one of " + ", ".join(KINDS))
    values = {name: value for name, value in fields.items() if name != "kind"}
    return parse_fields(KINDS[kind], values, of=kind)
