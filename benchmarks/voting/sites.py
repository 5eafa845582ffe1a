"""The sites that are voted on: Kurabe on each of its databases, and the floor."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
from django.conf import settings as of_django

from annotate.services import serving
from benchmarks.voting import databases
from benchmarks.voting.databases import FLOOR_SETTINGS, ROOT, SETTINGS, environment, run_apart

RUN = "run-0"
FLOOR = "filled_floor_1"
# One address votes more often than any classroom; its answers are counted all the same.
UNLIMITED = {"ANSWERS_PER_MINUTE": "1000000", "ANSWERS_PER_MINUTE_FROM_ADDRESS": "1000000"}
PER_PAIR = 1  # annotators who are to judge the same two completions, as in `contents`

VOTES_OF = """
SELECT count(*) FROM annotate_vote v JOIN annotate_comparison c ON c.id = v.comparison_id
WHERE c.annotator_id = ANY(%s)
"""
# Comparisons of the round that were drawn since, and of those how many were beyond what is asked
# for their two completions; last, of those beyond, where the two candidates had others left.
BEYOND = """
WITH pairs AS (
  SELECT candidate_a_id, candidate_b_id, completion_a_id,
         count(*) FILTER (WHERE id > %(since)s) AS fresh,
         greatest(count(*) - greatest(count(*) FILTER (WHERE id <= %(since)s), %(wanted)s), 0)
           AS beyond
  FROM annotate_comparison c
  WHERE round_id = (SELECT r.id FROM annotate_round r
                    JOIN annotate_selectionrun s ON s.id = r.run_id WHERE s.slug = %(run)s)
    AND purpose = 'ranking' AND skipped_at IS NULL AND dropped_at IS NULL
  GROUP BY candidate_a_id, candidate_b_id, completion_a_id, completion_b_id
),
couples AS (
  SELECT sum(fresh) AS fresh, sum(beyond) AS beyond, count(*) AS judged
  FROM pairs GROUP BY candidate_a_id, candidate_b_id
)
SELECT sum(fresh), sum(beyond), coalesce(sum(beyond) FILTER (WHERE judged < %(possible)s), 0)
FROM couples
"""


@dataclass(frozen=True)
class Server:
    """How many processes a site's server has, and how many threads each."""

    processes: int
    threads: int


