"""Rows per second and memory of importing each format, into an embedded database of its own.

    python -m benchmarks.importing [--rows 20000] [--runs 3]

Files are made up; the real ones of `$KURABE_REAL_DATA` (by default `../shared/data`, seen from the
repository) are measured too where they are. Each import runs in a process of its own, into a run of
its own, and the formats take turns. Its time is that of `manage.py import_...` from when Django has
started; its rows are the prompts, completions or votes that it is for. Memory is that of the Python
process: how high it came, and how much of that while it imported.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command
from django.db import connection

from benchmarks.importing_files import write_files

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Step:
    """Files to import as prompts, completions or votes."""

    kind: str
    files: list[Path]


@dataclass
class Case:
    """One line of the table: an import, what must be there before it, and what each run gave."""

    name: str
    step: Step
    needs: list[Step] = field(default_factory=list)
    measured: list[dict[str, float]] = field(default_factory=list)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000, help="in each file that is made up")
    parser.add_argument("--runs", type=int, default=3, help="of each line of the table")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "annotate.settings"
    if options.measure:
        print(json.dumps(measure(**json.loads(options.measure))))
        return
    with tempfile.TemporaryDirectory(prefix="kurabe-bench-") as folder, database(Path(folder)):
        files = Path(folder) / "files"
        files.mkdir()
        write_files(files, rows=options.rows)
        cases = [*made_up_cases(files), *real_cases()]
        for run in range(options.runs):
            for number, case in enumerate(cases):
                for step in case.needs:
                    measure_apart(step, slug=f"case-{number}-{run}")
                case.measured.append(measure_apart(case.step, slug=f"case-{number}-{run}"))
        print_table(cases)


@contextmanager
def database(folder: Path) -> Iterator[None]:
    """Start a server under the folder, make Kurabe's tables, and stop it when the block ends."""
    os.environ["KURABE_HOME"] = str(folder / "home")
    os.environ.pop("DATABASE_URL", None)
    django.setup()
    call_command("migrate", verbosity=0)
    try:
        yield
    finally:
        from annotate.postgres import server  # noqa: PLC0415  settings are read above

        connection.close()
        server.stop(folder / "home" / "postgres")


def made_up_cases(files: Path) -> list[Case]:
    """Give a case for each format, on the files of `write_files`."""
    prompts = Step("prompts", [files / "prompts.jsonl"])
    completions = Step("completions", [files / "completions.jsonl"])
    crowd = Step("completions", [files / "llmfao" / "results.jsonl"])
    grid = Step("completions", sorted((files / "shisa").iterdir()))
    answers = Step("completions", sorted((files / "mtbench" / "model_answer").iterdir()))
    both = [prompts, completions]
    return [
        Case("jsonl prompts", prompts),
        Case("jsonl completions", completions, [prompts]),
        Case("  the same again", completions, both),
        Case("shisa completions", grid),
        Case("mtbench completions, two turns", answers),
        Case("llmfao completions", crowd),
        Case("jsonl votes", Step("votes", [files / "votes.jsonl"]), both),
        Case("  the same as csv", Step("votes", [files / "votes.csv"]), both),
        Case("llmfao votes", Step("votes", [files / "llmfao" / "crowd-comparisons.csv"]), [crowd]),
    ]


def real_cases() -> list[Case]:
    """Give a case for each real file that is there."""
    folder = Path(os.environ.get("KURABE_REAL_DATA") or ROOT.parent / "shared" / "data")
    grid = Step("completions", sorted((folder / "shisa" / "generations").glob("*.json.gz")))
    crowd = Step("completions", [folder / "llmfao" / "results.jsonl"])
    votes = Step("votes", [folder / "llmfao" / "crowd-comparisons.csv"])
    cases = [
        Case("shisa, the real grid", grid),
        Case("llmfao, the real completions", crowd),
        Case("llmfao, the real votes", votes, [crowd]),
    ]
    return [case for case in cases if any(map(Path.exists, case.step.files))]


def measure_apart(step: Step, *, slug: str) -> dict[str, float]:
    """Import in a process of its own, which gives what it measured."""
    told = {"kind": step.kind, "files": list(map(str, step.files)), "slug": slug}
    command = [sys.executable, "-m", "benchmarks.importing", "--measure", json.dumps(told)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    measured: dict[str, float] = json.loads(ended.stdout)
    return measured


def measure(*, kind: str, files: list[str], slug: str) -> dict[str, float]:
    """Import files into a run and set of this name; time it, and look at the memory."""
    django.setup()
    connection.ensure_connection()
    before_mib = peak_mib()
    start = time.perf_counter()
    rows = import_files(kind, files, slug)
    seconds = time.perf_counter() - start
    return {
        "rows": rows,
        "rate": rows / seconds,
        "peak_mib": peak_mib(),
        "growth_mib": peak_mib() - before_mib,
    }


def import_files(kind: str, files: list[str], slug: str) -> int:
    """Import as the command of this kind does, and count the rows."""
    # Models can be imported only when Django has started.
    from annotate import formats  # noqa: PLC0415
    from annotate.models import SelectionRun  # noqa: PLC0415
    from annotate.services import importing  # noqa: PLC0415

    named: Any = formats.guess_format(files[0], kind)  # type: ignore[arg-type]
    if kind == "prompts":
        prompts = formats.read_prompts(files[0], format=named)
        counts = importing.import_prompts(rows=prompts, set_slug=slug)
    elif kind == "completions":
        completions = formats.read_completions(files, format=named)
        counts = importing.import_completions(
            rows=completions, run_slug=slug, set_slug=slug
        ).completions
    else:
        votes = formats.read_votes(files[0], format=named)
        counts = importing.import_votes(rows=votes, run=SelectionRun.objects.get(slug=slug))
    return counts.new + counts.equal


def peak_mib() -> float:
    """Give the most memory that this process has had, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux counts the parent's memory into ru_maxrss
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def print_table(cases: list[Case]) -> None:
    """Print median, slowest and fastest rate of each case, and its memory at the worst."""
    print(f"{'':<32} {'rows':>7} {'rows/s':>8} {'min':>8} {'max':>8} {'peak MiB':>9} {'growth':>7}")
    for case in cases:
        rates = [each["rate"] for each in case.measured]
        print(
            f"{case.name:<32} {case.measured[0]['rows']:7,.0f} {statistics.median(rates):8,.0f}"
            f" {min(rates):8,.0f} {max(rates):8,.0f}"
            f" {max(each['peak_mib'] for each in case.measured):9.0f}"
            f" {max(each['growth_mib'] for each in case.measured):7.0f}"
        )


if __name__ == "__main__":
    main()
