"""What LLM judges wrote, pair by pair and in both orders, for people to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from annotate.models import Comparison, Judge, JudgeReading, SelectionRun
from annotate.models.comparisons import Outcome
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import judges
from annotate.services.judge_agreement import PANEL, PEOPLE, measure_judges
from annotate.views.reading import show_plain

PAIRS_ON_A_PAGE = 10
SHOW = {
    "all": gettext_lazy("All"),
    "inconsistent": gettext_lazy("The two orders differ"),
    "unreadable": gettext_lazy("Could not be read"),
}
Verdict = JudgeReading.Verdict


@dataclass(frozen=True)
class Words:
    """What a judge wrote of a pair in one order.

    Attributes:
        first: the candidate that it was shown first, as assistant A.
        verdict: what was read from its words, by the candidates' names.
    """

    first: str
    second: str
    verdict: str
    html: SafeString


@dataclass(frozen=True)
class Side:
    """What a candidate answered."""

    name: str
    replies: Sequence[SafeString]


@dataclass(frozen=True)
class Pair:
    """A comparison that a judge read, with what others say of the same two texts."""

    comparison: Comparison
    judge: Judge
    words: Sequence[Words]
    replies: Sequence[Side]
    vote: str
    panel: str
    people: str


@require_safe
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def readings(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show what judges wrote; `?judge=` and `?show=` choose which."""
    run = get_object_or_404(SelectionRun, slug=slug)
    show = request.GET.get("show", "all")
    chosen = request.GET.get("judge", "")
    known = [each for each in judges.list_judges(run=run) if each.template.use == "pair"]
    if show not in SHOW or (chosen and chosen not in {each.slug for each in known}):
        raise Http404
    found = find_comparisons(run, judge=chosen, show=show)
    page = Paginator(found, PAIRS_ON_A_PAGE).get_page(request.GET.get("page"))
    verdicts = measure_judges(run=run).verdicts if page.object_list else {}
    context = {
        "run": run,
        "page": page,
        "pairs": [read_pair(each, verdicts) for each in page],
        "judges": known,
        "judge": chosen,
        "show": show,
        "shows": SHOW,
    }
    return render(request, "judges/readings.html", context)


def find_comparisons(run: SelectionRun, *, judge: str, show: str) -> QuerySet[Comparison]:
    """Find the comparisons that judges have read, the newest first."""
    readings = JudgeReading.objects.filter(comparison=OuterRef("pk"))
    found = Comparison.objects.filter(
        Exists(readings), round__run=run, annotator__judge__isnull=False
    )
    if judge:
        found = found.filter(annotator__judge__slug=judge)
    unread = Q(verdict=Verdict.UNREADABLE)
    if show == "unreadable":
        found = found.filter(Exists(readings.filter(unread)))
    elif show == "inconsistent":
        one = readings.filter(order=JudgeReading.Order.AB).exclude(unread)
        # Both readings are of one comparison, so the other is told from this by its order alone.
        differing = JudgeReading.objects.filter(
            comparison=OuterRef("comparison"), order=JudgeReading.Order.BA
        ).exclude(unread | Q(verdict=OuterRef("verdict")))
        found = found.filter(Exists(one.filter(Exists(differing))))
    return (
        found.select_related(
            "annotator__judge",
            "prompt",
            "candidate_a",
            "candidate_b",
            "round",
            "completion_a",
            "completion_b",
        )
        .prefetch_related("readings", "votes")
        .order_by("-id")
    )


def read_pair(
    comparison: Comparison, verdicts: Mapping[tuple[int, int], Mapping[str, str]]
) -> Pair:
    """Put a judge's words in terms of the candidates' names, for whoever may know them."""
    names = {"a": comparison.candidate_a.name, "b": comparison.candidate_b.name}
    words = [
        Words(
            first=names[reading.order[0]],
            second=names[reading.order[1]],
            verdict=names.get(reading.verdict) or str(Verdict(reading.verdict).label),
            html=show_plain(reading.reply),
        )
        for reading in sorted(comparison.readings.all(), key=lambda each: each.order)
    ]
    said = verdicts.get((comparison.completion_a_id, comparison.completion_b_id), {})

    def name(outcome: str | None) -> str:
        return "" if outcome is None else names.get(outcome) or str(Outcome(outcome).label)

    standing = [vote for vote in comparison.votes.all() if vote.withdrawn_number is None]
    return Pair(
        comparison=comparison,
        judge=comparison.annotator.judge,
        words=words,
        replies=[
            Side(names[side], [show_plain(text) for text in completion.replies])
            for side, completion in (("a", comparison.completion_a), ("b", comparison.completion_b))
        ],
        vote=name(standing[0].outcome if standing else None),
        panel=name(said.get(PANEL)),
        people=name(said.get(PEOPLE)),
    )
