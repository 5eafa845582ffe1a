"""Quality of votes: what counts, what is left out, and the numbers of a real crowd."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from annotate.models import (
    Annotator,
    Candidate,
    Comparison,
    Completion,
    GoldPair,
    Report,
    Round,
    SelectionRun,
    Vote,
)
from annotate.services import voting
from annotate.services.exclusions import exclude, undo_exclusion
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


def candidates_of(round_: Round) -> list[Candidate]:
    return list(round_.candidates.order_by("id"))


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
    assert quality.gaps == {
        "self_consistency": "Nobody judged the same pair twice.",
        "gold_accuracy": "Nobody was given a comparison with a known answer.",
    }


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
        "alpha", "raw_agreement", "left_share_se", "self_consistency", "gold_accuracy",
        "reliability",
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
    assert [row.self_consistency_pairs for row in quality.annotators] == [1, 1]
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


def test_quality_measures_the_pace_from_when_a_comparison_was_shown() -> None:
    """A comparison that was fetched ahead is drawn long before it stands on the page."""
    round_, (x,) = make.make_open_round(n_prompts=0), people(1)
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    a, b = (
        make.make_completion(each, prompt, replies=["a" * 250]) for each in candidates_of(round_)
    )
    now = timezone.now()
    comparison = make.make_comparison(a, b, round_=round_, annotator=x, shown_at=now)
    Comparison.objects.filter(pk=comparison.pk).update(created_at=now - timedelta(hours=1))
    make.make_vote(comparison, created_at=now + timedelta(seconds=10))
    assert row_of(measure(round_.run), x).seconds_per_1000_characters == pytest.approx(20.0)


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


def repeat(vote: Vote, outcome: str) -> Vote:
    """Let the annotator judge the same two again, with their sides swapped."""
    earlier = vote.comparison
    comparison = make.make_comparison(
        earlier.completion_a, earlier.completion_b, round_=earlier.round,
        annotator=earlier.annotator, purpose="repeat", repeats=earlier, side_a="right",
    )  # fmt: skip
    return make.make_vote(comparison, outcome)


def answer_known(pair: GoldPair, round_: Round, annotator: Annotator, outcome: str) -> Vote:
    comparison = make.make_comparison(
        pair.completion_a, pair.completion_b, round_=round_, annotator=annotator,
        purpose=pair.use, gold=pair,
    )  # fmt: skip
    return make.make_vote(comparison, outcome)


def test_quality_measures_repeats_by_annotator_alone() -> None:
    """Of three repeats x comes to the same twice; only the first votes count for the run."""
    round_, (x, y) = make.make_open_round(), people(2)
    for prompt, again in enumerate(["a", "a", "b"]):
        repeat(cast(round_, prompt, x, "a"), again)
        cast(round_, prompt, y, "a")
    quality = measure(round_.run)
    row = row_of(quality, x)
    assert (row.self_consistency, row.self_consistency_pairs) == (pytest.approx(2 / 3), 3)
    assert (quality.votes, row.votes, row.left_share) == (6, 3, 1)
    assert quality.agreement.raw is not None
    assert (quality.agreement.n_votes, quality.agreement.raw.value) == (6, 1)


def test_quality_measures_known_answers_by_annotator_alone() -> None:
    """x is right in 3 of 4, Wilson .301 to .954; practice is no test."""
    round_, (x, y) = make.make_open_round(), people(2)
    cast(round_, 0, x, "a")
    cast(round_, 0, y, "b")
    for outcome in ("a", "a", "a", "tie"):
        answer_known(make.make_gold_pair(round_.run), round_, x, outcome)
    answer_known(make.make_gold_pair(round_.run, use="practice"), round_, x, "b")
    voting.withdraw_vote(
        vote=answer_known(make.make_gold_pair(round_.run), round_, x, "b"), by=None
    )
    quality = measure(round_.run)
    row = row_of(quality, x)
    assert (row.gold_right, row.gold_answered, row.gold_accuracy) == (3, 4, 0.75)
    assert (row.gold_accuracy_low, row.gold_accuracy_high) == pytest.approx(
        (0.3006, 0.9544), abs=1e-4
    )
    assert row_of(quality, y).gold_accuracy is None
    assert (quality.votes, row.votes, quality.agreement.n_votes) == (2, 1, 2)
    assert row.self_consistency is None
    assert "gold_accuracy" not in quality.gaps


def test_quality_leaves_the_excluded_out_and_names_them() -> None:
    round_, (x, y, z) = make.make_open_round(), people(3)
    for who, outcomes in ((x, "aab"), (y, "aaa"), (z, "bbb")):
        for prompt, outcome in enumerate(outcomes):
            cast(round_, prompt, who, outcome, side_a="left")
    before = measure(round_.run)
    entry = exclude(run=round_.run, annotator=z, reason="always b")
    without = measure(round_.run)
    assert (before.votes, before.n_excluded, before.votes_excluded) == (9, 0, 0)
    assert (without.votes, without.n_excluded, without.votes_excluded) == (6, 1, 3)
    assert without.votes_by_kind == {"person": 6}
    assert without.agreement.raw is not None
    assert without.agreement.raw.value == pytest.approx(2 / 3)
    assert (without.left.n_left, without.left.n_right) == (5, 1)
    row = row_of(without, z)
    assert (row.is_excluded, row.exclusion_reason, row.votes) == (True, "always b", 3)
    assert (row.agreement, row.left_share) == (pytest.approx(1 / 6), 0)
    assert (row.reliability, row.reliability_se) == (None, None)
    assert row_of(without, x).agreement == pytest.approx(2 / 3)
    assert not row_of(without, x).is_excluded
    undo_exclusion(exclusion=entry, reason="back")
    assert measure(round_.run) == before


def test_quality_counts_skips_and_reports() -> None:
    round_, (x, y) = make.make_open_round(), people(2)
    vote = cast(round_, 0, x, "a")
    a, b = vote.comparison.completion_a, vote.comparison.completion_b
    for _time in range(2):
        skipped = make.make_comparison(
            a, b, round_=round_, annotator=y, skipped_at=timezone.now(),
            skip_reason="cannot_judge",
        )  # fmt: skip
    Report.objects.create(comparison=skipped, completion=a)
    quality = measure(round_.run)
    assert [(row.name, row.votes, row.skips, row.reports) for row in quality.annotators] == [
        (x.name, 1, 0, 0),
        (y.name, 0, 2, 1),
    ]
    assert row_of(quality, y).reliability is None
    (english,) = measure_quality(run=round_.run, by="language")
    assert row_of(english, y).skips == 2


def test_quality_counts_pairs_of_equal_texts() -> None:
    """Equal but for white space: one pair on the first prompt, three on the second."""
    round_ = make.make_open_round(n_candidates=3, n_prompts=0)
    for texts in (["x y", "x\n y", "z"], ["q"] * 3, ["1", "2", "3"]):
        prompt = make.make_prompt(round_.run.prompt_sets.get())
        for candidate, text in zip(candidates_of(round_), texts, strict=True):
            make.make_completion(candidate, prompt, replies=[text])
    assert measure(round_.run).identical_pairs == 4
    out = candidates_of(round_)[2]
    round_.candidates.remove(out)
    assert measure(round_.run).identical_pairs == 2


def test_quality_of_a_real_crowd(crowd_of_llmfao: SelectionRun) -> None:
    """The counts are those of the file; agreement in wide bounds, as nobody published it."""
    quality = measure(crowd_of_llmfao)
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
    assert set(quality.gaps) == {
        "self_consistency", "gold_accuracy", "seconds_per_1000_characters",
    }  # fmt: skip
    completions = Completion.objects.of_run(crowd_of_llmfao)
    assert completions.count() == 1133
    # One candidate answers a zero-width space where others answer nothing.
    texts = Counter(
        (prompt, " ".join(replies[0].replace("\u200b", " ").split()))
        for prompt, replies in Completion.objects.of_run(crowd_of_llmfao).values_list(
            "prompt", "replies"
        )
    )
    equal = sum(n * (n - 1) // 2 for n in texts.values())
    assert quality.identical_pairs == equal > 0


def test_excluding_and_counting_again_a_real_annotator(crowd_of_llmfao: SelectionRun) -> None:
    """The one with the lowest reliability has 343 votes."""
    before = measure(crowd_of_llmfao)
    worst = min(before.annotators, key=lambda row: row.reliability or 1)
    entry = exclude(
        run=crowd_of_llmfao, annotator=Annotator.objects.get(pk=worst.pk), reason="a trial"
    )
    without = measure(crowd_of_llmfao)
    assert (worst.votes, without.votes, without.votes_excluded) == (343, 8588, 343)
    assert before.agreement.alpha is not None
    assert without.agreement.alpha is not None
    assert without.agreement.alpha.value > before.agreement.alpha.value + 0.02
    undo_exclusion(exclusion=entry, reason="the trial is over")
    assert measure(crowd_of_llmfao) == before
