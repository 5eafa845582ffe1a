"""Do something in several threads at the same moment, each with a connection of its own."""

import threading
from collections.abc import Callable
from typing import TypeVar

from django.db import connection

Answer = TypeVar("Answer")


def at_once(*actions: Callable[[], Answer]) -> list[Answer]:
    """Run the actions together and give their answers; what one raised is raised here."""
    start = threading.Barrier(len(actions), timeout=30)
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def run(action: Callable[[], Answer]) -> None:
        try:
            start.wait()
            answers.append(action())
        except BaseException as error:  # raised again below, where the test sees it
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[action]) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a thread hangs"
    for error in errors:
        raise error
    return answers
