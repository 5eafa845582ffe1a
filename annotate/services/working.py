"""Work off queues, whatever becomes of the database meanwhile."""

import asyncio
import logging
import time
from collections.abc import Sequence

import psycopg
from django.db import InterfaceError, OperationalError, connection
from procrastinate import signals
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException

from annotate.services.programs import JOB_GRACE_S

logger = logging.getLogger(__name__)

TRY_AGAIN_S = 2
AWAY = (ConnectorException, OperationalError, InterfaceError, psycopg.OperationalError)


def work_until_stopped(*, queues: Sequence[str], concurrency: int = 1) -> None:
    """Take jobs until SIGTERM or SIGINT; begin again whenever a database that was away is back."""
    is_told_to_end = False
    while not is_told_to_end:
        wait_for_database()
        with app.replace_connector(app.connector.get_worker_connector()):
            is_told_to_end = asyncio.run(_work(queues, concurrency))
        connection.close()  # it may be one to a server that is no more


def work_off(*, queues: Sequence[str], concurrency: int = 1) -> None:
    """Take jobs until none waits."""
    with app.replace_connector(app.connector.get_worker_connector()):
        app.run_worker(
            queues=queues,
            concurrency=concurrency,
            shutdown_graceful_timeout=JOB_GRACE_S,
            wait=False,
        )


def wait_for_database() -> None:
    """Return once the database can be reached."""
    is_told = False
    while True:
        try:
            connection.ensure_connection()
        except AWAY as error:
            if not is_told:
                logger.warning("the database is away, the worker waits: %s", str(error).strip())
                is_told = True
            time.sleep(TRY_AGAIN_S)
        else:
            return


async def _work(queues: Sequence[str], concurrency: int) -> bool:
    """Take jobs until told to end, or until the database is away; say whether it was told to.

    What the worker had begun when the database went is found by its missing heartbeat, and taken
    up by whichever worker looks first: `annotate.tasks.revive_stalled_jobs`.
    """
    is_told = False

    def end() -> None:
        nonlocal is_told
        is_told = True
        work.cancel()

    work = asyncio.create_task(_open_and_work(queues, concurrency))
    with signals.on_stop(end):
        try:
            await work
        except asyncio.CancelledError:
            if not is_told:
                raise
        except AWAY as error:
            logger.warning("the worker lost its database: %s", str(error).strip())
    return is_told


async def _open_and_work(queues: Sequence[str], concurrency: int) -> None:
    async with app.open_async():
        await app.run_worker_async(
            queues=queues,
            concurrency=concurrency,
            shutdown_graceful_timeout=JOB_GRACE_S,
            install_signal_handlers=False,
        )
