"""Say how far a run's votes can be trusted: agreement, side bias, and every annotator."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _

from annotate.models import Exclusion, SelectionRun
from annotate.ranking.agreement import Agreement, measure_agreement
from annotate.ranking.sides import LeftShare, measure_left_share
from annotate.services.quality_annotators import (
    LEVEL,
    AnnotatorQuality,
    Columns,
    gaps_of_annotators,
    measure_annotators,
)
from annotate.services.quality_rows import (
    SLICES,
    Slice,
    read_exclusions,
    read_slices,
    reply_lengths,
)
from annotate.services.rounds import count_identical

__all__ = ["SLICES", "AnnotatorQuality", "RunQuality", "measure_quality"]

N_RESAMPLES = 1000
SEED = 0


@dataclass(frozen=True, kw_only=True)
class RunQuality:
    """What the votes of a run, or of one slice of it, say of themselves.

    Attributes:
        value: of the slice; None for all votes.
        votes: those that count: for ranking, by annotators who are not excluded.
        n_excluded: annotators excluded from the run now.
        votes_excluded: votes for ranking that do not count for that.
        identical_pairs: pairs of equal texts that the newest round never shows; None for a slice.
        annotators: those with the most votes first, the excluded among them.
        gaps: why a number is None: name of the field → reason.
    """

    run: str
    value: str | None
    votes: int
    votes_by_kind: Mapping[str, int]
    n_excluded: int
    votes_excluded: int
    identical_pairs: int | None
    agreement: Agreement
    left: LeftShare
    annotators: tuple[AnnotatorQuality, ...]
    gaps: Mapping[str, str]


def measure_quality(*, run: SelectionRun, by: str | None = None) -> list[RunQuality]:
    """Measure the votes of a run that stand now; practice is left out.

    Agreement, side bias and reliability are those of people. LLM judges have rows of their own,
    with their agreement with people.

    Args:
        by: a key of `SLICES`, for one answer for each value of it; None for one on everything.
    """
    slices = read_slices(run, by)
    excluded = read_exclusions(run)
    identical = _count_identical(run) if by is None else None
    was_cast_here = any(
        vote.import_key is None for slice_ in slices.values() for vote in slice_.ballots
    )
    lengths = reply_lengths(run) if was_cast_here else {}
    return [
        _measure(run.slug, value, slices[value], excluded, lengths, identical)
        for value in sorted(slices, key=str)
    ]


def _count_identical(run: SelectionRun) -> int:
    newest = run.rounds.order_by("number").last()
    return count_identical(run=run).get(newest.pk, 0) if newest else 0


def _measure(
    run: str,
    value: str | None,
    slice_: Slice,
    excluded: Mapping[int, Exclusion],
    lengths: Mapping[int, int],
    identical: int | None,
) -> RunQuality:
    columns = Columns(slice_, excluded)
    agreement = _measure_agreement(columns)
    left = _measure_left_share(columns)
    annotators, why_unreliable = measure_annotators(columns, slice_, excluded, lengths)
    gaps = _gaps_of_run(agreement, left) | gaps_of_annotators(annotators, why_unreliable)
    kinds = Counter(
        vote.kind
        for vote, counts in zip(slice_.ballots, columns.is_included, strict=True)
        if counts
    )
    return RunQuality(
        run=run,
        value=value,
        votes=kinds.total(),
        votes_by_kind=dict(sorted(kinds.items())),
        n_excluded=len(excluded),
        votes_excluded=int(columns.ranks.sum()) - kinds.total(),
        identical_pairs=identical,
        agreement=agreement,
        left=left,
        annotators=annotators,
        gaps=gaps if slice_.ballots else {},
    )


def _measure_agreement(columns: Columns) -> Agreement:
    counts = columns.counts
    return measure_agreement(
        unit=columns.unit[counts], annotator=columns.annotator[counts],
        outcome=columns.outcome[counts], rng=np.random.default_rng(SEED), level=LEVEL,
        n_resamples=N_RESAMPLES,
    )  # fmt: skip


def _measure_left_share(columns: Columns) -> LeftShare:
    sided = columns.counts & columns.is_for_a_side
    return measure_left_share(
        is_left=columns.is_left[sided],
        annotator=columns.annotator[sided],
        pair=columns.pair[sided],
    )


def _gaps_of_run(agreement: Agreement, left: LeftShare) -> dict[str, str]:
    gaps: dict[str, str] = {}
    if agreement.raw is None:
        nobody = _("No two annotators judged the same pair of completions.")
        gaps |= {"alpha": nobody, "raw_agreement": nobody}
    elif agreement.alpha is None:
        gaps["alpha"] = _("All votes on shared pairs are alike, and alpha is not defined then.")
    elif agreement.alpha.low is None:
        gaps["alpha_low"] = _("An interval needs a second shared pair.")
    if left.share is None:
        gaps["left_share"] = _("No vote is for a side that is known.")
    elif left.se is None:
        gaps["left_share_se"] = _(
            "The error needs votes for both sides, by two annotators or more, on two pairs or more."
        )
    return gaps
