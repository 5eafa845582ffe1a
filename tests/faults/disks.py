"""Small disks, made of memory, that can be filled and made read-only without harm to anybody."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


def mount(folder: Path, *, size: str) -> str:
    """Mount a disk of so many bytes (`1m`) at a folder; say why that cannot be, "" where it is."""
    if os.geteuid() != 0:
        return "only root may mount a disk for the test"
    options = ["-o", f"size={size},mode=0755"]
    ended = _call("mount", "-t", "tmpfs", *options, "kurabe-test", str(folder))
    return f"no disk can be mounted here: {ended.stderr.strip()}" if ended.returncode else ""


def unmount(folder: Path) -> None:
    """Take a disk away, with all that is on it."""
    _call("umount", "--lazy", str(folder))


@contextmanager
def mounted(folder: Path, *, size: str) -> Iterator[Path]:
    """Mount a disk while the block runs, or skip the test."""
    if reason := mount(folder, size=size):
        pytest.skip(reason)
    try:
        yield folder
    finally:
        unmount(folder)


def make_read_only(folder: Path, *, read_only: bool) -> None:
    """Let nothing be written to a mounted disk, root included, or let it be again."""
    ended = _call("mount", "-o", f"remount,{'ro' if read_only else 'rw'}", str(folder))
    assert ended.returncode == 0, ended.stderr


def resize(folder: Path, *, size: str) -> None:
    """Give a mounted disk another size."""
    ended = _call("mount", "-o", f"remount,size={size}", str(folder))
    assert ended.returncode == 0, ended.stderr


def fill(filler: Path) -> None:
    """Write a file until the disk has no room for one byte more."""
    with filler.open("ab", buffering=0) as file:
        for block in (2**20, 2**12, 1):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * block)


def _call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True)
