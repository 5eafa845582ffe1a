"""Tokens with which programs use the API: made, found by what was sent, taken back."""

import hashlib
import secrets
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.models import ApiToken, User
from annotate.models.people import Role
from annotate.models.tokens import TokenScope
from annotate.services import errors

PREFIX = "kurabe_"  # so that a scan for leaked secrets knows one when it sees it
N_BYTES = 32
# How far behind the time of last use may be: writing it at each request would cost more than it.
USE_NOTED_EVERY = timedelta(minutes=1)
_ROLES, _SCOPES = list(Role), list(TokenScope)
# The least role whose tokens may have a scope; asked at every use, for roles change.
ROLE_FOR = {
    TokenScope.READ: Role.RESEARCHER,
    TokenScope.EXPORT: Role.RESEARCHER,
    TokenScope.WRITE: Role.ADMIN,
    TokenScope.ADMIN: Role.ADMIN,
}


def make_token(
    *, user: User, name: str, scope: str = TokenScope.READ, days: int | None = None
) -> tuple[ApiToken, str]:
    """Make a token for an account, and give its secret, which is kept nowhere.

    Args:
        days: after which it ends; None: never.

    Raises:
        TokenRefused: the account's role does not allow the scope, or the name is empty.
    """
    if not name.strip():
        raise errors.TokenRefused(_("Say what the token is for."))
    if not may_have(user, TokenScope(scope)):
        message = _(
            "Account %(user)s is a %(role)s, and scope “%(scope)s” needs the role %(least)s."
        )
        words = {"user": user.username, "role": user.get_role_display(), "scope": scope,
                 "least": ROLE_FOR[TokenScope(scope)].label}  # fmt: skip
        raise errors.TokenRefused(message % words)
    secret = PREFIX + secrets.token_urlsafe(N_BYTES)
    expires_at = None if days is None else timezone.now() + timedelta(days=days)
    token = ApiToken.objects.create(
        user=user, name=name, digest=digest(secret), scope=scope, expires_at=expires_at
    )
    return token, secret


def find_token(secret: str) -> ApiToken | None:
    """Give the token of this secret if it holds now, and note that it was used."""
    now = timezone.now()
    token = ApiToken.objects.select_related("user").filter(digest=digest(secret)).first()
    if token is None or token.revoked_at is not None or not token.user.is_active:
        return None
    if token.has_ended(now):
        return None
    if token.last_used_at is None or now - token.last_used_at > USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def allows(token: ApiToken, scope: str) -> bool:
    """Tell whether a token may do what this scope stands for, by its account's role today."""
    reaches = _SCOPES.index(TokenScope(token.scope)) >= _SCOPES.index(TokenScope(scope))
    return reaches and may_have(token.user, TokenScope(scope))


def revoke_token(*, token: ApiToken) -> None:
    """Take a token back; a second call changes nothing."""
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())


def digest(secret: str) -> str:
    """Give what is stored of a secret; of 256 random bits, so that a plain hash will do."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def may_have(user: User, scope: TokenScope) -> bool:
    """Tell whether an account's role of today allows tokens of this scope."""
    return _ROLES.index(Role(user.role)) >= _ROLES.index(ROLE_FOR[scope])
