"""Which files under KURABE_HOME are part of a backup, and which are not, and why."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

SECRET_KEY = "secret_key"  # noqa: S105 - a file's name
STAGE = ".restoring"
# Not in an archive, by the path under KURABE_HOME.
LEFT_OUT = {
    "postgres": "the database itself, of which the archive has a dump",
    "postgres.lock": "says which process starts the database",
    "logs": "what programs said",
    "generation": "work under way: completions are in the database, and what lacks is made again",
    "judging": "work under way, as in generation",
    "training/references": "log-probabilities that the next training computes again",
    "backups": "other backups",
    STAGE: "a restore that did not end",
}
# Made by the first command on a new machine, or for backups: no sign that a home is in use.
MADE_BY_ITSELF = {"postgres", "postgres.lock", SECRET_KEY, "logs", STAGE, "backups"}
# Large, and written by trainings: in an archive only where that is asked for.
WEIGHTS = {".bin", ".distcp", ".gguf", ".pt", ".pth", ".safetensors"}


def is_weights(path: str) -> bool:
    """Tell whether a file is weights of a model, or states of its optimiser."""
    return Path(path).suffix in WEIGHTS


def list_files(home: Path) -> Iterator[str]:
    """Yield the files of a backup, as paths under the home, in order.

    Links are followed, so a folder that was moved to a larger disk is part of the home.
    """
    yield from sorted(_walk(home, "", set()))


def _walk(home: Path, under: str, seen: set[tuple[int, int]]) -> Iterator[str]:
    for entry in os.scandir(home / under):
        path = f"{under}/{entry.name}" if under else entry.name
        if path in LEFT_OUT or _is_unfinished(path):
            continue
        if entry.is_dir():
            known = entry.stat().st_dev, entry.stat().st_ino
            if known not in seen:
                yield from _walk(home, path, {*seen, known})
        elif entry.is_file() and stat.S_ISREG(entry.stat().st_mode):
            yield path


def _is_unfinished(path: str) -> bool:
    """Tell whether something takes its name when it is whole, or goes when it was looked at."""
    return Path(path).name.startswith(".") or path.startswith("training/forecast-")
