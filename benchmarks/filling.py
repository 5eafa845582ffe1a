"""Fill a database with votes, whatever schema it has since the first migration."""

from typing import Any

from django.db import connection

N_CANDIDATES, N_PROMPTS = 10, 1_000
_PAIRS = N_CANDIDATES * (N_CANDIDATES - 1) // 2
# What stands in a column that must hold something and that no row below names.
_PLAIN = {
    "ARRAY": "'{}'", "bigint": "0", "boolean": "false", "character varying": "''",
    "double precision": "0", "integer": "0", "jsonb": "'{}'", "smallint": "0", "text": "''",
    "timestamp with time zone": "now()", "uuid": "gen_random_uuid()",
}  # fmt: skip
_COLUMNS = """
SELECT column_name, data_type FROM information_schema.columns
WHERE table_name = %s AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'
"""
_REPLY = "'Reply ' || c || ' to prompt ' || p || repeat(' with some words', (c * p) % 40)"


def fill_with_votes(n_votes: int) -> None:
    """Write one run of 10 candidates and 1,000 prompts, with a vote on each of so many comparisons.

    Rows are written with triggers and foreign keys asleep, in numbers that satisfy them.
    """
    n_annotators = n_votes // (_PAIRS * N_PROMPTS) + 1
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        insert = _Inserter(cursor)
        insert("promptset", "generate_series(1, 1) AS n", id="n", slug="'set'")
        insert(
            "prompt", f"generate_series(1, {N_PROMPTS}) AS n", id="n", prompt_set_id="1",
            key="'p' || n", turns="ARRAY['Question ' || n || '?']", language="'en'",
        )  # fmt: skip
        insert(
            "selectionrun", "generate_series(1, 1) AS n", id="n", slug="'run'", state="'voting'",
            samples_per_prompt="1",
        )  # fmt: skip
        insert(
            "selectionrun_prompt_sets", "generate_series(1, 1) AS n", id="n", promptset_id="1",
            selectionrun_id="1",
        )  # fmt: skip
        insert(
            "round", "generate_series(1, 1) AS n", id="n", run_id="1", number="1",
            prompt_scope="'all'", opened_at="now()",
        )  # fmt: skip
        insert(
            "candidate", f"generate_series(1, {N_CANDIDATES}) AS n", id="n", run_id="1",
            name="'candidate ' || n", engine="'imported'", origin="'imported'",
        )  # fmt: skip
        insert(
            "round_candidates", f"generate_series(1, {N_CANDIDATES}) AS n", id="n", round_id="1",
            candidate_id="n",
        )  # fmt: skip
        insert(
            "completion",
            f"generate_series(1, {N_CANDIDATES}) AS c, generate_series(1, {N_PROMPTS}) AS p",
            id=f"(c - 1) * {N_PROMPTS} + p", candidate_id="c", prompt_id="p",
            replies=f"ARRAY[{_REPLY}]", text_digest=f"md5({_REPLY})",
        )  # fmt: skip
        insert(
            "annotator", f"generate_series(1, {n_annotators}) AS n", id="n", kind="'person'",
            name="'annotator ' || n", pseudonym="'annotator-' || lpad(to_hex(n), 12, '0')",
        )  # fmt: skip
        # Each annotator has every pair of candidates on every prompt once.
        comparisons = (
            f"(SELECT n, n / {_PAIRS * N_PROMPTS} + 1 AS annotator, n % {N_PROMPTS} + 1 AS p,"
            f" n / {N_PROMPTS} % {_PAIRS} AS pair FROM generate_series(0, {n_votes - 1}) AS n) AS v"
            f" JOIN (SELECT row_number() OVER () - 1 AS pair, a, b"
            f" FROM generate_series(1, {N_CANDIDATES}) AS a"
            f" JOIN generate_series(1, {N_CANDIDATES}) AS b ON a < b) AS pairs USING (pair)"
        )
        insert(
            "comparison", comparisons, id="n + 1", annotator_id="annotator", prompt_id="p",
            round_id="1", candidate_a_id="a", candidate_b_id="b",
            completion_a_id=f"(a - 1) * {N_PROMPTS} + p",
            completion_b_id=f"(b - 1) * {N_PROMPTS} + p", side_a="'left'",
            created_at="now() - interval '1 day'", lease_expires_at="now()", answered_at="now()",
            shown_at="now()",
        )  # fmt: skip
        insert(
            "vote", f"generate_series(1, {n_votes}) AS n", id="n", comparison_id="n",
            outcome="(ARRAY['a', 'b', 'tie', 'both_bad'])[n % 4 + 1]",
        )  # fmt: skip
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE")


class _Inserter:
    """Inserts rows into a table, naming only the columns that it has at this migration."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def __call__(self, table: str, source: str, **values: str) -> None:
        name = f"annotate_{table}"
        self._cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s", [name]
        )
        there = {column for (column,) in self._cursor.fetchall()}
        self._cursor.execute(_COLUMNS, [name])
        plain = {column: _PLAIN[kind] for column, kind in self._cursor.fetchall()}
        row = plain | {column: value for column, value in values.items() if column in there}
        columns = ", ".join(f'"{column}"' for column in row)
        self._cursor.execute(
            f"INSERT INTO {name} ({columns}) SELECT {', '.join(row.values())} FROM {source}"
        )
        self._cursor.execute(
            f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name}"
        )
