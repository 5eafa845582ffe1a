"""The rating page: one blind comparison, and the next one in the answer to its vote."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers

from annotate.forms.rating import ReportForm, SkipForm, VoteForm
from annotate.models import Annotator, RatingRules, SelectionRun
from annotate.models.comparisons import SkipReason
from annotate.services import errors, voting
from annotate.views import counts
from annotate.views.blind import blind
from annotate.views.judgements import Judgement
from annotate.views.progress import progress_of
from annotate.views.reading import chosen_view, remember_view
from annotate.views.sequence import Step, current_step, shown_by, step_after
from annotate.views.training import STOP_POLLING
from annotate.views.verdicts import REASON_SIDES, list_verdicts, reading_ms
from annotate.views.visitors import HtmxRequest, volunteer_page

REFUSAL_STATUS = {
    errors.ComparisonUnknown: 404,
    errors.RoundClosed: 409,
    errors.VoteRefused: 422,
}
RatingView = Callable[[HtmxRequest, SelectionRun, Annotator], HttpResponse]


@dataclass(frozen=True)
class Ending:
    """Why there is nothing to judge; `kind` is the name of the refusal."""

    kind: str
    text: str


def rating_page(view: RatingView) -> Callable[..., HttpResponseBase]:
    """Let annotators of the run in; keep what they get out of every cache."""
    return vary_on_headers("HX-Request")(cache_control(no_store=True)(volunteer_page(view)))


@require_http_methods(["GET", "POST"])
@rating_page
def rate(request: HtmxRequest, run: SelectionRun, annotator: Annotator) -> HttpResponse:
    """Show the volunteer's comparison; take a vote and show the next one."""
    if request.method == "GET":
        response = _show_current(request, run, annotator)
        remember_view(request, response)
        return response
    status, headers = _take_vote(request, annotator)
    if request.htmx and shown_by(request):
        response = _show_next(request, run, annotator, status=status)
    else:
        response = _answer(request, run, annotator, status)
    for name, value in headers.items():
        response[name] = value
    return response


@require_GET
@rating_page
def ahead(request: HtmxRequest, run: SelectionRun, annotator: Annotator) -> HttpResponse:
    """Give the fragment of the step after the one that the browser shows; it is no page."""
    if not request.htmx:
        return HttpResponseRedirect(reverse("rate", args=[run.slug]))
    return _show_next(request, run, annotator)


@require_GET
@rating_page
def after_pause(request: HtmxRequest, run: SelectionRun, annotator: Annotator) -> HttpResponse:
    """Give what comes after a pause, once it is over; the page of a paused run asks for it."""
    if not request.htmx:
        return HttpResponseRedirect(reverse("rate", args=[run.slug]))
    if run.paused_at is not None:
        return HttpResponse(status=204)
    return _show_current(request, run, annotator, status=STOP_POLLING)


@require_POST
@rating_page
def undo(request: HtmxRequest, run: SelectionRun, annotator: Annotator) -> HttpResponse:
    """Take back the last vote or skip, and show that pair again."""
    status = 200
    try:
        comparison = voting.undo_vote(run=run, annotator=annotator, shown=request.POST.get("shown"))
        if comparison is None:
            messages.info(request, _("There is nothing to undo."))
        else:
            messages.info(request, _("Taken back. Here is that pair again."))
    except errors.NotShown as refusal:
        messages.info(request, str(refusal))
    except errors.Refused as refusal:
        status = _refuse(request, refusal)
    return _answer(request, run, annotator, status)


@require_POST
@rating_page
def skip(request: HtmxRequest, run: SelectionRun, annotator: Annotator) -> HttpResponse:
    """Pass over the comparison, for a reason."""
    said = _("Skipped. Here is another pair.")
    status = _set_aside(request, annotator, SkipForm, voting.skip_comparison, said)
    return _answer(request, run, annotator, status)


@require_POST
@rating_page
def report(request: HtmxRequest, run: SelectionRun, annotator: Annotator) -> HttpResponse:
    """Hide a harmful completion until somebody has looked at it."""
    said = _("Thank you. That answer is hidden for everyone until somebody has looked at it.")
    status = _set_aside(request, annotator, ReportForm, voting.report_completion, said)
    return _answer(request, run, annotator, status)


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


