"""A large import of completions, beside a bare COPY of the same rows into a bare table.

    python -m benchmarks.imports [--rows 1000 100000 1000000] [--runs 3]

Completions of 800 characters, 20 candidates to a prompt, with prompts and candidates in the file,
into an embedded database of its own under a temporary folder (about 3 GB a million rows and run).
The import is what `manage.py import_completions` does: it reads the JSON, checks every row, makes
prompts and candidates, looks whether a text is there, reads it for its maker, and stores it under
all constraints. The bare COPY reads lines that are ready for it, into a table without any. Each
runs in a process of its own, the two in turn. Memory is how much higher that process came while it
worked.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import django
from django.db import connection

from benchmarks.importing import ROOT, Step, database, measure_apart, peak_mib
from benchmarks.importing_files import N_CANDIDATES, REPLY_CHARS, Texts

N_TEXTS = 5_000
BLOCK_BYTES = 64 * 1024
BARE = """
CREATE TABLE IF NOT EXISTS bare_completion (
    candidate_id bigint, prompt_id bigint, sample smallint, replies text[], finish_reason text,
    seed bigint, created_at timestamptz
)
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=3, help="of each line of the table")
    parser.add_argument("--bare", help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "annotate.settings"
    if options.bare:
        print(json.dumps(measure_bare(Path(options.bare))))
        return
    print(
        f"{'':<24} {'rows':>9} {'rows/s':>8} {'min':>8} {'max':>8} {'RSS growth':>11} {'ratio':>6}"
    )
    with tempfile.TemporaryDirectory(prefix="kurabe-bench-") as folder, database(Path(folder)):
        for n_rows in options.rows:
            imported, bare = measure(Path(folder), n_rows, options.runs)
            print_line("import of completions", n_rows, imported)
            print_line("bare COPY", n_rows, bare, slower=imported)


def measure(folder: Path, n_rows: int, n_runs: int) -> tuple[list[Any], list[Any]]:
    """Import and copy the same rows in turn; give what each run measured."""
    rows, ready = folder / "completions.jsonl", folder / "completions.copy"
    write_rows(rows, ready, n_rows)
    imported, bare = [], []
    for run in range(n_runs):
        step = Step("completions", [rows])
        imported.append(measure_apart(step, slug=f"run-{n_rows}-{run}"))
        bare.append(copy_apart(ready))
    return imported, bare


def write_rows(rows: Path, ready: Path, n_rows: int) -> None:
    """Write the completions as JSONL, and as lines that COPY takes."""
    texts = Texts(0)
    pool = [texts.of(REPLY_CHARS) for _ in range(N_TEXTS)]
    with rows.open("w", encoding="utf-8") as jsonl, ready.open("w", encoding="utf-8") as copy:
        for number in range(n_rows):
            prompt, candidate = divmod(number, N_CANDIDATES)
            start = f"{number} "  # no two texts are the same
            reply = start + pool[number % N_TEXTS][len(start) :]
            row = {
                "prompt": f"p{prompt}",
                "turns": [f"Question {prompt}?"],
                "candidate": f"model {candidate}",
                "model": f"org/model {candidate}",
                "sampling": {"temperature": 0.7},
                "reply": reply,
            }
            jsonl.write(json.dumps(row) + "\n")
            copy.write(f'{candidate}\t{prompt}\t0\t{{"{reply}"}}\t\t\\N\t2026-01-01T00:00:00Z\n')


def copy_apart(ready: Path) -> dict[str, float]:
    """Copy in a process of its own, which gives what it measured."""
    command = [sys.executable, "-m", "benchmarks.imports", "--bare", str(ready)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    measured: dict[str, float] = json.loads(ended.stdout)
    return measured


def measure_bare(ready: Path) -> dict[str, float]:
    """Copy the lines into a table without constraints, indexes and triggers."""
    django.setup()
    with connection.cursor() as cursor:
        cursor.execute(BARE)
        before_mib, start = peak_mib(), time.perf_counter()
        statement = "COPY bare_completion FROM STDIN"
        with ready.open("rb") as lines, cursor.copy(statement) as copy:
            while block := lines.read(BLOCK_BYTES):
                copy.write(block)
        rows = cursor.rowcount
    return {"rate": rows / (time.perf_counter() - start), "growth_mib": peak_mib() - before_mib}


def print_line(
    name: str, n_rows: int, measured: list[Any], *, slower: list[Any] | None = None
) -> None:
    """Print the median, slowest and fastest rate, the memory at the worst, and the median ratio."""
    rates = [each["rate"] for each in measured]
    ratio = ""
    if slower is not None:
        ratios = (
            each["rate"] / other["rate"] for each, other in zip(measured, slower, strict=True)
        )
        ratio = f"{statistics.median(ratios):.1f}"
    growth = max(each["growth_mib"] for each in measured)
    print(
        f"{name:<24} {n_rows:9,} {statistics.median(rates):8,.0f} {min(rates):8,.0f}"
        f" {max(rates):8,.0f} {growth:7.0f} MiB {ratio:>6}",
        flush=True,
    )


if __name__ == "__main__":
    main()
