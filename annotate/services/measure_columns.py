"""What was counted in completions, as numpy columns."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from django.db.models import Avg, Case, Count, F, FloatField, Q, QuerySet, Value, When
from django.db.models.functions import Cast
from numpy.typing import NDArray

from annotate.models import Completion, Prompt, SelectionRun
from annotate.models.candidates import FinishReason
from annotate.ranking.arrays import FloatArray, IntArray


class Measure(StrEnum):
    """What is counted in a completion; 0 to 1 but for the length."""

    LEAKAGE = "leakage"
    LEAKING = "leaking"
    OTHER_LANGUAGE = "other_language"
    LENGTH = "length"
    REPETITION = "repetition"
    TRUNCATED = "truncated"
    REFUSAL = "refusal"
    MAKER = "maker"
    EMPTY = "empty"

    @property
    def is_share(self) -> bool:
        """Tell whether it goes from 0 to 1, or is a number of characters."""
        return self is not Measure.LENGTH


_IDS = ("candidate", "prompt", "sample")
_ROW = np.dtype([*((name, "i8") for name in _IDS), *((str(name), "f8") for name in Measure)])


@dataclass(frozen=True, eq=False)
class Measured:
    """Measured completions, each column (n,): ids, and what was counted, nan where it is unknown.

    Whether a completion was cut is unknown where nobody said why it ended.
    """

    candidate: IntArray
    prompt: IntArray
    sample: IntArray
    values: dict[Measure, FloatArray]

    def of(self, chosen: NDArray[np.bool_]) -> "Measured":
        """Keep some of them."""
        values = {name: column[chosen] for name, column in self.values.items()}
        return Measured(self.candidate[chosen], self.prompt[chosen], self.sample[chosen], values)


def read_measures(
    *, candidates: Iterable[int], prompts: QuerySet[Prompt] | None = None
) -> Measured:
    """Read what is measured of these candidates, on some prompts or on all."""
    completions = Completion.objects.filter(candidate__in=candidates, measure__isnull=False)
    if prompts is not None:
        completions = completions.filter(prompt__in=prompts)
    columns = _columns()
    rows = completions.order_by().values_list(*_IDS, *(columns[name] for name in Measure))
    read = np.fromiter(rows.iterator(chunk_size=5_000), dtype=_ROW)
    values = {name: read[str(name)] for name in Measure}
    return Measured(read["candidate"], read["prompt"], read["sample"], values)


def count_measured(completions: QuerySet[Completion]) -> tuple[int, int]:
    """Count the completions that are measured, and all of them."""
    counted = completions.aggregate(
        n_measured=Count("pk", filter=Q(measure__isnull=False)), n=Count("pk")
    )
    return counted["n_measured"], counted["n"]


@dataclass(frozen=True)
class RunMeasures:
    """What was counted in a run's completions at a glance: means over all that is measured.

    `most_leaking` is the candidate of the highest mean leakage, and that mean.
    """

    n_measured: int
    n_completions: int
    means: dict[Measure, float | None]
    most_leaking: tuple[str, float] | None


def summarise_measures(*, run: SelectionRun) -> RunMeasures:
    """Average what is measured of a run, in two queries whose answers are short."""
    completions = Completion.objects.of_run(run)
    n_measured, n_completions = count_measured(completions)
    measured = completions.filter(measure__isnull=False)
    columns = _columns()
    known = ~Q(finish_reason="")
    averages = {
        str(name): Avg(column, filter=known if name is Measure.TRUNCATED else Q())
        for name, column in columns.items()
    }
    means = measured.aggregate(**averages) if n_measured else {}
    leaking = (
        measured.filter(candidate__in=run.candidates.competing())
        .values_list("candidate__name")
        .annotate(leakage=Avg("measure__leakage"))
        .order_by("-leakage", "candidate__name")
        .first()
    )
    return RunMeasures(
        n_measured=n_measured,
        n_completions=n_completions,
        means={name: means.get(str(name)) for name in Measure},
        most_leaking=leaking if leaking and leaking[1] else None,
    )


def _columns() -> dict[Measure, Cast]:
    cut = Case(
        When(finish_reason=FinishReason.LENGTH, then=Value(1.0)),
        When(finish_reason="", then=Value(float("nan"))),
        default=Value(0.0),
        output_field=FloatField(),
    )
    return {
        Measure.LEAKAGE: Cast(F("measure__leakage"), FloatField()),
        Measure.LEAKING: _flag(Q(measure__leakage__gt=0)),
        Measure.OTHER_LANGUAGE: Cast(F("measure__other_language"), FloatField()),
        Measure.LENGTH: Cast(F("measure__n_characters"), FloatField()),
        Measure.REPETITION: Cast(F("measure__repetition"), FloatField()),
        Measure.TRUNCATED: Cast(cut, FloatField()),
        Measure.REFUSAL: _flag(~Q(measure__refusal="")),
        Measure.MAKER: _flag(~Q(names_maker="")),
        Measure.EMPTY: _flag(Q(measure__is_empty=True)),
    }


def _flag(condition: Q) -> Cast:
    return Cast(Case(When(condition, then=Value(1.0)), default=Value(0.0)), FloatField())
