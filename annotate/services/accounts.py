"""Accounts of volunteers, who sign in by a code sent to their address and have no password."""

from datetime import timedelta

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from annotate.models import User

KEEP_UNPROVED = timedelta(days=1)
NAME = "volunteer-"


def account_for(*, email: str) -> User | None:
    """Give the account to which a code sent to this address signs in; the first call makes it.

    None where that account was switched off. An account with a password is another one, even
    with the same address: whoever can read a researcher's mail is no researcher yet.
    """
    _forget_unproved()
    account = _by_code().filter(email__iexact=email).order_by("id").first()
    if account is None:
        # The name follows from the address, so that two requests at once make one account, and
        # tells it to nobody.
        digest = salted_hmac("kurabe.account", email.lower()).hexdigest()
        account, created = User.objects.get_or_create(
            username=f"{NAME}{digest[:12]}", defaults={"email": email}
        )
        if created:
            account.set_unusable_password()
            account.save(update_fields=["password"])
    return account if account.is_active and not account.has_usable_password() else None


def _by_code() -> QuerySet[User]:
    """Give the accounts without a password that have an address."""
    return User.objects.filter(password__startswith=UNUSABLE_PASSWORD_PREFIX).exclude(email="")


def _forget_unproved() -> None:
    """Delete the addresses that somebody once typed and nobody ever read a code at."""
    before = timezone.now() - KEEP_UNPROVED
    unproved = _by_code().filter(last_login=None, date_joined__lt=before, annotator=None)
    # Accounts that an admin has made stay, and so do those that one has switched off.
    unproved.filter(username__startswith=NAME, role=User.Role.VOLUNTEER, is_active=True).delete()
