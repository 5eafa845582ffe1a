"""Django's admin shows every table, and lets nobody edit the ledger."""

import pytest
from django.contrib import admin
from django.db.models import Model
from django.urls import reverse

from annotate import models
from annotate.models import (
    ApiToken,
    Comparison,
    Completion,
    CompletionMeasure,
    Consent,
    ConsentText,
    DatasetFile,
    DatasetSource,
    DecisionRules,
    Exclusion,
    Export,
    GenerationShard,
    GoldPair,
    Invitation,
    Judge,
    JudgeReading,
    JudgeScore,
    JudgeSitting,
    JudgeTemplate,
    Participation,
    PassageMark,
    PreferenceDataset,
    PreferencePair,
    PreferenceSet,
    Ranking,
    RankingFigure,
    RatingRules,
    ReasonTag,
    Report,
    Round,
    RoundCut,
    RoundEstimate,
    RunDecision,
    RunEvent,
    RunPlan,
    SelectionRun,
    Stop,
    Tally,
    TallyMark,
    TrainingMetric,
    TrainingRun,
    User,
    Vote,
)
from tests import factories as make
from tests.views.estimates import make_estimate, make_evidence, make_stop
from tests.views.pages import browser_as, cast_votes, count_queries, make_ranking, make_training

pytestmark = pytest.mark.django_db

TABLES = [getattr(models, name) for name in models.__all__]
WRITTEN_ONCE = [
    ApiToken,
    Comparison,
    Completion,
    CompletionMeasure,
    Consent,
    DatasetFile,
    DatasetSource,
    DecisionRules,
    Exclusion,
    Export,
    GenerationShard,
    GoldPair,
    Invitation,
    Judge,
    JudgeReading,
    JudgeScore,
    JudgeSitting,
    JudgeTemplate,
    Participation,
    PassageMark,
    PreferenceDataset,
    PreferencePair,
    PreferenceSet,
    Ranking,
    RankingFigure,
    RatingRules,
    Report,
    RoundCut,
    RoundEstimate,
    RunDecision,
    RunEvent,
    RunPlan,
    Stop,
    Tally,
    TallyMark,
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
    RankingFigure.objects.create(ranking=make_ranking(run), kind="growth", content={}, versions={})
    make_training(run, steps=1)
    DecisionRules.objects.create(run=run)
    first, second = round_.candidates.order_by("id")
    make_estimate(round_, make_evidence(None))
    make_stop(round_, make_evidence(None))
    TallyMark.objects.create(run=run)
    Tally.objects.create(
        round=round_, language="en", annotator=annotator, candidate_a=first, candidate_b=second,
        outcome="a", votes=1,
    )  # fmt: skip
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
    add_launch(round_)
    add_judge(comparison)
    add_exports(run)


def add_exports(run: SelectionRun) -> None:
    """Put a row into each table of exports that a training leaves empty."""
    pairs = PreferenceSet.objects.create(slug="elsewhere")
    PreferencePair.objects.create(
        preference_set=pairs, key="k", prompt=[], chosen=[], rejected=[], prompt_sha256="0" * 64,
        language="en",
    )  # fmt: skip
    DatasetFile.objects.create(
        dataset=run.datasets.get(), split="test", ending=".jsonl", path="datasets/test.jsonl",
        sha256="0" * 64, n_rows=1, n_bytes=1,
    )  # fmt: skip
    Export.objects.create(run=run, recipe={})


def add_launch(round_: Round) -> None:
    """Put a row into each table of a launch."""
    run, (first, _second) = round_.run, round_.candidates.order_by("id")
    RunPlan.objects.create(run=run, config={})
    RunEvent.objects.create(run=run, kind="created")
    GenerationShard.objects.create(round=round_, candidate=first, n_wanted=1)
    CompletionMeasure.objects.create(
        completion=first.completions.first(), version=1, n_characters=1, leakage=0, repetition=0
    )
    RoundCut.objects.create(
        round=round_, rule="top", error=0.1, kept=[], left=[], cutoff=1, evidence=[]
    )
    RunDecision.objects.create(run=run, number=1, cutoff=1, content={}, sha256="0" * 64)
    ApiToken.objects.create(user=make.make_user(), name="notebook", digest="0" * 64)


def add_judge(comparison: Comparison) -> None:
    """Put a row into each table of judges."""
    judge = Judge.objects.create(
        slug="judge",
        annotator=make.make_annotator(kind="judge"),
        template=JudgeTemplate.objects.create(name="plain", use="pair", texts={}),
        model="m",
        engine="openai",
        prompt_format="chat_template",
    )
    JudgeSitting.objects.create(judge=judge, round=comparison.round, n_wanted=1)
    JudgeReading.objects.create(judge=judge, comparison=comparison, order="ab", verdict="a", seed=1)
    JudgeScore.objects.create(
        judge=judge, completion=comparison.completion_a, turn=1, choice=0, score=5, seed=1
    )


def test_token_shows_nothing_of_its_key(everything: None) -> None:
    page = browser_as("admin").get(address(ApiToken, "change", ApiToken.objects.get().pk))
    assert "0" * 64 not in page.content.decode()


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


def test_what_seeds_and_plans_stand_on_is_not_changed_behind_the_log() -> None:
    """A name or a slug stands in every seed; a pause is in the log, and queues what goes on."""
    run = make.make_run(seed=3)
    candidate = make.make_candidate(run)
    prompt_set = run.prompt_sets.get()
    rows = {run: "selectionrun", candidate: "candidate", prompt_set: "promptset"}
    names = {row: (getattr(row, "slug", ""), getattr(row, "name", "")) for row in rows}
    browser = browser_as("admin")
    sent = {
        "slug": "other", "name": "other", "title": "x", "seed": 9, "paused_at_0": "2026-01-01",
        "paused_at_1": "00:00", "is_anchor": "on", "origin": candidate.origin,
        "engine": candidate.engine, "engine_options": "{}",
    }  # fmt: skip
    for row, table in rows.items():
        answer = browser.post(reverse(f"admin:annotate_{table}_change", args=[row.pk]), sent)
        assert answer.status_code == 302, answer.content
        row.refresh_from_db()
        assert (getattr(row, "slug", ""), getattr(row, "name", "")) == names[row]
    assert (run.title, run.seed, run.paused_at, candidate.is_anchor) == ("x", 3, None, False)
