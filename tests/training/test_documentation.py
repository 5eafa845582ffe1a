"""docs/training.md says what the code does."""

import json
import re

from tests.training.conftest import ROOT
from training.presets import PRESETS
from training.run_files import describe_run, parse_run

TEXT = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def test_documented_file_has_every_field_with_its_default() -> None:
    [block] = re.findall(r"```json5\n(.*?)```", TEXT, flags=re.DOTALL)
    written = json.loads(re.sub(r"//.*", "", block))
    needed = ("method", "model", "pairs", "output_dir", "metrics")
    run = parse_run({name: written[name] for name in needed})
    assert written == json.loads(json.dumps(describe_run(run)))


def test_documented_presets_are_those_there_are() -> None:
    [section] = re.findall(r"## Presets\n(.*?)\n## ", TEXT, flags=re.DOTALL)
    assert re.findall(r"^\| `(.*?)`", section, flags=re.MULTILINE) == list(PRESETS)
