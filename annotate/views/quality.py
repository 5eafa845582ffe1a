"""How far a run's votes can be trusted, as researchers see it."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from annotate.models import SelectionRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services.quality import measure_quality


@require_safe
@role_required(Role.RESEARCHER)
def quality(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show agreement, side bias and every annotator, by the votes that stand now."""
    run = get_object_or_404(SelectionRun, slug=slug)
    (measured,) = measure_quality(run=run)
    context = {"run": run, "quality": measured, "gaps": measured.gaps}
    return render(request, "quality/page.html", context)
