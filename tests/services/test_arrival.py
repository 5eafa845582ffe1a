"""From a run's door to its first comparison."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from annotate.models import Annotator, Consent, Invitation, Participation, SelectionRun
from annotate.services import annotators, arrival, errors
from annotate.services.arrival import Step
from tests import factories as make
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db


def start(run: SelectionRun, **options: Any) -> Annotator:
    """Press Start as somebody of whom nothing is known."""
    plain = {
        "annotator": None,
        "user": None,
        "text_version": make.make_consent_text().version,
        "languages": ["en"],
    }
    return arrival.start(run=run, **plain | options)


def make_invitation(run: SelectionRun, **fields: Any) -> Invitation:
    """Make a link into a run that is by invitation."""
    make.make_rules(run, door="invitation")
    return Invitation.objects.create(run=run, **fields)


@pytest.mark.parametrize(
    ("door", "stranger", "signed_in"),
    [
        (None, Step.DOOR, Step.WELCOME),
        ("account", Step.DOOR, Step.WELCOME),
        ("open", Step.WELCOME, Step.WELCOME),
        ("invitation", Step.DOOR, Step.DOOR),
    ],
)
def test_door_decides_who_comes_to_the_welcome_page(
    door: str | None, stranger: Step, signed_in: Step
) -> None:
    run = make.make_run()
    if door:
        make.make_rules(run, door=door)
    anonymous, account = make.make_annotator(), make.make_annotator(user=make.make_user())
    assert arrival.next_step(run=run, annotator=None) == stranger
    assert arrival.next_step(run=run, annotator=anonymous) == stranger
    assert arrival.next_step(run=run, annotator=None, is_signed_in=True) == signed_in
    assert arrival.next_step(run=run, annotator=account) == signed_in


def test_start_leads_to_rating_and_asks_nothing_again() -> None:
    run = make.make_run()
    make.make_rules(run, door="open")
    annotator = start(run, languages=["ja"])
    assert annotator.languages == ["ja"]
    assert arrival.next_step(run=run, annotator=annotator) == Step.RATE
    start(run, annotator=annotator, languages=[])
    assert (Consent.objects.count(), Participation.objects.count()) == (1, 1)
    assert Annotator.objects.get().languages == ["ja"]


@pytest.mark.parametrize("lack", ["consent", "languages", "instructions"])
def test_whatever_is_missing_leads_to_the_welcome_page(lack: str) -> None:
    run = make.make_run()
    annotator = make.make_volunteer(run).annotator
    assert arrival.next_step(run=run, annotator=annotator) == Step.RATE
    if lack == "consent":
        make.make_consent_text(newer=True)
    elif lack == "languages":
        Annotator.objects.update(languages=[])
        annotator.refresh_from_db()
    else:
        Participation.objects.update(instructed_at=None)
    assert arrival.next_step(run=run, annotator=annotator) == Step.WELCOME


def test_practice_comes_before_rating_where_there_is_some() -> None:
    run = make.make_run()
    annotator = make.make_volunteer(run).annotator
    make.make_gold_pair(run, use="gold")
    assert arrival.next_step(run=run, annotator=annotator) == Step.RATE
    pair = make.make_gold_pair(run, use="practice")
    assert arrival.next_step(run=run, annotator=annotator) == Step.PRACTICE
    pair.retired_at = timezone.now()
    pair.save()
    assert arrival.next_step(run=run, annotator=annotator) == Step.RATE


def test_simulated_annotator_passes_every_gate() -> None:
    run = make.make_run()
    make.make_rules(run, door="invitation", practice_needed=1)
    make.make_gold_pair(run, use="practice")
    annotator = make.make_annotator(kind="simulated", user=make.make_user())
    assert arrival.next_step(run=run, annotator=annotator) == Step.RATE


def test_start_for_an_account_keeps_its_annotator() -> None:
    run, user = make.make_run(), make.make_user()
    annotator = start(run, user=user)
    assert annotator == annotators.annotator_of(user=user)
    assert arrival.next_step(run=run, annotator=annotator) == Step.RATE


def test_start_with_an_older_text_stores_nothing() -> None:
    run, version = make.make_run(), make.make_consent_text().version
    make.make_consent_text(newer=True)
    for wrong in (version, version + 7):
        with pytest.raises(errors.ConsentOutdated):
            start(run, text_version=wrong)
    assert Annotator.objects.count() == 0


def test_start_without_a_language_stores_nothing() -> None:
    with pytest.raises(errors.NoLanguage):
        start(make.make_run(), languages=[])
    assert (Annotator.objects.count(), Consent.objects.count()) == (0, 0)


def test_invitation_lets_in_once_and_then_without_it() -> None:
    invitation = make_invitation(make.make_run(), admits_at_most=1)
    run = invitation.run
    annotator = start(run, invitation_token=invitation.token)
    assert arrival.next_step(run=run, annotator=annotator) == Step.RATE
    arrival.admit(invitation_token=invitation.token, annotator=annotator)
    assert invitation.participations.count() == 1
    invitation.revoked_at = timezone.now()
    invitation.save()
    assert arrival.next_step(run=run, annotator=annotator) == Step.RATE


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"revoked_at": timezone.now()}, "revoked"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expired"),
        ({"admits_at_most": 1}, "taken"),
    ],
)
def test_invitation_that_is_over_lets_nobody_in(fields: dict[str, Any], words: str) -> None:
    invitation = make_invitation(make.make_run(), **fields)
    if words == "taken":
        start(invitation.run, invitation_token=invitation.token)
    there = Annotator.objects.count()
    with pytest.raises(errors.InvitationRefused, match=words):
        start(invitation.run, invitation_token=invitation.token)
    assert Annotator.objects.count() == there


def test_unknown_invitation_lets_nobody_in() -> None:
    run = make_invitation(make.make_run()).run
    with pytest.raises(errors.InvitationUnknown):
        start(run, invitation_token="x" * 22)
    assert Annotator.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_invitation_admits_no_more_than_its_limit_at_one_moment() -> None:
    invitation = make_invitation(make.make_run(), admits_at_most=3)
    make.make_consent_text()

    def try_to_start() -> bool:
        try:
            start(invitation.run, invitation_token=invitation.token)
        except errors.InvitationRefused:
            return False
        return True

    answers = at_once(*[try_to_start] * 8)
    assert sorted(answers) == [False] * 5 + [True] * 3
    assert invitation.participations.count() == Annotator.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_start_pressed_twice_makes_one_person() -> None:
    invitation = make_invitation(make.make_run(), admits_at_most=1)
    make.make_consent_text()
    key = uuid.uuid4()
    pressed = [lambda: start(invitation.run, newcomer=key, invitation_token=invitation.token)] * 2
    assert len(set(at_once(*pressed))) == 1
    assert (Annotator.objects.count(), invitation.participations.count()) == (1, 1)
