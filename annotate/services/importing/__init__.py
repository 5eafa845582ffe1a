"""Bring prompts, completions, votes and preferences in: all of a file, or nothing of it."""

from annotate.services.importing.battles import BattleCounts, import_battles
from annotate.services.importing.completions import CompletionCounts, import_completions
from annotate.services.importing.counts import Counts
from annotate.services.importing.frames import import_frame
from annotate.services.importing.preferences import import_preferences, prompt_sha256
from annotate.services.importing.prompts import import_prompts
from annotate.services.importing.votes import import_votes

__all__ = [
    "BattleCounts",
    "CompletionCounts",
    "Counts",
    "import_battles",
    "import_completions",
    "import_frame",
    "import_preferences",
    "import_prompts",
    "import_votes",
    "prompt_sha256",
]
