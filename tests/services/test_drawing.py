"""What is drawn: languages, hidden texts, known and repeated pairs; and why nothing is."""

import itertools
from collections import Counter

import numpy as np
import pytest
from django.utils import timezone

from annotate.models import Annotator, Comparison, Completion, Report, Round
from annotate.services import checks, drawing, errors, voting
from annotate.services.exclusions import exclude
from annotate.services.pairing import look_at
from tests import factories as make
from tests.views.pages import count_queries

pytestmark = pytest.mark.django_db


def lease(round_: Round, annotator: Annotator, seed: int | None = None) -> Comparison:
    rng = np.random.default_rng(seed)
    return voting.lease_comparison(round_=round_, annotator=annotator, rng=rng)


def judge(comparison: Comparison, choice: str = "left") -> None:
    voting.record_vote(token=comparison.token, annotator=comparison.annotator, choice=choice)


def judge_all(round_: Round, annotator: Annotator) -> list[Comparison]:
    """Judge until nothing is left, and give what was shown."""
    shown: list[Comparison] = []
    for _step in range(200):
        try:
            shown.append(lease(round_, annotator))
        except errors.NothingLeft:
            return shown
        judge(shown[-1])
    raise AssertionError("there is no end")


def round_in(*languages: str) -> Round:
    """Make an open round with one prompt in each of the languages."""
    round_ = make.make_open_round(n_prompts=0)
    for language in languages:
        prompt = make.make_prompt(round_.run.prompt_sets.get(), language=language)
        for candidate in round_.candidates.all():
            make.make_completion(candidate, prompt)
    return round_


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        (["ja"], ["ja", "ja-JP"]),
        (["ja-JP"], ["ja", "ja-JP"]),
        (["en", "zh"], ["en-GB", "zh-Hant"]),
        ([], ["en-GB", "ja", "ja-JP", "jam", "zh-Hant"]),
    ],
)
def test_draws_only_languages_that_the_annotator_reads(
    declared: list[str], shown: list[str]
) -> None:
    round_ = round_in("ja", "ja-JP", "jam", "en-GB", "zh-Hant")
    drawn = judge_all(round_, make.make_annotator(languages=declared))
    assert sorted(comparison.prompt.language for comparison in drawn) == shown


def test_a_simulated_annotator_reads_every_language() -> None:
    annotator = make.make_annotator(kind="simulated", languages=["en"])
    assert len(judge_all(round_in("ja", "en"), annotator)) == 2


def test_languages_that_wait_are_named() -> None:
    round_, annotator = (
        round_in("ja", "fr-CA", "en", "zh-Hant", "tlh"),
        make.make_annotator(languages=["en"]),
    )
    assert len(judge_all(round_, annotator)) == 1
    with pytest.raises(
        errors.NotYourLanguage, match=r"in: French, Japanese, Traditional Chinese, tlh\. If"
    ):
        lease(round_, annotator)


def test_all_seen_where_no_other_language_waits() -> None:
    round_, annotator = round_in("en"), make.make_annotator(languages=["en"])
    judge_all(round_, annotator)
    with pytest.raises(errors.AllSeen, match="every pair of this round"):
        lease(round_, annotator)


def test_texts_that_differ_in_white_space_alone_are_never_drawn() -> None:
    round_ = make.make_open_round(n_prompts=0)
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    first, second = round_.candidates.order_by("id")
    one = [
        make.make_completion(first, prompt, sample=sample, replies=[text])
        for sample, text in enumerate(["the  same", "another"])
    ]
    other = [make.make_completion(second, prompt, replies=[" the same\n"])]
    drawn = judge_all(round_, make.make_annotator())
    assert [(c.completion_a, c.completion_b) for c in drawn] == [(one[1], other[0])]


@pytest.mark.parametrize("is_upheld", [None, True, False])
def test_what_was_reported_is_drawn_again_only_where_an_admin_found_it_harmless(
    is_upheld: bool | None,
) -> None:
    round_ = round_in("en", "ja")
    reported = Completion.objects.order_by("id").first()
    comparison = make.make_comparison(
        *Completion.objects.filter(prompt=reported.prompt),
        round_=round_,
        annotator=make.make_annotator(),
        skipped_at=timezone.now(),
        skip_reason="broken_text",
    )
    look = {"looked_at": timezone.now(), "looked_by": make.make_user("admin")}
    settled = {} if is_upheld is None else look | {"is_upheld": is_upheld}
    Report.objects.create(comparison=comparison, completion=reported, **settled)
    drawn = judge_all(round_, make.make_annotator())
    assert len(drawn) == (2 if is_upheld is False else 1)


