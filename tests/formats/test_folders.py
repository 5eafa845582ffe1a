"""A folder that `datasets` opens, and the same in an archive whose bytes are the same again."""

import os
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from annotate.formats import (
    ARCHIVE_ENDINGS,
    FormatError,
    name_of_split,
    write_archive,
    write_folder,
    write_rows,
)

SCHEMA = pa.schema([("text", pa.string()), ("n", pa.int64())])
CARD = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train.parquet
  - split: test
    path: data/test.parquet
---
# 犬
"""


def make_splits(folder: Path) -> dict[str, Path]:
    return {
        split: write_rows(
            folder / f"{split}.parquet",
            [{"text": f"{split} 犬 {number}", "n": number} for number in range(n_rows)],
            schema=SCHEMA,
        ).path
        for split, n_rows in (("train", 3), ("test", 1))
    }


def load(folder: Path, cache: Path) -> dict[str, list[dict[str, Any]]]:
    """Open a folder as a researcher does."""
    import datasets  # noqa: PLC0415  torch comes along

    loaded = datasets.load_dataset(str(folder), cache_dir=str(cache))
    return {split: loaded[split].to_list() for split in loaded}


ROWS = {
    "train": [{"text": f"train 犬 {number}", "n": number} for number in range(3)],
    "test": [{"text": "test 犬 0", "n": 0}],
}


def test_folder_opens_with_datasets(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "犬 1", card=CARD, splits=make_splits(tmp_path))
    assert sorted(str(each.relative_to(folder)) for each in folder.rglob("*.*")) == [
        "README.md", "data/test.parquet", "data/train.parquet",
    ]  # fmt: skip
    assert (folder / "README.md").read_text(encoding="utf-8") == CARD
    assert load(folder, tmp_path / "cache") == ROWS


@pytest.mark.parametrize("ending", ARCHIVE_ENDINGS)
def test_archive_unpacks_to_the_folder(ending: str, tmp_path: Path) -> None:
    splits = make_splits(tmp_path)
    written = write_archive(tmp_path / f"pairs{ending}", card=CARD, splits=splits, n_rows=4)
    opener = zipfile.ZipFile if ending == ".zip" else tarfile.open
    with opener(written.path) as archive:
        archive.extractall(tmp_path / "out")
    folder = tmp_path / "out" / "pairs"
    assert load(folder, tmp_path / "cache") == ROWS
    for split, file in splits.items():
        assert (folder / name_of_split(split)).read_bytes() == file.read_bytes()
    assert (written.n_rows, written.n_bytes) == (4, written.path.stat().st_size)


@pytest.mark.parametrize("ending", ARCHIVE_ENDINGS)
def test_archive_has_the_same_bytes_again(ending: str, tmp_path: Path) -> None:
    """Whatever the times, owners and modes of the files that go in."""
    splits = make_splits(tmp_path)
    first = write_archive(tmp_path / f"x{ending}", card=CARD, splits=splits, n_rows=4)
    before = first.path.read_bytes()
    for file in splits.values():
        os.utime(file, (1, 1))
        file.chmod(0o600)
    again = write_archive(tmp_path / f"x{ending}", card=CARD, splits=splits, n_rows=4)
    assert again.path.read_bytes() == before
    assert again.sha256 == first.sha256


def test_archives_name_nobody_and_give_readable_files(tmp_path: Path) -> None:
    splits = make_splits(tmp_path)
    path = write_archive(tmp_path / "x.tar", card=CARD, splits=splits, n_rows=4).path
    with tarfile.open(path) as archive:
        for each in archive.getmembers():
            assert (each.uid, each.gid, each.uname, each.gname, each.mode) == (0, 0, "", "", 0o644)
    path = write_archive(tmp_path / "x.zip", card=CARD, splits=splits, n_rows=4).path
    with zipfile.ZipFile(path) as packed:
        modes = {each.external_attr >> 16 for each in packed.infolist()}
        assert modes == {stat.S_IFREG | 0o644}
        assert packed.testzip() is None


def test_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine").write_text("mine")
    with pytest.raises(FormatError, match=r"x: no folder can be made \(File exists\)"):
        write_folder(tmp_path / "x", card=CARD, splits=make_splits(tmp_path))
    assert os.listdir(tmp_path / "x") == ["mine"]


def test_folder_that_fails_half_way_is_gone(tmp_path: Path) -> None:
    splits = make_splits(tmp_path) | {"test": tmp_path / "gone.parquet"}
    with pytest.raises(FileNotFoundError):
        write_folder(tmp_path / "x", card=CARD, splits=splits)
    assert not (tmp_path / "x").exists()


def test_archive_of_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r'x.rar, ending: ".rar" is not one of .zip, .tar'):
        write_archive(tmp_path / "x.rar", card=CARD, splits={}, n_rows=0)
