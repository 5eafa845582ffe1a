"""Seconds, bytes and memory of backups and restores: python -m benchmarks.backups [--votes N ...].

Each number of votes is written into a database of its own under a temporary folder, backed up,
checked, and restored into another folder, by the commands. Memory is the highest of the command's
Python process; pg_dump and pg_restore are beside it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILL = """
import sys, django
django.setup()
from django.db import connection
from benchmarks.filling import fill_with_votes
cursor = connection.cursor()
cursor.execute("TRUNCATE annotate_selectionrun, annotate_promptset, annotate_annotator CASCADE")
fill_with_votes(int(sys.argv[1]))
cursor.execute("SELECT pg_database_size(current_database())")
print(cursor.fetchone()[0])
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--votes", type=int, nargs="+", default=[100_000, 1_000_000])
    numbers = parser.parse_args().votes
    with tempfile.TemporaryDirectory(prefix="kb-") as name:
        folder = Path(name)
        run(folder / "home", "manage.py", "migrate", "--verbosity", "0")
        columns = "votes", "database, MiB", "archive, MiB", "backup, s", "check, s", "restore, s"
        print("|", " | ".join([*columns, "memory, MiB"]), "|")
        print("|", " | ".join(["---:"] * 7), "|", flush=True)
        for n_votes in numbers:
            n_bytes = int(run(folder / "home", "-c", FILL, str(n_votes))[0])
            archive = folder / f"{n_votes}.zip"
            _told, backup_s, memory = run(folder / "home", "manage.py", "backup", str(archive))
            check = run(folder / "home", "manage.py", "restore", "--check", str(archive))
            there = folder / f"restored-{n_votes}"
            _told, restore_s, memory_there = run(there, "manage.py", "restore", str(archive))
            print(
                f"| {n_votes:,} | {n_bytes / 2**20:,.0f} | {archive.stat().st_size / 2**20:,.1f}"
                f" | {backup_s:.1f} | {check[1]:.1f} | {restore_s:.1f}"
                f" | {max(memory, memory_there):.0f} |",
                flush=True,
            )


def run(home: Path, *words: str) -> tuple[str, float, float]:
    """Run Python in a home; return what it said, its seconds, and its highest memory in MiB."""
    settings = {"KURABE_HOME": str(home), "DJANGO_SETTINGS_MODULE": "annotate.settings"}
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", *words],
            cwd=ROOT,
            env=os.environ | settings,
            stdout=said,
        )
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(words)} ended with status {process.returncode}")
        return said.read(), time.monotonic() - begun, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