@pytest.mark.parametrize("which", [0, 1])
def test_texts_that_name_their_maker_are_left_out_where_the_run_says_so(which: int) -> None:
    round_ = round_in("en")
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    for index, candidate in enumerate(round_.candidates.order_by("id")):
        words = "made by Acme" if index == which else ""
        make.make_completion(candidate, prompt, names_maker=words)
    assert len(judge_all(round_, make.make_annotator())) == 2
    make.make_rules(round_.run, leaves_out_maker_names=True)
    assert len(judge_all(round_, make.make_annotator())) == 1


def test_a_skipped_pair_is_not_drawn_again_for_who_skipped_it() -> None:
    round_, annotator = round_in("en"), make.make_annotator()
    comparison = lease(round_, annotator)
    voting.skip_comparison(token=comparison.token, annotator=annotator, reason="not_my_language")
    with pytest.raises(errors.AllSeen):
        lease(round_, annotator)
    assert lease(round_, make.make_annotator()).prompt == comparison.prompt


def test_a_skipped_pair_is_not_counted_as_shown() -> None:
    round_ = make.make_open_round(n_prompts=1, votes_wanted=1)
    skipped = lease(round_, make.make_annotator())
    voting.skip_comparison(token=skipped.token, annotator=skipped.annotator, reason="cannot_judge")
    assert lease(round_, make.make_annotator()).purpose == "ranking"


def test_votes_of_the_excluded_are_none_that_the_round_wanted() -> None:
    round_ = make.make_open_round(n_prompts=1, votes_wanted=1)
    judge(lease(round_, make.make_annotator()))
    with pytest.raises(errors.VotesComplete):
        lease(round_, make.make_annotator())
    exclude(run=round_.run, annotator=Annotator.objects.earliest("id"), reason="spam", by=None)
    assert lease(round_, make.make_annotator()).purpose == "ranking"


@pytest.mark.counts_later
def test_pairs_are_found_in_few_questions_where_most_are_used_up() -> None:
    """Two of 15 pairs of candidates are left, and those met most often."""
    round_ = make.make_open_round(n_candidates=6, n_prompts=1)
    annotator = make.make_annotator()
    for _pair in range(13):
        judge(lease(round_, annotator))
    seen = set(annotator.comparisons.values_list("completion_a", "completion_b"))
    for pair in itertools.combinations(Completion.objects.order_by("candidate"), 2):
        if tuple(completion.pk for completion in pair) not in seen:
            for _vote in range(2):
                other = make.make_annotator()
                make.make_vote(make.make_comparison(*pair, round_=round_, annotator=other))
    for _pair in range(2):
        # All is counted anew, and one statement asks which pairs are left.
        assert count_queries(lambda: lease(round_, annotator)) <= 14
        judge(lease(round_, annotator))

    def ask_in_vain() -> None:
        with pytest.raises(errors.AllSeen):
            lease(round_, annotator)

    assert count_queries(ask_in_vain) <= 13


@pytest.mark.parametrize(
    ("first", "purpose"), [(0.05, "gold"), (0.15, "repeat"), (0.35, "ranking"), (0.95, "ranking")]
)
def test_chance_decides_what_a_comparison_is_for(first: float, purpose: str) -> None:
    round_, annotator = make.make_open_round(n_prompts=9), make.make_annotator()
    for _vote in range(6):
        judge(lease(round_, annotator))
    make.make_rules(round_.run, gold_rate=0.1, repeat_rate=0.2)
    gold = make.make_gold_pair(round_.run)
    drawn = draw_by(round_, annotator, first)
    assert drawn.purpose == purpose
    assert drawn.gold == (gold if purpose == "gold" else None)
    assert (drawn.repeats is not None) == (purpose == "repeat")


def draw_by(round_: Round, annotator: Annotator, chance: float) -> Comparison:
    """Draw the next where chance decides what it is for by about this number."""
    return lease(round_, annotator, seed=seed_of(chance))


def seed_of(chance: float) -> int:
    """Find a seed whose first number is near."""
    seeds = range(1_000)
    return next(seed for seed in seeds if abs(np.random.default_rng(seed).random() - chance) < 0.02)


