"""The rating page: one blind comparison, and the next one in the answer to its vote."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.template.context_processors import csrf
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers

from annotate.forms.rating import ReportForm, SkipForm, VoteForm
from annotate.models import Annotator, RatingRules
from annotate.services import errors, voting
from annotate.services.arrival import Arrived
from annotate.services.progress import progress_of
from annotate.services.sitting import Sitting, sit_down
from annotate.views import counts
from annotate.views.blind import blind
from annotate.views.fixed import draw_fixed
from annotate.views.judgements import Judgement
from annotate.views.reading import chosen_view, remember_view
from annotate.views.sequence import Step, current_step, open_round, shown_by, step_after
from annotate.views.training import STOP_POLLING
from annotate.views.visitors import HtmxRequest, arrived_page

REFUSAL_STATUS = {
    errors.ComparisonUnknown: 404,
    errors.RoundClosed: 409,
    errors.VoteRefused: 422,
}
StepFinder = Callable[[Sitting], Step | None]
RatingView = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Ending:
    """Why there is nothing to judge; `kind` is the name of the refusal."""

    kind: str
    text: str


def rating_page(view: RatingView) -> Callable[..., HttpResponseBase]:
    """Let annotators of the run in; keep what they get out of every cache."""
    return vary_on_headers("HX-Request")(cache_control(no_store=True)(arrived_page(view)))


@require_http_methods(["GET", "POST"])
@rating_page
def rate(request: HtmxRequest, arrived: Arrived) -> HttpResponse:
    """Show the volunteer's comparison; take a vote and show the next one."""
    if request.method == "POST":
        return _take_vote(request, arrived)
    response = _show_current(request, arrived)
    remember_view(request, response)
    return response


@require_GET
@rating_page
def ahead(request: HtmxRequest, arrived: Arrived) -> HttpResponse:
    """Give the fragment of the step after the one that the browser shows; it is no page."""
    if not request.htmx:
        return HttpResponseRedirect(reverse("rate", args=[arrived.run.slug]))
    return _show_current(request, arrived, find=partial(step_after, shown_by(request)))


@require_GET
@rating_page
def after_pause(request: HtmxRequest, arrived: Arrived) -> HttpResponse:
    """Give what comes after a pause, once it is over; the page of a paused run asks for it."""
    if not request.htmx:
        return HttpResponseRedirect(reverse("rate", args=[arrived.run.slug]))
    if arrived.run.paused_at is not None:
        return HttpResponse(status=204)
    return _show_current(request, arrived, status=STOP_POLLING)


@require_GET
@rating_page
def pieces(request: HtmxRequest, arrived: Arrived, token: uuid.UUID) -> HttpResponse:
    """Say, for whoever marks passages, which drawn characters of each reply are which stored ones.

    By side and turn, as `passages.Alignment.pack` writes it. The page itself does without: to find
    them takes as long as to draw the replies.
    """
    own = _present(arrived).comparisons.filter(round__run=arrived.run)
    replies = own.select_related("prompt", "completion_a", "completion_b")
    comparison = get_object_or_404(replies, token=token)
    try:
        turn = max(0, int(request.GET.get("turn", "")))
    except ValueError:
        turn = 0
    shown = blind(comparison, view=chosen_view(request), turn=turn)
    return JsonResponse(
        {
            f"{reply.side} {exchange.number}": reply.pieces
            for exchange in shown.exchanges
            for reply in exchange.replies
        }
    )


@require_POST
@rating_page
def undo(request: HtmxRequest, arrived: Arrived) -> HttpResponse:
    """Take back the last vote or skip, and show that pair again."""
    status = 200
    try:
        comparison = voting.undo_vote(
            run=arrived.run, annotator=_present(arrived), shown=request.POST.get("shown")
        )
        if comparison is None:
            messages.info(request, _("There is nothing to undo."))
        else:
            messages.info(request, _("Taken back. Here is that pair again."))
    except errors.NotShown as refusal:
        messages.info(request, str(refusal))
    except errors.Refused as refusal:
        status = _refuse(request, refusal)
    progress = progress_of(arrived.annotator, arrived.run, arrived.now)
    return _answer(request, replace(arrived, progress=progress), status)


@require_POST
@rating_page
def skip(request: HtmxRequest, arrived: Arrived) -> HttpResponse:
    """Pass over the comparison, for a reason."""
    said = _("Skipped. Here is another pair.")
    status = _set_aside(request, _present(arrived), SkipForm, voting.skip_comparison, said)
    return _answer(request, arrived, status)


@require_POST
@rating_page
def report(request: HtmxRequest, arrived: Arrived) -> HttpResponse:
    """Hide a harmful completion until somebody has looked at it."""
    said = _("Thank you. That answer is hidden for everyone until somebody has looked at it.")
    status = _set_aside(request, _present(arrived), ReportForm, voting.report_completion, said)
    return _answer(request, arrived, status)


def _set_aside(
    request: HtmxRequest,
    annotator: Annotator,
    form_class: type[Form],
    act: Callable[..., object],
    said: str,
) -> int:
    """Do what was sent to a comparison, and leave a message; give the status of the answer."""
    form = form_class(request.POST)
    if not form.is_valid():
        return _refuse_form(request)
    try:
        act(annotator=annotator, **form.cleaned_data)
    except errors.Refused as refusal:
        return _refuse(request, refusal)
    messages.info(request, said)
    return 200


def _take_vote(request: HtmxRequest, arrived: Arrived) -> HttpResponse:
    """Record the vote that was sent, and find what comes next, in one transaction.

    Where that fails, the vote is recorded alone: what is wrong with the next pair loses none.
    """
    form = VoteForm(request.POST)
    token = form.cleaned_data["token"] if form.is_valid() else None
    try:
        return _take_and_find(request, arrived, form, token)
    except Exception:
        if token is not None:
            with sit_down(annotator=_present(arrived), token=token) as sitting:
                _record(request, sitting, form)
        raise


