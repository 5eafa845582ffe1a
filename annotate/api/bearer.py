"""Who may use the API: whoever sends a token. A signed-in browser's cookie counts for nothing."""

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.errors import AuthorizationError
from ninja.security import HttpBearer

from annotate.api.limits import count_failure, count_request
from annotate.models import ApiToken, User
from annotate.models.tokens import TokenScope
from annotate.services.tokens import ROLE_FOR, allows, find_token


class TokenRequest(HttpRequest):
    """A request that a token came with, as operations may take it."""

    auth: ApiToken


class Bearer(HttpBearer):
    """Lets in tokens of at least one scope, while their accounts have the role for it."""

    def __init__(self, scope: TokenScope) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        """Give the token that was sent; None where it does not hold.

        Raises:
            AuthorizationError: it holds, and does not allow this.
            TooManyRequests: it was used too often, or too many that do not hold came from there.
        """
        found = find_token(token.strip())
        if found is None:
            request.standing = count_failure(request)  # type: ignore[attr-defined]
            return None
        request.standing = count_request(request, found)  # type: ignore[attr-defined]
        if not allows(found, self.scope):
            message = _(
                "This needs a token of scope “%(scope)s”, of an account with role %(role)s."
            )
            words = {"scope": self.scope.value, "role": ROLE_FOR[self.scope].label}
            raise AuthorizationError(message=message % words)
        return found


def account_of(request: HttpRequest) -> User:
    """Give the account in whose name the request is made."""
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    return token.user
