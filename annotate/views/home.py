"""Where everybody arrives."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from annotate.models.people import Role
from annotate.permissions import has_role
from annotate.services.progress import progress_of
from annotate.views import counts
from annotate.views.visitors import annotator_for


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the runs that take votes of whoever is here; to researchers, every run."""
    annotator = annotator_for(request)
    is_signed_in = request.user.is_authenticated
    context = {"open_runs": counts.list_open_runs(annotator, is_signed_in=is_signed_in)}
    if annotator is None and not is_signed_in:
        return render(request, "welcome.html", context)
    context |= {
        "annotator": annotator,
        "progress": progress_of(annotator),
        "finished_runs": counts.list_finished_runs(annotator),
        "runs": counts.list_runs() if has_role(request.user, Role.RESEARCHER) else None,
    }
    return render(request, "home.html", context)
