"""How a run comes to its decision, as admins set it: which pair next, and when to stop."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from annotate.forms import decision as forms_decision
from annotate.models import SelectionRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import decisions
from annotate.views.form_pages import Part, Sent, find_last_change, list_forms, take_part
from annotate.views.how_far import tell_how_far

SAVED = _("Saved. It holds from now on; votes already cast stay as they are.")
PARTS = {
    "pairs": Part(forms_decision.PairsForm, decisions.set_decision_rules, SAVED, "pairs"),
    "stop": Part(forms_decision.StopForm, decisions.set_decision_rules, SAVED, "stop"),
    "budget": Part(forms_decision.BudgetForm, decisions.set_budget, SAVED, "budget"),
}


@require_http_methods(["GET", "POST"])
@cache_control(no_store=True)
@role_required(Role.ADMIN)
def run_decision(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show the run's decision rules; take one of the page's forms, and show the page again."""
    run = get_object_or_404(SelectionRun, slug=slug)
    return take_part(request, run, PARTS, _show)


def _show(
    request: SignedInRequest,
    run: SelectionRun,
    sent: Sent,
    *,
    status: int = 200,
) -> HttpResponse:
    """Show every form, one that was sent with what is wrong in it."""
    context = {
        "run": run,
        "forms": list_forms(PARTS, run, sent),
        "notices": {each.extra_tags: each for each in messages.get_messages(request)},
        "last_change": find_last_change(run, "decision"),
        "way": tell_how_far(run),
    }
    return render(request, "runs/decision/page.html", context, status=status)
