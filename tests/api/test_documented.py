"""What docs/api.md shows is what the API does: its commands are run, each in turn."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse

from annotate.api.site import api
from annotate.models import Annotator, Export, Prompt, PromptSet, Round, SelectionRun
from annotate.services.exporting import run_export
from tests import factories as make
from tests.api.conftest import Program
from tests.conftest import ROOT

PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")
BASE = "http://127.0.0.1:8000/api/v1"


def block(kind: str) -> str:
    """Give the one block of the page that begins with these words."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, kind
    return str(found[0])


PLAN, PROBLEM, COMMANDS = block("json"), block("json problem"), block("sh")
READING, PAGING = block("python"), block("python pages")
FILES = {
    "plan.json": PLAN,
    "recipe.json": block("json recipe"),
    "prompts.jsonl": block("jsonl prompts"),
    "completions.jsonl": block("jsonl completions"),
    "votes.jsonl": block("jsonl votes"),
}


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
        elif option in ("--json", "--data-binary"):
            body = FILES[value.removeprefix("@")]
        else:
            # -C - goes on after what is there, and nothing is; -o names the file to write.
            assert (option, value) in (("-H", "$AUTH"), ("-C", "-"), ("-o", "dpo.jsonl"))
    assert address.startswith(BASE), command
    ask = getattr(program, (method or ("POST" if body else "GET")).lower())
    return ask(address.removeprefix("http://127.0.0.1:8000"), body, content_type="application/json")


def commands_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("curl")]


def test_every_command_does_what_it_is_for(admin: Program, tasks: PromptSet) -> None:
    commands = commands_of(COMMANDS)
    assert len(commands) == 10
    answers = {command: do_as_curl(command, admin) for command in commands}
    assert {command: answer.status_code for command, answer in answers.items()
            if answer.status_code != 200} == {commands[1]: 201}  # fmt: skip
    foretold = answers[commands[0]].json()
    assert (foretold["candidates"], foretold["completions"]) == (8, 80)
    run = SelectionRun.objects.get()
    assert (run.slug, run.state) == ("shisa-release", "closed")


def send_rows(admin: Program) -> list[HttpResponse]:
    """Make the run of the page and do what it does with rows."""
    make.make_run(slug="tea-run", state="voting").prompt_sets.set(
        [PromptSet.objects.create(slug="teas")]
    )
    return [do_as_curl(command, admin) for command in commands_of(block("sh rows"))]


def test_rows_on_the_page_come_in(admin: Program, db: None) -> None:
    answers = send_rows(admin)
    assert [answer.status_code for answer in answers] == [200] * 4, answers[-1].content
    told = [answer.json() for answer in answers]
    assert (told[0], told[1]["completions"]["new"]) == ({"new": 2, "equal": 0}, 2)
    assert told[2] == told[3] == {"new": 1, "equal": 0}
    (annotator,) = Annotator.objects.all()
    assert (annotator.name, annotator.kind) == ("our-judges/gpt-judge", "judge")


def test_dataset_on_the_page_is_made_and_read(
    admin: Program, db: None, tmp_path: Path, settings: Any
) -> None:
    settings.KURABE_HOME = tmp_path
    send_rows(admin)
    tea = Prompt.objects.get(key="tea")
    round_ = Round.objects.get()
    first, second = tea.completions.order_by("pk")
    person = make.make_annotator()
    make.make_vote(make.make_comparison(first, second, round_=round_, annotator=person))
    preview, asked, *rest = commands_of(block("sh dataset"))
    assert do_as_curl(preview, admin).json()["n_rows"] == 1
    answer = do_as_curl(asked, admin)
    assert answer.status_code == 202
    run_export(Export.objects.get())
    export = Export.objects.get()
    assert export.state == "finished", export.failure
    for command in rest:
        exact = command.replace("/exports/1", f"/exports/{export.pk}")
        exact = exact.replace("/datasets/1", f"/datasets/{export.dataset_id}")
        answer = do_as_curl(exact, admin)
        assert answer.status_code == 200, command
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert content, command


def test_pages_are_followed_as_on_the_page(
    admin: Program, transactional_db: None, live_server: Any
) -> None:
    send_rows(admin)
    secret = admin.defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    known = {"API": f"{live_server.url}/api/v1", "TOKEN": secret}
    one_a_page = PAGING.replace("?candidate=base", "?limit=1")
    finished = subprocess.run(
        [sys.executable, "-c", one_a_page], env=os.environ | known, text=True,
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert finished.stdout == "['Black tea.', 'Black tea is; green tea is not.']\n", finished.stderr


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
