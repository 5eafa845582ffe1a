import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.conftest import ROOT
from training.__main__ import main


def test_main_says_one_line_on_a_bad_config(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"method": "grpo"}', encoding="utf-8")
    assert main([str(path)]) == 1
    said = capsys.readouterr().err
    assert said == (
        f"error: {path}: field 'method': 'grpo' is not valid; expected one of dpo, tiny\n"
    )


def test_help_says_what_the_file_holds() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "training", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "JSON file with method (dpo or tiny)" in process.stdout
