"""What machines ask: is it alive, is it ready, and its figures."""

import secrets
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from annotate.services.operating import check_readiness, write_exposition

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_PROTO")
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


@require_safe
@cache_control(no_store=True)
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process answers; it asks nobody else."""
    return JsonResponse({"status": "alive"})


@require_safe
@cache_control(no_store=True)
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether the site can do its work; 503 where it cannot, with what is wrong."""
    readiness = check_readiness()
    status = "ready" if readiness.is_ready else "not ready"
    answer = {"status": status, "checks": readiness.checks}
    return JsonResponse(answer, status=200 if readiness.is_ready else 503)


@require_safe
@cache_control(no_store=True)
def metrics(request: HttpRequest) -> HttpResponse:
    """Give the figures to Prometheus: by METRICS_TOKEN, or with none set to this machine."""
    if settings.METRICS_TOKEN:
        told = request.headers.get("Authorization", "").encode()
        if not secrets.compare_digest(told, f"Bearer {settings.METRICS_TOKEN}".encode()):
            words = "These figures are read with Authorization: Bearer and the METRICS_TOKEN.\n"
            headers = {"WWW-Authenticate": 'Bearer realm="metrics"'}
            return HttpResponse(words, content_type="text/plain", status=401, headers=headers)
    elif not _is_this_machine(request):
        words = (
            "These figures are read on the server itself; set METRICS_TOKEN to read them here.\n"
        )
        return HttpResponse(words, content_type="text/plain", status=403)
    return HttpResponse(write_exposition(), content_type=EXPOSITION)


def _is_this_machine(request: HttpRequest) -> bool:
    """Tell whether a program on this machine asks, and no proxy on it for somebody else."""
    if any(request.META.get(name) for name in FORWARDED):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
