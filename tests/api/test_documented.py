"""What docs/api.md shows is what the API does: its commands are run, each in turn."""

import json
import re
import shlex
from typing import Any

import pytest
from django.http import HttpResponse

from annotate.api.site import api
from annotate.models import PromptSet, SelectionRun
from tests import factories as make
from tests.api.conftest import Program
from tests.conftest import ROOT

PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")
BASE = "http://127.0.0.1:8000/api/v1"
(PLAN,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(PROBLEM,) = re.findall(r"^```json problem\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(COMMANDS,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def tasks(db: None) -> PromptSet:
    """Make the prompts that the page's plan asks."""
    prompt_set = PromptSet.objects.create(slug="ja-tasks")
    for _prompt in range(5):
        make.make_prompt(prompt_set, language="ja")
    return prompt_set


def do_as_curl(command: str, program: Program) -> HttpResponse:
    """Ask what curl would ask for these words."""
    words = shlex.split(command.replace("$API", BASE))[1:]
    method, body = "", None
    address = words.pop()
    while words:
        option, value = words.pop(0), words.pop(0)
        if option == "-X":
            method = value
        elif option == "--json":
            assert value == "@plan.json"
            body = PLAN
        else:
            assert (option, value) == ("-H", "$AUTH")
    assert address.startswith(BASE), command
    ask = getattr(program, (method or ("POST" if body else "GET")).lower())
    return ask(address.removeprefix("http://127.0.0.1:8000"), body, content_type="application/json")


def test_every_command_does_what_it_is_for(admin: Program, tasks: PromptSet) -> None:
    commands = [line for line in COMMANDS.splitlines() if line.startswith("curl")]
    assert len(commands) == 10
    answers = {command: do_as_curl(command, admin) for command in commands}
    assert {command: answer.status_code for command, answer in answers.items()
            if answer.status_code != 200} == {commands[1]: 201}  # fmt: skip
    foretold = answers[commands[0]].json()
    assert (foretold["candidates"], foretold["completions"]) == (8, 80)
    run = SelectionRun.objects.get()
    assert (run.slug, run.state) == ("shisa-release", "closed")


def test_problem_on_the_page_is_what_the_api_answers(admin: Program, tasks: PromptSet) -> None:
    plan = json.loads(PLAN) | {"stopping": {"alpha": 0.7}, "grid": {"temperature": [1, 11]}}
    answer = admin.send("/runs", plan)
    assert answer.status_code == 422
    assert answer.json() == json.loads(PROBLEM)


def test_table_of_operations_names_every_one() -> None:
    table = PAGE.split("## Operations")[1].split("\n## ")[0]
    described: dict[str, dict[str, Any]] = api.get_openapi_schema()["paths"]
    for path, methods in described.items():
        address = path.removeprefix("/api/v1").replace("{pk}", "{id}")
        for method in methods:
            steered = address.rsplit("/", 1)[-1]
            is_named = f"`{method.upper()} {address}`" in table
            assert is_named or steered in ("resume", "cancel"), (method, address)
            assert is_named or f"`/{steered}`" in table
