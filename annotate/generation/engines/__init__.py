"""What makes completions. An engine's library is imported only when it starts."""

from __future__ import annotations

from collections.abc import Callable

from annotate.generation.engines.base import Engine
from annotate.generation.engines.transformers_engine import start_transformers
from annotate.generation.jobs import GenerationJob
from annotate.generation.rows import JobError

__all__ = ["ENGINES", "Engine", "start_engine"]

ENGINES: dict[str, Callable[[GenerationJob], Engine]] = {"transformers": start_transformers}


def start_engine(job: GenerationJob) -> Engine:
    """Load the job's model; raises JobError for an unknown engine or a model that will not load."""
    if job.engine not in ENGINES:
        raise JobError(f"engine {job.engine!r} is unknown; known: {', '.join(ENGINES)}")
    return ENGINES[job.engine](job)
