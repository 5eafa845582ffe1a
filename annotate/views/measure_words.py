"""The words of what is counted in completions, and how its numbers are written."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotate.services.drift import Estimate
from annotate.services.measure_columns import Measure
from annotate.templatetags.kurabe import NONE, decimals, percent

NAMES: dict[Measure, Promise] = {
    Measure.LEAKAGE: _("Leakage"),
    Measure.LEAKING: _("Completions that leak"),
    Measure.OTHER_LANGUAGE: _("Text in another language"),
    Measure.LENGTH: _("Length (characters)"),
    Measure.REPETITION: _("Repetition"),
    Measure.TRUNCATED: _("Truncated"),
    Measure.REFUSAL: _("Refusals"),
    Measure.MAKER: _("Maker names"),
    Measure.EMPTY: _("Empty"),
}
MEANINGS: dict[Measure, Promise] = {
    Measure.LEAKAGE: _("Share of letters outside the language that a reply should be in."),
    Measure.LEAKING: _(
        "Share of completions with any letter outside the language they should be in."
    ),
    Measure.OTHER_LANGUAGE: _(
        "The part of the leakage that stands in whole runs of text, and not in single words."
    ),
    Measure.LENGTH: _("Characters of a completion, all its replies together."),
    Measure.REPETITION: _("Share of characters that say again what was just said."),
    Measure.TRUNCATED: _(
        "Share of completions that were cut at the length limit; those of which nobody said why "
        "they ended are left out."
    ),
    Measure.REFUSAL: _("Share of completions that decline to answer."),
    Measure.MAKER: _("Share of completions that say who made the model, or name it."),
    Measure.EMPTY: _("Share of completions without a text."),
}


def read_measure(asked: str | None) -> Measure:
    """Give the measure that an address names, or leakage."""
    return Measure(asked) if asked in set(Measure) else Measure.LEAKAGE


def write_number(measure: Measure, number: float | None, *, is_change: bool = False) -> str:
    """Write a mean, or with its sign a change."""
    if number is None:
        return NONE
    written = percent(number, 2) if measure.is_share else decimals(number, 1)
    return f"+{written}" if is_change and number > 0 else written


def write_interval(measure: Measure, estimate: Estimate, *, is_change: bool = False) -> str:
    """Write both ends of an interval; a dash where there is none."""
    if estimate.low is None or estimate.high is None:
        return NONE
    low, high = (
        write_number(measure, end, is_change=is_change) for end in (estimate.low, estimate.high)
    )
    return f"{low} – {high}"


def write_short_interval(measure: Measure, estimate: Estimate) -> str:
    """Write an interval where there is little room: shares in per cent without the sign."""
    if estimate.low is None or estimate.high is None:
        return NONE
    scale, places = (100, 1) if measure.is_share else (1, 0)
    return " – ".join(decimals(scale * end, places) for end in (estimate.low, estimate.high))


def places_of(measure: Measure) -> str:
    """Say how a picture writes it, in the words of d3-format."""
    return ".2%" if measure.is_share else ".0f"
