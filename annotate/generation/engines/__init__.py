"""What makes completions. An engine's library is imported only when it starts."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from annotate.generation.engines.base import Engine
from annotate.generation.engines.fit import check_fit
from annotate.generation.engines.options import (
    OPTIONS,
    EngineOptions,
    check_engine_options,
    options_to_dict,
)

if TYPE_CHECKING:
    from annotate.generation.jobs import GenerationJob

__all__ = [
    "ENGINES",
    "Engine",
    "EngineOptions",
    "check_engine_options",
    "check_fit",
    "options_to_dict",
    "start_engine",
]

ENGINES = tuple(OPTIONS)


def start_engine(job: GenerationJob) -> Engine:
    """Start the job's engine; raises JobError where its model will not load or it cannot work."""
    module = import_module(f"annotate.generation.engines.{job.engine}_engine")
    return cast(Engine, module.start(job))
