"""Django's admin shows every table, and lets nobody edit the ledger."""

import pytest
from django.contrib import admin
from django.db.models import Model
from django.urls import reverse

from annotate import models
from annotate.models import (
    Comparison,
    Completion,
    Consent,
    ConsentText,
    Exclusion,
    GoldPair,
    Invitation,
    Participation,
    PassageMark,
    PreferenceDataset,
    Ranking,
    RatingRules,
    ReasonTag,
    Report,
    TrainingMetric,
    TrainingRun,
    User,
    Vote,
)
from tests import factories as make
from tests.views.pages import browser_as, cast_votes, count_queries, make_ranking, make_training

pytestmark = pytest.mark.django_db

TABLES = [getattr(models, name) for name in models.__all__]
WRITTEN_ONCE = [
    Comparison,
    Completion,
    Consent,
    Exclusion,
    GoldPair,
    Invitation,
    Participation,
    PassageMark,
    PreferenceDataset,
    Ranking,
    RatingRules,
    Report,
    TrainingMetric,
    TrainingRun,
    Vote,
]


@pytest.fixture
def everything() -> None:
    """Put a row into every table."""
    round_ = make.make_open_round()
    run = round_.run
    annotator = make.make_annotator(user=make.make_user())
    cast_votes(round_, annotator, 1)
    make_ranking(run)
    make_training(run, steps=1)
    make.make_rules(run).reasons.add(make.make_reason("unsafe"))
    make.make_gold_pair(run)
    make.make_participant(run, annotator)
    Invitation.objects.create(run=run)
    vote = Vote.objects.get()
    PassageMark.objects.create(vote=vote, which="a", start=0, end=1, tag="unnatural")
    comparison = vote.comparison
    Report.objects.create(comparison=comparison, completion=comparison.completion_a)
    Exclusion.objects.create(
        run=run, annotator=annotator, reason="guesses", number=1, excluded_at=vote.created_at
    )


def address(table: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:annotate_{table._meta.model_name}_{page}", args=args)


def test_every_table_is_in_the_admin() -> None:
    assert [table for table in TABLES if table not in admin.site._registry] == []


@pytest.mark.parametrize("table", TABLES)
def test_admin_lists_searches_and_opens_each_table(table: type[Model], everything: None) -> None:
    client = browser_as("admin")
    row = table.objects.first()
    assert client.get(address(table, "changelist")).status_code == 200
    assert client.get(address(table, "changelist"), {"q": "1"}).status_code == 200
    assert client.get(address(table, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("table", WRITTEN_ONCE)
def test_admin_edits_nothing_that_is_written_once(table: type[Model], everything: None) -> None:
    client = browser_as("admin")
    row = table.objects.first()
    assert client.get(address(table, "add")).status_code == 403
    assert client.post(address(table, "change", row.pk), {}).status_code == 403
    assert client.post(address(table, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert table.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize(("role", "is_admin"), [("researcher", False), ("admin", True)])
def test_admin_makes_accounts_whose_flags_follow_the_role(role: str, is_admin: bool) -> None:
    password = "a long phrase of its own"
    answer = browser_as("admin").post(
        address(User, "add"),
        {"username": "new", "role": role, "usable_password": "true",
         "password1": password, "password2": password},
    )  # fmt: skip
    assert answer.status_code == 302
    user = User.objects.get(username="new")
    assert (user.role, user.is_staff, user.is_superuser) == (role, is_admin, is_admin)


@pytest.mark.parametrize(("before", "after"), [("volunteer", "admin"), ("admin", "researcher")])
def test_admin_changes_a_role_with_its_flags(before: str, after: str) -> None:
    user = make.make_user(before)
    answer = browser_as("admin").post(
        address(User, "change", user.pk),
        {"username": user.username, "role": after, "is_active": "on",
         "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"},
    )  # fmt: skip
    assert answer.status_code == 302
    user.refresh_from_db()
    assert (user.role, user.is_staff) == (after, after == "admin")


@pytest.mark.parametrize("table", [Vote, Comparison, Completion])
def test_admin_lists_take_no_query_for_each_row(table: type[Model]) -> None:
    client = browser_as("admin")
    round_ = make.make_open_round(n_prompts=4)
    annotator = make.make_annotator()
    cast_votes(round_, annotator, 1)
    client.get(address(table, "changelist"))
    with_few = count_queries(lambda: client.get(address(table, "changelist")))
    other = make.make_open_round(n_prompts=4)
    cast_votes(other, make.make_annotator(), 4)
    assert count_queries(lambda: client.get(address(table, "changelist"))) == with_few


def test_admin_adds_a_consent_text_as_the_next_version_and_changes_none(everything: None) -> None:
    client = browser_as("admin")
    newest = ConsentText.objects.first()
    assert newest is not None
    assert newest.text_ja in client.get(address(ConsentText, "add")).content.decode()
    words = {"text_en": "Votes are kept.", "text_ja": "投票は保存されます。"}
    assert client.post(address(ConsentText, "add"), words).status_code == 302
    added = ConsentText.objects.first()
    assert added is not None
    assert (added.version, added.text_en) == (newest.version + 1, "Votes are kept.")
    assert client.post(address(ConsentText, "change", newest.pk), words).status_code == 403
    assert (
        client.post(address(ConsentText, "delete", newest.pk), {"post": "yes"}).status_code == 403
    )


def test_admin_keeps_the_slug_of_a_reason_that_votes_may_name() -> None:
    tag = make.make_reason("unsafe")
    client = browser_as("admin")
    sent = {"slug": "other", "label_en": "harmful", "label_ja": "有害", "position": "3"}
    assert client.post(address(ReasonTag, "change", tag.pk), sent).status_code == 302
    tag.refresh_from_db()
    assert (tag.slug, tag.label_en) == ("unsafe", "harmful")
    assert client.post(address(ReasonTag, "delete", tag.pk), {"post": "yes"}).status_code == 403
