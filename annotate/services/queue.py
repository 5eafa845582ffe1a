"""Put work into the queue, in the transaction that made it."""

from procrastinate.contrib.django import app


def defer(task: str, *, queue: str, **arguments: int) -> None:
    """Queue a task of `annotate.tasks` by name; one with the same name and arguments runs once."""
    lock = f"{task}:{sorted(arguments.items())}"
    app.configure_task(f"annotate.tasks.{task}", queue=queue, lock=lock).defer(**arguments)
