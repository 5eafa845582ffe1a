"""The commands as processes: exit status, stderr, and help that a stranger understands."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core.management import load_command_class
from django.db import connection

from tests.conftest import ROOT


def manage(*words: str, database: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run manage.py in a process of its own, on a database that is given by its URL."""
    environment = {"PATH": os.environ["PATH"], "KURABE_HOME": str(home), "DATABASE_URL": database}
    return subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=environment, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip


def database_url(name: str | None = None) -> str:
    """Name the test's own database, or another on its server, as DATABASE_URL does."""
    params = connection.get_connection_params()
    user, password = params.get("user", ""), params.get("password", "")
    query = f"?host={quote(str(params['host']), safe='')}"
    port = f":{params['port']}" if params.get("port") else ""
    return f"postgresql://{user}:{password}@{port}/{name or params['dbname']}{query}"


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_one_line_on_stderr_and_status_1(tmp_path: Path) -> None:
    missing = tmp_path / "none.jsonl"
    ended = manage("import_completions", str(missing), "--run", "r", database=database_url(),
                   home=tmp_path)  # fmt: skip
    assert ended.stderr == f"CommandError: {missing}: no such file; expected a file to read\n"
    assert (ended.returncode, ended.stdout) == (1, "")


@pytest.mark.django_db(transaction=True)
def test_a_wrong_argument_is_one_line_on_stderr_and_status_1(tmp_path: Path) -> None:
    ended = manage("rank", "r", "--prior", "much", database=database_url(), home=tmp_path)
    assert ended.stderr == (
        "Error: argument --prior: invalid float value: 'much'; see manage.py rank --help\n"
    )
    assert (ended.returncode, ended.stdout) == (1, "")


@pytest.mark.django_db(transaction=True)
def test_a_command_that_succeeds_says_nothing_on_stderr(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"key": "p1", "prompt": "One?"}\n')
    ended = manage("import_prompts", str(path), "--set", "s", database=database_url(),
                   home=tmp_path)  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "prompts in set s: 1 new, 0 there already\n"
    assert not (tmp_path / "postgres").exists(), "DATABASE_URL was not heeded"


@pytest.mark.django_db(transaction=True)
def test_a_database_without_tables_is_told_in_one_line(tmp_path: Path) -> None:
    ended = manage("rank", "r", database=database_url("postgres"), home=tmp_path)
    assert ended.stderr == (
        "CommandError: the database lacks tables of Kurabe; make them with: manage.py migrate\n"
    )
    assert ended.returncode == 1


def test_a_database_that_does_not_answer_is_told_in_one_line(tmp_path: Path) -> None:
    ended = manage("rank", "r", database="postgresql://127.0.0.1:1/none", home=tmp_path)
    assert ended.stderr.startswith("CommandError: the database cannot be used: connection failed")
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize("url", ["mysql://me:secret@host/name", "sqlite:///x.db", "nonsense"])
def test_a_database_of_another_kind_is_refused_in_one_line(url: str, tmp_path: Path) -> None:
    ended = manage("rank", "r", database=url, home=tmp_path)
    assert ended.stderr == "Kurabe's settings: DATABASE_URL must begin with postgresql://\n"
    assert ended.returncode == 1


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("import_prompts", ["all rows, or, where one is wrong, nothing", "--set SLUG",
                            "{jsonl,csv,parquet,shisa,mtbench}", "docs/formats.md", ".gz"]),
        ("import_completions", ["all rows, or, where one is wrong, nothing", "--run SLUG",
                                "--prompts SET", "default: named like the run",
                                "{jsonl,csv,parquet,shisa,mtbench,llmfao}"]),
        ("import_votes", ["whose completions are there", "--run SLUG",
                          "{jsonl,csv,parquet,mtbench,llmfao}"]),
        ("rank", ["Bradley-Terry strengths", "half a win",
                  "--by {category,kind,language,round,turn}", "--prior K", "phantom opponent",
                  "--json"]),
        ("export", ["pairs of a chosen and a rejected reply", ".jsonl, .parquet, .csv",
                    "--to {dpo,dpo-standard,kto,reward,ranking,votes,arena}",
                    "Held-out prompts and empty replies never become pairs", "--margin"]),
        ("train", ["--candidate NAME", "--epochs", "--beta", "--lr", "DPO"]),
        ("simulate", ["Simulated annotators" , "--votes N", "--seed", "--url",
                      "a server is started on a free port", "marked as simulated"]),
    ],
)  # fmt: skip
def test_help_says_what_a_command_does(
    command: str, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    load_command_class("annotate", command).print_help("manage.py", command)
    said = " ".join(capsys.readouterr().out.split())
    missing = [words for words in told if words.lower() not in said.lower()]
    assert missing == [], said
