"""Invitations are made with limits, and revoked for good."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotate.models import Invitation
from annotate.services import errors, invitations
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_invitation_keeps_what_was_set_and_has_a_link_of_its_own() -> None:
    run, admin = make.make_run(), make.make_user("admin")
    until = timezone.now() + timedelta(days=3)
    made = invitations.create_invitation(
        run=run, by=admin, label="class 3b", admits_at_most=30, expires_at=until
    )
    other = invitations.create_invitation(run=run, by=admin)
    stored = Invitation.objects.get(pk=made.pk)
    assert (stored.run, stored.created_by, stored.label) == (run, admin, "class 3b")
    assert (stored.admits_at_most, stored.expires_at) == (30, until)
    assert len({stored.token, other.token}) == 2
    assert len(stored.token) >= 20


def test_invitation_that_is_over_already_is_refused() -> None:
    with pytest.raises(errors.RulesRefused, match="past") as caught:
        invitations.create_invitation(run=make.make_run(), by=None, expires_at=timezone.now())
    assert caught.value.field == "expires_at"
    assert not Invitation.objects.exists()


def test_revoking_twice_keeps_the_first_time() -> None:
    run = make.make_run()
    made = invitations.create_invitation(run=run, by=None)
    invitations.revoke_invitation(run=run, by=None, invitation=made)
    first = made.revoked_at
    assert first is not None
    invitations.revoke_invitation(run=run, by=None, invitation=made)
    assert made.revoked_at == first
