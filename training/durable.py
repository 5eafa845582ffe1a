"""Files that are still there after the power was cut: the kernel writes them out when it likes."""

import os
from pathlib import Path


def sync_tree(folder: str | Path) -> None:
    """Return once all files under a folder are on the disk, and their names, and its own."""
    folder = Path(folder)
    for path in sorted(folder.rglob("*")):
        sync(path)
    sync(folder)
    sync(folder.parent)


def sync(path: str | Path) -> None:
    """Return once a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
