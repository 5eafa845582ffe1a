"""Practice: the comparison page of a run before votes count, with an explanation after each."""

import uuid
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from annotate.forms.rating import VoteForm
from annotate.models import Annotator, Comparison, RatingRules, SelectionRun
from annotate.models.comparisons import Outcome, Side
from annotate.services import errors, practice, voting
from annotate.services.arrival import Step, next_step
from annotate.services.practice import Practice
from annotate.views.blind import LETTERS, blind
from annotate.views.reading import chosen_view, remember_view
from annotate.views.verdicts import list_verdicts
from annotate.views.visitors import annotator_for, lead_to


@dataclass(frozen=True)
class Explanation:
    """What is said of an answer: whether it was right, what the right one is, and why."""

    is_right: bool
    chosen: str
    known: str
    text: str


@require_http_methods(["GET", "POST"])
@cache_control(no_store=True)
def practise(request: HttpRequest, run: str) -> HttpResponseBase:
    """Show the next practice comparison or the explanation of the last; take an answer."""
    selection_run = get_object_or_404(SelectionRun, slug=run)
    annotator = annotator_for(request)
    step = next_step(
        run=selection_run, annotator=annotator, is_signed_in=request.user.is_authenticated
    )
    explained = _asked_to_explain(request, selection_run, annotator)
    if annotator is None or (step is not Step.PRACTICE and explained is None):
        return lead_to(step, request, selection_run)
    try:
        if request.method == "POST":
            return _answer(request, selection_run, annotator)
        state = practice.practise(run=selection_run, annotator=annotator)
    except errors.RoundClosed as refusal:
        context = {"run": selection_run, "reason": str(refusal)}
        return render(request, "arrival/practice_closed.html", context)
    if explained is None and state.is_passed:
        return lead_to(Step.RATE, request, selection_run)
    response = _show(request, selection_run, state, explained)
    remember_view(request, response)
    return response


def _answer(request: HttpRequest, run: SelectionRun, annotator: Annotator) -> HttpResponseBase:
    """Keep an answer and lead to its explanation, or begin practice anew."""
    address = reverse("practice", args=[run.slug])
    form = VoteForm(request.POST)
    if "again" in request.POST:
        practice.start_again(run=run, annotator=annotator)
    elif not form.is_valid():
        messages.error(request, _("That could not be read. Please choose again."))
    else:
        try:
            vote = voting.record_vote(annotator=annotator, **form.vote())
        except errors.RoundClosed:
            raise
        except errors.Refused as refusal:
            messages.info(request, str(refusal))
        else:
            practice.practise(run=run, annotator=annotator)  # the last answer may be enough
            address += f"?answered={vote.comparison.token}"
    return HttpResponseRedirect(address, status=303)


def _asked_to_explain(
    request: HttpRequest, run: SelectionRun, annotator: Annotator | None
) -> Comparison | None:
    """Give the answered comparison that the address names."""
    if annotator is None or request.method != "GET":
        return None
    try:
        token = uuid.UUID(request.GET.get("answered", ""))
    except ValueError:
        return None
    return practice.find_answered(run=run, annotator=annotator, token=token)


def _show(
    request: HttpRequest, run: SelectionRun, state: Practice, explained: Comparison | None
) -> HttpResponseBase:
    """Show a comparison to answer, one to explain, or that it was not enough."""
    rules = RatingRules.of(run)
    context: dict[str, object] = {"run": run, "rules": rules, "practice": state}
    shown = explained or state.waiting
    if shown is not None:
        turn = 0 if explained else voting.next_turn(shown)
        context |= {
            "comparison": blind(shown, view=chosen_view(request), turn=turn),
            "verdicts": list_verdicts(rules),
            "explanation": explained and _explain(explained),
        }
    return render(request, "arrival/practice.html", context)


def _explain(comparison: Comparison) -> Explanation:
    """Say in the reader's language what became of an answer."""
    assert comparison.gold is not None
    votes = [vote for vote in comparison.votes.all() if vote.withdrawn_number is None]
    return Explanation(
        is_right=practice.is_right(comparison),
        chosen=_on_screen(comparison, votes[-1].outcome),
        known=_on_screen(comparison, comparison.gold.outcome),
        text=comparison.gold.explanation,
    )


def _on_screen(comparison: Comparison, outcome: str) -> str:
    """Give `A`, `B`, `tie` or `both_bad`, by the letters that the screen showed."""
    if outcome not in (Outcome.A, Outcome.B):
        return outcome
    is_left = (comparison.side_a == Side.LEFT) == (outcome == Outcome.A)
    return LETTERS[Side.LEFT if is_left else Side.RIGHT]
