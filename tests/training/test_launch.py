"""Settings of launchers, and which launcher a run gets."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import make_run
from training.__main__ import main
from training.fields import ConfigError
from training.launch import choose_launcher, launch
from training.launch.local import LocalLauncher
from training.launch.settings import SlurmSettings, parse_settings, read_launcher
from training.launch.slurm import SlurmLauncher
from training.run_files import write_run


def test_slurm_settings_are_read_from_json(tmp_path: Path) -> None:
    path = tmp_path / "slurm.json"
    path.write_text('{"kind": "slurm", "nodes": 2, "extra": ["--constraint=h200"]}', "utf-8")
    assert isinstance(read_launcher(path), SlurmLauncher)
    settings = parse_settings(json.loads(path.read_text("utf-8")))
    assert settings == SlurmSettings(nodes=2, extra=("--constraint=h200",))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "field 'kind' is missing"),
        ({"kind": "k8s"}, "field 'kind': 'k8s' is not valid; expected one of local, slurm"),
        ({"kind": "slurm", "gpus": 8}, "field 'gpus' is unknown to 'slurm'; it has ["),
        ({"kind": "local", "nodes": 2}, "field 'nodes' is unknown to 'local'; it has []"),
        ({"kind": "slurm", "nodes": 0}, "field 'nodes': 0 is not valid; expected a number above 0"),
        ({"kind": "slurm", "time_min": "1h"}, "field 'time_min': '1h' is not valid; expected a"),
        ({"kind": "slurm", "extra": ["h200"]}, "field 'extra': 'h200' is not valid; expected an"),
    ],
)
def test_settings_that_are_wrong_are_refused_by_file_and_field(
    fields: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "launcher.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_launcher(path)
    assert str(caught.value).startswith(f"{path}: {said}")


def test_processes_are_spread_evenly_over_nodes_one_to_a_gpu() -> None:
    assert SlurmSettings(nodes=2, gpus_per_node=4).tasks_per_node(8) == 4
    with pytest.raises(ConfigError, match=r"field 'nodes': 3 .* divisor of the run's 8 processes"):
        SlurmSettings(nodes=3).tasks_per_node(8)
    with pytest.raises(ConfigError, match=r"field 'gpus_per_node': 8 .* expected 4, one for each"):
        SlurmSettings(nodes=2, gpus_per_node=8).tasks_per_node(8)


def test_only_a_run_of_several_processes_is_launched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make_run(Path("model"), tmp_path)
    two = make_run(Path("model"), tmp_path, processes=2)
    zero = make_run(Path("model"), tmp_path, sharding="deepspeed", deepspeed_config="zero.json")
    launchers = [choose_launcher(run, None) for run in (one, two, zero)]
    assert [type(launcher) for launcher in launchers] == [type(None), LocalLauncher, LocalLauncher]
    monkeypatch.setenv("RANK", "0")
    assert choose_launcher(two, None) is None
    assert choose_launcher(two, "slurm.json") is None


def test_slurm_without_its_commands_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(make_run(Path("model"), tmp_path), tmp_path / "run.json")
    (tmp_path / "slurm.json").write_text('{"kind": "slurm"}', encoding="utf-8")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KURABE_LAUNCHER", str(tmp_path / "slurm.json"))
    assert main([str(tmp_path / "run.json")]) == 1
    assert capsys.readouterr().err == (
        "error: field 'kind': 'slurm' needs sbatch, and there is none on the PATH\n"
    )


class Growing:
    """A launcher and its job: a log that is written while the job is polled."""

    tick_s = 0.0

    def __init__(self, folder: Path, pieces: list[str], status: int) -> None:
        self.log = folder / "growing.log"
        self._pieces, self._status = pieces, status

    def start(self, run: Path, *, processes: int, resume: bool) -> "Growing":
        return self

    def poll(self) -> int | None:
        if not self._pieces:
            return self._status
        with self.log.open("a", encoding="utf-8") as log:
            log.write(self._pieces.pop(0))
        return None

    def cancel(self) -> None:
        raise AssertionError("nobody asked for it")

    def describe_failure(self) -> str:
        return "the job says why"


@pytest.mark.parametrize(
    ("pieces", "status", "output", "errors"),
    [
        (["one\ntw", "o\nthree\n"], 0, "one\ntwo\nthree\n", ""),
        (["one\n", "error: bad\n", "two\n"], 1, "one\ntwo\n", "error: bad\n"),
        (["one\n"], 1, "one\n", "error: the job says why\n"),
        (["one\n"], 143, "one\n", ""),
    ],
)
def test_a_log_is_followed_and_its_error_comes_last(
    pieces: list[str],
    status: int,
    output: str,
    errors: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    launcher = Growing(tmp_path, pieces, status)
    assert launch(launcher, tmp_path / "run.json", processes=1, resume=False) == status
    assert capsys.readouterr() == (output, errors)
