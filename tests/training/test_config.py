import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import ROOT
from training.config import ConfigError, DpoRun, TinyRun
from training.run_files import read_run, write_run

PATHS = {"pairs": "pairs.jsonl", "output_dir": "out", "metrics": "metrics.jsonl"}
DPO = {"method": "dpo", "model": "model", **PATHS}
TINY = {"method": "tiny", "corpus": "c.jsonl", "output_dir": "out", "metrics": "m.jsonl"}


def write(folder: Path, fields: Any) -> Path:
    path = folder / "run.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "run",
    [
        DpoRun(model="m", **PATHS, loss_type=("sigmoid", "sft"), loss_weights=(1.0, 0.5)),
        DpoRun(model="m", **PATHS, revision="abc", eval_pairs="e.jsonl", checkpoint_every=5),
        TinyRun(corpus="c.jsonl", output_dir="out", metrics="m.jsonl", epochs=0.5),
    ],
)
def test_run_survives_writing_and_reading(run: DpoRun | TinyRun, tmp_path: Path) -> None:
    write_run(run, tmp_path / "run.json")
    assert read_run(tmp_path / "run.json") == run


def test_run_reads_whole_numbers_as_numbers(tmp_path: Path) -> None:
    run = read_run(write(tmp_path, DPO | {"epochs": 2}))
    assert isinstance(run, DpoRun)
    assert isinstance(run.epochs, float)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            DPO | {"label_smoothing": 0.1},
            "field 'label_smoothing': 0.1 is not valid; expected none but with a loss that reads"
            " it (aot, aot_unpaired, exo_pair, robust)",
        ),
        (DPO | {"lr": 1e-5}, "field 'lr' is unknown to 'dpo'"),
        (TINY | {"beta": 0.1}, "field 'beta' is unknown to 'tiny'"),
        ({"method": "dpo", **PATHS}, "field 'model' is missing"),
        ({"model": "m"}, "field 'method': None is not valid; expected one of dpo, tiny"),
        (DPO | {"method": "sft"}, "field 'method': 'sft' is not valid"),
        (DPO | {"epochs": 0}, "field 'epochs': 0.0 is not valid; expected a number above 0"),
        (DPO | {"beta": -0.1}, "field 'beta': -0.1"),
        (DPO | {"learning_rate": float("nan")}, "field 'learning_rate': nan"),
        (DPO | {"learning_rate": "1e-5"}, "expected a JSON number"),
        (DPO | {"batch_size": 0}, "field 'batch_size': 0"),
        (DPO | {"batch_size": 2.5}, "expected a JSON whole number"),
        (DPO | {"batch_size": True}, "expected a JSON whole number"),
        (DPO | {"merge_adapter": 1}, "expected a JSON true or false"),
        (DPO | {"pairs": ""}, "field 'pairs': '' is not valid; expected a path"),
        (DPO | {"model": None}, "field 'model': None is not valid; expected a JSON string"),
        (DPO | {"max_length": 1}, "expected 2 tokens or more"),
        (DPO | {"seed": -1}, "field 'seed': -1"),
        (DPO | {"warmup_ratio": 1}, "expected 0 <= share < 1"),
        (DPO | {"scheduler": "step"}, "field 'scheduler': 'step'"),
        (DPO | {"dtype": "float16"}, "expected one of auto, bfloat16, float32"),
        (DPO | {"loss_type": "sigmoid"}, "field 'loss_type': 'sigmoid' is not valid; expected a"),
        (DPO | {"loss_type": ["sigmod"]}, "field 'loss_type': 'sigmod'"),
        (DPO | {"loss_type": []}, "expected one loss or more"),
        (DPO | {"loss_weights": [1, 1]}, "expected one weight for each of ['sigmoid']"),
        (DPO | {"loss_weights": [0]}, "expected finite weights, not all 0"),
        (DPO | {"checkpoint_every": 0}, "field 'checkpoint_every': 0"),
        (TINY | {"hidden_size": 100}, "expected a multiple of 32"),
        (TINY | {"vocabulary_size": 256}, "expected 300 or more"),
        ([DPO], "is a JSON list; expected an object"),
    ],
)
def test_run_refuses_what_is_not_valid(fields: Any, said: str, tmp_path: Path) -> None:
    path = write(tmp_path, fields)
    with pytest.raises(ConfigError) as error:
        read_run(path)
    assert str(error.value).startswith(f"{path}: ")
    assert said in str(error.value)


def test_run_refuses_broken_json_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"method": "dpo",\n"model": }', encoding="utf-8")
    with pytest.raises(ConfigError, match="line 2: is not JSON"):
        read_run(path)


def test_run_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_run(tmp_path / "none.json")


@pytest.mark.parametrize("module", ["training", "training.config", "training.data"])
def test_module_imports_neither_torch_nor_the_application(module: str) -> None:
    code = (
        f"import sys, {module};"
        "print([n for n in ('torch', 'transformers', 'django', 'annotate') if n in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
