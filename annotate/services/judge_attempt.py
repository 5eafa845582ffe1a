"""One attempt at what a judge is to do in a round, whatever that is."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db.models import Model, Q
from django.utils import timezone

from annotate.generation.rows import GeneratedCompletion, GenerationRequest
from annotate.models import Judge, JudgeSitting, Round, SelectionRun
from annotate.services.judges import read_stored
from annotate.services.processes import last_lines

# A text that an engine refuses, being longer than its model reads, cannot be judged; more of them
# are a sign of another fault.
REFUSED_AT_MOST = 20
_REFUSED = re.compile(r"request '([^']+)'")

Wanted = TypeVar("Wanted")


class JudgeAttempt(ABC, Generic[Wanted]):
    """What is left of a judge's work in a round, while a process does it.

    Attributes:
        missing: what is not stored yet, by the keys of its requests.
    """

    def __init__(
        self,
        *,
        sitting: JudgeSitting,
        should_stop: Callable[[], bool],
        on_reading: Callable[[int, int], None],
    ) -> None:
        self.sitting = sitting
        self.judge: Judge = sitting.judge
        self.round: Round = sitting.round
        self.run: SelectionRun = sitting.round.run
        self.folder = settings.KURABE_HOME / "judging" / f"sitting-{sitting.pk}"
        self.missing: dict[str, Wanted] = {}
        self.should_stop = should_stop
        self.template = read_stored(self.judge.template)
        self._on_reading = on_reading
        self._n_wanted = 0
        self._n_refused = 0

    def is_wanted(self) -> bool:
        """Say that the work goes on, and tell whether it is to: the run may have been paused."""
        row = JudgeSitting.objects.filter(
            self.goes_on(),
            pk=self.sitting.pk,
            state=JudgeSitting.State.RUNNING,
            round__run__paused_at=None,
        )
        return row.update(seen_at=timezone.now(), log=self._read_log()) > 0

    def keep_log(self) -> None:
        """Store what the engine said last, which may have ended before anybody asked again."""
        JudgeSitting.objects.filter(pk=self.sitting.pk).update(log=self._read_log())

    def begin(self) -> None:
        """Draw what is to be judged, where that is drawn, and look up what is not judged yet."""
        self.missing = self.find_missing()
        self._n_wanted = len(self.missing)

    def store(self, batch: list[GeneratedCompletion]) -> None:
        """Store what a batch says of that which is missing."""
        new = {made.key: made for made in batch if made.key in self.missing}
        self._keep({key: self.read(self.missing[key], made) for key, made in new.items()})

    def pass_over(self, failure: str) -> bool:
        """Store as unreadable what an engine refused by name; tell whether it did so."""
        refused = _REFUSED.search(failure)
        if refused is None or refused[1] not in self.missing or self._n_refused >= REFUSED_AT_MOST:
            return False
        self._n_refused += 1
        self._keep({refused[1]: self.read(self.missing[refused[1]], None)})
        return True

    @abstractmethod
    def goes_on(self) -> Q:
        """Say of a sitting beside what else it goes on."""

    @abstractmethod
    def find_missing(self) -> dict[str, Wanted]:
        """Look up what is not stored yet."""

    @abstractmethod
    def requests(self) -> Iterator[GenerationRequest]:
        """Yield a request for each that is missing; texts are read as they are wanted."""

    @abstractmethod
    def read(self, wanted: Wanted, made: GeneratedCompletion | None) -> Any:
        """Make a row of what the judge wrote; of None, one that could not be read."""

    @abstractmethod
    def write(self, rows: list[Any]) -> None:
        """Store rows; another worker may have made the same, by the same seed: the first stands."""

    def _read_log(self) -> str:
        return "\n".join(last_lines(self.folder / "job.log"))

    def _keep(self, rows: dict[str, Model]) -> None:
        if not rows:
            return
        self.write(list(rows.values()))
        for key in rows:
            del self.missing[key]
        self._on_reading(self._n_wanted - len(self.missing), self._n_wanted)


def read_words(made: GeneratedCompletion | None) -> str:
    """Give what a judge wrote, as PostgreSQL can hold it: a byte-level model may write a NUL."""
    return "" if made is None else made.replies[0].replace("\0", "\ufffd")
