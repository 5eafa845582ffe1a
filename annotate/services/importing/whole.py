"""All of a file or nothing of it, and what is wrong with its rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from annotate.formats import Faults, FormatError, Location, StopAtFirst
from annotate.services import errors


class Conflict(FormatError):
    """A row says otherwise than what is stored."""


@contextmanager
def all_or_nothing(*, faults: Faults, dry_run: bool, counts: Any) -> Iterator[None]:
    """Keep what the block stores; in a dry run, or where there are faults, keep nothing.

    Raises:
        FaultsFound: faults were gathered, by a reader or an import; it carries the counts.
    """
    with transaction.atomic():
        _ask_triggers_quietly()
        _check_keys_at_once()
        yield
        if faults.n:
            raise errors.FaultsFound(_told(faults), counts=counts)
        if dry_run:
            transaction.set_rollback(True)


def _ask_triggers_quietly() -> None:
    """Give the list of triggers to be ignored, none, that each trigger looks up for each row.

    Where there is no such list, pgtrigger's look-up fails and rolls a subtransaction back, which
    takes the longer the more rows the transaction has stored: 0.1 ms after 20,000.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL pgtrigger.ignore = '{}'")


def _check_keys_at_once() -> None:
    """Have foreign keys checked with the rows, while the next ones are read; not all at the end."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def tell(faults: Faults, fault: FormatError) -> None:
    """Gather what is wrong with a row, or refuse the import where the first fault ends it."""
    if isinstance(faults, StopAtFirst):
        raise errors.ImportRefused(str(fault)) from fault
    faults.tell(fault)


def wrong(location: Location, field: str, value: object, expected: str) -> FormatError:
    """Make the fault of a row that cannot be stored."""
    return FormatError(*location, field, value, expected)


def conflict(location: Location, field: str, value: object, expected: str) -> Conflict:
    """Make the fault of a row that says otherwise than what is stored."""
    return Conflict(*location, field, value, expected)


def _told(faults: Faults) -> str:
    if faults.n == 1 and faults.kept:
        return f"1 fault, so nothing was kept: {faults.kept[0]}"
    first = f", the first at {faults.kept[0]}" if faults.kept else ""
    return f"{faults.n} faults, so nothing was kept{first}"
