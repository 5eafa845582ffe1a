"""What docs/runs.md shows is what launch_run reads."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pydantic import BaseModel

from annotate.models import PromptSet, SelectionRun
from annotate.services.forecasting import lengths, speed
from annotate.services.plans import Plan
from tests import factories as make
from tests.commands.conftest import Run
from tests.conftest import ROOT

PAGE = (ROOT / "docs/runs.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
# What is no default of a field in the example says so in its comment, or stands in a model.
HAS_NO_DEFAULT = {"slug", "prompts", "models", "sets"}


def parts_of(plan: dict[str, Any]) -> dict[str, tuple[type[BaseModel], dict[str, Any]]]:
    """Give each table of a plan with its part of the schema; all models as one."""
    models = {name: value for model in plan["models"] for name, value in model.items()}
    found: dict[str, tuple[type[BaseModel], dict[str, Any]]] = {"": (Plan, plan)}
    for name, field in Plan.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found[name] = (field.annotation, plan[name])
    from_models = Plan.model_fields["models"].annotation.__args__[0]  # type: ignore[union-attr]
    return found | {"models": (from_models, models)}


def test_example_shows_every_field_of_a_plan() -> None:
    for name, (part, shown) in parts_of(tomllib.loads(EXAMPLE)).items():
        assert (name, set(shown)) == (name, set(part.model_fields))


def test_example_says_which_of_its_values_are_no_defaults() -> None:
    parts = parts_of(tomllib.loads(EXAMPLE))
    lines = {match[1]: match[0] for match in re.finditer(r"^(\w+) = .*$", EXAMPLE, re.MULTILINE)}
    for name, (part, shown) in parts.items():
        for field in set(part.model_fields) - HAS_NO_DEFAULT:
            default = part.model_fields[field].get_default(call_default_factory=True)
            if name not in ("", "models") and shown[field] != default:
                assert "default" in lines[field], field


@pytest.mark.django_db
def test_example_is_launched_as_it_stands(run: Run, tmp_path: Path) -> None:
    prompt_set = PromptSet.objects.create(slug="ja-tasks")
    for _prompt in range(10):
        make.make_prompt(prompt_set, language="ja")
    path = tmp_path / "run.toml"
    path.write_text(EXAMPLE, encoding="utf-8")
    told = json.loads(run("launch_run", path, "--dry-run", "--json"))
    names = [each["name"] for each in told["candidates"]]
    assert len(names) == 9
    assert "shisa · temperature 0.1" in names
    run("launch_run", path)
    launched = SelectionRun.objects.get()
    assert (launched.state, launched.plan.sha256) == ("generating", told["sha256"])
    assert launched.prompts().held_out().count() == 2


@pytest.mark.django_db
def test_short_plan_of_the_readme_can_be_launched(run: Run, tmp_path: Path) -> None:
    make.make_prompt(PromptSet.objects.create(slug="ja-tasks"), language="ja")
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Launch a run\n")[1]
    lines = re.findall(r"^(?:    (.*)|)$", section.split("\n## ")[0], re.MULTILINE)
    path = tmp_path / "run.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert len(json.loads(run("launch_run", path, "--dry-run", "--json"))["candidates"]) == 4


def test_refusal_on_the_page_is_what_the_command_says(db: None, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    changed = EXAMPLE.replace(
        "engine_options =", "sampling = { temperature = 11 }\nengine_options ="
    )
    path.write_text(changed, encoding="utf-8")
    (shown,) = re.findall(r"^    (run\.toml: .*)$", PAGE, re.MULTILINE)
    with pytest.raises(CommandError) as refusal:
        call_command("launch_run", str(path))
    assert shown in str(refusal.value).splitlines()


def test_rules_of_thumb_on_the_page_are_those_of_the_code() -> None:
    ja, en = lengths.CHARACTERS_OF_REPLY["ja"], lengths.CHARACTERS_OF_REPLY["en"]
    assert f"{ja[1]} ({ja[0]} to {ja[2]}) characters in Japanese" in PAGE
    assert f"{en[1]:,} ({en[0]} to {en[2]:,}) in English" in PAGE
    assert lengths.CHARACTERS_PER_TOKEN == {"ja": (0.9, 1.5, 2.3), "en": (3.5, 4.0, 4.5)}
    assert "1.5 characters a token in Japanese (.9 to 2.3), 4 in English (3.5 to 4.5)" in PAGE
    assert speed.SHARE_REACHED == (0.1, 0.3, 0.6)
    assert "reaches .3 (.1 to .6)" in PAGE
    assert (speed.BYTES_PER_S, speed.OPERATIONS_PER_S) == (3.35e12, 989e12)
    assert "(3.35 TB/s) and arithmetic (989 TFLOP/s)" in PAGE
    sequences = (speed.VLLM_SEQUENCES, speed.TRANSFORMERS_SEQUENCES)
    assert f"{sequences[0]} sequences at once in vLLM and {sequences[1]} in transformers" in PAGE
