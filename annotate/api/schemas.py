"""What the API answers with."""

from datetime import datetime
from typing import Any

from ninja import Field, Schema
from pydantic import ConfigDict

from annotate.models import RunEvent, TrainingRun


class RunLine(Schema):
    """A run in a list."""

    slug: str
    title: str
    state: str = Field(description="draft, generating, voting, decided or closed")
    created_at: datetime
    paused_at: datetime | None
    cancelled_at: datetime | None


class PlanOut(Schema):
    """A run's plan; `sha256` is empty until the launch freezes it."""

    sha256: str
    launched_at: datetime | None
    launched_by: str | None
    config: dict[str, Any]


class RoundOut(Schema):
    """A round: its candidates by name, its votes, and when it opened and closed."""

    number: int
    prompt_scope: str
    anchors_only: bool
    votes: int = Field(description="that stand and count, without LLM judges'")
    judge_votes: int = Field(description="LLM judges', which decide beside nobody")
    votes_wanted: int | None
    candidates: list[str]
    opened_at: datetime | None
    closed_at: datetime | None


class ShardOut(Schema):
    """One part of a candidate's generation."""

    id: int
    number: int
    state: str
    stored: int
    wanted: int
    attempt: int
    failure: str


class ProgressOut(Schema):
    """How far the newest round's completions of one candidate are."""

    candidate: str
    stored: int
    wanted: int
    tokens_per_s: float | None = Field(description="of what runs now; null where nothing does")
    shards: list[ShardOut]


class DecisionLine(Schema):
    """That a run was decided; its content has an address of its own."""

    number: int
    sha256: str
    made_at: datetime


class RunOut(RunLine):
    """A run, how far it is, and what it decided last."""

    plan: PlanOut | None
    rounds: list[RoundOut]
    progress: list[ProgressOut]
    decision: DecisionLine | None


class EventOut(Schema):
    """A line of a run's log."""

    id: int
    kind: str
    at: datetime
    by: str | None = Field(description="an account; null is Kurabe itself")
    detail: dict[str, Any]

    @staticmethod
    def resolve_by(event: RunEvent) -> str | None:
        """Name the account."""
        return event.by.username if event.by else None


class ForecastOut(Schema):
    """What a plan would take; docs/runs.md says what each number rests on."""

    candidates: int
    prompts: dict[str, int]
    completions: int
    prompt_tokens: dict[str, Any]
    completion_tokens: dict[str, Any]
    gpu_minutes: dict[str, Any]
    votes: dict[str, Any]
    judge_calls: int
    by_candidate: list[dict[str, Any]]


class TrainingIn(Schema):
    """A training to be planned; `settings` are fields of the trainer (docs/training.md)."""

    model_config = ConfigDict(extra="forbid")

    candidate: str = Field(description="whom to train, by name")
    dataset: int | None = Field(None, description="null: the votes that stand now")
    voters: str = Field("people", description="of the votes of now: people, judges or together")
    name: str = Field("", max_length=200, description="of the new candidate; empty: the next free")
    preset: str = ""
    opens_round: bool = True
    next_round_votes: int | None = Field(None, ge=1)
    gate_alpha: float | None = Field(
        None, description="the new candidate has to win over its parent in that round"
    )
    settings: dict[str, Any] = Field(default_factory=dict)


class TrainingLine(Schema):
    """A training in a list."""

    id: int
    candidate: str = Field(description="that is trained")
    child: str
    dataset: int
    state: str = Field(description="queued, running, finished, stopped or failed")
    wish: str = Field(description="stop or keep, until it is done; else empty")
    failure: str
    preset: str
    licence: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @staticmethod
    def resolve_candidate(training_run: TrainingRun) -> str:
        """Name the candidate that is trained."""
        return training_run.base.name

    @staticmethod
    def resolve_child(training_run: TrainingRun) -> str:
        """Name the candidate that comes of it."""
        return training_run.child_name

    @staticmethod
    def resolve_dataset(training_run: TrainingRun) -> int:
        """Number the dataset."""
        return training_run.dataset_id


class TrainingOut(TrainingLine):
    """A training, what it foretold, and what it measured last."""

    settings: dict[str, Any]
    forecast: dict[str, Any] | None
    last: dict[str, Any] | None = Field(description="the newest metrics")
    children: list[str]
    next_round: int | None
    gate_alpha: float | None
    gate_passed: bool | None = Field(description="null until that round has ended")
    gate_evidence: dict[str, Any] | None

    @staticmethod
    def resolve_settings(training_run: TrainingRun) -> dict[str, Any]:
        """Give what the trainer is given."""
        config: dict[str, Any] = training_run.config
        return config

    @staticmethod
    def resolve_last(training_run: TrainingRun) -> dict[str, Any] | None:
        """Give the newest metrics."""
        return training_run.metrics.order_by("-step").values_list("values", flat=True).first()

    @staticmethod
    def resolve_children(training_run: TrainingRun) -> list[str]:
        """Name the candidates that came of it."""
        return list(training_run.candidates.values_list("name", flat=True))

    @staticmethod
    def resolve_next_round(training_run: TrainingRun) -> int | None:
        """Number the round in which the child meets its parent."""
        return training_run.next_round.number if training_run.next_round else None


class MetricOut(Schema):
    """What a training measured at a step."""

    step: int
    values: dict[str, Any]
