"""The votes of a run as numpy columns: 100,000 of them in a fraction of a second."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import BigIntegerField, Case, FloatField, QuerySet, Value, When
from django.db.models.functions import Cast, Coalesce
from numpy.typing import NDArray
from psycopg import Copy, Error, OperationalError
from psycopg.errors import error_from_result
from psycopg.pq.abc import PGconn

from annotate.models import SelectionRun, Vote
from annotate.models.comparisons import Side
from annotate.ranking import OUTCOMES
from annotate.services.slices import keep_slices

Votes = NDArray[np.void]
"""A structured array, a vote a row, in the order of the ledger.

`number` of the vote in the ledger; ids of `round`, `annotator`, `prompt`, `candidate_a`,
`candidate_b`, `completion_a`, `completion_b`; `turn`; `outcome`, the code of `annotate.ranking`;
`side` of a: 1 left, -1 right, 0 not known; `propensity`, nan where no policy drew the pair.
"""

_SIDE_CODES = {Side.LEFT.value: 1, Side.RIGHT.value: -1}
_INTEGER = BigIntegerField()
PIECE_BYTES = 1 << 20
_HEADER_BYTES = 19
_END_BYTES = 2
# Of what comes last, which brings the header along where there is no row; no row is so long.
_LAST_LENGTHS = (_END_BYTES, _HEADER_BYTES + _END_BYTES)
_WITHOUT_WAITING = 1


def read_votes(*, run: SelectionRun, cutoff: int, filters: Mapping[str, Any]) -> Votes:
    """Read the votes that stood at the cut-off and that the filters keep.

    Args:
        filters: as a ranking stores them: slices by name, or `by` and `value`. Without a kind
            LLM judges are left out.
    """
    votes = keep_slices(Vote.objects.of_run(run).counting_at(cutoff), filters)
    read = read_columns(votes.order_by(), _columns())
    return read[np.argsort(read["number"], kind="stable")]


def read_columns(rows: QuerySet[Any], columns: Mapping[str, Cast]) -> NDArray[np.void]:
    """Read all rows as one structured array; see `copy_out`."""
    blocks = list(copy_out(rows, columns))
    return np.concatenate(blocks) if blocks else np.empty(0, _row_type(columns))


def copy_out(rows: QuerySet[Any], columns: Mapping[str, Cast]) -> Iterator[NDArray[np.void]]:
    """Yield blocks of rows as structured arrays, far quicker than one Python object a value.

    Args:
        columns: by name: casts to BigIntegerField or FloatField that are never null.
    """
    sql, params = rows.values_list(*columns.values()).query.sql_with_params()
    yield from copy_statement(sql, params, _row_type(columns))


def copy_statement(
    sql: str, params: Sequence[Any], kind: np.dtype[np.void]
) -> Iterator[NDArray[np.void]]:
    """Yield the rows of a statement in blocks, as PostgreSQL sends them.

    Args:
        kind: 8 bytes to each column of the statement, by its name: `i8` or `f8`, never null.
    """
    width = _wire_type(kind).itemsize
    rest, before = b"", _HEADER_BYTES
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        # COPY takes no parameters of its own.
        cursor.copy(f"COPY ({cursor.mogrify(sql, params)}) TO STDOUT (FORMAT BINARY)") as copy,
    ):
        for piece in _in_large_pieces(copy):
            rest += piece
            # The header, and two bytes after the last row, have no row's length.
            whole = (len(rest) - before - _END_BYTES) // width * width
            if whole > 0:
                yield _decode(rest[before : before + whole], kind)
                rest, before = rest[before + whole :], 0


def outcome_codes() -> Cast:
    """Give a vote's outcome as the code of `annotate.ranking`."""
    return code_of("outcome", OUTCOMES)


def code_of(field: str, labels: Sequence[str]) -> Cast:
    """Give a field's value as its place among the labels; another one as 0."""
    return Cast(_code(field, {label: n for n, label in enumerate(labels)}), _INTEGER)


def side_codes() -> Cast:
    """Give the side of completion a: 1 left, -1 right, 0 not known."""
    return Cast(_code("comparison__side_a", _SIDE_CODES), _INTEGER)


def number_pairs(votes: Votes) -> NDArray[np.int64]:
    """Return (votes,) which pair of completions each vote is on, from 0.

    Completion a is always that of the candidate with the lower id, so a pair has one orientation.
    """
    _known, second = np.unique(votes["completion_b"], return_inverse=True)
    key = votes["completion_a"] * (second.max(initial=0) + 1) + second
    _known, number = np.unique(key, return_inverse=True)
    return np.asarray(number, dtype=np.int64)


def _columns() -> dict[str, Cast]:
    """Give what is read, by name: 8 bytes each, and none of them null."""
    path = "comparison__"
    fields = {"number": "id", "turn": "turn"} | {
        name: f"{path}{name}"
        for name in ("round", "annotator", "prompt", "candidate_a", "candidate_b", "completion_a",
                     "completion_b")
    }  # fmt: skip
    propensity = Coalesce(f"{path}propensity", float("nan"), output_field=FloatField())
    return {
        **{name: Cast(field, _INTEGER) for name, field in fields.items()},
        "outcome": outcome_codes(),
        "side": side_codes(),
        "propensity": Cast(propensity, FloatField()),
    }


def _code(field: str, codes: Mapping[str, int]) -> Case:
    whens = [When(**{field: label, "then": Value(code)}) for label, code in codes.items()]
    return Case(*whens, default=Value(0))


def _in_large_pieces(copy: Copy) -> Iterator[bytes]:
    """Join what comes a row at a time into pieces of `PIECE_BYTES` or a little more.

    Rows that are there already are taken from libpq itself: to ask psycopg for each of a million
    takes three times as long. The two bytes after the last row are left to it, and what follows.
    """
    take = copy.connection.pgconn.get_copy_data
    pieces: list[bytes] = []
    held = 0
    while piece := bytes(copy.read()):
        while True:
            pieces.append(piece)
            held += len(piece)
            if held >= PIECE_BYTES:
                yield b"".join(pieces)
                pieces, held = [], 0
            if len(piece) in _LAST_LENGTHS:
                break
            size, taken = take(_WITHOUT_WAITING)
            if size < 0:
                raise _failure(copy.connection.pgconn)
            if size == 0:
                break
            piece = bytes(taken)
    yield b"".join(pieces)


def _failure(connected: PGconn) -> Error:
    """Give what ended COPY before its last row, and leave the connection fit for the next one."""
    result = connected.get_result()
    while connected.get_result() is not None:
        pass
    return error_from_result(result) if result else OperationalError("COPY ended without a word")


def _decode(rows: bytes, kind: np.dtype[np.void]) -> NDArray[np.void]:
    sent = np.frombuffer(rows, _wire_type(kind))
    read = np.empty(len(sent), kind)
    for name in kind.names or ():
        read[name] = sent[name]
    return read


def _row_type(columns: Mapping[str, Cast]) -> np.dtype[np.void]:
    """Give 8 bytes to each column."""
    is_float = {name: isinstance(each.output_field, FloatField) for name, each in columns.items()}
    return np.dtype([(name, "f8" if is_float[name] else "i8") for name in columns])


def _wire_type(kind: np.dtype[np.void]) -> np.dtype[np.void]:
    """Give a row of PostgreSQL's binary COPY: the number of fields, then each behind its length."""
    fields = [("fields", ">i2")]
    for name in kind.names or ():
        fields += [(f"length of {name}", ">i4"), (name, f">{kind[name].kind}8")]
    return np.dtype(fields)