def test_known_and_repeated_pairs_come_at_about_their_rates() -> None:
    """Of 100 draws 10 and 20 are expected, with errors of 3 and 4."""
    round_, annotator = make.make_open_round(n_prompts=9), make.make_annotator()
    for _vote in range(6):
        judge(lease(round_, annotator))
    make.make_rules(round_.run, gold_rate=0.1, repeat_rate=0.2)
    make.make_gold_pair(round_.run)
    rng = np.random.default_rng(5)
    purposes = Counter(
        drawing.draw_comparison(now=look_at(round_), annotator=annotator, rng=rng).purpose.value
        for _draw in range(100)
    )
    assert 1 <= purposes["gold"] <= 22
    assert 5 <= purposes["repeat"] <= 36
    assert purposes["ranking"] == 100 - purposes["gold"] - purposes["repeat"]


@pytest.mark.parametrize("kind", ["simulated", "judge"])
def test_known_and_repeated_pairs_are_for_persons(kind: str) -> None:
    round_, annotator = make.make_open_round(n_prompts=20), make.make_annotator(kind=kind)
    make.make_rules(round_.run, gold_rate=0.5, repeat_rate=0.5)
    make.make_gold_pair(round_.run)
    assert {comparison.purpose for comparison in judge_all(round_, annotator)} == {"ranking"}


def known_only(**fields: object) -> tuple[Round, Annotator]:
    """Make a round with a known pair, and an annotator who reads English."""
    round_ = make.make_open_round(n_prompts=20)
    make.make_rules(round_.run, gold_rate=0.5)
    make.make_gold_pair(round_.run, **fields)
    return round_, make.make_annotator(languages=["en"])


def test_a_known_pair_is_shown_once_and_either_way_round() -> None:
    round_, annotator = known_only()
    drawn = [c for c in judge_all(round_, annotator) if c.purpose == "gold"]
    assert len(drawn) == 1
    sides = {lease_gold(round_).side_a for _annotator in range(20)}  # one side only: 2 in 10^6
    assert sides == {"left", "right"}


@pytest.mark.parametrize(
    ("outcome", "switch"), [("tie", "offers_tie"), ("both_bad", "offers_both_bad")]
)
@pytest.mark.parametrize("is_offered", [True, False])
def test_a_known_answer_that_the_run_does_not_offer_is_not_asked_for(
    outcome: str, switch: str, is_offered: bool
) -> None:
    round_, annotator = known_only(outcome=outcome)
    make.make_rules(round_.run, **{switch: is_offered})
    drawn = [each.purpose for each in judge_all(round_, annotator)]
    assert drawn.count("gold") == int(is_offered)


def lease_gold(round_: Round) -> Comparison:
    """Draw for newcomers until one of them gets a known pair."""
    for _try in range(60):
        comparison = lease(round_, make.make_annotator())
        if comparison.purpose == "gold":
            return comparison
    raise AssertionError("no known pair came")


@pytest.mark.parametrize(
    "why", ["retired", "practice", "another language", "hidden", "another run", "seen"]
)
def test_a_known_pair_is_passed_over(why: str) -> None:
    round_, annotator = known_only(
        use="practice" if why == "practice" else "gold",
        retired_at=timezone.now() if why == "retired" else None,
    )
    pair = (round_.run if why != "another run" else make.make_run()).gold_pairs.first()
    if why == "another run":
        round_.run.gold_pairs.update(retired_at=timezone.now())
        make.make_gold_pair(make.make_run())
    if why == "another language":
        annotator.languages = ["en"]
        round_.run.gold_pairs.update(retired_at=timezone.now())
        japanese = make.make_prompt(round_.run.prompt_sets.get(), language="ja")
        make.make_gold_pair(round_.run, prompt=japanese)
    if why == "hidden":
        comparison = lease_gold(round_)
        voting.report_completion(
            token=comparison.token, annotator=comparison.annotator, side="left"
        )
    if why == "seen":
        make.make_comparison(
            pair.completion_a,
            pair.completion_b,
            round_=round_,
            annotator=annotator,
            answered_at=timezone.now(),
        )
    drawn = judge_all(round_, annotator)
    assert {comparison.purpose for comparison in drawn} == {"ranking"}
    assert len(drawn) == 20


