"""What a training would take, before anybody plans it: the trainer's own word, and nothing kept."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings

from annotate.models import Candidate, PreferenceDataset
from annotate.services import errors
from annotate.services.exporting import Recipe, draft_dataset, resolve, votes_of
from annotate.services.processes import environment
from annotate.services.training import make_config, refuse_recipe, refuse_unfit, write_inputs
from annotate.services.training_rows import check_pairs


def foretell_training(
    *,
    base: Candidate,
    dataset: PreferenceDataset | None = None,
    recipe: Recipe | None = None,
    child_name: str = "",
    preset: str = "",
    **wishes: Any,
) -> dict[str, Any]:
    """Have the trainer say what it would do: pairs, tokens, memory, time, and two examples as fed.

    It loads the model and measures a step, in a process of its own.

    Args:
        dataset: None: the votes that stand now, by `recipe`.
        preset, wishes: as `training.start_training` takes them.

    Raises:
        TrainingRefused: it cannot be started so, as here or the trainer says.
        ExportRefused: the votes give no pair.
    """
    fields = refuse_unfit(base=base, child_name=child_name, preset=preset, **wishes)
    home = Path(settings.KURABE_HOME) / "training"
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix="forecast-") as name:
        folder = Path(name)
        if dataset is None:
            recipe = recipe or votes_of(base.run.slug)
            refuse_recipe(base=base, recipe=recipe)
            dataset = draft_dataset(resolve(recipe), folder).dataset
        check_pairs(dataset=dataset)
        config = make_config(base=base, folder=folder, fields=fields)
        write_inputs(dataset=dataset, base=base, config=config)
        return _ask_trainer(folder / "run.json")


def _ask_trainer(config: Path) -> dict[str, Any]:
    answer = subprocess.run(
        [sys.executable, "-m", "training", str(config), "--forecast"],
        cwd=settings.BASE_DIR,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        said = answer.stderr.strip().splitlines() or ["the trainer ended without a word"]
        raise errors.TrainingRefused(said[-1].removeprefix("error: "))
    forecast: dict[str, Any] = json.loads(answer.stdout.strip().splitlines()[-1])
    return forecast
