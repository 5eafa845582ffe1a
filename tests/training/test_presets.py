import subprocess
import sys

import pytest

from annotate.demo.recipe import RECIPE
from tests.training.conftest import ROOT
from training.config import ConfigError, DpoRun
from training.presets import PRESETS, preset_fields


def make_run(name: str, *, parameters: int = 8_000_000_000, processes: int = 1) -> DpoRun:
    fields = preset_fields(name, parameters=parameters, processes=processes)
    paths = {"model": "m", "pairs": "p", "output_dir": "o", "metrics": "j"}
    return DpoRun(**paths, **fields, processes=processes)


@pytest.mark.parametrize("name", PRESETS)
def test_preset_makes_a_valid_run_and_says_why(name: str) -> None:
    preset = PRESETS[name]
    run = make_run(name)
    assert run.batch_size * run.gradient_accumulation == preset.global_batch
    assert preset.name == name
    assert all((preset.title, preset.source, preset.why))


@pytest.mark.parametrize(
    ("parameters", "rate"),
    [(1_200_000_000, 5.16e-7), (8_000_000_000, 2e-7), (14_000_000_000, 1.51e-7),
     (70_000_000_000, 6.76e-8)],
)  # fmt: skip
def test_shisa_rate_falls_with_the_root_of_the_size(parameters: int, rate: float) -> None:
    assert make_run("shisa", parameters=parameters).learning_rate == rate


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("shisa-")])
def test_shisa_rule_is_near_each_of_its_models(name: str) -> None:
    """The claim of the preset: 2e-7 at 8 B is within a factor of 2.5 of every model of Shisa's."""
    billions = {"7b": 7, "8b": 8, "14b": 14, "70b": 70, "1.2b": 1.2}[name.rpartition("-")[2]]
    rule = make_run("shisa", parameters=int(billions * 1e9)).learning_rate
    assert 1 / 2.5 <= rule / make_run(name).learning_rate <= 2.5


def test_lora_rate_stays_within_its_range() -> None:
    rates = [
        make_run("lora-few-pairs", parameters=int(n * 1e9)).learning_rate for n in (0.5, 8, 500)
    ]
    assert rates == [5e-5, 2e-5, 5e-6]
    assert preset_fields("lora-few-pairs", parameters=None)["learning_rate"] == 2e-5


def test_tiny_preset_is_the_demo_recipe() -> None:
    fields = preset_fields("tiny-cpu", parameters=None)
    assert fields.pop("gradient_accumulation") == 1
    assert fields == RECIPE.dpo


@pytest.mark.parametrize(
    ("processes", "split"), [(1, (8, 8)), (8, (8, 1)), (16, (4, 1)), (3, (7, 3)), (128, (1, 1))]
)
def test_batch_is_shared_among_processes(processes: int, split: tuple[int, int]) -> None:
    run = make_run("shisa", processes=processes)
    assert (run.batch_size, run.gradient_accumulation) == split


def test_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'shisha' is not known; expected one of lora-few-pairs"):
        preset_fields("shisha", parameters=None)


def test_rate_by_size_needs_a_size() -> None:
    with pytest.raises(ConfigError, match="'shisa' needs the number of the model's parameters"):
        preset_fields("shisa", parameters=None)


def test_presets_load_no_torch() -> None:
    code = (
        "import sys, training.presets, training.card;"
        "print([n for n in ('torch', 'transformers', 'django', 'annotate') if n in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
