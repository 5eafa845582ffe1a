"""The run's page tells how far a round is from its answer, and what it found."""

import re
from typing import Any

import pytest

from annotate.models import Candidate, DecisionRules, Round
from annotate.views import how_far
from tests import factories as make
from tests.views.estimates import (
    make_difference,
    make_estimate,
    make_evidence,
    make_row,
    make_stop,
)
from tests.views.pages import browser_as, cast_votes, count_queries, make_ranking

pytestmark = pytest.mark.django_db


def words_of(round_: Round) -> str:
    """Give what the section says, tags and runs of spaces away."""
    page = browser_as("researcher").get(f"/runs/{round_.run.slug}/").content.decode()
    found = re.search(r'<section id="how-far">.*?</section>', page, re.S)
    assert found is not None
    return " ".join(re.sub(r"<[^>]*>", " ", found.group()).split()).replace(" .", ".")


def candidates_of(round_: Round) -> list[Candidate]:
    return list(round_.candidates.order_by("id"))


def rename(round_: Round) -> list[Candidate]:
    """Call the round's candidates A, B, C and so on."""
    candidates = candidates_of(round_)
    for candidate, name in zip(candidates, "ABCDEFGH", strict=False):
        candidate.name = name
        candidate.save()
    return candidates


def test_run_without_a_round_says_nothing_of_it() -> None:
    page = browser_as("researcher").get(f"/runs/{make.make_run().slug}/").content.decode()
    assert "how-far" not in page


def test_round_without_votes_says_so() -> None:
    assert words_of(make.make_open_round()) == "How far round 1 is No votes yet."


def test_round_of_one_candidate_has_nothing_to_find_out() -> None:
    assert "fewer than two candidates" in words_of(make.make_open_round(n_candidates=1))


def test_round_that_waits_for_completions_says_so() -> None:
    round_ = make.make_open_round()
    round_.opened_at = None
    round_.save()
    assert "waits for completions" in words_of(round_)


def test_votes_without_an_estimate_name_the_command_that_makes_one() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 2)
    words = words_of(round_)
    assert "2 votes are in, and no estimate yet." in words
    assert "manage.py worker" in words


def test_evidence_is_told_in_a_sentence_and_least_first() -> None:
    round_ = make.make_open_round(n_candidates=3, votes_wanted=1500)
    a, b, c = rename(round_)
    rivals = make_difference(b, 7.31), make_difference(c, 4321.0, difference=1.0)
    make_estimate(round_, make_evidence(a, *rivals))
    words = words_of(round_)
    assert "A leads. The evidence that A beats B is 7.3 of 20 needed. 1 of 2 rivals is bea" in words
    assert "B 7.3 0.40 −0.10 0.90 still open C 4,321 1.00 −0.10 0.90 beaten" in words
    assert "Budget 1,500 Votes that remain, about 240 Annotators 9" in words
    assert "Rival Evidence, of 20 Difference" in words
    assert "with the 95 % confidence sequence" in words


@pytest.mark.parametrize(("low", "is_told"), [(-9.0, True), (None, True), (0.01, False)])
def test_rival_that_is_beaten_though_its_interval_reaches_0_is_explained(
    low: float | None, is_told: bool
) -> None:
    round_ = make.make_open_round()
    a, b = rename(round_)
    make_estimate(round_, make_evidence(a, make_difference(b, 44.0, low=low)))
    assert (
        "A rival may be beaten while its interval reaches below 0" in words_of(round_)
    ) is is_told


@pytest.mark.parametrize(
    ("clusters", "words"),
    [("annotator_prompt", "more prompts help"), ("annotator_pair", "other pairs of answers help")],
)
def test_evidence_says_what_hangs_together_beside_the_votes_of_an_annotator(
    clusters: str, words: str
) -> None:
    round_ = make.make_open_round()
    a, b = rename(round_)
    make_estimate(round_, make_evidence(a, make_difference(b, 9.0), clusters=clusters))
    told = words_of(round_)
    assert words in told
    assert told.count("hang together") == 1


def test_evidence_is_told_of_the_closest_rival_that_is_still_open() -> None:
    round_ = make.make_open_round(n_candidates=3)
    a, b, c = rename(round_)
    twin = make_difference(b, 0.6, is_equivalent=True)
    make_estimate(round_, make_evidence(a, twin, make_difference(c, 5.0), delta=0.2))
    words = words_of(round_)
    assert "The evidence that A beats C is 5 of 20 needed. 0 of 2 rivals are beaten. 1 riv" in words
    assert "B 0.60 0.40 −0.10 0.90 cannot be told apart at ±0.20" in words


