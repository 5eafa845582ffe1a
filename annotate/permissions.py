"""Who may see what: each role may do all that the one before it may."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from annotate.models import User
from annotate.models.people import Role


class SignedInRequest(HttpRequest):
    """A request behind `role_required`, as views may take it."""

    user: User
    htmx: HtmxDetails


View = Callable[..., HttpResponseBase]
ROLES = list(Role)


def has_role(user: User | AnonymousUser, role: Role | str) -> bool:
    """Tell whether the account has this role or one above it."""
    if not isinstance(user, User) or not user.is_authenticated:
        return False
    return ROLES.index(Role(user.role)) >= ROLES.index(Role(role))


def role_required(role: Role) -> Callable[[View], View]:
    """Let only accounts of this role or above see a page; ask others to sign in first."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _ask_to_sign_in(request)
            if not has_role(request.user, role):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def _ask_to_sign_in(request: HttpRequest) -> HttpResponseBase:
    login = redirect_to_login(request.get_full_path(), resolve_url("login"))
    # htmx would follow a plain redirect and put the sign-in page into a corner of this one.
    return HttpResponseClientRedirect(login.url) if request.htmx else login  # type: ignore[attr-defined]
