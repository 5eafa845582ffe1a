"""Who has signed in, which every request asks: two statements that each connection keeps prepared.

They say what Django's own say; to compose those takes longer than to answer them.
"""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.models import Session
from django.utils import timezone

from annotate.models import User
from annotate.services.joined import Columns, ask

_SESSION = Columns(Session, "session")
_READ_SESSION = f"""SELECT {_SESSION.sql} FROM django_session AS session
WHERE session.session_key = %(key)s AND session.expire_date > %(now)s"""  # noqa: S608 - only names and constants of our own go in
_USER = Columns(User, "account")
_READ_USER = f"""SELECT {_USER.sql} FROM annotate_user AS account WHERE account.id = %(user)s"""  # noqa: S608 - only names and constants of our own go in


class SessionStore(DatabaseSessions):
    """Django's sessions in the database."""

    def _get_session_from_db(self) -> Session | None:
        found = ask(_READ_SESSION, {"key": self.session_key, "now": timezone.now()})
        if not found:
            self._session_key = None
            return None
        return _SESSION.take(found[0])


class AccountBackend(ModelBackend):
    """Django's accounts."""

    def get_user(self, user_id: Any) -> User | None:
        """Give an account that may sign in; None where there is none."""
        found = ask(_READ_USER, {"user": int(user_id)})
        user = _USER.take(found[0]) if found else None
        return user if self.user_can_authenticate(user) else None