def test_rivals_that_are_open_are_shown_before_those_with_less_evidence_that_are_not() -> None:
    round_ = make.make_open_round(n_candidates=12, n_prompts=1)
    leader, *others, last = candidates_of(round_)
    twins = [make_difference(rival, 0.5, is_equivalent=True) for rival in others]
    make_estimate(round_, make_evidence(leader, *twins, make_difference(last, 3.0), delta=0.2))
    words = words_of(round_)
    assert words.count(f"{last.name} 3 0.40 −0.10 0.90 still open") == 1
    assert "1 rival is still open." in words


@pytest.mark.parametrize(("votes_wanted", "is_said"), [(120, True), (121, False), (None, False)])
def test_budget_that_is_spent_is_said(votes_wanted: int | None, is_said: bool) -> None:
    round_ = make.make_open_round(votes_wanted=votes_wanted)
    a, b = rename(round_)
    make_estimate(round_, make_evidence(a, make_difference(b), answer="best"))
    words = words_of(round_)
    assert ("The budget is spent: the round takes no more votes." in words) is is_said
    assert ("The answer is there, and the round goes on" in words) is not is_said
    round_.closed_at = round_.opened_at
    round_.save()
    assert "The budget is spent" not in words_of(round_)


def test_votes_that_came_since_are_counted_where_they_count() -> None:
    round_ = make.make_open_round(n_prompts=4)
    a, b = rename(round_)
    cast_votes(round_, make.make_annotator(), 1)
    through = make.make_vote(
        make.make_comparison(
            a.completions.last(), b.completions.last(),
            round_=round_, annotator=make.make_annotator(),
        )
    ).pk  # fmt: skip
    make_estimate(round_, make_evidence(a, make_difference(b)), through=through, n_votes=2)
    assert "since" not in words_of(round_).partition("Strengths")[0]
    cast_votes(round_, make.make_annotator(), 3)
    make.make_vote(make.make_known_comparison(round_, make.make_annotator()))
    assert "3 votes since" in words_of(round_)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"votes_remaining": 0}, "Votes that remain, about 0 Annotators"),
        ({"votes_remaining": 7}, "Votes that remain, about 7 Annotators"),
        ({"votes_remaining": 529_069}, "Votes that remain, about 530,000 · more"),
        ({"votes_remaining": 241}, "Votes that remain, about 240 · more than the budget leaves A"),
        ({"votes_remaining": 240}, "Votes that remain, about 240 Annotators"),
        ({"votes_remaining": None}, "Votes that remain, about cannot be said yet"),
        ({"answer": "best"}, "The votes say that it is the best."),
        ({"answer": "best"}, "The answer is there, and the round goes on, since stopping is"),
        ({"answer": "equivalent", "delta": 0.2}, "Nobody who is left can be told apart from it by"),
        (
            {"votes_by_language": {"ja": 1234, "en": 9}},
            "Votes by language: English: 9 · Japanese: 1,234",
        ),
        (
            {"votes_by_language": {"en": 9}, "votes_per_language": 40, "answer": "best"},
            "goes on until every language has its votes. Votes in the estimate",
        ),
        (
            {"votes_by_language": {"ja": 9}, "votes_per_language": 40},
            "Votes by language: Japanese: 9 of 40 needed",
        ),
        ({"n_annotators": 4}, "Votes of 4 annotators are in; an answer needs those of 5, to see"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(fields: dict[str, Any], words: str) -> None:
    round_ = make.make_open_round(votes_wanted=360)
    a, b = rename(round_)
    make_estimate(round_, make_evidence(a, make_difference(b), **fields))
    assert words in words_of(round_)


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        ("no_votes", "No vote counts yet"),
        ("one_candidate", "There is one candidate"),
        ("not_joined", "no chain of votes joins 2 candidates to the others"),
        ("one_annotator", "with one annotator it cannot be seen"),
    ],
)
def test_estimate_without_a_leader_says_why(gap: str, words: str) -> None:
    round_ = make.make_open_round()
    make_estimate(round_, make_evidence(None, gap=gap, unjoined=[1, 2]))
    assert words in words_of(round_)


def test_p_best_is_marked_as_information_and_missing_numbers_are_dashes() -> None:
    round_ = make.make_open_round()
    a, b = rename(round_)
    bare = make_row(b, strength=None, low=None, high=None, p_best=None, votes=0)
    evidence = make_evidence(a, make_difference(b, low=None, high=None))
    make_estimate(round_, evidence, standings=[make_row(a), bare])
    words = words_of(round_)
    assert "P(best), for information Votes A 0.25 −0.50 1.00 0.875 80 B – – – – 0" in words
    assert "it never stops a round" in words
    assert "B 7.3 0.40 – – still open" in words


