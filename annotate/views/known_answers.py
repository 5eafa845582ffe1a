"""A run's known answers, as its rating page lists them and takes new ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest

from annotate.forms.admin import BETTER
from annotate.models import Completion, GoldPair, Prompt, RatingRules, SelectionRun
from annotate.models.comparisons import Outcome, Purpose
from annotate.services import gold
from annotate.views.reading import show_plain

PROMPTS_LISTED = 12


@dataclass(frozen=True)
class Choice:
    """Prompts to choose from, and the answers to the one that was chosen."""

    words: str
    prompts: Sequence[Prompt]
    has_more: bool
    prompt: Prompt | None
    completions: Sequence[tuple[Completion, Any]]


def list_known(run: SelectionRun) -> QuerySet[GoldPair]:
    """List known answers, those in use first; count their `answers`, and the `right` ones."""
    standing = Q(comparisons__votes__withdrawn_number__isnull=True)
    is_right = Q(comparisons__votes__outcome=F("outcome"))
    return (
        GoldPair.objects.filter(run=run)
        .select_related("completion_a__prompt")
        .annotate(
            answers=Count("comparisons__votes", filter=standing),
            right=Count("comparisons__votes", filter=standing & is_right),
        )
        .order_by(F("retired_at").asc(nulls_first=True), "use", "position", "id")
    )


def lacks_gold(run: SelectionRun) -> bool:
    """Tell whether known answers are to be shown, and there are none."""
    shown = GoldPair.objects.filter(run=run, use=Purpose.GOLD, retired_at=None)
    return RatingRules.of(run).gold_rate > 0 and not shown.exists()


def write(
    *, run: SelectionRun, language: str, question: str, better: str, worse: str, right: str,
    **said: Any,
) -> GoldPair:  # fmt: skip
    """Store a known answer of one turn that was written by hand."""
    return gold.write_gold_pair(
        run=run,
        language=language,
        turns=[question],
        better=[better],
        worse=[worse],
        outcome=Outcome.A if right == BETTER else right,
        **said,
    )


def choose(
    *, run: SelectionRun, better: Completion, other: Completion, right: str, **said: Any
) -> GoldPair:
    """Make a known answer of two completions of the run."""
    return gold.add_gold_pair(
        run=run,
        completion_1=better,
        completion_2=other,
        better=better if right == BETTER else right,
        **said,
    )


def choice_of(request: HttpRequest, run: SelectionRun) -> Choice:
    """Find prompts by the words in the address, and the answers to the prompt that it names."""
    words = request.GET.get("find", "").replace("\0", "").strip()  # no text holds a NUL
    chosen = request.GET.get("prompt", "")
    prompt = run.prompts().filter(pk=chosen).first() if chosen.isdecimal() else None
    completions: QuerySet[Completion] = Completion.objects.none()
    if prompt is not None:
        # By their texts, so that no order tells which candidate wrote which.
        completions = (
            Completion.objects.of_run(run)
            .filter(prompt=prompt)
            .exclude(pk__in=Completion.objects.hidden())
            .order_by("text_digest", "pk")
        )
    found = list(_find_prompts(run, words)[: PROMPTS_LISTED + 1]) if words else []
    return Choice(
        words=words,
        prompts=found[:PROMPTS_LISTED],
        has_more=len(found) > PROMPTS_LISTED,
        prompt=prompt,
        completions=[(each, show_plain("\n\n".join(each.replies))) for each in completions],
    )


def _find_prompts(run: SelectionRun, words: str) -> QuerySet[Prompt]:
    prompts = run.prompts().filter(Q(key__icontains=words) | Q(turns__icontains=words))
    return prompts.order_by("prompt_set", "key")
