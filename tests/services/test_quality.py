"""Quality of votes: what counts, what is left out, and the numbers of a real crowd."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from annotate.formats import read_completions, read_votes
from annotate.models import Annotator, Comparison, Completion, Round, SelectionRun, Vote
from annotate.services import voting
from annotate.services.importing import import_completions, import_votes
from annotate.services.quality import AnnotatorQuality, RunQuality, measure_quality
from tests import factories as make

pytestmark = pytest.mark.django_db


def cast(
    round_: Round, prompt: int, annotator: Annotator, outcome: str, *, turn: int = 0, **fields: Any
) -> Vote:
    """Cast a vote on the first two candidates' replies to a prompt, by its place in the run."""
    asked = round_.run.prompts().order_by("id")[prompt]
    a, b = (each.completions.get(prompt=asked) for each in round_.candidates.order_by("id")[:2])
    comparison = make.make_comparison(a, b, round_=round_, annotator=annotator, **fields)
    return make.make_vote(comparison, outcome, turn=turn)


def measure(run: SelectionRun) -> RunQuality:
    (quality,) = measure_quality(run=run)
    return quality


def row_of(quality: RunQuality, annotator: Annotator) -> AnnotatorQuality:
    (row,) = (row for row in quality.annotators if row.name == annotator.name)
    return row


def people(n: int) -> list[Annotator]:
    return [make.make_annotator() for _person in range(n)]


def test_quality_by_hand() -> None:
    """The votes of tests/ranking/test_agreement.py: raw .8, alpha .6; four for a side."""
    round_, (x, y, z) = make.make_open_round(n_prompts=4), people(3)
    cast(round_, 0, x, "a", side_a="left")
    cast(round_, 0, y, "a", side_a="right")
    cast(round_, 1, x, "a", side_a="left")
    cast(round_, 1, y, "b", side_a="right")
    for who in (x, y, z):
        cast(round_, 2, who, "tie")
    cast(round_, 3, x, "both_bad")
    quality = measure(round_.run)
    assert (quality.run, quality.value, quality.votes) == (round_.run.slug, None, 8)
    agreement, left = quality.agreement, quality.left
    assert (agreement.n_units, agreement.n_votes) == (3, 7)
    assert agreement.alpha is not None
    assert agreement.raw is not None
    assert (agreement.alpha.value, agreement.raw.value) == pytest.approx((0.6, 0.8))
    assert (left.n_left, left.n_right, left.share) == (3, 1, 0.75)
    assert [row.votes for row in quality.annotators] == [4, 3, 1]
    one = row_of(quality, x)
    assert (one.agreement, one.left_share) == pytest.approx((3 / 4, 1.0))
    assert row_of(quality, z).agreement == 1
    assert (row_of(quality, z).left_share, row_of(quality, z).left_share_low) == (None, None)
    assert quality.gaps == {"self_consistency": "Nobody judged the same pair twice."}


def test_quality_of_no_votes_is_empty() -> None:
    round_ = make.make_open_round()
    quality = measure(round_.run)
    assert (quality.votes, quality.annotators, dict(quality.gaps)) == (0, (), {})
    assert (quality.agreement.n_units, quality.agreement.alpha, quality.left.share) == (
        0,
        None,
        None,
    )
    assert measure_quality(run=round_.run, by="language") == []


def test_quality_of_one_annotator_says_what_is_missing() -> None:
    round_, (x,) = make.make_open_round(), people(1)
    cast(round_, 0, x, "a")
    quality = measure(round_.run)
    assert set(quality.gaps) == {
        "alpha", "raw_agreement", "left_share_se", "self_consistency", "reliability",
    }  # fmt: skip
    (row,) = quality.annotators
    assert (row.agreement, row.self_consistency, row.reliability, row.reliability_se) == (None,) * 4
    assert row.left_share == 1


def test_quality_keeps_turns_apart() -> None:
    round_, (x, y) = make.make_open_round(n_prompts=1), people(2)
    for turn, outcome in ((1, "a"), (2, "b")):
        for who in (x, y):
            cast(round_, 0, who, outcome, turn=turn)
    quality = measure(round_.run)
    assert quality.agreement.n_units == 2
    assert quality.agreement.raw is not None
    assert quality.agreement.raw.value == 1
    assert row_of(quality, x).self_consistency is None


def test_quality_sees_who_judged_a_pair_twice() -> None:
    round_, (x, y) = make.make_open_round(), people(2)
    for who, outcomes in ((x, "aa"), (y, "ab")):
        for outcome in outcomes:
            cast(round_, 0, who, outcome)
    quality = measure(round_.run)
    assert row_of(quality, x).self_consistency == 1
    assert row_of(quality, y).self_consistency == 0
    assert "self_consistency" not in quality.gaps
    assert quality.agreement.n_votes == 2


def test_quality_leaves_withdrawn_votes_and_other_runs_out() -> None:
    round_, other, (x, y) = make.make_open_round(), make.make_open_round(), people(2)
    cast(round_, 0, x, "a")
    voting.withdraw_vote(vote=cast(round_, 0, y, "b"), by=None)
    cast(other, 0, y, "b")
    quality = measure(round_.run)
    assert (quality.votes, [row.name for row in quality.annotators]) == (1, [x.name])


