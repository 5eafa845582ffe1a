"""An import keeps all or nothing: dry runs, faults that are gathered, and a kill in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from annotate.formats import Faults, FormatError, StopAtFirst
from annotate.models import (
    Annotator,
    Candidate,
    Completion,
    PreferencePair,
    PreferenceSet,
    Prompt,
    PromptSet,
    Round,
    SelectionRun,
    Vote,
)
from annotate.services import errors
from annotate.services.importing import (
    Counts,
    import_battles,
    import_completions,
    import_preferences,
    import_prompts,
    import_votes,
)
from annotate.services.importing.batches import BATCH_SIZE, Batches
from tests.conftest import ROOT
from tests.services.apart import connection_info, environment_apart
from tests.services.rows import (
    battle_row,
    completion_row,
    preference_row,
    prompt_row,
    vote_row,
)

pytestmark = pytest.mark.django_db

TABLES = (Annotator, Candidate, Completion, PreferencePair, PreferenceSet, Prompt, PromptSet,
          Round, SelectionRun, Vote)  # fmt: skip
GRID = [prompt_row("p1"), completion_row("p1", "x"), completion_row("p1", "y")]


def stored() -> list[int]:
    return [table.objects.count() for table in TABLES]


IMPORTS: dict[str, Callable[..., Any]] = {
    "prompts": lambda **told: import_prompts(rows=[prompt_row("p9")], set_slug="new", **told),
    "completions": lambda **told: import_completions(
        rows=[prompt_row("p9"), completion_row("p9", "z")], run_slug="new", set_slug="new", **told
    ),
    "votes": lambda **told: import_votes(
        rows=[vote_row(annotator="new")], run=SelectionRun.objects.get(slug="r"), **told
    ),
    "battles": lambda **told: import_battles(
        rows=[battle_row()], run_slug="new", set_slug="new", **told
    ),
    "preferences": lambda **told: import_preferences(
        rows=[preference_row()], set_slug="new", **told
    ),
}


@pytest.mark.parametrize("kind", IMPORTS)
def test_dry_run_counts_as_the_import_does_and_keeps_nothing(kind: str) -> None:
    import_completions(rows=GRID, run_slug="r", set_slug="r")
    before = stored()
    counted = IMPORTS[kind](dry_run=True)
    assert stored() == before
    assert IMPORTS[kind]() == counted
    assert stored() != before
    again = IMPORTS[kind](dry_run=True)
    assert again != counted


def test_gathered_faults_of_completions_are_all_that_are_wrong() -> None:
    import_completions(rows=GRID, run_slug="r", set_slug="r")
    before = stored()
    faults = Faults()
    rows = [
        completion_row("p1", "x", "違う返事。", line=1),
        completion_row("p9", "x", line=2),
        completion_row("p1", "y", line=3),
        completion_row("p1", "new", line=4),
        completion_row("p1", "y", "1", "2", sample=1, line=5),
        completion_row("p1", "y", sample=2, of={"model": "org/y"}, line=6),
        completion_row("p1", "y", sample=3, of={"model": "org/y"}, line=7),
        prompt_row("p1", "別の質問？", line=8),
    ]
    with pytest.raises(errors.FaultsFound) as found:
        import_completions(rows=rows, run_slug="r", set_slug="r", faults=faults)
    told = [(fault.line, fault.field, fault.value) for fault in faults.kept]
    assert sorted(told, key=lambda each: each[0]) == [
        (1, "replies", ["違う返事。"]),
        (2, "prompt", "p9"),
        (5, "replies", ["1", "2"]),
        (6, "model", "org/y"),
        (8, "turns", ["別の質問？"]),
    ]
    assert all(fault.expected for fault in faults.kept)
    counts = found.value.counts
    assert counts.prompts == Counts(conflict=1)
    assert counts.candidates == Counts(new=1, equal=2, conflict=1)
    assert counts.completions == Counts(new=2, equal=1, conflict=1)
    assert str(counts.completions) == "2 new, 1 there already, 1 in conflict"
    assert stored() == before


def test_gathered_faults_of_votes_are_all_that_are_wrong() -> None:
    import_completions(rows=GRID, run_slug="r", set_slug="r")
    run = SelectionRun.objects.get()
    import_votes(rows=[vote_row()], run=run)
    before = stored()
    faults = Faults()
    rows = [
        vote_row(outcome="b", line=1),
        vote_row("x", "z", line=2),
        vote_row(line=3),
        vote_row(annotator="neu", line=4),
        vote_row(id="judge's", annotator_kind="judge", line=5),
    ]
    with pytest.raises(errors.FaultsFound) as found:
        import_votes(rows=rows, run=run, faults=faults)
    assert {fault.line: fault.field for fault in faults.kept} == {
        1: "outcome",
        2: "candidate_b",
        5: "annotator_kind",
    }
    assert found.value.counts == Counts(new=1, equal=1, conflict=2)
    assert stored() == before


def test_gathered_faults_of_a_reader_keep_the_import_from_being_kept() -> None:
    faults = Faults()

    def rows() -> Iterator[Any]:
        yield prompt_row("p1")
        faults.tell(FormatError("f", 2, "key", 7, "a name"))
        yield prompt_row("p3")

    with pytest.raises(
        errors.FaultsFound, match="1 fault, so nothing was kept: f, line 2"
    ) as found:
        import_prompts(rows=rows(), set_slug="s", faults=faults)
    assert found.value.counts == Counts(new=2)
    assert not PromptSet.objects.exists()


def test_a_stopping_collector_of_ones_own_refuses_the_first() -> None:
    rows = [prompt_row("p1", "One?"), prompt_row("p1", "Another?", line=9)]
    with pytest.raises(errors.ImportRefused, match="line 9") as refused:
        import_prompts(rows=rows, set_slug="s", faults=StopAtFirst())
    assert not isinstance(refused.value, errors.FaultsFound)


def test_faults_beyond_those_that_are_kept_are_counted() -> None:
    import_prompts(rows=[prompt_row("p1")], set_slug="s")
    faults = Faults(limit=2)
    rows = [prompt_row("p1", f"Other {n}?") for n in range(BATCH_SIZE + 5)]
    with pytest.raises(errors.FaultsFound, match=f"{BATCH_SIZE + 5} faults") as found:
        import_prompts(rows=rows, set_slug="s", faults=faults)
    assert found.value.counts == Counts(conflict=BATCH_SIZE + 5)
    assert len(faults.kept) == 2


@pytest.mark.parametrize("n_ahead", [0, 1, BATCH_SIZE - 1, BATCH_SIZE, 3 * BATCH_SIZE])
def test_batches_give_each_row_once_and_in_order_however_many_are_read_ahead(n_ahead: int) -> None:
    rows = list(range(2 * BATCH_SIZE + 3))
    batches = Batches(rows)
    given = []
    for batch in batches:
        assert 0 < len(batch) <= BATCH_SIZE
        given += batch
        for _ in range(n_ahead):
            batches.read_ahead()
    assert given == rows


def test_a_fault_while_reading_ahead_comes_after_the_batch_before() -> None:
    """What is wrong in a later row does not hide what is wrong in an earlier one."""
    import_completions(rows=GRID, run_slug="r", set_slug="r")

    def rows() -> Iterator[Any]:
        for sample in range(1, BATCH_SIZE):
            yield completion_row("p1", "x", sample=sample)
        yield completion_row("p1", "y", "Changed.", line=77)
        raise FormatError("f", 2001, "key", 7, "a name")

    with pytest.raises(errors.ImportRefused, match="line 77"):
        import_completions(rows=rows(), run_slug="r", set_slug="r")


@pytest.mark.django_db(transaction=True)
def test_import_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    """Killed with rows already in the server's hands, over a pipe that never ends."""
    pipe = tmp_path / "completions.jsonl"
    os.mkfifo(pipe)
    program = (
        "import django; django.setup()\n"
        "from annotate.formats import read_completions\n"
        "from annotate.services.importing import import_completions\n"
        f"rows = read_completions([{str(pipe)!r}], format='jsonl')\n"
        "import_completions(rows=rows, run_slug='r', set_slug='s')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environment_apart())
    try:
        with pipe.open("w", encoding="utf-8") as stream:
            for n in range(3 * BATCH_SIZE):
                row = {"prompt": f"p{n}", "candidate": "x", "reply": "返事", "turns": ["質問"]}
                stream.write(json.dumps(row) + "\n")
            stream.flush()
            _wait_for_rows_in_a_transaction(connection_info())
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)
    finally:
        process.kill()
    assert not SelectionRun.objects.exists()
    assert not Completion.objects.exists()
    assert import_completions(rows=GRID, run_slug="r", set_slug="s").completions == Counts(new=2)


def _wait_for_rows_in_a_transaction(info: psycopg.ConnectionInfo) -> None:
    """Wait until another connection has rows of completions that it has not committed."""
    deadline = time.monotonic() + 60
    with psycopg.connect(info.dsn, autocommit=True) as other:
        while time.monotonic() < deadline:
            found = other.execute(
                "SELECT pg_relation_size('annotate_completion') > 0 AND EXISTS (SELECT FROM"
                " pg_locks WHERE relation = 'annotate_completion'::regclass"
                " AND mode = 'RowExclusiveLock' AND pid <> pg_backend_pid())"
            ).fetchone()
            if found == (True,):
                return
            time.sleep(0.05)
    raise AssertionError("the import stored nothing within a minute")
