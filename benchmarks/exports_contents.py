"""A run with many votes, put straight into the tables, for benchmarks/exports.py."""

import random
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection
from django.utils import timezone

from annotate.models import (
    Annotator,
    Candidate,
    Comparison,
    Completion,
    Prompt,
    PromptSet,
    SelectionRun,
    Vote,
)
from benchmarks.importing_files import Texts

N_CANDIDATES = 20
PROMPT_CHARS = 200
REPLY_CHARS = 800
N_ANNOTATORS = 1_000
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
OUTCOMES = ("a", "b", "tie", "both_bad")
SHARES = (0.4, 0.4, 0.1, 0.1)


@dataclass(frozen=True)
class Ids:
    """What votes are made of, by id."""

    run: int
    round: int
    prompts: Sequence[int]
    candidates: Sequence[int]
    annotators: Sequence[int]
    completions: dict[tuple[int, int], int]


def make_run(*, slug: str, n_prompts: int, n_votes: int, seed: int = 0) -> SelectionRun:
    """Fill a run: 20 candidates answer each prompt, and votes fall on pairs drawn evenly.

    A prompt has 200 characters and a reply 800; 1,000 people vote, eight times in ten for a side.
    """
    run = SelectionRun.objects.create(slug=slug, state="voting")
    prompt_set = PromptSet.objects.create(slug=slug)
    run.prompt_sets.add(prompt_set)
    ids = _make_texts(run, prompt_set, n_prompts, seed)
    with connection.cursor() as cursor:
        # Foreign keys hold by construction, and checking a million takes minutes.
        cursor.execute("SET session_replication_role = replica")
        _copy_votes(ids, n_votes, seed)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ANALYZE")
    return run


def _make_texts(run: SelectionRun, prompt_set: PromptSet, n_prompts: int, seed: int) -> Ids:
    texts = Texts(seed)
    candidates = Candidate.objects.bulk_create(
        Candidate(run=run, name=f"model {number}", licence="apache-2.0")
        for number in range(N_CANDIDATES)
    )
    opened = run.rounds.create(number=1, opened_at=timezone.now())
    opened.candidates.set(candidates)
    annotators = Annotator.objects.bulk_create(
        Annotator(kind="person", name=f"annotator {number}", source=run.slug)
        for number in range(N_ANNOTATORS)
    )
    prompts = Prompt.objects.bulk_create(
        (
            Prompt(prompt_set=prompt_set, key=f"p{number}", turns=[texts.of(PROMPT_CHARS)],
                   language="en")
            for number in range(n_prompts)
        ),
        batch_size=1_000,
    )  # fmt: skip
    pairs = [(prompt.pk, candidate.pk) for prompt in prompts for candidate in candidates]
    _copy(
        Completion,
        ("prompt_id", "candidate_id", "sample", "replies", "finish_reason", "engine_version",
         "rendered_prompt_sha256", "created_at"),
        ((prompt, candidate, 0, [texts.of(REPLY_CHARS)], "stop", "", "", FIRST)
         for prompt, candidate in pairs),
    )  # fmt: skip
    made = Completion.objects.of_run(run).values_list("prompt_id", "candidate_id", "pk")
    return Ids(
        run=run.pk,
        round=opened.pk,
        prompts=[prompt.pk for prompt in prompts],
        candidates=[candidate.pk for candidate in candidates],
        annotators=[annotator.pk for annotator in annotators],
        completions={(prompt, candidate): pk for prompt, candidate, pk in made},
    )


def _copy_votes(ids: Ids, n_votes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = random.Random(f"{seed} of {ids.run}")  # no two runs have a token in common
    first = _reserve(Comparison, n_votes)
    number = _reserve(Vote, n_votes)
    prompts = rng.choice(ids.prompts, n_votes).tolist()
    annotators = rng.choice(ids.annotators, n_votes).tolist()
    outcomes = rng.choice(OUTCOMES, n_votes, p=SHARES).tolist()
    a = rng.integers(N_CANDIDATES, size=n_votes)
    b = (a + rng.integers(1, N_CANDIDATES, size=n_votes)) % N_CANDIDATES
    pairs = np.sort(np.stack([a, b], axis=1), axis=1).tolist()

    def comparisons() -> Iterator[tuple[Any, ...]]:
        for at, (low, high) in enumerate(pairs):
            prompt = prompts[at]
            sides = [ids.candidates[low], ids.candidates[high]]
            yield (
                first + at, uuid.UUID(int=drawn.getrandbits(128), version=4), ids.round,
                annotators[at], prompt, *sides, *(ids.completions[prompt, each] for each in sides),
                drawn.choice(("left", "right")), FIRST, FIRST, FIRST,
            )  # fmt: skip

    _copy(
        Comparison,
        ("id", "token", "round_id", "annotator_id", "prompt_id", "candidate_a_id", "candidate_b_id",
         "completion_a_id", "completion_b_id", "side_a", "created_at", "lease_expires_at",
         "answered_at"),
        comparisons(),
    )  # fmt: skip
    _copy(
        Vote,
        ("id", "comparison_id", "turn", "outcome", "created_at"),
        ((number + at, first + at, 0, outcomes[at], FIRST + timedelta(seconds=at))
         for at in range(n_votes)),
    )  # fmt: skip


def _reserve(model: Any, n: int) -> int:
    """Draw `n` numbers of a table's sequence, and give the first."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
        (sequence,) = cursor.fetchone()
        cursor.execute("SELECT nextval(%s)", [sequence])
        (first,) = cursor.fetchone()
        cursor.execute("SELECT setval(%s, %s)", [sequence, first + n])
    return int(first)


def _copy(model: Any, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    named = ", ".join(f'"{column}"' for column in columns)
    statement = f'COPY "{model._meta.db_table}" ({named}) FROM STDIN'
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
