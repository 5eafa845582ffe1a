"""Comparisons and votes by the million, and what the site adds up of them, for `contents`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from django.db import connection, transaction
from numpy.typing import NDArray

from benchmarks.voting.sizes import Size

SPAN = timedelta(days=60)  # over which the votes came in
SPREAD_OF_STRENGTHS = 0.05
ACTIVITY_SPREAD = 1.0  # of the logarithm of how much an annotator votes
KIND_EVERY = 20  # comparisons of an annotator: one of these is known, one repeated
KNOWN_AT, REPEATED_AT, REPEATS_BACK = 14, 19, 10
OUTCOMES = np.array(["a", "b", "tie", "both_bad"])
RANKING, GOLD, REPEAT = range(3)
PURPOSES = np.array(["ranking", "gold", "repeat"])
BLOCK = 200_000
Ints = NDArray[np.int64]

TALLIES = """
INSERT INTO annotate_tally
  (round_id, language, annotator_id, candidate_a_id, candidate_b_id, outcome, votes)
SELECT c.round_id, p.language, c.annotator_id, c.candidate_a_id, c.candidate_b_id, v.outcome,
       count(*)
FROM annotate_vote v
JOIN annotate_comparison c ON c.id = v.comparison_id
JOIN annotate_prompt p ON p.id = c.prompt_id
WHERE c.purpose = 'ranking'
GROUP BY 1, 2, 3, 4, 5, 6
"""
MARKED = """
INSERT INTO annotate_tallymark (run_id, through)
SELECT id, (SELECT max(id) FROM annotate_vote) FROM annotate_selectionrun
"""
# One vote in fifty has a marked passage.
PASSAGES = """
INSERT INTO annotate_passagemark (vote_id, which, turn, start, "end", tag)
SELECT id, 'a', 1, 0, 6, 'unnatural' FROM annotate_vote WHERE id % 50 = 0
"""
INDEXES = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), c.conname,
       pg_get_constraintdef(c.oid)
FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'u'
WHERE i.indrelid = %s::regclass AND NOT i.indisprimary
  AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = i.indexrelid)
"""
FOREIGN_KEYS = """
SELECT c.conname, c.confrelid::regclass::text,
  (SELECT string_agg(format('own.%%I = other.%%I', a.attname, b.attname), ' AND ')
   FROM unnest(c.conkey, c.confkey) AS k (own, other)
   JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.own
   JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.other),
  (SELECT string_agg(format('own.%%I IS NOT NULL', a.attname), ' AND ')
   FROM unnest(c.conkey) AS k JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k)
FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid = %s::regclass
"""


def fill(
    runs: Sequence[Any], people: Sequence[Sequence[int]], size: Size, done: Callable[[str], None]
) -> None:
    """Fill comparisons, votes, marked passages and tallies; `done` is called after each step."""
    first_comparison = reserve("annotate_comparison", size.votes)
    first_vote = reserve("annotate_vote", size.votes)
    votes = _Votes.gather(
        [draw(filled, people[n], size.votes_per_run, n) for n, filled in enumerate(runs)],
        first_comparison,
    )
    tables = ("annotate_comparison", "annotate_vote", "annotate_passagemark", "annotate_tally")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL maintenance_work_mem = '1GB'")
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute("SET LOCAL timezone = 'UTC'")
        again = [statement for table in tables for statement in _drop_indexes(cursor, table)]
        _copy(cursor, "annotate_comparison", votes.comparisons)
        done(f"{size.votes:,} comparisons")
        _copy(cursor, "annotate_vote", lambda rows: votes.votes(rows, first_vote))
        done(f"{size.votes:,} votes")
        for statement in (PASSAGES, TALLIES, MARKED):
            cursor.execute(statement)
        done("marked passages and tallies")
        for statement in again:
            cursor.execute(statement)
        done("indexes")
        for table in tables[:2]:
            check_foreign_keys(cursor, table)
        done("foreign keys checked")


