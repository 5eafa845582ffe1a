"""The machine under this process: its disk, and which version of the site it runs."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from django.conf import settings


@dataclass(frozen=True)
class Disk:
    """The file system under KURABE_HOME."""

    path: Path
    free_bytes: int
    total_bytes: int

    @property
    def free_share(self) -> float:
        """Give the free part of it, of 1."""
        return self.free_bytes / self.total_bytes if self.total_bytes else 0.0


def read_disk() -> Disk:
    """Read how much room is left where files and, if it is embedded, the database lie."""
    home = Path(settings.KURABE_HOME)
    usage = shutil.disk_usage(home)
    return Disk(home, usage.free, usage.total)


def try_to_write(folder: Path) -> None:
    """Write a small file into a folder and remove it again.

    Raises:
        OSError: it cannot be written.
    """
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
        file.write(b"written by manage.py doctor\n" * 200)
        file.flush()
        os.fsync(file.fileno())


@lru_cache(maxsize=1)
def version_of_site() -> str:
    """Give the release, with the commit where this is a checkout."""
    try:
        release = version("kurabe")
    except PackageNotFoundError:
        release = "0"
    command = ["git", "-C", str(settings.BASE_DIR), "rev-parse", "--short=10", "HEAD"]
    try:
        commit = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=5
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return release
    return f"{release}+{commit}"
