"""The tables of the loop, in the order in which it turns."""

from annotate.models.candidates import Candidate, Completion
from annotate.models.datasets import PreferenceDataset
from annotate.models.people import Annotator, User
from annotate.models.prompts import Prompt, PromptSet
from annotate.models.rankings import Ranking
from annotate.models.runs import Round, SelectionRun
from annotate.models.training import TrainingMetric, TrainingRun
from annotate.models.votes import Comparison, Vote

__all__ = [
    "Annotator",
    "Candidate",
    "Comparison",
    "Completion",
    "PreferenceDataset",
    "Prompt",
    "PromptSet",
    "Ranking",
    "Round",
    "SelectionRun",
    "TrainingMetric",
    "TrainingRun",
    "User",
    "Vote",
]
