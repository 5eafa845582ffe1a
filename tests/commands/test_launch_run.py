"""`launch_run`: a plan in TOML becomes a run, a draft, or a forecast."""

import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from annotate.models import Prompt, PromptSet, SelectionRun
from annotate.services import launching
from tests import factories as make
from tests.commands.conftest import Run

pytestmark = pytest.mark.django_db
PLAN = """
slug = "shisa"

[prompts]
sets = ["asked"]
held_out_share = 0.5

[[models]]
preset = "shisa-7b-v1"
engine = "vllm"

[[models]]
model = "models/anchor"
engine = "transformers"
is_anchor = true

[grid]
temperature = [0.1, 0.7]
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """Write the plan to a file, and make the prompts that it asks."""
    prompt_set = PromptSet.objects.create(slug="asked")
    for _prompt in range(4):
        make.make_prompt(prompt_set)
    path = tmp_path / "run.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def test_dry_run_shows_candidates_and_cost_and_changes_nothing(run: Run, plan: Path) -> None:
    printed = run("launch_run", plan, "--dry-run")
    assert "shisa-7b-v1 · temperature 0.1" in printed
    assert "anchor (anchor)" in printed
    assert "By a rule of thumb: nothing like it was measured here." in printed
    assert "nothing was launched" in printed
    assert not SelectionRun.objects.exists()
    assert not Prompt.objects.held_out().exists()


def test_dry_run_as_json_has_every_setting_and_the_hash_of_the_launch(run: Run, plan: Path) -> None:
    told = json.loads(run("launch_run", plan, "--dry-run", "--json"))
    assert [each["name"] for each in told["candidates"]] == [
        "shisa-7b-v1 · temperature 0.1", "shisa-7b-v1 · temperature 0.7", "anchor",
    ]  # fmt: skip
    assert told["candidates"][0]["sampling"]["repetition_penalty"] == 1.05
    assert told["forecast"]["completions"] == 12
    run("launch_run", plan)
    assert SelectionRun.objects.get().plan.sha256 == told["sha256"]


def test_launch_says_hash_address_and_what_to_start(run: Run, plan: Path) -> None:
    make.make_user("admin", username="ada")
    printed = run("launch_run", plan, "--by", "ada")
    launched = SelectionRun.objects.get()
    assert printed.splitlines() == [
        f"run shisa launched: 3 candidates, sha256 {launched.plan.sha256}",
        "its page: /runs/shisa/",
        "completions are made by a worker; if none runs, start one: "
        "manage.py worker --queues default,gpu",
    ]
    assert (launched.state, launched.plan.launched_by.username) == ("generating", "ada")


def test_launch_as_json_names_what_was_made(run: Run, plan: Path) -> None:
    told = json.loads(run("launch_run", plan, "--json"))
    assert (told["run"], told["state"], told["address"]) == ("shisa", "generating", "/runs/shisa/")
    assert len(told["candidates"]) == 3


def test_draft_waits_for_its_launch(run: Run, plan: Path) -> None:
    assert run("launch_run", plan, "--draft") == (
        "run shisa is a draft: launch it at /runs/shisa/\n"
    )
    draft = SelectionRun.objects.get()
    assert (draft.state, draft.plan.launched_at) == ("draft", None)
    assert launching.launch_run(run=draft, by=None).candidates.count() == 3


def test_every_fault_has_a_line_with_the_file_and_the_path_in_it(plan: Path) -> None:
    plan.write_text(PLAN.replace("0.7]", "70]").replace("held_out", "heldout"), encoding="utf-8")
    with pytest.raises(CommandError) as refusal:
        call_command("launch_run", str(plan))
    assert str(refusal.value).splitlines() == [
        "run.toml: prompts.heldout_share: There is no such field here; there are"
        " 'held_out_share' and 3 more.",
        "run.toml: grid.temperature.1: 70 is out of range: from 0 to 10 is right.",
    ]
    assert not SelectionRun.objects.exists()


def test_file_that_is_no_toml_says_where(refused: Run, plan: Path) -> None:
    plan.write_text("slug = \n", encoding="utf-8")
    assert refused("launch_run", plan) == (
        "run.toml: this is not TOML: Invalid value (at line 1, column 8)"
    )
    plan.write_bytes(b"slug = \xff")
    assert refused("launch_run", plan) == "run.toml: byte 7 is not UTF-8"
    plan.unlink()
    assert refused("launch_run", plan) == f"{plan}: it cannot be read: No such file or directory"


def test_account_that_is_not_there_is_refused(refused: Run, plan: Path) -> None:
    make.make_user("admin", username="ada")
    assert refused("launch_run", plan, "--by", "adda") == (
        "no account is called 'adda'; there is 'ada'"
    )


def test_second_launch_of_the_same_file_is_refused(run: Run, refused: Run, plan: Path) -> None:
    run("launch_run", plan)
    assert refused("launch_run", plan) == (
        "run.toml: slug: There is a run called “shisa” already; choose another name."
    )
