"""A data set as a folder that `datasets.load_dataset` opens, and the same as one file."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Mapping
from io import BufferedRandom
from pathlib import Path
from typing import IO

from annotate.formats.errors import Finding, FormatError
from annotate.formats.writers import (
    WrittenFile,
    check_ending,
    measure_file,
    replaced_when_whole,
)

ARCHIVE_ENDINGS = (".zip", ".tar")
CARD = "README.md"
_MODE = 0o644
# The earliest that a zip can tell; a tar has the same for once.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_TAR_TIME = 315_532_800


def name_of_split(split: str) -> str:
    """Give where the rows of a split lie within the folder."""
    return f"data/{split}.parquet"


def write_folder(
    path: str | os.PathLike[str], *, card: str, splits: Mapping[str, str | os.PathLike[str]]
) -> Path:
    """Write a new folder: the card, and the Parquet file of each split.

    The card's YAML header has to name them as `name_of_split` does. Raises FormatError where
    something stands at `path` already, or the folder it would stand in is not there.
    """
    target = Path(path)
    try:
        target.mkdir()
    except OSError as error:
        found = Finding(f"no folder can be made ({error.strerror})")
        raise FormatError(str(target), 0, "", found, "the name of a new folder") from error
    try:
        (target / CARD).write_text(card, encoding="utf-8", newline="")
        (target / "data").mkdir()
        for split, file in splits.items():
            shutil.copyfile(file, target / name_of_split(split))
    except BaseException:
        shutil.rmtree(target)
        raise
    return target


def write_archive(
    path: str | os.PathLike[str],
    *,
    card: str,
    splits: Mapping[str, str | os.PathLike[str]],
    n_rows: int,
) -> WrittenFile:
    """Write the folder as a `.zip` or `.tar`, in which it has the archive's name.

    Times, owners and modes are fixed: the same files give the same bytes. Parquet is compressed
    as it is, so the archive is not. Raises FormatError as `write_files` does.
    """
    target = Path(path)
    check_ending(target, ARCHIVE_ENDINGS)
    pack = _pack_zip if target.suffix == ".zip" else _pack_tar
    with replaced_when_whole(target) as stream:
        files = {name_of_split(split): Path(file) for split, file in splits.items()}
        pack(stream, target.stem, card.encode("utf-8"), files)
        return measure_file(stream, target, n_rows)


def _pack_zip(stream: BufferedRandom, top: str, card: bytes, files: Mapping[str, Path]) -> None:
    with zipfile.ZipFile(stream, "w") as archive:
        _add_to_zip(archive, f"{top}/{CARD}", io.BytesIO(card), len(card))
        for name, file in files.items():
            with file.open("rb") as source:
                _add_to_zip(archive, f"{top}/{name}", source, file.stat().st_size)


def _add_to_zip(archive: zipfile.ZipFile, name: str, source: IO[bytes], n_bytes: int) -> None:
    entry = zipfile.ZipInfo(name, _ZIP_TIME)
    entry.create_system = 3  # on which the mode means something
    entry.external_attr = (stat.S_IFREG | _MODE) << 16
    entry.file_size = n_bytes
    with archive.open(entry, "w") as place:
        shutil.copyfileobj(source, place, 1 << 20)


def _pack_tar(stream: BufferedRandom, top: str, card: bytes, files: Mapping[str, Path]) -> None:
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        _add_to_tar(archive, f"{top}/{CARD}", io.BytesIO(card), len(card))
        for name, file in files.items():
            with file.open("rb") as source:
                _add_to_tar(archive, f"{top}/{name}", source, file.stat().st_size)


def _add_to_tar(archive: tarfile.TarFile, name: str, source: IO[bytes], n_bytes: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = n_bytes, _MODE, _TAR_TIME
    archive.addfile(entry, source)
