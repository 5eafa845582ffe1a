"""My votes: what an annotator judged in a run, to be read again, changed or taken back."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotate.forms.rating import VoteForm
from annotate.models import Annotator, Comparison, RatingRules, Report, SelectionRun, Vote
from annotate.models.comparisons import Purpose, Side
from annotate.services import errors, voting
from annotate.views.blind import blind, draw_marks, hide_replies
from annotate.views.counts import is_finished
from annotate.views.judgements import Judgement, list_reason_sides
from annotate.views.reading import chosen_view, remember_view
from annotate.views.verdicts import list_verdicts
from annotate.views.visitors import HtmxRequest, volunteer_page

VOTES_ON_A_PAGE = 50


@dataclass(frozen=True)
class Row:
    """A comparison that was judged or skipped, with a judgement for each turn judged apart."""

    comparison: Comparison
    judgements: list[Judgement]

    @property
    def at(self) -> datetime | None:
        """Give the time of the last vote that stands, else of the skip."""
        times = [judgement.vote.created_at for judgement in self.judgements]
        return max(times, default=self.comparison.skipped_at)


@require_safe
@cache_control(no_store=True)
@volunteer_page
def my_votes(request: HtmxRequest, run: SelectionRun, annotator: Annotator) -> HttpResponse:
    """List what the annotator judged or skipped in the run, the newest first."""
    page = Paginator(_own(run, annotator), VOTES_ON_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "run": run,
        "page": page,
        "rows": [_row(comparison) for comparison in page],
        "is_finished": is_finished(run),
    }
    return render(request, "votes/list.html", context)


@require_http_methods(["GET", "POST"])
@cache_control(no_store=True)
@volunteer_page
def my_vote(
    request: HtmxRequest, run: SelectionRun, annotator: Annotator, token: uuid.UUID
) -> HttpResponse:
    """Show a pair again as it was judged; take another verdict while the round is open."""
    comparison = get_object_or_404(_own(run, annotator), token=token)
    status = 200
    if request.method == "POST":
        status = _change(request, annotator, token)
        if status == 200:
            return HttpResponseRedirect(request.get_full_path(), status=303)
    response = _show(request, run, comparison, status=status)
    remember_view(request, response)
    return response


@require_POST
@volunteer_page
def withdraw_vote(
    request: HtmxRequest, run: SelectionRun, annotator: Annotator, token: uuid.UUID
) -> HttpResponse:
    """Take a vote back, all turns of it, while the round is open."""
    comparison = get_object_or_404(_own(run, annotator), token=token)
    if not comparison.round.is_open:
        messages.error(request, _("This round has closed, so its votes stay as they are."))
        return HttpResponseRedirect(reverse("my_vote", args=[run.slug, token]), status=303)
    by = request.user if request.user.is_authenticated else None
    vote = next(iter(comparison.votes.all()), None)  # a skip has none
    if vote is not None:
        voting.withdraw_vote(vote=vote, by=by)
    messages.info(request, _("Taken back. That pair will be shown to you again."))
    return HttpResponseRedirect(reverse("my_votes", args=[run.slug]), status=303)


def _own(run: SelectionRun, annotator: Annotator) -> QuerySet[Comparison]:
    """Find what the annotator judged or skipped in the run, with the votes that stand."""
    standing = Vote.objects.standing()
    is_judged = Exists(standing.filter(comparison=OuterRef("pk")))
    votes = standing.prefetch_related("marks").order_by("turn")
    return (
        annotator.comparisons.filter(is_judged | Q(skipped_at__isnull=False), round__run=run)
        .exclude(purpose=Purpose.PRACTICE)
        .select_related("round", "prompt", "completion_a", "completion_b")
        .prefetch_related(Prefetch("votes", queryset=votes))
        .order_by(Coalesce("answered_at", "skipped_at").desc(), "-id")
    )


def _row(comparison: Comparison) -> Row:
    """Read a row of `_own`."""
    # Prefetched as votes.all(): those that stand, by turn.
    return Row(comparison, [Judgement(comparison, vote) for vote in comparison.votes.all()])


def _change(request: HtmxRequest, annotator: Annotator, token: uuid.UUID) -> int:
    """Cast another vote, or leave a message that says why not; give the status."""
    form = VoteForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("That vote could not be read. Please choose again."))
        return 400
    try:
        voting.change_vote(annotator=annotator, **form.vote() | {"token": token})
    except errors.Refused as refusal:
        messages.error(request, str(refusal))
        return 409
    messages.success(request, _("Your vote is saved as you see it here."))
    return 200


def _show(
    request: HtmxRequest, run: SelectionRun, comparison: Comparison, *, status: int
) -> HttpResponse:
    """Show the pair with the vote on all of it, or on the turn that the address asks for."""
    row = _row(comparison)
    asked = [each for each in row.judgements if str(each.vote.turn) == request.GET.get("turn")]
    judgement = next(iter(asked or row.judgements), None)
    turn = judgement.vote.turn if judgement else Vote.WHOLE_CONVERSATION
    shown = blind(comparison, view=chosen_view(request), turn=turn)
    hidden = _hidden_sides(comparison)
    rules = RatingRules.of(run)
    context = {
        "run": run,
        "row": row,
        "judgement": judgement,
        "comparison": hide_replies(
            draw_marks(shown, judgement.passages if judgement else {}), hidden
        ),
        "hidden": hidden,
        "may_change": judgement is not None and comparison.round.is_open and not hidden,
        "rules": rules,
        "verdicts": list_verdicts(rules),
        "reason_sides": list_reason_sides(rules, judgement) if judgement else [],
    }
    return render(request, "votes/page.html", context, status=status)


def _hidden_sides(comparison: Comparison) -> list[str]:
    """List the sides whose texts are hidden by a report of somebody else."""
    reports = Report.objects.exclude(comparison__annotator=comparison.annotator_id).filter(
        Q(looked_at__isnull=True) | Q(is_upheld=True),
        completion__in=[comparison.completion_a_id, comparison.completion_b_id],
    )
    a_left = comparison.side_a == Side.LEFT
    return [
        Side.LEFT.value
        if (completion == comparison.completion_a_id) == a_left
        else Side.RIGHT.value
        for completion in reports.values_list("completion", flat=True).distinct()
    ]
