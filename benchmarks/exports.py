"""How fast datasets leave: a million votes as pairs, and 20,000 votes with all texts over HTTP.

    python -m benchmarks.exports [--votes 1000000] [--prompts 5000] [--streamed 20000] [--runs 3]

The database is one of its own under a temporary folder, filled by COPY: 20 candidates answer each
prompt (200 characters) with 800, and votes fall on pairs drawn evenly. Printed are medians:

- pairs: `export_dataset` with the Parquet file along, in a process of its own. A row is a pair: two
  replies with all their texts, and what is known of their votes. First byte is when the Parquet
  file has one; memory is the process's peak, less what it had when Django had started.
- stream: the votes in LMArena's columns from granian, as a browser that asks for no compression
  reads them; memory is the server's peak, less what it had before the first such request. Beside
  it a bare COPY of the same columns by psycopg, in turn: what the database alone takes.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from django.db import connection

from benchmarks.importing import database, peak_mib

ROOT = Path(__file__).resolve().parents[1]
MIB = 2**20
# What `arena` reads of a vote, as one statement.
FLOOR = """
COPY (
  SELECT c.token, v.turn, v.outcome, ca.name, cb.name, an.pseudonym, c.side_a, p.language,
         v.created_at, p.system, p.turns, a.replies, b.replies
  FROM annotate_vote v
  JOIN annotate_comparison c ON c.id = v.comparison_id
  JOIN annotate_round r ON r.id = c.round_id
  JOIN annotate_prompt p ON p.id = c.prompt_id
  JOIN annotate_candidate ca ON ca.id = c.candidate_a_id
  JOIN annotate_candidate cb ON cb.id = c.candidate_b_id
  JOIN annotate_completion a ON a.id = c.completion_a_id
  JOIN annotate_completion b ON b.id = c.completion_b_id
  JOIN annotate_annotator an ON an.id = c.annotator_id
  WHERE r.run_id = {run}
) TO STDOUT
"""


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--votes", type=int, default=1_000_000, help="that become pairs; 0: none")
    parser.add_argument("--prompts", type=int, default=5_000, help="that those votes are on")
    parser.add_argument("--streamed", type=int, default=20_000, help="votes that are streamed")
    parser.add_argument("--runs", type=int, default=3, help="of each")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        os.environ["DJANGO_SETTINGS_MODULE"] = "annotate.settings"
        print(json.dumps(measure_pairs(options.measure)))
        return
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.exports_settings"
    # A socket's path must be short, whatever TMPDIR says.
    with tempfile.TemporaryDirectory(prefix="kb-", dir="/tmp") as folder, database(Path(folder)):
        from benchmarks.exports_contents import make_run  # noqa: PLC0415  models need Django set up

        if options.streamed:
            run = make_run(slug="s", n_prompts=options.streamed // 10, n_votes=options.streamed)
            print_stream(run.pk, options.streamed, options.runs)
        if options.votes:
            make_run(slug="p", n_prompts=options.prompts, n_votes=options.votes)
            print_pairs(options.votes, options.runs)


def print_stream(run: int, n_votes: int, n_runs: int) -> None:
    """Stream votes over HTTP and from the database alone, in turn."""
    from annotate.services.serving import running_site  # noqa: PLC0415  as above

    with running_site() as url:
        server = server_of(url)
        # What a server has before anybody exports, its connection to the database included.
        for _ in range(5):
            fetch(url, "/")
        before = server.memory_info().rss
        floors, streams = [], []
        with watched(server) as peak:
            for _ in range(n_runs):
                floors.append(copy_out(run))
                streams.append(fetch(url, "/votes/s/arena"))
        growth = (peak() - before) / MIB
    print(f"{n_votes:,} votes with all texts, {streams[0]['bytes'] / MIB:.0f} MiB of JSONL")
    print(f"{'':<34} {'total s':>8} {'first byte s':>13} {'votes/s':>9} {'x COPY':>7}")
    floor = statistics.median(each["total_s"] for each in floors)
    for name, measured in (("COPY by psycopg, bare", floors), ("arena over HTTP", streams)):
        total, first = (
            statistics.median(each[key] for each in measured) for key in ("total_s", "first_s")
        )
        print(f"{name:<34} {total:8.2f} {first:13.3f} {n_votes / total:9,.0f} {total / floor:7.1f}")
    print(f"growth of the server, {n_runs} exports: {growth:.0f} MiB\n")


def server_of(url: str) -> psutil.Process:
    """Find the worker that answers: the process that granian started."""
    port = int(url.rpartition(":")[2])
    for process in psutil.Process().children(recursive=True):
        if f"{port}" in process.cmdline() and process.children():
            return process.children()[0]
    raise SystemExit("the server's worker was not found")


class watched:
    """Look at a process's memory every few milliseconds while the block runs."""

    def __init__(self, process: psutil.Process) -> None:
        self._process, self._peak, self._ended = process, 0, threading.Event()

    def __enter__(self) -> Callable[[], int]:
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return lambda: self._peak

    def _look(self) -> None:
        while not self._ended.wait(0.005):
            self._peak = max(self._peak, self._process.memory_info().rss)

    def __exit__(self, *_raised: object) -> None:
        self._ended.set()
        self._thread.join()


