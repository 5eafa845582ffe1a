"""Store what an engine writes while it writes it, and say in the shard's row how far it is."""

import fcntl
import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from annotate.generation.jobs import GenerationJob
from annotate.generation.rows import GeneratedCompletion, JobError
from annotate.models import Completion, GenerationShard, SelectionRun
from annotate.services import errors
from annotate.services.blindness import named_maker
from annotate.services.processes import SIGTERM_GRACE_S, TICK_S, last_lines
from annotate.services.shards import Key, State, completions_of, read_key

BATCH_SIZE = 1_000  # rows
BATCH_BYTES = 4 * 2**20  # about; long replies make smaller batches
MAX_ENGINE_VERSION = 100


_TYPES = {
    "prompt_id": "bigint",
    "sample": "smallint",
    "replies": "text[]",
    "finish_reason": "text",
    "seed": "bigint",
    "prompt_tokens": "integer",
    "completion_tokens": "integer",
    "engine_version": "text",
    "seconds": "double precision",
    "rendered_prompt_sha256": "text",
    "names_maker": "text",
}
_COLUMNS = ", ".join(_TYPES)
# bulk_create takes three times as long, most of it in Python beside an engine that wants the cores,
# and COPY knows no ON CONFLICT: another worker may have made the same one, by the same seed.
_INSERT = f"""
INSERT INTO {Completion._meta.db_table} (candidate_id, sampling, created_at, {_COLUMNS})
SELECT %s, %s::jsonb, now(), {_COLUMNS}
FROM json_to_recordset(%s) AS made ({", ".join(map(" ".join, _TYPES.items()))})
ON CONFLICT (candidate_id, prompt_id, sample) DO NOTHING
"""  # noqa: S608 - names of our own columns


class CompletionsFile:
    """A completions file that another process may be writing, read on from where it was left."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0  # bytes, always at the start of a line

    def read_batches(self) -> Iterator[list[GeneratedCompletion]]:
        """Yield the whole lines that were added, in batches; read again, none comes twice.

        Raises:
            JobError: a whole line cannot be read; those before it have been yielded.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            batch: list[GeneratedCompletion] = []
            n_bytes = 0
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    batch.append(GeneratedCompletion.from_dict(json.loads(line)))
                except (TypeError, ValueError) as error:
                    yield batch
                    where = f"{self.path}, byte {self._offset}"
                    raise JobError(f"{where}: {error}") from error
                self._offset += len(line)
                n_bytes += len(line)
                if len(batch) == BATCH_SIZE or n_bytes > BATCH_BYTES:
                    yield batch
                    batch, n_bytes = [], 0
            yield batch