def test_quality_passes_over_votes_whose_sides_are_unknown() -> None:
    round_, (x, y) = make.make_open_round(), people(2)
    cast(round_, 0, x, "a", side_a=None, import_key="1")
    cast(round_, 1, y, "b", side_a=None, import_key="2")
    quality = measure(round_.run)
    assert quality.left.share is None
    assert {"left_share", "seconds_per_1000_characters"} <= set(quality.gaps)
    assert row_of(quality, x).reliability is not None


def test_quality_counts_votes_by_kind() -> None:
    round_, (x,) = make.make_open_round(), people(1)
    robot = make.make_annotator(kind="simulated")
    cast(round_, 0, x, "a")
    cast(round_, 0, robot, "a")
    cast(round_, 1, robot, "a")
    quality = measure(round_.run)
    assert quality.votes_by_kind == {"person": 1, "simulated": 2}
    assert [row.kind for row in quality.annotators] == ["simulated", "person"]


@pytest.mark.parametrize("by", ["language", "category"])
def test_quality_by_slice(by: str) -> None:
    round_, (x, y) = make.make_open_round(n_candidates=2, n_prompts=0), people(2)
    for value, outcomes in (("ja", "ab"), ("en", "aa")):
        prompt = make.make_prompt(round_.run.prompt_sets.get(), **{by: value})
        a, b = (make.make_completion(each, prompt) for each in round_.candidates.order_by("id"))
        for who, outcome in zip((x, y), outcomes, strict=True):
            make.make_vote(make.make_comparison(a, b, round_=round_, annotator=who), outcome)
    english, japanese = measure_quality(run=round_.run, by=by)
    assert (english.value, japanese.value) == ("en", "ja")
    assert english.agreement.raw is not None
    assert japanese.agreement.raw is not None
    assert (english.agreement.raw.value, japanese.agreement.raw.value) == (1, 0)


def test_quality_measures_the_pace_of_reading() -> None:
    """10 s on 500 characters and 90 s on 1,000, from draw to the last of two turns' votes."""
    round_, (x,) = make.make_open_round(n_prompts=0), people(1)
    now = timezone.now()
    for n_characters, times in ((500, {0: 10}), (1000, {1: 30, 2: 90})):
        prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["One?", "Two?"])
        texts = (["ア" * 100, "イ" * 100], ["b" * (n_characters - 200), ""])
        a, b = (
            make.make_completion(candidate, prompt, replies=replies)
            for candidate, replies in zip(round_.candidates.order_by("id"), texts, strict=True)
        )
        comparison = make.make_comparison(a, b, round_=round_, annotator=x)
        Comparison.objects.filter(pk=comparison.pk).update(created_at=now)
        for turn, seconds in times.items():
            voted = now + timedelta(seconds=seconds)
            make.make_vote(comparison, "a", turn=turn, created_at=voted)
    assert row_of(measure(round_.run), x).seconds_per_1000_characters == pytest.approx(55.0)


def test_quality_of_empty_texts_has_no_pace() -> None:
    round_, (x,) = make.make_open_round(n_prompts=0), people(1)
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    a, b = (make.make_completion(each, prompt, replies=[""]) for each in round_.candidates.all())
    make.make_vote(make.make_comparison(a, b, round_=round_, annotator=x))
    assert row_of(measure(round_.run), x).seconds_per_1000_characters is None


def test_quality_is_the_same_each_time() -> None:
    round_, annotators = make.make_open_round(n_prompts=6), people(3)
    for number in range(18):
        cast(round_, number % 6, annotators[number // 6], ["a", "b", "tie"][number % 5 % 3])
    assert measure(round_.run) == measure(round_.run)


@pytest.fixture
def crowd(real_data: Path) -> SelectionRun:
    """Import LLMFAO whole."""
    folder = real_data / "llmfao"
    if not folder.is_dir():
        pytest.skip(f"no LLMFAO votes at {folder}; set KURABE_REAL_DATA")
    rows = read_completions([str(folder / "results.jsonl")], format="llmfao")
    import_completions(rows=rows, run_slug="crowd", set_slug="crowd")
    run = SelectionRun.objects.get(slug="crowd")
    import_votes(rows=read_votes(str(folder / "crowd-comparisons.csv"), format="llmfao"), run=run)
    return run


def test_quality_of_a_real_crowd(crowd: SelectionRun) -> None:
    """The counts are those of the file; agreement in wide bounds, as nobody published it."""
    quality = measure(crowd)
    assert (quality.votes, len(quality.annotators), quality.agreement.n_units) == (8931, 124, 2124)
    left, alpha, raw = quality.left, quality.agreement.alpha, quality.agreement.raw
    assert (left.n_left, left.n_right) == (2911, 2549)
    assert left.share is not None
    assert left.se is not None
    naive = (left.share * (1 - left.share) / 5460) ** 0.5
    assert 1.8 < left.se / naive < 2.6
    assert alpha is not None
    assert alpha.low is not None
    assert alpha.high is not None
    assert 0.25 < alpha.low < alpha.value < alpha.high < 0.33
    assert raw is not None
    assert 0.5 < raw.value < 0.56
    assert all(row.reliability is not None for row in quality.annotators)
    assert all(row.agreement is not None for row in quality.annotators)
    assert set(quality.gaps) == {"self_consistency", "seconds_per_1000_characters"}
    assert Completion.objects.of_run(crowd).count() == 1133