def fetch(url: str, path: str) -> dict[str, float]:
    """Read an answer to its end, uncompressed; time runs from before the connection."""
    begun = time.perf_counter()
    client = http.client.HTTPConnection(url.removeprefix("http://"))
    client.request("GET", path)
    answer = client.getresponse()
    assert answer.status == 200, answer.status
    n_bytes = len(answer.read(1))
    first = time.perf_counter() - begun
    while piece := answer.read(1 << 16):
        n_bytes += len(piece)
    return {"total_s": time.perf_counter() - begun, "first_s": first, "bytes": n_bytes}


def copy_out(run: int) -> dict[str, float]:
    """Have psycopg read the same columns as they come, and do nothing with them."""
    with connection.cursor() as cursor:
        begun = time.perf_counter()
        first, n_bytes = 0.0, 0
        with cursor.copy(FLOOR.format(run=run)) as copy:
            for piece in copy:
                first = first or time.perf_counter() - begun
                n_bytes += len(piece)
        return {"total_s": time.perf_counter() - begun, "first_s": first, "bytes": n_bytes}


def print_pairs(n_votes: int, n_runs: int) -> None:
    """Export a run's votes as pairs, each time in a process of its own."""
    measured = [measure_apart() for _ in range(n_runs)]
    n_rows, n_bytes = measured[0]["rows"], measured[0]["bytes"]
    print(f"{n_votes:,} votes as {n_rows:,.0f} DPO pairs to Parquet, {n_bytes / MIB:,.0f} MiB")
    print(f"{'':<34} {'total s':>8} {'first byte s':>13} {'votes/s':>9} {'pairs/s':>9}"
          f" {'growth MiB':>11}")  # fmt: skip
    total, first, growth = (
        statistics.median(each[key] for each in measured)
        for key in ("total_s", "first_s", "growth_mib")
    )
    print(
        f"{'from votes to files':<34} {total:8.1f} {first:13.2f} {n_votes / total:9,.0f}"
        f" {n_rows / total:9,.0f} {growth:11.0f}"
    )


def measure_apart() -> dict[str, float]:
    """Measure one export in a fresh process, whose memory is its own."""
    command = [sys.executable, "-m", "benchmarks.exports", "--measure", "p"]
    answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(answer.stdout.splitlines()[-1]))


def measure_pairs(slug: str) -> dict[str, Any]:
    """Export a run's pairs as the site does, with the Parquet file along."""
    import django  # noqa: PLC0415  settings are named by now

    django.setup()
    # Models need Django set up.
    from annotate.services.exporting import (  # noqa: PLC0415
        ensure_file,
        export_dataset,
        path_of,
        votes_of,
    )

    recipe = votes_of(slug)
    before = peak_mib()
    begun = time.perf_counter()
    with first_byte(Path(os.environ["KURABE_HOME"]) / "datasets", ".parquet") as first:
        dataset = export_dataset(recipe, also=[".parquet"])
    total = time.perf_counter() - begun
    grown = peak_mib() - before
    size = path_of(ensure_file(dataset, "train", ".parquet")).stat().st_size
    return {
        "rows": dataset.n_pairs,
        "bytes": size,
        "total_s": total,
        "first_s": first() - begun,
        "growth_mib": grown,
    }


@contextmanager
def first_byte(folder: Path, ending: str) -> Iterator[Callable[[], float]]:
    """Note when a new file of this ending under a folder has more than Parquet's mark."""
    known = set(folder.rglob(f"*{ending}*"))
    seen: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not seen and not ended.wait(0.01):
            for file in set(folder.rglob(f"*{ending}*")) - known:
                with suppress(FileNotFoundError):
                    if file.stat().st_size > len(b"PAR1"):
                        seen.append(time.perf_counter())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield lambda: seen[0]
    finally:
        ended.set()
        thread.join()


if __name__ == "__main__":
    main()