def reserve(table: str, n: int) -> int:
    """Draw `n` numbers of a table's sequence, and give the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
        (sequence,) = cursor.fetchone()
        cursor.execute("SELECT nextval(%s)", [sequence])
        (first,) = cursor.fetchone()
        cursor.execute("SELECT setval(%s, %s)", [sequence, first + n])
    return int(first)


def check_foreign_keys(cursor: Any, table: str) -> None:
    """Look for rows that point at nothing: no trigger has looked when they came.

    Raises:
        ValueError: there are some.
    """
    cursor.execute(FOREIGN_KEYS, [table])
    for name, other, equal, filled in cursor.fetchall():
        cursor.execute(
            f"SELECT count(*) FROM {table} own WHERE {filled}"
            f" AND NOT EXISTS (SELECT FROM {other} other WHERE {equal})"
        )
        (n_wrong,) = cursor.fetchone()
        if n_wrong:
            raise ValueError(f"{n_wrong} rows of {table} break {name}")


def _drop_indexes(cursor: Any, table: str) -> list[str]:
    """Drop what slows a COPY down; give the statements that make it again."""
    cursor.execute(INDEXES, [table])
    again = []
    for index, definition, constraint, told in cursor.fetchall():
        if constraint is None:
            cursor.execute(f"DROP INDEX {index}")
            again.append(definition)
        else:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{constraint}"')
            again.append(f'ALTER TABLE {table} ADD CONSTRAINT "{constraint}" {told}')
    return again


def draw(filled: Any, people: Sequence[int], n: int, seed: int) -> dict[str, Ints]:
    """Draw a run's comparisons, as columns of ids and codes in the order of their times.

    No pair of completions comes twice but to repeat it; `repeats` is the place of the earlier one,
    -1 where there is none.
    """
    rng = np.random.default_rng([seed, n])
    n_candidates, n_prompts = len(filled.candidates), len(filled.prompts)
    activity = rng.lognormal(0, ACTIVITY_SPREAD, len(people))
    who = rng.choice(len(people), n, p=activity / activity.sum())
    order = np.argsort(who, kind="stable")
    begins = np.searchsorted(who[order], np.arange(len(people)))
    nth = np.empty(n, np.int64)
    nth[order] = np.arange(n) - begins[who[order]]
    kind = np.full(n, RANKING)
    n_known = nth // KIND_EVERY
    kind[(nth % KIND_EVERY == KNOWN_AT) & (n_known < len(filled.gold))] = GOLD
    kind[nth % KIND_EVERY == REPEATED_AT] = REPEAT
    is_known, is_repeat = kind == GOLD, kind == REPEAT

    first, second = np.triu_indices(n_candidates, 1)
    drawn = rng.permutation(len(first) * n_prompts)[:n]
    pair, prompt = drawn // n_prompts, drawn % n_prompts
    strengths = rng.normal(0, SPREAD_OF_STRENGTHS, n_candidates)
    a, b = first[pair], second[pair]
    wins = rng.random(n) < 1 / (1 + np.exp(strengths[b] - strengths[a]))
    outcome = np.where(wins, 0, 1)
    draws = rng.random(n)
    outcome[draws < 0.2] = 2
    outcome[draws < 0.05] = 3
    side = rng.integers(2, size=n)
    candidates, prompts = np.array(filled.candidates), np.array([p.pk for p in filled.prompts])
    base = filled.first_completion + prompt * n_candidates
    columns = {
        "annotator": np.array(people)[who], "prompt": prompts[prompt],
        "candidate_a": candidates[a], "candidate_b": candidates[b],
        "completion_a": base + a, "completion_b": base + b,
        "kind": kind, "side": side, "outcome": outcome,
        "gold": np.zeros(n, np.int64), "repeats": np.full(n, -1),
    }  # fmt: skip
    columns["round"] = np.full(n, filled.round.pk)
    columns["per_pair"] = np.full(n, len(first))

    known = n_known[is_known]
    at = filled.first_completion + n_prompts * n_candidates + 2 * known
    columns["prompt"][is_known] = np.array([p.pk for p in filled.gold_prompts])[known]
    columns["candidate_a"][is_known], columns["candidate_b"][is_known] = filled.written
    columns["completion_a"][is_known], columns["completion_b"][is_known] = at, at + 1
    columns["gold"][is_known] = np.array(filled.gold)[known]
    columns["outcome"][is_known] = np.where(rng.random(len(known)) < 0.85, 0, 1)

    (repeated,) = np.nonzero(is_repeat)
    earlier = order[begins[who[repeated]] + nth[repeated] - REPEATS_BACK]
    for name in ("prompt", "candidate_a", "candidate_b", "completion_a", "completion_b"):
        columns[name][repeated] = columns[name][earlier]
    columns["side"][repeated] = 1 - columns["side"][earlier]
    agrees = rng.random(len(repeated)) < 0.8
    columns["outcome"][repeated[agrees]] = columns["outcome"][earlier[agrees]]
    columns["repeats"][repeated] = earlier
    return columns


@dataclass(frozen=True)
class _Votes:
    """All runs' comparisons by their times, in which the runs take turns."""

    columns: dict[str, Ints]
    first: int
    begun: datetime

    @classmethod
    def gather(cls, drawn: Sequence[dict[str, Ints]], first: int) -> "_Votes":
        """Join the runs; comparison `place` of run r has id `first` + place * runs + r."""
        n_runs = len(drawn)
        columns = {
            name: np.stack([each[name] for each in drawn], axis=1).ravel() for name in drawn[0]
        }
        run = np.tile(np.arange(n_runs), len(drawn[0]["kind"]))
        repeats = columns["repeats"]
        columns["repeats"] = np.where(repeats < 0, 0, first + repeats * n_runs + run)
        return cls(columns, first, datetime.now(UTC) - SPAN)

    def comparisons(self, rows: slice) -> dict[str, Any]:
        """Give rows of the table, by column."""
        part = {name: column[rows] for name, column in self.columns.items()}
        n = len(part["kind"])
        answered = self._times(rows)
        is_ranking = part["kind"] == RANKING
        return {
            "id": self.first + np.arange(rows.start, rows.start + n),
            "token": _tokens(n, rows.start),
            **{
                f"{name}_id": part[name]
                for name in ("round", "annotator", "prompt", "candidate_a", "candidate_b",
                             "completion_a", "completion_b")
            },
            "side_a": np.where(part["side"] == 0, "left", "right"),
            "purpose": PURPOSES[part["kind"]],
            "gold_id": pa.array(part["gold"], mask=part["kind"] != GOLD),
            "repeats_id": pa.array(part["repeats"], mask=part["kind"] != REPEAT),
            "propensity": pa.array(1 / part["per_pair"], mask=~is_ranking),
            "created_at": answered - np.timedelta64(40, "s"),
            "shown_at": answered - np.timedelta64(20, "s"),
            "lease_expires_at": answered + np.timedelta64(1780, "s"),
            "answered_at": answered,
        }  # fmt: skip

    def votes(self, rows: slice, first_vote: int) -> dict[str, Any]:
        """Give the votes on those rows, by column."""
        outcome = self.columns["outcome"][rows]
        places = np.arange(rows.start, rows.start + len(outcome))
        return {
            "id": first_vote + places,
            "comparison_id": self.first + places,
            "turn": np.zeros(len(outcome), np.int64),
            "outcome": OUTCOMES[outcome],
            "created_at": self._times(rows),
        }

    @property
    def n(self) -> int:
        """Count the rows."""
        return len(self.columns["kind"])

    def _times(self, rows: slice) -> NDArray[np.datetime64]:
        begun = np.datetime64(self.begun.replace(tzinfo=None), "us")
        step_us = (SPAN - timedelta(hours=1)) / timedelta(microseconds=1) / self.n
        places = np.arange(rows.start, min(rows.stop, self.n))
        return begun + (places * step_us).astype("timedelta64[us]")


