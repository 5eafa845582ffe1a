"""What processes take of the processors, by /proc."""

import os

import psutil


class Processors:
    """Adds up processor time by the names of groups of processes.

    Args:
        watched: process ids by name; each stands for itself, its children and theirs. The time of
            children that have ended is in their parents'. "client" is this process, always.
    """

    def __init__(self, watched: dict[str, int]) -> None:
        self._roots = {name: psutil.Process(pid) for name, pid in watched.items()}

    def seconds(self) -> dict[str, float]:
        """Give the seconds of user and system so far, by name; of PostgreSQL's, parts too."""
        own = os.times()
        found = {"client": own.user + own.system}
        for name, root in self._roots.items():
            found[name] = sum(map(_seconds_of, [root, *root.children(recursive=True)]))
        return found


def _seconds_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
