"""How often the API may be asked: by a token, and from an address whose tokens do not hold."""

from allauth.core.internal import ratelimit
from django.conf import settings
from django.http import HttpRequest

from annotate import quotas
from annotate.models import ApiToken
from annotate.quotas import Standing, TooManyRequests

APP = "annotate.api"
BLOCK = 20
# A block that nobody used up by then is taken anew, so that little of an older minute is left.
BLOCK_LASTS_S = 10


def count_request(request: HttpRequest, token: ApiToken) -> Standing:
    """Count a request of a token.

    Raises:
        TooManyRequests: it has had all of this minute.
    """
    quota = quotas.Quota(
        app=APP,
        policy="token",
        per_minute=settings.API_REQUESTS_PER_MINUTE,
        block=BLOCK,
        lasts_s=BLOCK_LASTS_S,
    )
    return quotas.count(request, quota, str(token.pk))


def count_failure(request: HttpRequest) -> Standing:
    """Count a token that was sent from an address and does not hold.

    Raises:
        TooManyRequests: there were too many of them.
    """
    rate = ratelimit.Rate(settings.API_FAILURES_PER_MINUTE, quotas.WINDOW_S, "ip")
    is_counted, standing = quotas.consume(request, app=APP, policy="failures", rate=rate, key=None)
    if not is_counted and standing.left == 0:
        raise TooManyRequests(standing)
    return standing
