"""Rules of a run are stored part by part, and never ask for what the run has not."""

import pytest

from annotate.models import RatingRules, ReasonTag
from annotate.services import errors, rules
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_set_rules_stores_some_and_leaves_the_others() -> None:
    run = make.make_run()
    rules.set_rules(run=run, by=None, gold_rate=0.1, offers_tie=False)
    rules.set_rules(run=run, by=None, door="open")
    stored = RatingRules.of(run)
    assert (stored.gold_rate, stored.offers_tie, stored.door) == (0.1, False, "open")


def test_set_rules_replaces_the_reasons_only_where_they_are_given() -> None:
    run = make.make_run()
    first, second = [
        ReasonTag.objects.create(slug=slug, label_en=slug, label_ja=slug) for slug in ("x", "y")
    ]
    rules.set_rules(run=run, by=None, reasons=[first, second])
    rules.set_rules(run=run, by=None, offers_comment=True)
    assert set(RatingRules.of(run).reasons.all()) == {first, second}
    rules.set_rules(run=run, by=None, reasons=[second])
    assert list(RatingRules.of(run).reasons.all()) == [second]


def test_set_rules_writes_into_the_runs_log_who_changed_what() -> None:
    run, admin = make.make_run(), make.make_user("admin")
    rules.set_rules(run=run, by=admin, daily_limit=3, reasons=[])
    event = run.events.get(kind="rules")
    assert event.by == admin
    assert event.detail == {"page": "rating", "fields": ["daily_limit", "reasons"]}


def test_known_answers_and_repeats_together_leave_half_for_the_ranking() -> None:
    run = make.make_run()
    rules.set_rules(run=run, by=None, gold_rate=0.3, repeat_rate=0.2)
    with pytest.raises(errors.RulesRefused, match="More than half") as caught:
        rules.set_rules(run=run, by=None, gold_rate=0.31)
    assert caught.value.field == "repeat_rate"
    assert RatingRules.of(run).gold_rate == 0.3


@pytest.mark.parametrize(("needed", "is_refused"), [(1, False), (2, True)])
def test_no_more_practice_is_asked_for_than_there_is(needed: int, is_refused: bool) -> None:
    run = make.make_run()
    make.make_gold_pair(run, use="practice")
    make.make_gold_pair(run, use="gold")
    if is_refused:
        with pytest.raises(errors.RulesRefused, match="there are 1 practice") as caught:
            rules.set_rules(run=run, by=None, practice_needed=needed)
        assert caught.value.field == "practice_needed"
    else:
        rules.set_rules(run=run, by=None, practice_needed=needed)
    assert RatingRules.of(run).practice_needed == (0 if is_refused else needed)


def test_practice_that_is_needed_is_not_retired() -> None:
    run = make.make_run()
    first, second = [make.make_gold_pair(run, use="practice") for _pair in range(2)]
    rules.set_rules(run=run, by=None, practice_needed=1)
    rules.retire_known(run=run, by=None, pair=first)
    with pytest.raises(errors.RulesRefused, match="1 right practice answers are asked for"):
        rules.retire_known(run=run, by=None, pair=second)
    rules.retire_known(run=run, by=None, pair=first)  # once more changes nothing
    assert rules.count_practice(run=run) == 1


def test_gold_is_retired_whatever_practice_is_needed() -> None:
    run = make.make_run()
    make.make_gold_pair(run, use="practice")
    gold = make.make_gold_pair(run, use="gold")
    rules.set_rules(run=run, by=None, practice_needed=1)
    assert rules.retire_known(run=run, by=None, pair=gold).retired_at is not None


def test_own_reason_is_offered_at_once_and_stands_last() -> None:
    run = make.make_run()
    ReasonTag.objects.create(slug="x", label_en="x", label_ja="x", position=70)
    tag = rules.add_reason(run=run, by=None, label_en="Too polite!", label_ja="丁寧すぎる")
    assert (tag.slug, tag.position, tag.label_ja) == ("too-polite", 71, "丁寧すぎる")
    assert list(RatingRules.of(run).reasons.all()) == [tag]


@pytest.mark.parametrize(
    ("label", "message"), [("Too  polite", "already a reason called"), ("丁寧", "Latin alphabet")]
)
def test_reason_without_a_name_of_its_own_is_refused(label: str, message: str) -> None:
    run = make.make_run()
    rules.add_reason(run=run, by=None, label_en="Too polite", label_ja="丁寧すぎる")
    n_tags = ReasonTag.objects.count()
    with pytest.raises(errors.RulesRefused, match=message):
        rules.add_reason(run=run, by=None, label_en=label, label_ja="別")
    assert ReasonTag.objects.count() == n_tags
