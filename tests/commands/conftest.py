"""Commands as a stranger runs them, and files to give them."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

Run = Callable[..., str]
WriteRows = Callable[..., Path]


@pytest.fixture(autouse=True)
def home(settings: LazySettings, tmp_path: Path) -> Path:
    """Keep what commands write among the files of the test."""
    settings.KURABE_HOME = tmp_path / "home"
    settings.KURABE_HOME.mkdir()
    return settings.KURABE_HOME


@pytest.fixture
def run() -> Run:
    """Run a command with its arguments as texts, and give what it prints."""

    def run_command(*words: object) -> str:
        output, errors = io.StringIO(), io.StringIO()
        call_command(*map(str, words), stdout=output, stderr=errors)
        assert errors.getvalue() == ""
        return output.getvalue()

    return run_command


@pytest.fixture
def refused() -> Run:
    """Run a command that must refuse, and give the one line that it says."""

    def run_command(*words: object) -> str:
        output = io.StringIO()
        with pytest.raises(CommandError) as refusal:
            call_command(*map(str, words), stdout=output)
        assert output.getvalue() == ""
        message = str(refusal.value)
        assert len(message.splitlines()) == 1
        return message

    return run_command


@pytest.fixture
def write(tmp_path: Path) -> WriteRows:
    """Write rows, each an object or a line as it stands, to a file of JSON lines."""

    def write_rows(name: str, *rows: Any) -> Path:
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)
                 for row in rows]  # fmt: skip
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write_rows


@pytest.fixture
def voted_run(run: Run, write: WriteRows) -> str:
    """Import a run `r`: x beat y twice and z once, y and z drew; w has no vote."""
    completions = [
        {"prompt": key, "candidate": name, "reply": f"{name} on {key}",
         "turns": [f"{key}?"], "language": language}
        for key, language in (("p1", "en"), ("p2", "ja"))
        for name in "xyzw"
    ]  # fmt: skip
    votes = [
        vote("x", "y", "a", "ann"),
        vote("y", "x", "b", "bob", prompt="p2"),
        vote("x", "z", "a", "ann"),
        vote("y", "z", "tie", "bob"),
    ]
    run("import_completions", write("completions.jsonl", *completions), "--run", "r")
    run("import_votes", write("votes.jsonl", *votes), "--run", "r")
    return "r"


def vote(a: str, b: str, outcome: str, annotator: str, prompt: str = "p1") -> dict[str, str]:
    """Give a vote as a row of the canonical form."""
    return {"prompt": prompt, "candidate_a": a, "candidate_b": b, "outcome": outcome,
            "annotator": annotator}  # fmt: skip
