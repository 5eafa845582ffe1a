"""The numbers of the vote ledger, and cut-offs in it.

Whoever writes votes holds the run's lock in share; whoever takes a cut-off holds it alone for the
moment in which it draws its number. So every vote below a cut-off is committed by then and every
later one gets a higher number, and what stood at the cut-off can be read again at any time.
"""

from django.db import connection, transaction
from django.db.models import BigIntegerField, Func, Value
from django.db.utils import OperationalError
from psycopg.errors import LockNotAvailable

from annotate.models import Round, SelectionRun
from annotate.services.errors import LedgerBusy

LOCK_CLASS = 7301  # any number that no other advisory lock of this database uses
END_CLASS = 7302  # likewise: rounds that are about to have all their votes
CUTOFF_TIMEOUT_MS = 5_000
# The next number of the ledger as an expression, drawn anew for each row of an update.
NEXT_NUMBER = Func(
    Func(Value("annotate_vote"), Value("id"), function="pg_get_serial_sequence"),
    function="nextval",
    output_field=BigIntegerField(),
)


def hold_ledger(*, run_id: int) -> None:
    """Announce, until the transaction ends, that votes of the run are being written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [LOCK_CLASS, run_id])


def hold_end(round_: Round) -> None:
    """Wait until nobody else draws in a round that wants few more votes, and keep others waiting.

    So the last ones are counted one by one, and no more are given than are wanted.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [END_CLASS, round_.pk])


def next_number() -> int:
    """Draw the next number of the ledger."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('annotate_vote', 'id'))")
        return int(cursor.fetchone()[0])


def take_cutoff(*, run: SelectionRun, timeout_ms: int | None = None) -> int:
    """Draw a number that parts the run's votes for ever into earlier and later ones.

    Args:
        timeout_ms: how long to wait for whoever is writing; volunteers wait with us meanwhile.
            Five seconds where None.

    Raises:
        LedgerBusy: somebody has been writing votes of the run for so long.
    """
    timeout_ms = CUTOFF_TIMEOUT_MS if timeout_ms is None else timeout_ms
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {timeout_ms:d}")
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, run.pk])
            number = next_number()
            cursor.execute("SET LOCAL lock_timeout = DEFAULT")
            return number
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        message = f"votes of run {run.slug} are being imported; try again when that is done"
        raise LedgerBusy(message) from error