def _take_vote(request: HtmxRequest, annotator: Annotator) -> tuple[int, dict[str, str]]:
    """Record the vote that was sent, or leave a message that says why not.

    Returns:
        The status of the answer, and headers for it.
    """
    form = VoteForm(request.POST)
    if not form.is_valid():
        return _refuse_form(request), {}
    try:
        vote = voting.record_vote(annotator=annotator, **form.vote())
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


def _answer(
    request: HtmxRequest, run: SelectionRun, annotator: Annotator, status: int
) -> HttpResponse:
    """Show what is to be judged now; without htmx a success leads back to the page."""
    if status == 200 and not request.htmx:
        # The answer to a reload is then the page, not a second POST.
        return HttpResponseRedirect(reverse("rate", args=[run.slug]), status=303)
    return _show_current(request, run, annotator, status=status)


def _show_current(
    request: HtmxRequest, run: SelectionRun, annotator: Annotator, *, status: int = 200
) -> HttpResponse:
    """Show the annotator's comparison in the run's open round, or say why there is none."""
    try:
        step = current_step(run, annotator)
    except (errors.NothingLeft, errors.RoundClosed) as end:
        return _show_ending(request, run, annotator, end, status=status)
    return _show_step(request, run, annotator, step, status=status)


def _show_next(
    request: HtmxRequest, run: SelectionRun, annotator: Annotator, *, status: int = 200
) -> HttpResponse:
    """Give the step after the one that the browser shows; no step where that is the last."""
    try:
        step = step_after(shown_by(request), run, annotator)
    except (errors.NothingLeft, errors.RoundClosed) as end:
        return _show_ending(request, run, annotator, end, status=status)
    return _show_step(request, run, annotator, step, status=status)


def _show_step(
    request: HtmxRequest,
    run: SelectionRun,
    annotator: Annotator,
    step: Step | None,
    *,
    status: int,
) -> HttpResponse:
    rules = RatingRules.of(run)
    context: dict[str, object] = {"rules": rules}
    if step is not None:
        shown = blind(step.comparison, view=chosen_view(request), turn=step.turn)
        before = _taken_back(step)
        context |= {
            "comparison": shown,
            # What was read once needs no time again.
            "reading_ms": 0 if before else reading_ms(shown, rules),
            "before": before,
            "verdicts": list_verdicts(rules),
            "reasons": rules.reasons.all(),
            "reason_sides": [
                (*side, before.reasons_of(side[0]) if before else []) for side in REASON_SIDES
            ],
            "skip_reasons": SkipReason.choices,
        }
    return _render(request, run, annotator, context, status=status)


def _taken_back(step: Step) -> Judgement | None:
    """Give the last vote on the step where it was taken back: its reasons are not asked again."""
    vote = step.comparison.votes.filter(turn=step.turn).order_by("-pk").first()
    return Judgement(step.comparison, vote) if vote else None


def _show_ending(
    request: HtmxRequest,
    run: SelectionRun,
    annotator: Annotator,
    end: errors.Refused,
    *,
    status: int,
) -> HttpResponse:
    context: dict[str, object] = {
        "ending": Ending(type(end).__name__, str(end)),
        "other_runs": counts.list_open_runs(annotator).exclude(pk=run.pk),
    }
    return _render(request, run, annotator, context, status=status)


def _render(
    request: HtmxRequest,
    run: SelectionRun,
    annotator: Annotator,
    context: dict[str, object],
    *,
    status: int,
) -> HttpResponse:
    context |= {
        "run": run,
        "annotator": annotator,
        "progress": progress_of(annotator, run),
        # Votes that wait in a browser are sent for nobody but whoever cast them.
        "owner": salted_hmac("kurabe.votes", str(annotator.pk)).hexdigest()[:16],
    }
    template = "rate/_comparison.html" if request.htmx else "rate/page.html"
    return render(request, template, context, status=status)
