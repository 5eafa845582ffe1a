"""How fast answers may come from one volunteer, and from one address; no person reaches it."""

from allauth.core.internal.ratelimit import get_ip
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from annotate import quotas
from annotate.models import Annotator, SelectionRun

APP = "annotate.rate"
# As many as most people answer in a minute: they never come to where it is counted.
BLOCK = 20
BLOCK_OF_ADDRESS = 100
# Where far more are let through, a hundredth of them.
PARTS = 100


def refuse_haste(
    request: HttpRequest, run: SelectionRun, annotator: Annotator
) -> HttpResponse | None:
    """Count an answer of any kind (vote, skip, undo, report); give a refusal where it is too many.

    What was refused was not looked at: sent again later, it counts. Simulated annotators are
    programs of whoever runs the site, and vote as fast as it answers.
    """
    if annotator.kind == Annotator.Kind.SIMULATED:
        return None
    try:
        if settings.ANSWERS_PER_MINUTE:
            own = quotas.Quota(
                app=APP,
                policy="annotator",
                per_minute=settings.ANSWERS_PER_MINUTE,
                block=max(BLOCK, settings.ANSWERS_PER_MINUTE // PARTS),
                is_first_free=True,
            )
            quotas.count(request, own, str(annotator.pk))
        if settings.ANSWERS_PER_MINUTE_FROM_ADDRESS:
            of_address = quotas.Quota(
                app=APP,
                policy="address",
                per_minute=settings.ANSWERS_PER_MINUTE_FROM_ADDRESS,
                block=max(BLOCK_OF_ADDRESS, settings.ANSWERS_PER_MINUTE_FROM_ADDRESS // PARTS),
                is_first_free=True,
            )
            quotas.count(request, of_address, get_ip(request))
    except quotas.TooManyRequests as refusal:
        wait_s = refusal.standing.reset_s
        context = {"run": run, "wait_s": wait_s}
        response = render(request, "rate/too_fast.html", context, status=429)
        response["Retry-After"] = str(wait_s)
        return response
    return None
