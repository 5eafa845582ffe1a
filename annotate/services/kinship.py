"""How a trained candidate stands to its parent: what people prefer, beside what can be counted.

DPO may make replies that people prefer and that leak more, and its own reward says nothing of
people: so the three stand side by side.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count

from annotate.models import Candidate, SelectionRun, TrainingMetric, TrainingRun, Vote
from annotate.ranking.win_rate import WinRate, win_rate
from annotate.services.drift import CandidateDrift, drift_between

Pair = tuple[int, int]
TIES = (Vote.Outcome.TIE, Vote.Outcome.BOTH_BAD)
# Of the trainer's own measure of what it learned, in training and, where it evaluates, beside it.
REWARDS = ("reward_accuracy", "reward_margin")


@dataclass(frozen=True)
class Kinship:
    """A child beside its parent.

    Attributes:
        won: how often people prefer the child, simulated annotators among them; None without votes.
        kinds: those votes by kind of annotator.
        rewards: `reward_accuracy`, `reward_margin`, and either with `eval_` before it, as they were
            last measured; those that were not are left out.
        drift: what is counted in the child's replies, and how that differs from the parent's.
        on_held_out: whether all of that is on held-out prompts; else the run has none.
    """

    child: Candidate
    parent: Candidate
    training_run: TrainingRun
    won: WinRate | None
    kinds: Mapping[str, int]
    rewards: Mapping[str, float]
    drift: CandidateDrift
    on_held_out: bool


def tell_kinship(*, run: SelectionRun, training_run: TrainingRun | None = None) -> list[Kinship]:
    """Tell of each child that was trained in the run, the newest last.

    It takes the same few queries for any number of children.

    Args:
        training_run: whose child alone is told of; None: all.
    """
    children = run.candidates.filter(training_run__isnull=False).select_related(
        "training_run__base__run"
    )
    if training_run is not None:
        children = children.filter(training_run=training_run)
    trained = [
        (child, child.training_run) for child in children.order_by("pk") if child.training_run
    ]
    if not trained:
        return []
    pairs = [(child, its.base) for child, its in trained]
    has_held_out = run.prompts().held_out().exists()
    prompts = run.prompts().held_out() if has_held_out else run.prompts()
    votes = _count_votes(run, pairs, only_held_out=has_held_out)
    rewards = _read_rewards([its.pk for _child, its in trained])
    return [
        Kinship(
            child=child,
            parent=its.base,
            training_run=its,
            won=_rate(votes[child.pk, its.base_id]),
            kinds=_add_up(votes[child.pk, its.base_id]),
            rewards=rewards[its.pk],
            drift=drift,
            on_held_out=has_held_out,
        )
        for (child, its), drift in zip(trained, drift_between(pairs, prompts=prompts), strict=True)
    ]


def _count_votes(
    run: SelectionRun, pairs: Sequence[tuple[Candidate, Candidate]], *, only_held_out: bool
) -> dict[Pair, dict[tuple[str, str], int]]:
    """Count people's votes by child and parent: outcome as the child saw it, kind → votes."""
    children, parents = ({pair[side].pk for pair in pairs} for side in (0, 1))
    asked = children | parents
    votes = Vote.objects.of_run(run).counting().by_people().order_by()
    votes = votes.filter(comparison__candidate_a__in=asked, comparison__candidate_b__in=asked)
    if only_held_out:
        votes = votes.filter(comparison__prompt__is_held_out=True)
    rows = votes.values_list(
        "comparison__candidate_a", "comparison__candidate_b", "outcome",
        "comparison__annotator__kind",
    ).annotate(n=Count("pk"))  # fmt: skip
    counts: dict[Pair, dict[tuple[str, str], int]] = defaultdict(dict)
    for a, b, outcome, kind, n in rows:
        mirrored = {Vote.Outcome.A: Vote.Outcome.B, Vote.Outcome.B: Vote.Outcome.A}
        counts[a, b][outcome, kind] = n
        counts[b, a][mirrored.get(outcome, outcome), kind] = n
    return counts


def _rate(counts: Mapping[tuple[str, str], int]) -> WinRate | None:
    if not counts:
        return None

    def of(*outcomes: str) -> int:
        return sum(n for (outcome, _kind), n in counts.items() if outcome in outcomes)

    return win_rate(of(Vote.Outcome.A), of(Vote.Outcome.B), of(*TIES))


def _add_up(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    kinds: dict[str, int] = defaultdict(int)
    for (_outcome, kind), n in counts.items():
        kinds[kind] += n
    return dict(kinds)


def _read_rewards(trainings: Iterable[int]) -> dict[int, dict[str, float]]:
    """Read the last of each training's own measures, in training and in evaluation."""
    rewards: dict[int, dict[str, float]] = defaultdict(dict)
    for beginning in ("", "eval_"):
        last = (
            TrainingMetric.objects.filter(
                training_run__in=list(trainings), values__has_key=f"{beginning}{REWARDS[0]}"
            )
            .order_by("training_run_id", "-step")
            .distinct("training_run_id")
        )
        for metric in last:
            names = [f"{beginning}{name}" for name in REWARDS]
            values = {name: metric.values.get(name) for name in names}
            rewards[metric.training_run_id] |= {n: v for n, v in values.items() if v is not None}
    return rewards
