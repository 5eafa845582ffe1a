"""What an examination of the site finds."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, what was seen, and what to do where that is not well."""

    check: str
    level: Level
    said: str
    advice: str = ""


def ok(check: str, said: str) -> Finding:
    """Say that something is well."""
    return Finding(check, Level.OK, said)


def warning(check: str, said: str, advice: str) -> Finding:
    """Say that something should be looked at; the site works meanwhile."""
    return Finding(check, Level.WARNING, said, advice)


def failure(check: str, said: str, advice: str) -> Finding:
    """Say that something does not work, or that votes are in danger."""
    return Finding(check, Level.FAILURE, said, advice)


def gibibytes(n_bytes: int) -> str:
    """Write bytes as GiB, or as MiB below one."""
    if n_bytes < 2**30:
        return f"{n_bytes / 2**20:.0f} MiB"
    return f"{n_bytes / 2**30:.1f} GiB"
