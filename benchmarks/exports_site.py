"""The site and `/votes/RUN/FORM`, by which benchmarks/exports.py reads a stream over HTTP."""

from django.http import HttpRequest, StreamingHttpResponse
from django.urls import include, path

from annotate.models import SelectionRun
from annotate.services.exporting import stream_votes
from annotate.services.ledger import take_cutoff


def votes(_request: HttpRequest, slug: str, form: str) -> StreamingHttpResponse:
    """Send the votes of a run."""
    run = SelectionRun.objects.get(slug=slug)
    lines = stream_votes(run=run, cutoff=take_cutoff(run=run), form=form)
    return StreamingHttpResponse(lines, content_type="application/jsonl")


urlpatterns = [path("votes/<slug:slug>/<str:form>", votes), path("", include("annotate.urls"))]
