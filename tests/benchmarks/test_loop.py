"""The loop's benchmark runs from its command to its plot, on a model too small to learn."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.loop_plot import specify
from benchmarks.loop_settings import LoopSettings, quick_settings
from tests.conftest import ROOT


def turn(out: Path) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.loop", "--quick", "--seeds", "5", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_loop_turns_quickly_and_says_what_it_measured(tmp_path: Path) -> None:
    settings = quick_settings()
    table = turn(tmp_path)
    (result,) = json.loads((tmp_path / "loop.json").read_text())["seeds"]
    assert [round_["round"] for round_ in result["rounds"]] == [1, 2]
    # In round 1 the parent is the first model; later three meet, so that there are three pairs.
    cast = [sum(round_["meeting_votes"].values()) for round_ in result["rounds"]]
    assert cast == [settings.meeting_votes, 3 * settings.meeting_votes]
    assert all(0 < round_["pairs"] <= settings.training_votes for round_ in result["rounds"])
    assert [model["model"] for model in result["models"]] == [0, 1, 2]
    assert result["models"][0]["strength"] == 0
    n_held_out, n_samples = 4, settings.samples_per_prompt
    assert [model["length"]["n"] for model in result["models"]] == [n_held_out * n_samples] * 3
    assert len([line for line in table.splitlines() if line.startswith("   5 ")]) == 3
    assert (tmp_path / "loop.svg").read_text().startswith("<svg")

    # What is done is not done again, and the seed's own database is gone.
    written = (tmp_path / "seed-5.json").stat().st_mtime_ns
    assert turn(tmp_path) == table
    assert (tmp_path / "seed-5.json").stat().st_mtime_ns == written
    assert not (tmp_path / "work-5").exists()


def test_settings_come_back_from_a_file() -> None:
    settings = quick_settings()
    stored = json.loads(json.dumps(settings.to_dict()))
    assert LoopSettings.from_dict(stored) == settings
    assert stored == settings.to_dict()


def test_plot_has_a_row_for_each_value() -> None:
    def model(strength: float) -> dict[str, Any]:
        ends = {"strength_low": None, "strength_high": None}
        return {"strength": strength, "leaking": {"mean": 0.5, "low": 0.4, "high": 0.6}} | ends

    won = {"rate": 0.75, "low": 0.7, "high": 0.8}
    result = {"seed": 3, "models": [model(0), model(1.5)], "rounds": [{"over_parent": won}]}
    spec = specify([result])
    rows = [(row["panel"], row["model"], row["value"]) for row in spec["data"]["values"]]
    assert rows == [
        ("strength", 0, 0),
        ("leaking", 0, 0.5),
        ("strength", 1, 1.5),
        ("leaking", 1, 0.5),
        ("win rate", 1, 0.75),
    ]
    assert "var(--" not in json.dumps(spec)  # colours that a file by itself would not know
