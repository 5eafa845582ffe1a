"""The rating page: one blind comparison, and the next one in the answer to its vote."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers

from annotate.forms import VoteForm
from annotate.models import Annotator, SelectionRun
from annotate.services import errors, voting
from annotate.views import counts
from annotate.views.blind import BlindComparison, blind
from annotate.views.reading import View, chosen_view, remember_view
from annotate.views.visitors import HtmxRequest, volunteer_page

REFUSAL_STATUS = {errors.ComparisonUnknown: 404, errors.RoundClosed: 409}


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
@cache_control(no_store=True)
@volunteer_page
def rate(request: HtmxRequest, run: SelectionRun, annotator: Annotator) -> HttpResponse:
    """Show the volunteer's comparison; take a vote and show the next one."""
    if request.method == "GET":
        response = _show_comparison(request, run, annotator)
        remember_view(request, response)
        return response
    status = _take_vote(request, annotator)
    if status == 200 and not request.htmx:
        # The answer to a reload is then this page, not a second POST.
        return HttpResponseRedirect(request.path, status=303)
    return _show_comparison(request, run, annotator, status=status)


def _take_vote(request: HtmxRequest, annotator: Annotator) -> int:
    """Record the vote that was sent, or leave a message that says why not; give the status."""
    form = VoteForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("That vote could not be read. Please choose again."))
        return 400
    try:
        vote = voting.record_vote(annotator=annotator, **form.cleaned_data)
    except (errors.ComparisonUnknown, errors.RoundClosed) as refusal:
        messages.error(request, str(refusal))
        return REFUSAL_STATUS[type(refusal)]
    wish = voting.outcome_of(choice=form.cleaned_data["choice"], side_a=str(vote.comparison.side_a))
    if vote.outcome != wish:
        messages.info(request, _("You had judged this pair before. Your first vote stands."))
    return 200


def _show_comparison(
    request: HtmxRequest, run: SelectionRun, annotator: Annotator, *, status: int = 200
) -> HttpResponse:
    """Show the annotator's comparison in the run's open round, or say why there is none."""
    comparison, reason = _next_comparison(run, annotator, chosen_view(request))
    context: dict[str, object] = {
        "run": run,
        "annotator": annotator,
        "comparison": comparison,
        "reason": reason,
        "progress": counts.progress_of(annotator),
    }
    if comparison is None:
        context["other_runs"] = counts.list_open_runs(annotator).exclude(pk=run.pk)
    template = "rate/_comparison.html" if request.htmx else "rate/page.html"
    return render(request, template, context, status=status)


def _next_comparison(
    run: SelectionRun, annotator: Annotator, view: View
) -> tuple[BlindComparison | None, str]:
    """Give what the annotator is to judge next, or None and the reason."""
    round_ = run.rounds.open().first()
    if round_ is None:
        return None, _("This run takes no votes at the moment.")
    try:
        comparison = voting.lease_comparison(round_=round_, annotator=annotator)
    except (errors.NothingLeft, errors.RoundClosed) as refusal:
        return None, str(refusal)
    return blind(comparison, view=view), ""