def test_many_candidates_are_the_ten_strongest_and_a_way_to_the_rest() -> None:
    round_ = make.make_open_round(n_candidates=12, n_prompts=1)
    leader, *others = candidates_of(round_)
    evidence = make_evidence(leader, *[make_difference(rival) for rival in others])
    make_estimate(round_, evidence)
    words = words_of(round_)
    assert "The 10 strongest of 12 candidates." in words
    assert "Rank now, to see all of them." in words
    assert "10 of 11 rivals: first those still open, the least evidence first." in words
    ranking = make_ranking(round_.run, filters={"round": 1})
    for others in ({"round": 2}, {"language": "ja"}, {"by": "kind", "value": "person"}):
        make_ranking(round_.run, filters=others)
    page = browser_as("researcher").get(f"/runs/{round_.run.slug}/").content.decode()
    assert f'<a href="/runs/{round_.run.slug}/rankings/{ranking.pk}/">All of them' in page


def test_strengths_that_no_votes_join_name_their_groups() -> None:
    round_ = make.make_open_round(n_candidates=3)
    one, other, new = rename(round_)
    rows = [make_row(one), make_row(other, group=1), make_row(new, group=None, strength=None)]
    estimate = make_estimate(round_, make_evidence(None, gap="not_joined"), standings=rows)
    words = words_of(round_)
    assert "Votes Group A 0.25 -0.50 1.00 0.875 80 0 B 0.25 -0.50 1.00 0.875 80 1 C" in (
        words.replace("−", "-")
    )
    estimate.standings = [*rows[:1], *rows[2:]]
    estimate.save()
    assert "Group" not in words_of(round_)


def stop(round_: Round, *, stops_early: bool, **fields: Any) -> None:
    """Stop the round of A and B, in which A is stronger by 0.4."""
    a, b = rename(round_)
    DecisionRules.objects.create(run=round_.run, stops_early=stops_early)
    evidence = make_evidence(a, make_difference(b, 31.0), delta=0.5, answer="best")
    make_estimate(round_, evidence)
    make_stop(round_, evidence, **fields)


def test_stop_says_what_was_found_by_how_many_votes_and_how_sure() -> None:
    round_ = make.make_open_round()
    stop(round_, stops_early=True)
    words = words_of(round_)
    assert words.startswith("What round 1 found A is the best. Found by 120 votes, ")
    assert "The round draws no more pairs; those before volunteers are still judged" in words
    assert "A 0.25 0.875 80 B 0.25 0.875 80" in words
    assert "Their intervals are left out" in words
    assert words.count("B 31 0.40 −0.10 0.90 beaten") == 1
    assert "leads" not in words
    assert "Votes that remain" not in words


@pytest.mark.parametrize("stops_early", [True, False])
def test_run_page_invites_nobody_to_a_round_that_has_its_answer(stops_early: bool) -> None:
    round_ = make.make_open_round()
    stop(round_, stops_early=stops_early)
    page = browser_as("researcher").get(f"/runs/{round_.run.slug}/").content.decode()
    assert ("Start rating" in page) is not stops_early
    assert ("<td>has its answer</td>" in page) is stops_early


def test_stop_for_equivalence_names_the_difference() -> None:
    round_ = make.make_open_round()
    stop(round_, stops_early=True, reason="equivalent")
    assert "A and those it does not beat cannot be told apart at ±0.50." in words_of(round_)


def test_stop_that_is_not_honoured_lets_the_round_go_on() -> None:
    round_ = make.make_open_round()
    stop(round_, stops_early=False)
    words = words_of(round_)
    assert "The round goes on, since stopping is switched off." in words
    assert "A leads." in words
    assert "Votes that remain, about 240" in words


def test_newest_round_is_the_one_that_is_told_of() -> None:
    first = make.make_open_round()
    stop(first, stops_early=True)
    first.closed_at = first.opened_at
    first.save()
    second = Round.objects.create(run=first.run, number=2)
    second.candidates.set(first.candidates.all())
    assert words_of(second).startswith("How far round 2 is This round waits for completions")


def test_how_far_takes_the_same_queries_for_any_number_of_candidates() -> None:
    asked = []
    for n_candidates in (2, 9):
        round_ = make.make_open_round(n_candidates=n_candidates, n_prompts=1)
        leader, *others = candidates_of(round_)
        make_estimate(round_, make_evidence(leader, *[make_difference(each) for each in others]))
        asked.append(count_queries(lambda run=round_.run: how_far.tell_how_far(run)))
    assert asked[0] == asked[1]
