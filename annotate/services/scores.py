"""Scores that LLM judges gave to single replies, averaged as pages and files show them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Count, Q

from annotate.models import Judge, JudgeScore, SelectionRun
from annotate.ranking.absolute import MeanScore, average_scores

__all__ = ["UNIT", "MeanScore", "Scores", "list_scorers", "read_scores"]

# What a score is divided by to stand between 0 and 1, as on cards that show it so.
UNIT = 10


@dataclass(frozen=True)
class Scores:
    """What one judge found of a run's candidates, on 1 to 10.

    Attributes:
        means: the best candidate overall first; of each overall first, then by category and turn.
        n_with_reference: scores that were given beside a right answer.
    """

    judge: Judge
    means: tuple[MeanScore, ...]
    names: Mapping[int, str]
    n_scores: int
    n_unread: int
    n_with_reference: int

    @property
    def categories(self) -> list[str]:
        """List the categories, in alphabetical order."""
        return sorted({mean.category for mean in self.means if mean.category is not None})

    @property
    def turns(self) -> list[int]:
        """List the turns; 0 is all of them together."""
        return sorted({mean.turn for mean in self.means})

    @property
    def candidates(self) -> list[int]:
        """List the candidates' ids, the best overall first."""
        return list(dict.fromkeys(mean.candidate for mean in self.means))

    def find(self, candidate: int, category: str | None = None, turn: int = 0) -> MeanScore | None:
        """Give one mean; None where nothing was scored."""
        return self._by_place.get((candidate, category, turn))

    @cached_property
    def _by_place(self) -> dict[tuple[int, str | None, int], MeanScore]:
        return {(mean.candidate, mean.category, mean.turn): mean for mean in self.means}


def list_scorers(*, run: SelectionRun) -> list[Judge]:
    """List the judges that scored replies of the run's candidates."""
    scored = JudgeScore.objects.filter(completion__candidate__run=run).values("judge")
    return list(Judge.objects.filter(pk__in=scored).select_related("template").order_by("slug"))


def read_scores(*, run: SelectionRun, judge: Judge) -> Scores:
    """Average what a judge found of the run's candidates; a completion's sample is a repeat."""
    scores = JudgeScore.objects.filter(judge=judge, completion__candidate__run=run)
    of = "completion__"
    rows = scores.values_list(
        f"{of}candidate", f"{of}prompt__category", f"{of}prompt", "turn", f"{of}sample", "score"
    )
    columns = list(zip(*rows, strict=True)) or [()] * 6
    names = ("candidate", "category", "question", "turn", "repeat", "score")
    means = average_scores(**dict(zip(names, columns, strict=True)))
    best = {mean.candidate: -(mean.mean or 0) for mean in means if _is_overall(mean)}
    means.sort(key=lambda mean: (best[mean.candidate], mean.candidate))
    counts = scores.aggregate(
        n=Count("pk"),
        n_unread=Count("pk", filter=Q(score__isnull=True)),
        n_with_reference=Count("pk", filter=Q(had_reference=True)),
    )
    return Scores(
        judge=judge,
        means=tuple(means),
        names=dict(run.candidates.values_list("pk", "name")),
        n_scores=counts["n"],
        n_unread=counts["n_unread"],
        n_with_reference=counts["n_with_reference"],
    )


def _is_overall(mean: MeanScore) -> bool:
    return mean.category is None and mean.turn == 0
