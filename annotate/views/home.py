"""Where everybody arrives."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from annotate.models.people import Role
from annotate.permissions import has_role
from annotate.services import voting
from annotate.views import counts
from annotate.views.progress import progress_of


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the runs that take votes; to researchers, every run."""
    if not request.user.is_authenticated:
        return render(request, "welcome.html")
    annotator = voting.annotator_of(user=request.user)
    context = {
        "annotator": annotator,
        "progress": progress_of(annotator),
        "finished_runs": counts.list_finished_runs(annotator),
        "open_runs": counts.list_open_runs(annotator),
        "runs": counts.list_runs() if has_role(request.user, Role.RESEARCHER) else None,
    }
    return render(request, "home.html", context)
