"""The tables of the loop, in the order in which it turns."""

from annotate.models.candidates import Candidate, Completion
from annotate.models.comparisons import Comparison, GoldPair
from annotate.models.consent import Consent, ConsentText
from annotate.models.datasets import PreferenceDataset
from annotate.models.exclusions import Exclusion
from annotate.models.people import Annotator, User
from annotate.models.prompts import Prompt, PromptSet
from annotate.models.rankings import Ranking
from annotate.models.reports import Report
from annotate.models.rules import Invitation, Participation, RatingRules, ReasonTag
from annotate.models.runs import Round, SelectionRun
from annotate.models.training import TrainingMetric, TrainingRun
from annotate.models.votes import PassageMark, Vote

__all__ = [
    "Annotator",
    "Candidate",
    "Comparison",
    "Completion",
    "Consent",
    "ConsentText",
    "Exclusion",
    "GoldPair",
    "Invitation",
    "Participation",
    "PassageMark",
    "PreferenceDataset",
    "Prompt",
    "PromptSet",
    "Ranking",
    "RatingRules",
    "ReasonTag",
    "Report",
    "Round",
    "SelectionRun",
    "TrainingMetric",
    "TrainingRun",
    "User",
    "Vote",
]
