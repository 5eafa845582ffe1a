"""The PostgreSQL that comes along: begun when it is needed, alive after a kill, gone at the end."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT


@pytest.fixture
def fresh_home() -> Iterator[Path]:
    """Give a folder that does not exist, under a path short enough for a socket."""
    parent = Path(tempfile.mkdtemp(prefix="kurabe-"))
    yield parent / "home"
    end_server(parent / "home")
    shutil.rmtree(parent)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Give a home whose database has Kurabe's tables."""
    parent = Path(tempfile.mkdtemp(prefix="kurabe-"))
    ended = run("manage.py", "migrate", "--verbosity", "0", home=parent / "home")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    yield parent / "home"
    end_server(parent / "home")
    shutil.rmtree(parent)


def run(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in the checkout, with no more of an environment than a new shell has."""
    environment = {"PATH": os.environ["PATH"], "KURABE_HOME": str(home)}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip


def program(*lines: str) -> tuple[str, str]:
    """Give the words that run these lines as a Django program."""
    begin = (
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'annotate.settings'",
        "import django; django.setup()",
        "from django.db import connection",
        "from annotate.models import PromptSet",
    )
    return "-c", "\n".join([*begin, *lines])


def end_server(home: Path) -> None:
    """Kill a server that a failed test has left."""
    pid = postmaster(home)
    if pid is not None and psutil.pid_exists(pid):
        psutil.Process(pid).kill()


def postmaster(home: Path) -> int | None:
    path = home / "postgres" / "postmaster.pid"
    return int(path.read_text().split("\n")[0]) if path.exists() else None


def test_migrate_makes_everything_under_home(home: Path) -> None:
    """A server that was needed for one command ends with it."""
    assert {path.name for path in home.iterdir()} == {"postgres", "postgres.lock", "secret_key"}
    assert stat.S_IMODE((home / "secret_key").stat().st_mode) == 0o600
    assert postmaster(home) is None


def test_a_connection_after_kill_9_of_the_server_works_again(home: Path) -> None:
    """The old connection may serve a moment longer or fail; the next one finds a server."""
    ended = run(
        *program(
            "import signal",
            "from pathlib import Path",
            "from django.conf import settings",
            "PromptSet.objects.create(slug='before-the-kill')",
            "pid = (settings.KURABE_HOME / 'postgres' / 'postmaster.pid').read_text().split()[0]",
            "os.kill(int(pid), signal.SIGKILL)",
            "connection.close()",
            "PromptSet.objects.create(slug='after-the-kill')",
            "found = PromptSet.objects.filter(slug__endswith='-the-kill').order_by('id')",
            "print(*found.values_list('slug', flat=True))",
        ),
        home=home,
    )
    assert (ended.stderr, ended.stdout) == ("", "before-the-kill after-the-kill\n")
    assert postmaster(home) is None


def test_threads_that_connect_at_one_moment_all_get_a_connection(home: Path) -> None:
    ended = run(
        *program(
            "import threading",
            "start = threading.Barrier(8, timeout=30)",
            "def count():",
            "    start.wait()",
            "    print('there' if PromptSet.objects.count() >= 0 else 'none', flush=True)",
            "    connection.close()",
            "threads = [threading.Thread(target=count) for _thread in range(8)]",
            "[thread.start() for thread in threads]",
            "[thread.join() for thread in threads]",
        ),
        home=home,
    )
    assert (ended.stderr, ended.stdout.split()) == ("", ["there"] * 8)


@pytest.mark.slow
def test_the_server_stays_for_a_process_that_still_uses_it(home: Path) -> None:
    other = program("PromptSet.objects.create(slug='visitor')")
    ended = run(
        *program(
            "import subprocess, sys",
            "PromptSet.objects.count()",
            f"subprocess.run([sys.executable, *{other!r}], check=True)",
            "connection.close()",
            "print(PromptSet.objects.get(slug='visitor').slug)",
        ),
        home=home,
    )
    assert (ended.stderr, ended.stdout) == ("", "visitor\n")
    assert postmaster(home) is None


@pytest.mark.slow
def test_the_server_does_not_stay_for_a_process_that_was_killed(home: Path) -> None:
    killed = program(
        "import signal",
        "PromptSet.objects.count()",
        "os.kill(os.getpid(), signal.SIGKILL)",
    )
    ended = run(
        *program(
            "import subprocess, sys",
            "PromptSet.objects.count()",
            f"print(subprocess.run([sys.executable, *{killed!r}]).returncode)",
        ),
        home=home,
    )
    assert (ended.stderr, ended.stdout) == ("", "-9\n")
    assert postmaster(home) is None


@pytest.mark.slow
def test_the_server_does_not_stay_for_a_process_of_multiprocessing(home: Path) -> None:
    """The web server's processes are such: they end without what atexit holds."""
    ended = run(
        *program(
            "import multiprocessing",
            "def count():",
            "    print(connection.cursor().execute('SELECT 1').fetchone(), flush=True)",
            "child = multiprocessing.get_context('fork').Process(target=count)",
            "child.start()",
            "child.join()",
        ),
        home=home,
    )
    assert (ended.stderr, ended.stdout) == ("", "(1,)\n")
    assert postmaster(home) is None


@pytest.mark.slow
def test_a_server_that_somebody_else_started_again_is_stopped_by_the_last(home: Path) -> None:
    """Who began with the one that was killed knows no other until it looks."""
    other = program("print(connection.cursor().execute('SELECT 1').fetchone(), flush=True)")
    ended = run(
        *program(
            "import signal, subprocess, sys",
            "from django.conf import settings",
            "connection.cursor().execute('SELECT 1')",
            "pid = (settings.KURABE_HOME / 'postgres' / 'postmaster.pid').read_text().split()[0]",
            "os.kill(int(pid), signal.SIGKILL)",
            f"subprocess.run([sys.executable, *{other!r}], check=True)",
        ),
        home=home,
    )
    assert (ended.stderr, ended.stdout) == ("", "(1,)\n")
    assert postmaster(home) is None


@pytest.mark.parametrize(
    "left", ["{pid}\n{pgdata}\n1700000000\n5432\n{pgdata}\n\n0 0\nready\n", ""]
)
def test_lock_files_that_a_power_cut_left_are_nobodys(home: Path, left: str) -> None:
    """Their number is that of a living program that is no server, or they are empty."""
    pgdata = home / "postgres"
    text = left.format(pid=os.getpid(), pgdata=pgdata)
    (pgdata / "postmaster.pid").write_text(text)
    (pgdata / ".s.PGSQL.5432.lock").write_text(text)
    ended = run(*program("print(PromptSet.objects.filter(slug='none').count())"), home=home)
    assert (ended.stderr, ended.stdout) == ("", "0\n")
    assert postmaster(home) is None


def test_two_processes_begin_at_one_moment_on_nothing(fresh_home: Path) -> None:
    """Folder, key, server and database are made by one of them; both go on with those."""
    lines = (
        "from django.conf import settings",
        "cursor = connection.cursor()",
        "cursor.execute('SELECT current_database(), pg_postmaster_start_time()')",
        "print(settings.SECRET_KEY, *cursor.fetchone())",
    )
    environment = {"PATH": os.environ["PATH"], "KURABE_HOME": str(fresh_home)}
    processes = [
        subprocess.Popen(
            [sys.executable, *program(*lines)], cwd=ROOT, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _process in range(2)
    ]  # fmt: skip
    answers = [process.communicate(timeout=120) for process in processes]
    assert [errors for _output, errors in answers] == ["", ""]
    keys = {output.split()[0] for output, _errors in answers}
    assert keys == {(fresh_home / "secret_key").read_text()}
    assert {output.split()[1] for output, _errors in answers} == {"kurabe"}


@pytest.mark.slow
def test_a_home_with_a_long_path_works(fresh_home: Path) -> None:
    """A socket's path has at most 107 bytes, so it lies elsewhere then."""
    home = fresh_home / ("long-" * 24)
    ended = run(*program("print(connection.cursor().execute('SELECT 1').fetchone())"), home=home)
    assert (ended.stderr, ended.stdout) == ("", "(1,)\n")


@pytest.mark.slow
def test_a_server_that_cannot_start_is_told_with_its_log(fresh_home: Path) -> None:
    (fresh_home / "postgres").mkdir(parents=True)
    (fresh_home / "postgres" / "PG_VERSION").write_text("18\n")
    ended = run(
        *program(
            "from annotate.postgres import server",
            "server.START_TIMEOUT_S = 1",
            "from django.core.management import call_command",
            "call_command('rank', 'r')",
        ),
        home=fresh_home,
    )
    log = fresh_home / "postgres" / "log"
    assert ended.stderr.splitlines()[-1] == (
        "django.core.management.base.CommandError: the database cannot be used: the embedded"
        f" PostgreSQL did not start; see {log}"
    )
