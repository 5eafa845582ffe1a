"""100,000 completions planned and stored: seconds and memory, beside the bare rows in the database.

    python -m benchmarks.generation.planning [--completions 100000] [--candidates 10]

The database is an embedded one of its own. Each line of the table is measured in a process of its
own, on a run of its own. Completions are of about 600 characters. "by processes" is the whole way:
`generate_shard` for one shard after another, each with an engine process that answers as fast as it
can write (`benchmarks/generation/instant.py`). The floor is the same rows without any of that:
COPY, and Django's bulk_create. Memory is that of the Python process, without the database's: how
high it came, and how much of that in what is timed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
from django.db import connection

from benchmarks.generation.instant import answer
from benchmarks.importing import database, peak_mib

ROOT = Path(__file__).resolve().parents[2]
N_SAMPLES = 4
SEED = 7


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--completions", type=int, default=100_000)
    parser.add_argument("--candidates", type=int, default=10)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "annotate.settings"
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    with tempfile.TemporaryDirectory(prefix="kurabe-bench-") as folder, database(Path(folder)):
        os.environ["KURABE_PYTHON_TRANSFORMERS"] = write_engine(Path(folder))
        n_prompts = options.completions // (options.candidates * N_SAMPLES)
        for name in STEPS:
            # One shard of a single candidate holds all: nothing else holds as much in memory.
            n_candidates = 1 if name == "one" else options.candidates
            begin_run(name, n_prompts * options.candidates // n_candidates, n_candidates)
        print_table({name: measure_apart(name) for name in STEPS})


def write_engine(folder: Path) -> str:
    """Write what stands in for a Python with an engine's libraries."""
    program = folder / "instant-python"
    command = f'exec {sys.executable} "$1" "$2" benchmarks.generation.instant "$4"'
    program.write_text(f"#!/bin/sh\n{command}\n")
    program.chmod(0o755)
    return str(program)


def begin_run(slug: str, n_prompts: int, n_candidates: int) -> None:
    """Store a run with its prompts and candidates, and a first round without completions."""
    from annotate.models import Candidate, Prompt, PromptSet  # noqa: PLC0415  after Django
    from annotate.services import rounds  # noqa: PLC0415  as above

    prompt_set = PromptSet.objects.create(slug=slug)
    Prompt.objects.bulk_create(
        Prompt(prompt_set=prompt_set, key=f"p{n:06}", turns=[f"Question {n}?"], language="en")
        for n in range(n_prompts)
    )
    run = rounds.create_run(
        slug=slug, prompt_sets=[prompt_set], samples_per_prompt=N_SAMPLES, seed=SEED
    )
    candidates = [
        Candidate.objects.create(
            run=run,
            name=f"candidate {n}",
            model="org/model",
            engine=Candidate.Engine.TRANSFORMERS,
            prompt_format=Candidate.PromptFormat.CHAT_TEMPLATE,
            sampling={"temperature": n / 10, "max_tokens": 512},
        )
        for n in range(n_candidates)
    ]
    rounds.create_round(run=run, candidates=candidates)


@dataclass(frozen=True)
class Step:
    """A line of the table: what is done before the clock runs, and what while it does."""

    name: str
    prepare: Callable[[Any], Any]
    do: Callable[[Any], None]


def measure(name: str) -> dict[str, float]:
    """Time a step on the run of its name, and look at the memory."""
    django.setup()
    from annotate.models import Completion, Round  # noqa: PLC0415  as above

    round_ = Round.objects.get(run__slug=name)
    prepared = STEPS[name].prepare(round_)
    before_mib = peak_mib()
    start = time.perf_counter()
    STEPS[name].do(prepared)
    seconds = time.perf_counter() - start
    growth = {"peak_mib": peak_mib(), "growth_mib": peak_mib() - before_mib}
    return {"seconds": seconds, "rows": Completion.objects.of_run(round_.run).count(), **growth}


def plan(round_: Any) -> None:
    """Cut the round's work into shards, and queue them."""
    from annotate.services.generating import ask_for_completions  # noqa: PLC0415  as above

    ask_for_completions(round_=round_)