def _tokens(n: int, seed: int) -> NDArray[np.bytes_]:
    """Draw UUIDs of version 4."""
    drawn = np.frombuffer(np.random.default_rng([4, seed]).bytes(16 * n), np.uint8).reshape(n, 16)
    drawn = drawn.copy()
    drawn[:, 6] = drawn[:, 6] & 0x0F | 0x40
    drawn[:, 8] = drawn[:, 8] & 0x3F | 0x80
    return np.frombuffer(drawn.tobytes().hex().encode(), dtype="S32")


def _copy(cursor: Any, table: str, give: Callable[[slice], dict[str, Any]]) -> None:
    """Send rows as CSV, block by block, until a block is empty."""
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    named = ", ".join(give(slice(0, 1)))
    with cursor.copy(f"COPY {table} ({named}) FROM STDIN (FORMAT csv)") as copy:
        at = 0
        while True:
            columns = give(slice(at, at + BLOCK))
            rows = pa.table({name: _plain(column) for name, column in columns.items()})
            if not len(rows):
                return
            sink = pa.BufferOutputStream()
            pyarrow.csv.write_csv(rows, sink, options)
            copy.write(sink.getvalue().to_pybytes())
            at += len(rows)


def _plain(column: Any) -> Any:
    """Give text where numpy has bytes of a fixed width."""
    return (
        column.astype(str)
        if getattr(column, "dtype", None) and column.dtype.kind == "S"
        else column
    )