class ShardWork:
    """One attempt at a shard: stores what its process makes, and keeps the shard's row alive.

    Attributes:
        missing: prompts and samples that are not stored yet.
        is_wanted: whether to go on. Not where the run was paused or closed, the round closed, or
            another worker took the shard over.
    """

    def __init__(self, *, shard: GenerationShard, missing: set[Key], job: GenerationJob) -> None:
        self.shard = shard
        self.missing = missing
        self.folder = job.completions.parent
        self.attempt = shard.attempt
        self.is_wanted = True
        self._sampling = json.dumps(job.sampling.to_dict(), ensure_ascii=False)
        self._file = CompletionsFile(job.completions)
        self._log = self.folder / "job.log"
        self._n_wanted = len(missing) + completions_of(shard).count()
        self._n_made = 0
        self._tokens_made = 0
        self._ready_at: datetime | None = None
        self._reported = time.monotonic()
        self._reported_log = ""

    def store_left_behind(self) -> None:
        """Store what an earlier attempt made in this folder, and clear the folder for this one.

        Lines that nobody can read, as a power cut may leave them, are made again.
        """
        with alone(self._file.path):
            with suppress(ValueError):
                for batch in self._file.read_batches():
                    self._store(batch)
            self._file.path.unlink()
        self._file = CompletionsFile(self._file.path)
        self._log.unlink(missing_ok=True)

    def tick(self) -> None:
        """Store what was added to the file, for a second at most, and say so in the shard's row."""
        self._store_new(until=time.monotonic() + TICK_S)
        self._report()

    def store_rest(self) -> None:
        """Store what is left in the file after its process has ended."""
        self._store_new(until=math.inf)
        self._report()

    def facts(self) -> dict[str, Any]:
        """Give the fields of the shard's row that say how far it is."""
        return {
            "n_wanted": self._n_wanted,
            "n_stored": self._n_wanted - len(self.missing),
            "n_made": self._n_made,
            "tokens_made": self._tokens_made,
            "ready_at": self._ready_at,
            "seen_at": timezone.now(),
            "log": "\n".join(last_lines(self._log)),
        }

    def _store_new(self, *, until: float) -> None:
        for batch in self._file.read_batches():
            n_new, tokens = self._store(batch)
            if self._ready_at is not None:
                self._n_made += n_new
                self._tokens_made += tokens
            elif n_new:
                self._ready_at = timezone.now()
            if time.monotonic() > self._reported + TICK_S:
                self._report()
            if time.monotonic() > until:
                break

    def _report(self) -> None:
        self._reported = time.monotonic()
        row = GenerationShard.objects.filter(
            pk=self.shard.pk,
            attempt=self.attempt,
            state=State.RUNNING,
            round__closed_at=None,
            round__run__paused_at=None,
        ).exclude(round__run__state=SelectionRun.State.CLOSED)
        facts = self.facts()
        if facts["log"] == self._reported_log:
            del facts["log"]  # the one long field, for every worker and second
        else:
            self._reported_log = facts["log"]
        # Once unwanted it stays so: the process has been asked to stop.
        self.is_wanted &= row.update(**facts) > 0

    def _store(self, batch: list[GeneratedCompletion]) -> tuple[int, int]:
        """Store what is missing of a batch; return how many that were, and of how many tokens."""
        new = {read_key(made.key): made for made in batch}
        new = {key: made for key, made in new.items() if key in self.missing}
        rows = json.dumps([self._row(*each) for each in new.items()], ensure_ascii=False)
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [self.shard.candidate_id, self._sampling, rows])
        self.missing.difference_update(new)
        return len(new), sum(made.completion_tokens for made in new.values())

    def _row(self, key: Key, made: GeneratedCompletion) -> dict[str, Any]:
        prompt_id, sample = key
        # PostgreSQL's text holds no NUL, and a byte-level model may write one.
        replies = [reply.replace("\0", "\ufffd") for reply in made.replies]
        return {
            "prompt_id": prompt_id,
            "sample": sample,
            "replies": replies,
            "finish_reason": made.finish_reason,
            "seed": made.seed,
            "prompt_tokens": made.prompt_tokens,
            "completion_tokens": made.completion_tokens,
            "engine_version": name_engine(made),
            "seconds": made.seconds,
            "rendered_prompt_sha256": made.rendered_prompt_sha256,
            "names_maker": named_maker(replies=replies, candidate=self.shard.candidate),
        }


def name_engine(made: GeneratedCompletion) -> str:
    """Name the engine and its version once."""
    version = made.engine_version
    named = version if version.startswith(made.engine) else f"{made.engine} {version}"
    return named[:MAX_ENGINE_VERSION].rstrip()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a completions file, made if need be, that an engine may still be writing.

    The engine of a worker that was killed ends by itself, within its time of grace.

    Raises:
        GenerationInterrupted: it has not.
    """
    deadline = time.monotonic() + 2 * SIGTERM_GRACE_S
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        while not _has_locked(descriptor):
            if time.monotonic() > deadline:
                raise errors.GenerationInterrupted(f"{path}: another engine is writing to it")
            time.sleep(TICK_S)
        yield
    finally:
        os.close(descriptor)


def _has_locked(descriptor: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
