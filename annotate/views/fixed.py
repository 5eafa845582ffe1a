"""The parts of the rating page that are the same for every comparison of a run.

The buttons and tools around two answers are most of the page's markup and change with the run's
rules alone, so a process draws them once and keeps them; a token, the form's secret and the time
that reading takes are put in for each answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from annotate.models import RatingRules, SelectionRun
from annotate.models.comparisons import SkipReason
from annotate.services.memory import Recent
from annotate.views.blind import BlindComparison
from annotate.views.judgements import Judgement
from annotate.views.verdicts import REASON_SIDES, list_verdicts, reading_ms

Context = dict[str, Any]

TOP, ANSWERING = "rate/_top.html", "rate/_answering.html"
# Of runs, rules, languages, views and turns; each takes about 8 kB.
PARTS_KEPT = 500
# What stands in a kept part for what is put in.
_TOKEN = UUID("b5f1c5a5-5f0b-4d5e-9a4e-6a1d0e7c3f92")
_SECRET = "the-secret-of-the-form-comes-here"  # noqa: S105 - it stands for one
_READING_MS = 8_406_172_953

# All but the instructions, which no such part shows, and which are not read for a vote.
_RULES = [
    field.attname
    for field in RatingRules._meta.concrete_fields
    if not field.name.startswith("instructions")
]
_kept: Recent[tuple[object, ...], str] = Recent(PARTS_KEPT)


@dataclass(frozen=True)
class Fixed:
    """What stands above a comparison, and what stands below it."""

    top: SafeString
    answering: SafeString


def draw_fixed(
    request: HttpRequest,
    *,
    run: SelectionRun,
    rules: RatingRules,
    comparison: BlindComparison,
    before: Judgement | None,
) -> Fixed:
    """Draw what stands above and below a comparison.

    Args:
        before: the vote on it that was taken back, whose reasons are not asked again.
    """
    # What was read once needs no time again.
    needed_ms = 0 if before else reading_ms(comparison, rules)
    key = (
        *(getattr(rules, name) for name in _RULES),
        *((tag.slug, tag.label_en, tag.label_ja) for tag in rules.offered_reasons),
        run.slug,
        get_language(),
        comparison.view,
        comparison.turn,
        needed_ms > 0,
    )
    shown = {"run": run, "rules": rules, "comparison": comparison}
    top = _draw(TOP, key, lambda: shown)
    if before is not None:
        context = _context(shown, before) | {"csrf_token": get_token(request)}
        return Fixed(mark_safe(top), render_to_string(ANSWERING, context))
    answering = _draw(
        ANSWERING,
        key,
        lambda: (
            _context(shown, None)
            | {
                "comparison": replace(comparison, token=_TOKEN, exchanges=()),
                "reading_ms": _READING_MS if needed_ms else 0,
                "csrf_token": _SECRET,
            }
        ),
    )
    put_in = {
        str(_TOKEN): str(comparison.token),
        _SECRET: get_token(request),
        str(_READING_MS): str(needed_ms),
    }
    return Fixed(mark_safe(top), mark_safe(_put_in(answering, put_in)))


def _context(shown: Context, before: Judgement | None) -> Context:
    rules = shown["rules"]
    sides = [(*side, before.reasons_of(side[0]) if before else []) for side in REASON_SIDES]
    return shown | {
        "before": before,
        "verdicts": list_verdicts(rules),
        "reasons": rules.offered_reasons,
        "reason_sides": sides,
        "skip_reasons": SkipReason.choices,
    }


def _draw(template: str, key: tuple[object, ...], context: Callable[[], Context]) -> str:
    kept = _kept.find((template, *key))
    if kept is None:
        kept = str(render_to_string(template, context()))
        _kept.keep((template, *key), kept)
    return kept


def _put_in(part: str, values: Mapping[str, str]) -> str:
    for stands_for, value in values.items():
        part = part.replace(stands_for, value)
    return part
