"""What an import holds does not grow with its file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from annotate.models import Completion
from benchmarks.imports import write_rows
from tests.conftest import ROOT
from tests.services.apart import environment_apart

FEW, MANY = 1_000, 100_000
MOST_MIB = 48  # 100,000 rows of this file are 90 MiB


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_import_of_a_hundred_times_as_many_rows_holds_about_as_much(tmp_path: Path) -> None:
    growth = {}
    for n_rows in (FEW, MANY):
        path = tmp_path / f"{n_rows}.jsonl"
        write_rows(path, tmp_path / "ready", n_rows)
        growth[n_rows] = import_apart(path)["growth_mib"]
    assert Completion.objects.count() == FEW + MANY
    assert growth[MANY] - growth[FEW] < MOST_MIB, growth


def import_apart(path: Path) -> dict[str, Any]:
    """Import in a process of its own, into the database of the tests."""
    told = {"kind": "completions", "files": [str(path)], "slug": path.stem}
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.importing", "--measure", json.dumps(told)],
        cwd=ROOT, env=environment_apart(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    measured: dict[str, Any] = json.loads(ended.stdout)
    return measured