def planned(round_: Any) -> list[Any]:
    """Give the round's shards, planned."""
    plan(round_)
    return list(round_.shards.all())


def write_requests(shards: Iterable[Any]) -> None:
    """Find what each shard lacks, and write the requests of it."""
    from annotate.generation import jobs  # noqa: PLC0415  as above
    from annotate.services.shards import find_missing, make_requests  # noqa: PLC0415  as above

    with tempfile.TemporaryDirectory() as folder:
        for shard in shards:
            requests = make_requests(shard, find_missing(shard))
            jobs.write_requests(requests, Path(folder) / f"{shard.pk}.jsonl")


def generate(shards: Iterable[Any]) -> None:
    """Make every shard, by a process each."""
    from annotate.services.generating import generate_shard  # noqa: PLC0415  as above

    for shard in shards:
        generate_shard(shard=shard)


def bare_rows(round_: Any) -> list[Any]:
    """Make the rows that the round's completions would be."""
    from annotate.models import Completion  # noqa: PLC0415  as above
    from annotate.services.shards import find_missing, make_requests, read_key  # noqa: PLC0415

    def rows() -> Iterator[Completion]:
        for shard in planned(round_):
            for request in make_requests(shard, find_missing(shard)):
                made = answer(request.to_dict(), "transformers")
                prompt, sample = read_key(made.pop("key"))
                version = f"{made.pop('engine')} {made.pop('engine_version')}"
                yield Completion(
                    candidate_id=shard.candidate_id, prompt_id=prompt, sample=sample,
                    engine_version=version, sampling=shard.candidate.sampling, **made,
                )  # fmt: skip

    return list(rows())


def bulk_create(rows: Iterable[Any]) -> None:
    """Store the rows as Django does."""
    from annotate.models import Completion  # noqa: PLC0415  as above

    Completion.objects.bulk_create(rows, batch_size=1_000)


def copy(rows: Iterable[Any]) -> None:
    """Store the rows by COPY."""
    from django.utils import timezone  # noqa: PLC0415  as above

    from annotate.models import Completion  # noqa: PLC0415  as above
    from annotate.services.importing.tables import copy_rows  # noqa: PLC0415  as above

    names = ("candidate_id", "prompt_id", "sample", "replies", "finish_reason", "seed",
             "prompt_tokens", "completion_tokens", "engine_version", "seconds",
             "rendered_prompt_sha256", "names_maker")  # fmt: skip
    now = timezone.now()
    copied = (
        (*(getattr(row, name) for name in names), json.dumps(row.sampling), now) for row in rows
    )
    copy_rows(table=Completion, columns=(*names, "sampling", "created_at"), rows=copied)


STEPS = {
    "plan": Step("planned: shards and their jobs", lambda round_: round_, plan),
    "requests": Step("what is missing is found, requests written", planned, write_requests),
    "shards": Step("planned before, made by processes, stored", planned, generate),
    "one": Step("  the same as one shard of one candidate", planned, generate),
    "copy": Step("floor: the bare rows by COPY", bare_rows, copy),
    "bulk": Step("floor: the bare rows by bulk_create", bare_rows, bulk_create),
}


def measure_apart(name: str) -> dict[str, float]:
    """Measure a step in a process of its own, which gives what it measured."""
    command = [sys.executable, "-m", "benchmarks.generation.planning", "--measure", name]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    measured: dict[str, float] = json.loads(ended.stdout)
    return measured


def print_table(measured: dict[str, dict[str, float]]) -> None:
    """Print seconds, rows stored a second, and memory."""
    floor = measured["bulk"]["seconds"]
    print(f"{'':<46} {'s':>7} {'rows':>8} {'/ floor':>8} {'peak MiB':>9} {'growth':>7}")
    for name, each in measured.items():
        print(
            f"{STEPS[name].name:<46} {each['seconds']:7.2f} {each['rows']:8,.0f}"
            f" {each['seconds'] / floor:8.2f} {each['peak_mib']:9.0f} {each['growth_mib']:7.0f}"
        )


if __name__ == "__main__":
    main()
    connection.close()
