"""The doctor finds each fault that is made for it, and says what to do."""

import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from annotate.services.operating import Finding, Level, doctor_database, doctor_machine
from annotate.services.operating.database import read_database
from annotate.services.operating.doctor_database import (
    examine_clock,
    examine_database,
    examine_queue,
)
from annotate.services.operating.doctor_machine import examine_disk, examine_gpu, examine_models
from annotate.services.operating.doctor_settings import examine_mail, examine_settings
from annotate.services.operating.machine import Disk
from annotate.services.serving import free_port
from tests import factories as make
from tests.conftest import ROOT
from tests.services.operating.jobs import put_job, put_worker


def by_check(findings: Iterator[Finding]) -> dict[str, Finding]:
    found = {finding.check: finding for finding in findings}
    # Whatever is not well comes with what to do.
    assert all(each.advice for each in found.values() if each.level is not Level.OK)
    return found


@pytest.mark.django_db
def test_well_database_is_well() -> None:
    found = by_check(examine_database())
    assert {check: each.level for check, each in found.items()} == dict.fromkeys(
        ("database", "database writes", "migrations", "connections"), Level.OK
    )


@pytest.mark.django_db
def test_votes_that_could_be_lost_are_a_failure() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
    finding = by_check(examine_database())["database writes"]
    assert finding.level is Level.FAILURE
    assert finding.said.startswith("synchronous_commit is off")


@pytest.mark.django_db
def test_unapplied_migration_is_a_failure() -> None:
    MigrationRecorder(connection).migration_qs.filter(app="sessions").delete()
    finding = by_check(examine_database())["migrations"]
    assert finding.level is Level.FAILURE
    assert finding.said == "1 not applied, from sessions.0001_initial on"


@pytest.mark.django_db
def test_more_threads_than_connections_are_a_failure(settings: LazySettings) -> None:
    settings.WEB_WORKERS, settings.WEB_THREADS = 64, 16
    finding = by_check(examine_database())["connections"]
    assert (finding.level, "1027" in finding.said) == (Level.FAILURE, True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("apart_s", "level"), [(0, Level.OK), (5, Level.WARNING), (-3600, Level.FAILURE)]
)
def test_clock_is_compared_with_the_databases(
    apart_s: int, level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now
    moved = lambda: now() + timedelta(seconds=apart_s)  # noqa: E731
    monkeypatch.setattr(doctor_database.timezone, "now", moved)
    (finding,) = examine_clock()
    assert finding.level is level


@pytest.mark.django_db
def test_queue_without_a_worker_is_a_failure_and_with_one_is_well() -> None:
    assert by_check(examine_queue())["workers"].level is Level.FAILURE
    put_worker()
    found = by_check(examine_queue())
    assert {each.level for each in found.values()} == {Level.OK}


@pytest.mark.django_db
def test_lag_stuck_and_failed_jobs_are_warnings() -> None:
    put_job(waits_s=4000)
    put_job("train", queue="gpu", waits_s=9000)
    put_worker(heard_s=900, job=put_job("train", queue="gpu", status="doing"))
    put_job("advance_run", status="failed")
    found = by_check(examine_queue())
    warned = {check for check, each in found.items() if each.level is Level.WARNING}
    assert warned == {"queue default", "queue gpu", "stuck jobs", "failed jobs"}
    assert "advance_run" in found["failed jobs"].said


@pytest.mark.parametrize(
    ("free", "level"), [(2**40, Level.OK), (2**33, Level.WARNING), (2**20, Level.FAILURE)]
)
def test_disk_that_fills_up_is_said(
    free: int, level: Level, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor_machine, "read_disk", lambda: Disk(tmp_path, free, 2**41))
    assert by_check(examine_disk())["disk"].level is level


def test_folder_that_takes_no_files_is_a_failure(settings: LazySettings, tmp_path: Path) -> None:
    settings.KURABE_HOME = tmp_path
    assert by_check(examine_disk())["disk writes"].level is Level.OK
    (tmp_path / "exports").write_text("a file where a folder should be")
    finding = by_check(examine_disk())["disk writes"]
    assert (finding.level, "exports" in finding.said) == (Level.FAILURE, True)
    assert list(tmp_path.iterdir()) == [tmp_path / "exports"]


def test_python_of_an_engine_that_cannot_be_run_is_a_failure(
    settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_machine, "_ASK_TORCH", "print('{\"torch\": \"2\", \"cuda\": null,"
                        " \"gpus\": [\"a card\"]}')")  # fmt: skip
    settings.ENGINE_PYTHON = {"vllm": str(tmp_path / "python"), "openai": sys.executable}
    found = by_check(examine_gpu())
    assert found["gpu"].said == "torch 2 sees 1: a card"
    assert found["KURABE_PYTHON_VLLM"].level is Level.FAILURE
    assert found["KURABE_PYTHON_OPENAI"].level is Level.OK


@pytest.mark.django_db
def test_models_of_runs_that_go_on_are_looked_for(tmp_path: Path) -> None:
    whole, bare, lame = tmp_path / "whole", tmp_path / "bare", tmp_path / "lame"
    for folder in (whole, bare, lame):
        folder.mkdir()
    for folder in (whole, lame):
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"")
    (whole / "tokenizer.json").write_text("{}")
    run = make.make_run()
    for number, model in enumerate((whole, bare, lame, "/nowhere/at/all", "org/name")):
        make.make_candidate(run, name=f"c{number}", engine="transformers", model=str(model),
                            prompt_format="chatml")  # fmt: skip
    make.make_candidate(run, name="remote", engine="openai", model="/served/elsewhere",
                        prompt_format="chatml")  # fmt: skip
    closed = make.make_run(state="closed")
    make.make_candidate(closed, engine="vllm", model="/gone", prompt_format="chatml")
    said = [f.said for f in examine_models() if f.level is Level.FAILURE]
    assert len(said) == 3
    assert any("/nowhere/at/all" in each and "no such folder" in each for each in said)
    assert any("bare" in each and "no config.json" in each for each in said)
    assert any("lame has no tokenizer" in each for each in said)


class Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP as it takes to hand a message over."""

    taken: ClassVar[list[str]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 mail\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b""
                while not text.endswith(b"\r\n.\r\n"):
                    text += self.rfile.readline()
                self.taken.append(text.decode())
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 well\r\n")
            if verb == b"QUIT":
                return


@pytest.fixture
def mailbox(settings: LazySettings) -> Iterator[list[str]]:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    Mailbox.taken.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        yield Mailbox.taken
        server.shutdown()


def test_mail_is_sent_where_an_address_is_given(mailbox: list[str]) -> None:
    assert by_check(examine_mail())["e-mail"].level is Level.OK
    assert mailbox == []
    found = by_check(examine_mail(send_to="ops@example.org"))
    assert found["e-mail message"].level is Level.OK
    assert ["To: ops@example.org" in text for text in mailbox] == [True]


def test_mail_that_cannot_go_is_a_failure(settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    assert by_check(examine_mail())["e-mail"].level is Level.FAILURE
    settings.EMAIL_HOST = ""
    found = by_check(examine_mail(send_to="ops@example.org"))
    assert (found["e-mail"].level, found["e-mail message"].level) == (Level.WARNING, Level.FAILURE)


def test_settings_of_a_laptop_are_well(settings: LazySettings, tmp_path: Path) -> None:
    settings.KURABE_HOME, settings.ALLOWED_HOSTS = tmp_path, ["localhost", "127.0.0.1"]
    path = tmp_path / "secret_key"
    path.write_text(settings.SECRET_KEY)
    path.chmod(0o600)
    assert {f.level for f in examine_settings()} == {Level.OK}
    path.chmod(0o644)
    assert by_check(examine_settings())["secret key"].level is Level.FAILURE


def test_settings_of_a_public_site_are_looked_at(settings: LazySettings, tmp_path: Path) -> None:
    settings.KURABE_HOME, settings.ALLOWED_HOSTS = tmp_path, ["*"]
    settings.DEBUG, settings.SECRET_KEY = True, "short"
    found = by_check(examine_settings())
    levels = {check: each.level for check, each in found.items()}
    assert levels == {
        "secret key": Level.FAILURE,
        "ALLOWED_HOSTS": Level.WARNING,
        "DEBUG": Level.FAILURE,
        "HTTPS": Level.WARNING,
        "METRICS_TOKEN": Level.WARNING,
    }


def test_command_ends_with_1_and_says_all_where_the_database_is_away(tmp_path: Path) -> None:
    """As an operator runs it: a server that is not there, no mail, and JSON."""
    environment = {
        **os.environ,
        "KURABE_HOME": str(tmp_path),
        "DATABASE_URL": f"postgresql://me:p4ss-word@127.0.0.1:{free_port()}/kurabe",
    }
    command = [sys.executable, "manage.py", "doctor", "--json"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 1
    document = json.loads(ended.stdout)
    first = document["findings"][0]
    assert (first["check"], first["level"]) == ("database", "failure")
    assert "it cannot be reached" in first["said"]
    assert "p4ss" not in ended.stdout + ended.stderr
    checks = {finding["check"] for finding in document["findings"]}
    assert {"disk", "secret key", "e-mail"} <= checks
    assert "torch" in checks or "gpu" in checks  # asked in a process of its own
    assert document["counts"]["failure"] >= 1


@pytest.mark.django_db
def test_database_tells_of_itself() -> None:
    database = read_database()
    assert database.version_number // 10_000 == int(database.version.split(".")[0])
    assert database.n_bytes > 1e6
    assert 1 <= database.n_connections <= database.max_connections
    assert abs((database.now - timezone.now()).total_seconds()) < 30
