"""A researcher's own tokens for the API: made, looked at, taken back."""

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST

from annotate.forms.tokens import TokenForm
from annotate.models import ApiToken
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import errors
from annotate.services.tokens import make_token, revoke_token

PAST_SHOWN = 20


@require_http_methods(["GET", "HEAD", "POST"])
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def tokens(request: SignedInRequest) -> HttpResponse:
    """List the account's tokens; make one, whose secret stands in this one answer alone."""
    form, secret = TokenForm(request.POST or None, user=request.user), None
    if form.is_valid():
        wish = form.cleaned_data
        try:
            _token, secret = make_token(
                user=request.user, name=wish["name"], scope=wish["scope"], days=wish["days"]
            )
        except errors.TokenRefused as error:
            form.add_error("name", str(error))
        else:
            form = TokenForm(user=request.user)
    own = ApiToken.objects.filter(user=request.user).order_by("-pk")
    now = timezone.now()
    past = own.filter(Q(revoked_at__isnull=False) | Q(expires_at__lte=now))
    context = {
        "form": form,
        "secret": secret,
        "holding": own.filter(revoked_at=None).exclude(expires_at__lte=now),
        "past": past[:PAST_SHOWN],
        "n_past": past.count(),
        "address": request.build_absolute_uri("/api/v1/"),
    }
    return render(request, "me/tokens.html", context, status=422 if form.errors else 200)


@require_POST
@role_required(Role.RESEARCHER)
def revoke(request: SignedInRequest, pk: int) -> HttpResponse:
    """Take one of the account's own tokens back, from the next request on."""
    token = get_object_or_404(ApiToken, pk=pk, user=request.user)
    revoke_token(token=token)
    messages.success(request, _("Token “%(name)s” is revoked.") % {"name": token.name})
    return redirect("tokens")
