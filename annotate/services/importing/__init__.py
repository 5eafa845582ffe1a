"""Bring prompts, completions and votes in: all of a file, or nothing of it."""

from annotate.services.importing.completions import CompletionCounts, import_completions
from annotate.services.importing.counts import Counts
from annotate.services.importing.prompts import import_prompts
from annotate.services.importing.votes import import_votes

__all__ = [
    "CompletionCounts",
    "Counts",
    "import_completions",
    "import_prompts",
    "import_votes",
]
