"""`manage.py backup` and `restore`, as a stranger runs them."""

import io
import os
import sys
from pathlib import Path
from threading import Thread

import pytest
from django.core.management import call_command
from django.db import connection

from annotate.models import SelectionRun, Vote
from tests import factories as make
from tests.commands.conftest import Run
from tests.conftest import ROOT
from tests.services.backups import another_place

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_site_is_backed_up_checked_and_restored(
    run: Run, refused: Run, voted_run: str, home: Path, tmp_path: Path
) -> None:
    make.make_candidate(SelectionRun.objects.get(), model="/nowhere/model")
    (home / "secret_key").write_text("key")
    (home / "training").mkdir()
    (home / "training" / "model.safetensors").write_bytes(b"w" * 2_048)
    archive = tmp_path / "b.zip"
    lines = run("backup", archive).splitlines()
    assert lines[0].endswith(f"by Kurabe 0.1.0, of {home}")
    assert ", 4 of them votes, " in lines[1]
    assert lines[2].startswith("ledger: every vote below number ")
    assert lines[3:5] == [
        "files: 1, 3 bytes",
        "not in it: 1 files of weights, 2.0 KiB; listed by SHA-256 (--weights)",
    ]
    assert f" in {archive}, sha256 " in lines[5]
    assert "is there already; give a backup a name of its own" in refused("backup", archive)

    assert run("restore", archive, "--check").splitlines() == [
        *lines[:5], f"{archive} is whole: every part is what was backed up",
    ]  # fmt: skip

    with another_place(tmp_path / "there") as there:
        assert connection.introspection.table_names() == []
        told = run("restore", archive).splitlines()
        assert told[:5] == lines[:5]
        n_tables = len(connection.introspection.table_names())
        assert told[5:] == [
            f"restored: {n_tables} tables and 1 files are those of the backup",
            f"1 files of weights are not in the archive; copy them to {there}, by the paths that"
            " the manifest lists",
            "1 models are not where the database has them: /nowhere/model; put them there, or let"
            f" {home} lead to {there} (ln -s)",
        ]  # fmt: skip
        assert Vote.objects.count() == 4
        assert "the database has rows already" in refused("restore", archive)


def test_restore_refuses_what_is_no_backup_in_one_line(refused: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.zip"
    assert refused("restore", other) == f"{other}: No such file or directory; name a backup"
    other.write_text("something else")
    told = refused("restore", other, "--check")
    assert told == f"{other} is no backup, or not the whole of one; use another backup"


def test_a_backup_can_go_through_a_pipe(
    run: Run, voted_run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said goes to the standard error, and the archive to the pipe."""
    archive, errors = tmp_path / "piped.zip", io.StringIO()
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:

        class Output:
            buffer = pipe

            def isatty(self) -> bool:
                return False

        monkeypatch.setattr(sys, "stdout", Output())

        def read() -> None:
            with os.fdopen(reading, "rb") as source:
                archive.write_bytes(source.read())

        reader = Thread(target=read)
        reader.start()
        call_command("backup", "-", stderr=errors)
        monkeypatch.undo()
    reader.join(60)
    assert " written, sha256 " in errors.getvalue()
    assert "is whole" in run("restore", archive, "--check")


@pytest.mark.slow
def test_an_older_archive_is_migrated(run: Run, voted_run: str, tmp_path: Path) -> None:
    """As it was with 0019: that is taken back here, so the archive is a real one."""
    archive = tmp_path / "older.zip"
    try:
        call_command("migrate", "annotate", "0019", verbosity=0)
        run("backup", archive)
    finally:
        call_command("migrate", verbosity=0)
    with another_place(tmp_path / "there"):
        told = run("restore", archive)
        migrations = (ROOT / "annotate" / "migrations").glob("[0-9]*.py")
        newer = [path for path in migrations if path.name[:4] > "0019"]
        assert f"the archive was of an older version: {len(newer)} migrations run" in told
        assert Vote.objects.count() == 4
