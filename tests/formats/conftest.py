"""Small files to read, and the real ones where they are."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

WriteFile = Callable[..., Path]


@pytest.fixture
def write_file(tmp_path: Path) -> WriteFile:
    """Write a file: texts as they are, anything else as JSON, one row a line."""

    def write(name: str, *rows: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        text = "".join(f"{line}\n" for line in lines).encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    return write


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real input, or skip."""
    folder = Path(os.environ.get("KURABE_REAL_DATA", REPOSITORY / "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; name its folder in KURABE_REAL_DATA")
    return folder