@dataclass
class Site:
    """A site that answers, and the people who vote on it."""

    name: str
    database: str
    port: int
    path: str
    ahead: bool
    server_pid: int
    sessions: list[str]
    ids: list[int]
    first_comparison: int = 0
    votes: int = 0
    measured: dict[int, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        """Tell whether it is Kurabe, which has a worker beside its server."""
        return self.ahead

    def send(self, places: Sequence[int], **told: Any) -> dict[str, Any]:
        """Have volunteers at these places vote, in a process of their own; see `client`."""
        spec = {
            "port": self.port,
            "path": self.path,
            "ahead": self.ahead,
            "volunteers": [self.sessions[place] for place in places],
            **told,
        }
        command = [sys.executable, "-m", "benchmarks.voting.client"]
        ended = subprocess.run(
            command,
            cwd=ROOT,
            input=json.dumps(spec),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise SystemExit(f"{self.name}: a vote was not taken, so there are no figures")
        found: dict[str, Any] = json.loads(ended.stdout)
        self.votes += found["votes"]
        return found

    @contextmanager
    def worked_for(self, *, is_wanted: bool) -> Iterator[dict[str, int]]:
        """Run a worker beside the site, where it has one; give process ids by what they are."""
        pids = {"web": self.server_pid, "postgres": databases.postmaster_pid()}
        with ExitStack() as stack:
            if self.is_ours and is_wanted:
                with environment(told_to_programs(self.database, SETTINGS, "worker")):
                    stack.enter_context(serving.running_worker())
                pids["worker"] = find_child("--queues")
            yield pids


def told_to_programs(database: str, settings: str, name: str) -> dict[str, str]:
    """Give a program its settings, its database, and the name by which PostgreSQL knows it."""
    return {
        "DJANGO_SETTINGS_MODULE": settings,
        "VOTING_DATABASE": database,
        "PGAPPNAME": f"voting-{name}",
        **UNLIMITED,
    }


def find_child(word: str) -> int:
    """Find the process of ours that has a word on its command line."""
    for process in psutil.Process().children(recursive=True):
        if word in process.cmdline():
            return process.pid
    raise SystemExit(f"no process of ours has {word} on its command line")


def open_kurabe(
    stack: ExitStack, server: Server, name: str, filled: str, n_volunteers: int
) -> Site:
    """Serve a copy of a filled database."""
    database = f"measured_{filled}"
    databases.copy(filled, database)
    stack.callback(databases.drop, database)
    people = json.loads(
        run_apart("benchmarks.voting.volunteers", str(n_volunteers), RUN, database=database)
    )
    with databases.connected(database) as connection:
        (first,) = connection.execute("SELECT max(id) FROM annotate_comparison").fetchone() or (0,)
    return _serve(
        stack, server, f"Kurabe, {name}", database, SETTINGS, people,
        path=f"/rate/{RUN}/", ahead=True, first_comparison=first,
    )  # fmt: skip


def open_floor(stack: ExitStack, server: Server, n_volunteers: int) -> Site:
    """Serve the bare Django by the same command, so with the same settings of the server."""
    module = "benchmarks.voting.floor.contents"
    if not databases.is_whole(FLOOR):
        databases.drop(FLOOR)
        run_apart(module, "fill", database=FLOOR, settings=FLOOR_SETTINGS)
        databases.mark_whole(FLOOR)
    database = f"measured_{FLOOR}"
    databases.copy(FLOOR, database)
    stack.callback(databases.drop, database)
    people = json.loads(
        run_apart(
            module, "volunteers", str(n_volunteers),
            database=database, settings=FLOOR_SETTINGS,
        )
    )  # fmt: skip
    return _serve(
        stack,
        server,
        "floor: bare Django",
        database,
        FLOOR_SETTINGS,
        people,
        path="/",
        ahead=False,
    )


def _serve(
    stack: ExitStack,
    server: Server,
    name: str,
    database: str,
    settings: str,
    people: dict[str, Any],
    **fields: Any,
) -> Site:
    port = serving.free_port()
    wsgi = "annotate.wsgi" if settings == SETTINGS else "benchmarks.voting.floor.wsgi"
    with environment(told_to_programs(database, settings, "web")):
        process = stack.enter_context(running(web_command(wsgi, port, server), f"{database}.log"))
    _wait_until_answers(port, process)
    return Site(name=name, database=database, port=port, server_pid=process.pid, **people, **fields)


@contextmanager
def running(command: list[str], log: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a web server while the block runs; what it prints goes to a log under the home."""
    path = of_django.KURABE_HOME / "logs" / log
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def web_command(wsgi: str, port: int, server: Server) -> list[str]:
    """Give the production server's command, with so many processes and threads."""
    return [
        *(sys.executable, "-m", "granian", f"{wsgi}:application", "--interface", "wsgi"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--workers", str(server.processes), "--blocking-threads", str(server.threads)),
        *("--no-ws", "--log-level", "warning", "--workers-kill-timeout", "10"),
    ]


def _wait_until_answers(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait for the first answer; every process of the server then has loaded Django, or will."""
    deadline = time.monotonic() + serving.START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/", timeout=20)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"the web server does not answer; see {of_django.KURABE_HOME / 'logs'}")


def check_votes(site: Site) -> None:
    """Stop where the database has other votes of the volunteers than were acknowledged."""
    asked = "SELECT count(*) FROM floor_vote v JOIN floor_comparison c ON c.id = v.comparison_id"
    asked = VOTES_OF if site.is_ours else f"{asked} WHERE c.user_id = ANY(%s)"
    with databases.connected(site.database) as connection:
        (stored,) = connection.execute(asked, [site.ids]).fetchone() or (0,)
    if stored != site.votes:
        raise SystemExit(f"{site.name}: {site.votes} votes were acknowledged, {stored} are stored")


def count_beyond(site: Site, n_prompts: int) -> dict[str, int]:
    """Count the comparisons that were given to more annotators than asked."""
    told = {
        "since": site.first_comparison, "wanted": PER_PAIR, "run": RUN, "possible": n_prompts,
    }  # fmt: skip
    with databases.connected(site.database) as connection:
        row = connection.execute(BEYOND, told).fetchone() or (0, 0, 0)
    return dict(zip(("given", "beyond", "beyond_with_others_left"), map(int, row), strict=True))
