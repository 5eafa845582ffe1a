"""What a cycle asks of PostgreSQL, read from the server's own log: counts, times and plans."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.voting import databases

RECORD = re.compile(r"^(?P<name>[\w-]*)\|(?P<level>[A-Z]+):  (?P<words>.*)$")
LOGGED = re.compile(
    r"duration: (?P<ms>[\d.]+) ms  (?P<step>statement|parse|bind|execute)(?: [^:]*)?: (?P<sql>.*)",
    re.DOTALL,
)
PARAMETERS = re.compile(r"\$(\d+) = ('(?:[^']|'')*'|NULL)")
LITERALS = re.compile(
    r"""(?P<name>"[^"]*")|E?'(?:[^'\\]|''|\\.)*'(?:::[\w\[\]]+)?|(?<!\$)\b\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\b"""
)
LISTS = re.compile(r"(?:\?, )+\?")
TRANSACTION = re.compile(r"(?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b", re.IGNORECASE)
# Tables whose rows come with votes; any other counts as growing where it has so many rows.
GROWING = ("annotate_comparison", "annotate_vote", "annotate_tally", "annotate_passagemark")
MANY_ROWS = 10_000


@dataclass
class Statement:
    """Statements that differ in nothing but their values.

    `sample` is one as it was sent, `bound` what stood for its `$1`, `$2` …, as literals.
    """

    shape: str
    sample: str = ""
    bound: tuple[str, ...] = ()
    calls: int = 0
    ms: float = 0.0

    @property
    def is_of_transactions(self) -> bool:
        """Tell whether it only begins or ends a transaction."""
        return TRANSACTION.match(self.shape) is not None


class Log:
    """What a program asked, one entry a shape, when the block in which it was listened to ends."""

    def __init__(self) -> None:
        self.statements: dict[str, Statement] = {}

    def less(self, other: "Log") -> "Log":
        """Give what is in this one beyond another."""
        left = Log()
        for shape, each in self.statements.items():
            before = other.statements.get(shape) or Statement(shape)
            if each.calls > before.calls:
                left.statements[shape] = replace(
                    each, calls=each.calls - before.calls, ms=max(each.ms - before.ms, 0)
                )
        return left

    def per_cycle(self, cycles: int) -> dict[str, float]:
        """Give how many statements a cycle takes, and beside them how many of transactions."""
        calls = {True: 0, False: 0}
        for each in self.statements.values():
            calls[each.is_of_transactions] += each.calls
        return {"statements": calls[False] / cycles, "of_transactions": calls[True] / cycles}

    def hottest(self, n: int) -> list[Statement]:
        """Give those that took the most time in all."""
        return sorted(self.statements.values(), key=lambda each: -each.ms)[:n]


@contextmanager
def listening(pgdata: Path, name: str) -> Iterator[Log]:
    """Have PostgreSQL log every statement while the block runs; keep those of program `name`."""
    log, path = Log(), pgdata / "log"
    _set("log_min_duration_statement", "0", log_line_prefix="%a|", log_parameter_max_length="-1")
    begins = path.stat().st_size
    try:
        yield log
    finally:
        _set()
        with path.open(encoding="utf-8", errors="replace") as file:
            file.seek(begins)
            log.statements |= read_log(file.read(), name).statements


def _set(setting: str = "", value: str = "", **more: str) -> None:
    """Set what is logged; with nothing given, as it was."""
    settings = ({setting: value} if setting else {}) | more
    with databases.connected("postgres") as connection:
        for each in ("log_min_duration_statement", "log_line_prefix", "log_parameter_max_length"):
            change = f"SET {each} = '{settings[each]}'" if each in settings else f"RESET {each}"
            connection.execute(f"ALTER SYSTEM {change}")
        connection.execute("SELECT pg_reload_conf()")


def read_log(text: str, name: str) -> Log:
    """Take the records of a program; lines that begin with a tab go on with the one before."""
    log = Log()
    records: list[tuple[str, str]] = []
    for line in text.splitlines():
        if found := RECORD.match(line):
            is_theirs = found["name"] == name
            records.append((found["level"] if is_theirs else "", found["words"]))
        elif line.startswith("\t") and records:
            level, words = records[-1]
            records[-1] = level, f"{words}\n{line[1:]}"
    last: Statement | None = None
    for level, words in records:
        if level == "LOG" and (found := LOGGED.match(words)):
            last = _note(log, found)
        elif level == "DETAIL" and last is not None:
            last.bound = tuple(value for _number, value in PARAMETERS.findall(words))
    return log


def _note(log: Log, found: re.Match[str]) -> Statement:
    sql = found["sql"].strip()
    shape = LISTS.sub("…", LITERALS.sub(lambda each: each["name"] or "?", sql))
    statement = log.statements.setdefault(shape, Statement(shape))
    statement.sample = sql
    # Of the extended protocol's steps only the last is a call; all take time.
    statement.calls += found["step"] in ("statement", "execute")
    statement.ms += float(found["ms"])
    return statement


@dataclass(frozen=True)
class Plan:
    """How PostgreSQL answers a statement.

    `scanned` are the tables that grow with votes and are scanned in sequence; `rows` the most that
    any step gave, 0 where the statement was planned and not run.
    """

    text: str
    scanned: tuple[str, ...]
    rows: int


def explain(statement: Statement, database: str) -> Plan:
    """Plan a statement; a query is really run, in a transaction that is rolled back.

    One whose values are bound is planned as the site has it: once, for whatever values.
    """
    is_query = statement.sample.lstrip("( ").startswith("SELECT")
    how = "ANALYZE, BUFFERS, " if is_query else ""
    asked = statement.sample
    with databases.connected(database, autocommit=False) as connection:
        if statement.bound:
            connection.execute("SET plan_cache_mode = force_generic_plan")
            connection.execute(f"PREPARE asked AS {statement.sample}")
            asked = f"EXECUTE asked({', '.join(statement.bound)})"
        lines = connection.execute(f"EXPLAIN ({how}FORMAT TEXT) {asked}").fetchall()
        told = connection.execute(f"EXPLAIN ({how}FORMAT JSON) {asked}").fetchall()
        nodes = list(_nodes(told[0][0][0]["Plan"]))
        scanned = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
        sizes = "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND reltuples >= %s"
        large = {name for (name,) in connection.execute(sizes, [list(scanned), MANY_ROWS])}
        connection.rollback()
    rows = max(int(node.get("Actual Rows", 0) * node.get("Actual Loops", 1)) for node in nodes)
    return Plan(
        "\n".join(line[0] for line in lines), tuple(sorted(scanned & (large | set(GROWING)))), rows
    )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)
