"""Who votes, the languages that they read, and their name on the board."""

import pytest

from annotate.models import Annotator
from annotate.services import annotators, errors
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_annotator_of_makes_one_annotator_for_an_account() -> None:
    user = make.make_user()
    annotator = annotators.annotator_of(user=user)
    assert annotator == annotators.annotator_of(user=user)
    assert (annotator.kind, annotator.name) == ("person", user.username)


def test_annotator_of_keeps_apart_two_accounts_of_one_name() -> None:
    """The first account is gone, its votes are not."""
    first = make.make_user(username="hanako")
    before = annotators.annotator_of(user=first)
    first.delete()
    second = make.make_user(username="hanako")
    after = annotators.annotator_of(user=second)
    assert (before.name, after.name) == ("hanako", f"hanako ({second.pk})")
    assert after == annotators.annotator_of(user=second)


def test_annotators_without_accounts_are_apart() -> None:
    one, other = annotators.make_anonymous(), annotators.make_anonymous()
    assert one != other
    assert {each.kind for each in Annotator.objects.all()} == {"person"}
    assert one.user is other.user is None


def test_languages_are_kept_once_each_and_never_none() -> None:
    annotator = make.make_annotator()
    annotators.declare_languages(annotator=annotator, languages=["ja", "en", "ja"])
    annotator.refresh_from_db()
    assert annotator.languages == ["ja", "en"]
    with pytest.raises(errors.NoLanguage):
        annotators.declare_languages(annotator=annotator, languages=[])


def test_board_takes_a_name_once_and_lets_it_go() -> None:
    one, other = make.make_annotator(), make.make_annotator()
    annotators.join_board(annotator=one, name="  Hana   Ko ")
    assert one.board_name == "Hana Ko"
    with pytest.raises(errors.NameRefused, match="Somebody"):
        annotators.join_board(annotator=other, name="Hana Ko")
    other.refresh_from_db()
    assert other.board_name == ""
    annotators.leave_board(annotator=one)
    annotators.join_board(annotator=other, name="Hana Ko")


@pytest.mark.parametrize("name", ["", "  ", "x" * 41])
def test_board_refuses_a_name_of_no_good_length(name: str) -> None:
    with pytest.raises(errors.NameRefused, match="1 to 40"):
        annotators.join_board(annotator=make.make_annotator(), name=name)
