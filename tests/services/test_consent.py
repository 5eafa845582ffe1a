"""Consent is given to a version, and taken back with all votes."""

import pytest

from annotate.models import Consent, Vote
from annotate.services import annotators, consent, errors
from tests import factories as make
from tests.views.pages import cast_votes

pytestmark = pytest.mark.django_db


def test_consent_is_kept_once_for_a_version() -> None:
    annotator, text = make.make_annotator(), make.make_consent_text()
    assert not consent.has_consent(annotator)
    first = consent.give_consent(annotator=annotator, text=text)
    assert consent.give_consent(annotator=annotator, text=text) == first
    assert consent.has_consent(annotator)


def test_new_version_asks_again_and_both_are_kept() -> None:
    annotator, old = make.make_annotator(), make.make_consent_text()
    consent.give_consent(annotator=annotator, text=old)
    new = make.make_consent_text(newer=True)
    assert not consent.has_consent(annotator)
    with pytest.raises(errors.ConsentOutdated):
        consent.give_consent(annotator=annotator, text=old)
    consent.give_consent(annotator=annotator, text=new)
    assert consent.has_consent(annotator)
    standing = consent.standing_consent(annotator)
    assert standing is not None
    assert standing.text == new
    assert annotator.consents.count() == 2


def test_take_back_ends_consent_votes_and_board_name_of_one_annotator() -> None:
    first, second = make.make_open_round(), make.make_open_round()
    annotator, other = make.make_annotator(), make.make_annotator()
    for each in (annotator, other):
        consent.give_consent(annotator=each, text=make.make_consent_text())
        cast_votes(first, each, 2)
    cast_votes(second, annotator, 1)
    annotators.join_board(annotator=annotator, name="Hana")
    expected = consent.TakenBack(votes=3, runs=2)
    assert consent.count_votes(annotator=annotator) == expected
    assert consent.take_back(annotator=annotator) == expected
    assert consent.count_votes(annotator=annotator) == consent.TakenBack(votes=0, runs=0)
    assert set(Vote.objects.counting().values_list("comparison__annotator", flat=True)) == {
        other.pk
    }
    assert not consent.has_consent(annotator)
    assert consent.has_consent(other)
    annotator.refresh_from_db()
    assert annotator.board_name == ""


def test_consent_can_be_given_anew_after_it_was_taken_back() -> None:
    annotator, text = make.make_annotator(), make.make_consent_text()
    consent.give_consent(annotator=annotator, text=text)
    consent.take_back(annotator=annotator)
    consent.give_consent(annotator=annotator, text=text)
    assert consent.has_consent(annotator)
    assert [each.withdrawn_at is None for each in Consent.objects.all()] == [False, True]