def _take_and_find(
    request: HtmxRequest, arrived: Arrived, form: VoteForm, token: uuid.UUID | None
) -> HttpResponse:
    headers: dict[str, str] = {}
    with sit_down(annotator=_present(arrived), now=arrived.now, token=token) as sitting:
        if token is None:
            status = _refuse_form(request)
        else:
            status, headers = _record(request, sitting, form)
        if status == 200 and not request.htmx:
            return _reload(arrived)
        shown = shown_by(request)
        find = partial(step_after, shown) if request.htmx and shown else current_step
        found = _find(arrived, sitting, find)
    if sitting.n_judged:
        arrived = replace(arrived, progress=arrived.progress.add_one())
    response = _show(request, arrived, found, status=status)
    for name, value in headers.items():
        response[name] = value
    return response


def _record(request: HtmxRequest, sitting: Sitting, form: VoteForm) -> tuple[int, dict[str, str]]:
    """Record a vote, or leave a message that says why not.

    Returns:
        The status of the answer, and headers for it.
    """
    try:
        vote = sitting.record(**form.vote())
    except errors.TooFast as refusal:
        messages.info(request, str(refusal))
        return 429, {"Retry-After": str(refusal.seconds_left)}
    except errors.Refused as refusal:
        return _refuse(request, refusal), {}
    wish = voting.outcome_of(choice=form.cleaned_data["choice"], side_a=str(vote.comparison.side_a))
    if vote.outcome != wish:
        messages.info(request, _("You had judged this pair before. Your first vote stands."))
    return 200, {}


def _refuse(request: HtmxRequest, refusal: errors.Refused) -> int:
    """Leave the words of a refusal; give the status."""
    messages.error(request, str(refusal))
    return REFUSAL_STATUS[type(refusal)]


def _refuse_form(request: HtmxRequest) -> int:
    messages.error(request, _("That could not be read. Please choose again."))
    return 400


def _answer(request: HtmxRequest, arrived: Arrived, status: int) -> HttpResponse:
    """Show what is to be judged now; without htmx a success leads back to the page."""
    if status == 200 and not request.htmx:
        return _reload(arrived)
    return _show_current(request, arrived, status=status)


def _reload(arrived: Arrived) -> HttpResponse:
    """Lead back to the page: the answer to a reload is then that, not a second POST."""
    return HttpResponseRedirect(reverse("rate", args=[arrived.run.slug]), status=303)


def _show_current(
    request: HtmxRequest,
    arrived: Arrived,
    *,
    find: StepFinder = current_step,
    status: int = 200,
) -> HttpResponse:
    """Show the annotator's comparison in the run's open round, or say why there is none."""
    with sit_down(annotator=_present(arrived), now=arrived.now) as sitting:
        found = _find(arrived, sitting, find)
    return _show(request, arrived, found, status=status)


def _present(arrived: Arrived) -> Annotator:
    """Give who is there: nobody comes to these pages who is not known."""
    assert arrived.annotator is not None
    return arrived.annotator


def _find(arrived: Arrived, sitting: Sitting, find: StepFinder) -> Step | errors.Refused | None:
    """Find a step, None where there is no other one for now, or the reason why there is none."""
    try:
        open_round(arrived.run, arrived.now)
        return find(sitting)
    except (errors.NothingLeft, errors.RoundClosed) as end:
        return end


def _show(
    request: HtmxRequest, arrived: Arrived, found: Step | errors.Refused | None, *, status: int
) -> HttpResponse:
    if isinstance(found, errors.Refused):
        context = _ending(arrived, found)
    else:
        context = _step(request, arrived.run.stored_rules, found)
    return _render(request, arrived, context, status=status)


def _step(request: HtmxRequest, rules: RatingRules, step: Step | None) -> dict[str, object]:
    if step is None:
        return {"rules": rules}
    shown = blind(step.comparison, view=chosen_view(request), turn=step.turn)
    fixed = draw_fixed(
        request,
        run=step.comparison.round.run,
        rules=rules,
        comparison=shown,
        before=_taken_back(step),
    )
    return {"rules": rules, "comparison": shown, "fixed": fixed}


def _taken_back(step: Step) -> Judgement | None:
    """Give the last vote on the step where it was taken back: its reasons are not asked again."""
    if not step.comparison.may_have_votes:
        return None
    vote = step.comparison.votes.filter(turn=step.turn).order_by("-pk").first()
    return Judgement(step.comparison, vote) if vote else None


def _ending(arrived: Arrived, end: errors.Refused) -> dict[str, object]:
    return {
        "ending": Ending(type(end).__name__, str(end)),
        "other_runs": counts.list_open_runs(_present(arrived)).exclude(pk=arrived.run.pk),
    }


def _render(
    request: HtmxRequest, arrived: Arrived, context: dict[str, object], *, status: int
) -> HttpResponse:
    annotator = _present(arrived)
    context |= {
        "run": arrived.run,
        "annotator": annotator,
        "progress": arrived.progress,
        # Votes that wait in a browser are sent for nobody but whoever cast them.
        "owner": salted_hmac("kurabe.votes", str(annotator.pk)).hexdigest()[:16],
    }
    if not request.htmx:
        return render(request, "rate/page.html", context, status=status)
    # A part of a page, without what every page has.
    of_part = {"request": request, "messages": messages.get_messages(request), **csrf(request)}
    part = render_to_string("rate/_comparison.html", context | of_part)
    return HttpResponse(part, status=status)
