"""Quality of votes as tables for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from annotate.management.tables import name_excluded, name_votes
from annotate.ranking.agreement import Interval
from annotate.services.quality import AnnotatorQuality, RunQuality

NONE = "–"
NAMES = {
    "alpha": "alpha",
    "alpha_low": "interval of alpha",
    "raw_agreement": "raw agreement",
    "left_share": "left share",
    "left_share_se": "error of the left share",
    "agreement": "agreement",
    "self_consistency": "self",
    "gold_accuracy": "known",
    "seconds_per_1000_characters": "s/1000",
    "reliability": "reliability",
}
ABOUT_RUN = {
    "alpha": "Krippendorff's, nominal: 1 is full agreement, 0 is what chance gives",
    "raw_agreement": "share of pairs of votes on the same two completions that agree",
    "left_share": "votes for the left among votes for a side; .5 is no bias",
}
ABOUT_ANNOTATORS = {
    "agreement": "share of pairs of an own vote and another's, on the same completions, that agree",
    "self_consistency": "the same for two own votes on the same completions; of: such pairs",
    "gold_accuracy": "share of known answers that were found, with Wilson's 95 % interval",
    "left_share": "votes for the left among votes for a side, with Wilson's 95 % interval",
    "seconds_per_1000_characters": "median seconds from showing to vote per 1,000 characters read",
    "reliability": "how sharply votes follow the common strengths: 1 is typical, 0 is guessing",
}


def quality_tables(quality: RunQuality, *, by: str | None) -> Iterator[RenderableType]:
    """Lay out the run, its annotators, what each number is, and why one is missing."""
    slice_ = "" if by is None else f", {by} {quality.value or NONE}"
    votes = name_votes(quality.votes, quality.votes_by_kind)
    excluded = name_excluded(quality.n_excluded)
    yield _run_table(f"{quality.run}{slice_}: {votes}{excluded}", quality)
    yield from _explain(ABOUT_RUN)
    if quality.identical_pairs:
        yield Text(f"{quality.identical_pairs} pairs are recorded as identical, and never shown")
    if quality.annotators:
        yield _annotator_table(quality.annotators)
        yield _conduct_table(quality.annotators)
        yield from _explain(ABOUT_ANNOTATORS)
        yield from _exclusions(quality.annotators)
    for field, reason in quality.gaps.items():
        yield Text(f"no {NAMES[field]}: {reason}")
    yield Text("")


def _explain(meanings: Mapping[str, str]) -> Iterator[RenderableType]:
    for field, meaning in meanings.items():
        yield Text(f"{NAMES[field]}: {meaning}")


def _run_table(title: str, quality: RunQuality) -> Table:
    table = _table(title, {"number": "left", "is": "right", "95 % interval": "right", "of": "left"})
    agreement, left = quality.agreement, quality.left
    shared = f"{agreement.n_votes} votes on {agreement.n_units} pairs that two or more judged"
    table.add_row(NAMES["alpha"], *_interval(agreement.alpha), shared)
    table.add_row(NAMES["raw_agreement"], *_interval(agreement.raw), shared)
    error = NONE if left.se is None else f"standard error {left.se:.4f}"
    sided = f"{left.n_left + left.n_right} votes for a side"
    table.add_row(NAMES["left_share"], _number(left.share), error, sided)
    return table


def _annotator_table(annotators: Sequence[AnnotatorQuality]) -> Table:
    numbers = ("votes", "agreement", "left share", "95 %", "reliability", "error")
    headings = {"annotator": "left", "kind": "left"} | dict.fromkeys(numbers, "right")
    table = _table("Annotators", headings)
    for row in annotators:
        table.add_row(
            Text(row.name),
            row.kind,
            str(row.votes),
            _number(row.agreement),
            _number(row.left_share),
            _span(row.left_share_low, row.left_share_high),
            _number(row.reliability),
            _number(row.reliability_se),
        )
    return table


def _conduct_table(annotators: Sequence[AnnotatorQuality]) -> Table:
    numbers = ("self", "of", "known", "right", "95 %", "s/1000", "skips", "reports")
    table = _table("Care", {"annotator": "left"} | dict.fromkeys(numbers, "right"))
    for row in annotators:
        table.add_row(
            Text(row.name),
            _number(row.self_consistency),
            str(row.self_consistency_pairs),
            _number(row.gold_accuracy),
            f"{row.gold_right} of {row.gold_answered}",
            _span(row.gold_accuracy_low, row.gold_accuracy_high),
            _number(row.seconds_per_1000_characters, 1),
            str(row.skips),
            str(row.reports),
        )
    return table


def _exclusions(annotators: Sequence[AnnotatorQuality]) -> Iterator[RenderableType]:
    for row in annotators:
        if row.is_excluded:
            reason = " ".join(row.exclusion_reason.split())
            yield Text(f"excluded: {row.name}, whose votes count nowhere above: {reason}")


def _table(title: str, headings: Mapping[str, str]) -> Table:
    table = Table(
        title=Text(title), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0),
        pad_edge=False,
    )  # fmt: skip
    for heading, side in headings.items():
        is_name = heading == "annotator"  # it may be long, and is read whole
        justify: Literal["left", "right"] = "right" if side == "right" else "left"
        overflow: Literal["fold", "ellipsis"] = "fold" if is_name else "ellipsis"
        table.add_column(heading, justify=justify, no_wrap=not is_name, overflow=overflow)
    return table


def _interval(estimate: Interval | None) -> tuple[str, str]:
    if estimate is None:
        return NONE, NONE
    return _number(estimate.value), _span(estimate.low, estimate.high)


def _span(low: float | None, high: float | None) -> str:
    return NONE if low is None else f"{_number(low)} to {_number(high)}"


def _number(value: float | None, places: int = 3) -> str:
    return NONE if value is None else f"{value:.{places}f}"
