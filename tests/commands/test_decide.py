"""`manage.py decide`, as a stranger runs it."""

import pytest

from annotate.models import RunDecision, SelectionRun
from tests.commands.conftest import Run, WriteRows

pytestmark = pytest.mark.django_db


def test_decide_says_who_was_chosen_and_how_sure_that_is(run: Run, voted_run: str) -> None:
    said = run("decide", voted_run)
    decision = RunDecision.objects.get()
    assert said.splitlines()[0].startswith("run r, decision 1: ")
    assert said.splitlines()[0].endswith(" (leads)")
    assert said.splitlines()[1] == f"sha256 {decision.sha256}"
    assert SelectionRun.objects.get().state == "decided"


def test_check_computes_a_decision_again(run: Run, voted_run: str) -> None:
    run("decide", voted_run)
    said = run("decide", voted_run, "--check", "1")
    assert said == f"decision 1 comes out again: sha256 {RunDecision.objects.get().sha256}\n"


def test_check_says_where_a_content_is_not_what_its_votes_give(
    run: Run, refused: Run, voted_run: str
) -> None:
    run("decide", voted_run)
    true = RunDecision.objects.get()
    content = true.content | {"choice": true.content["choice"] | {"verdict": "best"}}
    RunDecision.objects.create(
        run=true.run, number=2, cutoff=true.cutoff, content=content, sha256="0" * 64
    )
    assert f"has sha256 {'0' * 64}, and computed again" in refused("decide", "r", "--check", "2")


def test_decide_refuses_a_run_without_votes_and_a_decision_that_is_not(
    run: Run, refused: Run, write: WriteRows
) -> None:
    rows = [{"prompt": "p", "turns": ["p?"], "candidate": name, "reply": name, "language": "en"}
            for name in "xy"]  # fmt: skip
    run("import_completions", write("completions.jsonl", *rows), "--run", "r")
    assert "No vote of run r counts yet" in refused("decide", "r")
    assert "run r has no decision 3" in refused("decide", "r", "--check", "3")
