"""The tables of a database: which there are, and checksums of their rows."""

from collections.abc import Callable, Iterable

from django.db.backends.utils import CursorWrapper
from psycopg import sql

from annotate.services.backups.manifest import TableEntry

# What `migrate` writes into these by itself is no reason to keep a database.
FILLED_BY_MIGRATE = {
    "public.annotate_consenttext", "public.annotate_reasontag", "public.auth_permission",
    "public.django_content_type", "public.django_migrations",
}  # fmt: skip

# Values read the same in every session, whatever a server's defaults are.
_PLAIN = """
SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres';
SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1
"""
_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT c.relispartition
AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""
# Sums do not hang on the order of rows; 64 bits of a row's MD5 find what chance or a disk changes.
_CHECKSUM = """
SELECT count(*),
       coalesce(sum(('x' || left(md5(each::text), 16))::bit(64)::bigint::numeric), 0)::text
FROM {table} AS each
"""


def list_tables(cursor: CursorWrapper) -> list[tuple[str, str]]:
    """List schema and name of every table that is not PostgreSQL's own or an extension's."""
    cursor.execute(_TABLES)
    return [(str(schema), str(name)) for schema, name in cursor.fetchall()]


def sum_tables(
    cursor: CursorWrapper, on_table: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, TableEntry]:
    """Count and sum the rows of every table, in the transaction that the cursor is in."""
    cursor.execute(_PLAIN)
    tables = list_tables(cursor)
    sums = {}
    for done, (schema, name) in enumerate(tables, start=1):
        cursor.execute(sql.SQL(_CHECKSUM).format(table=sql.Identifier(schema, name)))
        n_rows, checksum = cursor.fetchone()
        sums[f"{schema}.{name}"] = TableEntry(n_rows=n_rows, checksum=checksum)
        on_table(done, len(tables))
    return sums


def used_tables(cursor: CursorWrapper) -> list[str]:
    """List the tables with rows that somebody made, and those that are not Kurabe's."""
    return [table for table in _full(cursor, list_tables(cursor)) if table not in FILLED_BY_MIGRATE]


def _full(cursor: CursorWrapper, tables: Iterable[tuple[str, str]]) -> list[str]:
    full = []
    for schema, name in tables:
        question = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(schema, name))
        cursor.execute(question)
        if cursor.fetchone()[0]:
            full.append(f"{schema}.{name}")
    return full
