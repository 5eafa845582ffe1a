"""The tables of the loop, in the order in which it turns."""

from annotate.models.candidates import Candidate, Completion
from annotate.models.comparisons import Comparison, GoldPair
from annotate.models.consent import Consent, ConsentText
from annotate.models.datasets import DatasetFile, DatasetSource, Export, PreferenceDataset
from annotate.models.decisions import DecisionRules, RoundCut, RoundEstimate, RunDecision, Stop
from annotate.models.exclusions import Exclusion
from annotate.models.judges import Judge, JudgeReading, JudgeScore, JudgeSitting, JudgeTemplate
from annotate.models.measures import CompletionMeasure
from annotate.models.people import Annotator, User
from annotate.models.plans import RunEvent, RunPlan
from annotate.models.preferences import PreferencePair, PreferenceSet
from annotate.models.prompts import Prompt, PromptSet
from annotate.models.rankings import Ranking, RankingFigure
from annotate.models.reports import Report
from annotate.models.rules import Invitation, Participation, RatingRules, ReasonTag
from annotate.models.runs import Round, SelectionRun
from annotate.models.shards import GenerationShard
from annotate.models.tallies import Tally, TallyMark
from annotate.models.tokens import ApiToken
from annotate.models.training import TrainingMetric, TrainingRun
from annotate.models.votes import PassageMark, Vote

__all__ = [
    "Annotator",
    "ApiToken",
    "Candidate",
    "Comparison",
    "Completion",
    "CompletionMeasure",
    "Consent",
    "ConsentText",
    "DatasetFile",
    "DatasetSource",
    "DecisionRules",
    "Exclusion",
    "Export",
    "GenerationShard",
    "GoldPair",
    "Invitation",
    "Judge",
    "JudgeReading",
    "JudgeScore",
    "JudgeSitting",
    "JudgeTemplate",
    "Participation",
    "PassageMark",
    "PreferenceDataset",
    "PreferencePair",
    "PreferenceSet",
    "Prompt",
    "PromptSet",
    "Ranking",
    "RankingFigure",
    "RatingRules",
    "ReasonTag",
    "Report",
    "Round",
    "RoundCut",
    "RoundEstimate",
    "RunDecision",
    "RunEvent",
    "RunPlan",
    "SelectionRun",
    "Stop",
    "Tally",
    "TallyMark",
    "TrainingMetric",
    "TrainingRun",
    "User",
    "Vote",
]
