"""`manage.py doctor`: look at all that the site stands on, and say what to do."""

from collections.abc import Iterator

from annotate.services.operating.doctor_database import (
    examine_clock,
    examine_database,
    examine_queue,
)
from annotate.services.operating.doctor_machine import examine_disk, examine_gpu, examine_models
from annotate.services.operating.doctor_settings import examine_mail, examine_settings
from annotate.services.operating.findings import Finding, Level

__all__ = ["Finding", "Level", "examine"]


def examine(*, send_to: str = "") -> Iterator[Finding]:
    """Look at one thing after another; where the database is away, at what needs none.

    Args:
        send_to: an address that gets a message, to see whether mail arrives.
    """
    is_up = False
    for finding in examine_database():
        is_up = is_up or (finding.check == "database" and finding.level is not Level.FAILURE)
        yield finding
    if is_up:
        yield from examine_clock()
        yield from examine_queue()
    yield from examine_disk()
    yield from examine_gpu()
    if is_up:
        yield from examine_models()
    yield from examine_mail(send_to=send_to)
    yield from examine_settings()