def test_a_repeat_swaps_the_sides_of_a_pair_five_back_or_more_and_comes_once() -> None:
    round_, annotator = make.make_open_round(n_prompts=30), make.make_annotator()
    make.make_rules(round_.run, repeat_rate=0.5)
    drawn = judge_all(round_, annotator)
    place = {comparison.pk: place for place, comparison in enumerate(drawn)}
    repeats = [comparison for comparison in drawn if comparison.purpose == "repeat"]
    assert len(repeats) > 5
    assert len({comparison.repeats_id for comparison in repeats}) == len(repeats)
    for comparison in repeats:
        first = comparison.repeats
        assert (first.completion_a, first.completion_b) == (
            comparison.completion_a,
            comparison.completion_b,
        )
        assert {first.side_a, comparison.side_a} == {"left", "right"}
        assert first.purpose == "ranking"
        lies_back = place[comparison.pk] - place[first.pk]
        assert lies_back > 5 or (place[comparison.pk] <= 5 and place[first.pk] == 0)


def test_who_has_judged_many_repeats_one_of_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "REPEAT_WITHIN", 2)
    round_, annotator = make.make_open_round(n_prompts=30), make.make_annotator()
    for _vote in range(12):
        judge(lease(round_, annotator))
    judged = list(annotator.comparisons.order_by("-id"))
    make.make_rules(round_.run, repeat_rate=0.5)
    now, rng = look_at(round_), np.random.default_rng(1)
    drawn = {
        drawing.draw_comparison(now=now, annotator=annotator, rng=rng).repeats
        for _draw in range(30)
    }
    assert drawn == {None, *judged[5:7]}


def test_a_repeat_never_follows_at_once_upon_its_pair() -> None:
    round_, annotator = make.make_open_round(n_prompts=3), make.make_annotator()
    make.make_rules(round_.run, repeat_rate=0.5)
    judge(lease(round_, annotator))
    assert draw_by(round_, annotator, 0.1).purpose == "ranking"


@pytest.mark.parametrize("change", ["undone", "hidden", "language"])
def test_a_pair_is_not_repeated_where_it_cannot_be(change: str) -> None:
    round_, annotator = make.make_open_round(n_prompts=5), make.make_annotator(languages=["en"])
    japanese = make.make_prompt(round_.run.prompt_sets.get(), language="ja")
    pair = [make.make_completion(candidate, japanese) for candidate in round_.candidates.all()]
    language = make.make_comparison(*pair, round_=round_, annotator=annotator)
    if change != "language":
        language.delete()
    first = lease(round_, annotator) if change != "language" else language
    judge(first)
    judge(lease(round_, annotator))
    make.make_rules(round_.run, repeat_rate=0.5)
    if change == "undone":
        voting.withdraw_vote(vote=first.votes.get(), by=None)
        assert lease(round_, annotator) == first
        ahead = voting.lease_ahead(
            round_=round_,
            annotator=annotator,
            after=first,
            rng=np.random.default_rng(seed_of(0.1)),
        )
        assert (ahead.purpose, ahead.repeats) == ("ranking", None)
        return
    if change == "hidden":
        voting.report_completion(token=first.token, annotator=annotator, side="left")
    assert draw_by(round_, annotator, 0.1).purpose == "ranking"


def test_a_volunteer_is_done_with_the_last_pair_that_ranks() -> None:
    round_, annotator = make.make_open_round(n_prompts=1), make.make_annotator()
    make.make_rules(round_.run, gold_rate=0.5, repeat_rate=0.5)
    for _pair in range(5):
        make.make_gold_pair(round_.run)
    drawn = judge_all(round_, annotator)
    assert drawn[-1].purpose == "ranking"
    with pytest.raises(errors.AllSeen):
        lease(round_, annotator)


def test_other_purposes_count_neither_as_met_nor_as_wanted() -> None:
    """Of the two votes wanted one is there, and the prompt of the known pairs is unused."""
    round_, annotator = make.make_open_round(n_prompts=1, votes_wanted=2), make.make_annotator()
    first = lease(round_, annotator)
    judge(first)
    pair = (first.completion_a, first.completion_b)
    others = [{"purpose": "repeat", "repeats": first}]
    for use in ("gold", "practice"):
        gold = make.make_gold_pair(
            round_.run, use=use, completion_a=first.completion_a, completion_b=first.completion_b
        )
        others.append({"purpose": use, "gold": gold})
    for fields in others:
        judge(make.make_comparison(*pair, round_=round_, annotator=annotator, **fields))
    judge(lease(round_, make.make_annotator()))
    with pytest.raises(errors.VotesComplete):
        lease(round_, make.make_annotator())
