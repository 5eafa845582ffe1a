"""The ranking stands first as it was stored; beside it, what the votes say with something even."""

from typing import Any

import numpy as np
import pytest

from annotate.models import Completion, Round
from annotate.ranking import RankingSettings
from benchmarks.ranking.worlds import World
from tests import factories as make
from tests.services.casting import BALLOTS, cast
from tests.services.figures.crowds import cast_crowd, draw, open_round, rank, rows_of

pytestmark = pytest.mark.django_db

VIEWS = ("primary", "side", "style", "annotators", "propensity")
WORLD = World((-1.0, 0.0, 0.3, 0.7), n_annotators=8, n_prompts=4, side_bias=0.6)


def strengths(content: dict[str, Any], view: str) -> dict[str, Any]:
    return {row["candidate"]: row for row in rows_of(content, "strengths") if row["view"] == view}


def coefficients(content: dict[str, Any], view: str) -> dict[str, Any]:
    return {row["term"]: row for row in rows_of(content, "coefficients") if row["view"] == view}


def test_the_ranking_stands_first_with_its_own_numbers() -> None:
    round_ = open_round(WORLD)
    cast_crowd(round_, WORLD, 200, propensity=0.2)
    ranking = rank(round_)
    content = draw(ranking, "adjusted")
    rows = rows_of(content, "strengths")
    fields = ("strength", "low", "high", "rank", "group")
    assert [[row["candidate"], *(row[field] for field in fields)] for row in rows[:4]] == [
        [row["name"], *(row[field] for field in fields)] for row in ranking.standings
    ]
    assert tuple(dict.fromkeys(row["view"] for row in rows)) == VIEWS
    assert len(rows) == 4 * len(VIEWS)
    for view in VIEWS:
        told = strengths(content, view).values()
        assert sum(row["strength"] for row in told) == pytest.approx(0, abs=1e-8)
        assert all(row["low"] < row["strength"] < row["high"] for row in told)
        assert [row["rank"] for row in told] == sorted(row["rank"] for row in told)


def test_side_effect_is_found_and_votes_of_unknown_side_count_all_the_same() -> None:
    world = World(WORLD.strengths, n_annotators=8, n_prompts=4, side_bias=0.8, tie_weight=0.0)
    round_ = open_round(world)
    cast_crowd(round_, world, 700)
    known = coefficients(draw(rank(round_), "adjusted"), "side")["side"]
    assert known["estimate"] == pytest.approx(0.8, abs=0.25)
    assert 0.4 < known["low"] < known["estimate"] < known["high"]
    cast_crowd(round_, world, 300, seed=1, sides=False)
    ranking = rank(round_)
    content = draw(ranking, "adjusted")
    assert coefficients(content, "side")["side"]["estimate"] == pytest.approx(
        known["estimate"], abs=0.1
    )
    assert ranking.n_votes == 1000


def test_length_that_wins_by_itself_is_taken_out() -> None:
    """All candidates are alike; the first writes long replies, and longer ones win."""
    round_ = make.make_open_round(n_candidates=3, n_prompts=0)
    lengths = {}
    for _ in range(12):
        prompt = make.make_prompt(round_.run.prompt_sets.get())
        for place, candidate in enumerate(round_.candidates.order_by("id")):
            n = 100 + 40 * len(lengths) % 170 + (120 if place == 0 else 0)
            completion = make.make_completion(candidate, prompt, replies=["x" * n + str(place)])
            lengths[completion.pk] = n
    vote_by_length(round_, lengths)
    content = draw(rank(round_), "adjusted")
    first = round_.candidates.earliest("id").name
    assert strengths(content, "primary")[first]["strength"] > 0.5
    assert abs(strengths(content, "style")[first]["strength"]) < 0.3
    terms = coefficients(content, "style")
    assert terms["length"]["low"] > 0.4
    assert [terms[term]["estimate"] for term in ("headings", "list_items", "bold", "code")] == [
        None
    ] * 4
    assert content["gaps"]["coefficients.style.bold"] == "no_variation"


def vote_by_length(round_: Round, lengths: dict[int, int]) -> None:
    rng = np.random.default_rng(0)
    annotators = [make.make_annotator() for _ in range(8)]
    completions = list(Completion.objects.filter(pk__in=lengths).order_by("prompt", "id"))
    for number in range(300):
        prompt = 3 * rng.integers(0, len(completions) // 3)
        one, two = rng.choice(3, 2, replace=False) + prompt
        a, b = sorted((completions[one], completions[two]), key=lambda each: each.candidate_id)
        contrast = (lengths[a.pk] - lengths[b.pk]) / (lengths[a.pk] + lengths[b.pk])
        comparison = make.make_comparison(a, b, round_=round_, annotator=annotators[number % 8])
        chance = 1 / (1 + np.exp(-8 * contrast))
        make.make_vote(comparison, "a" if rng.random() < chance else "b")


def test_style_is_of_the_turn_that_was_judged() -> None:
    """The second replies alone differ in bold, and votes on the first tell nothing of it."""
    round_ = make.make_open_round(n_candidates=2, n_prompts=0)
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["One?", "Two?"])
    one, two = round_.candidates.order_by("id")
    a = make.make_completion(one, prompt, replies=["same", "**loud** and more"])
    b = make.make_completion(two, prompt, replies=["like", "quiet and yet more"])
    annotators = [make.make_annotator() for _ in range(3)]
    for annotator in annotators:
        make.make_vote(make.make_comparison(a, b, round_=round_, annotator=annotator), turn=1)
    assert draw(rank(round_), "adjusted")["gaps"]["strengths.style"] == "no_variation"
    for annotator in annotators:
        make.make_vote(make.make_comparison(a, b, round_=round_, annotator=annotator), turn=2)
    content = draw(rank(round_), "adjusted")
    assert "strengths.style" not in content["gaps"]
    assert coefficients(content, "style")["bold"]["estimate"] > 0
    assert coefficients(content, "style")["code"]["estimate"] is None


def test_annotators_are_told_by_pseudonym_and_a_guesser_has_the_least_reliability() -> None:
    world = World((-1.5, 0.0, 1.5), n_annotators=6, n_prompts=4)
    round_ = open_round(world)
    cast_crowd(round_, world, 400)
    guesser = World((0.0, 0.0, 0.0), n_annotators=1, n_prompts=4)
    (who,) = cast_crowd(round_, guesser, 80, seed=2, kind="simulated")
    content = draw(rank(round_), "adjusted")
    rows = rows_of(content, "annotators")
    assert len(rows) == 7
    least = min(rows, key=lambda row: row["reliability"])
    assert (least["annotator"], least["kind"], least["votes"]) == (who.pseudonym, "simulated", 80)
    assert least["high"] < 1
    assert all(row["low"] < row["reliability"] < row["high"] for row in rows)
    assert [row["votes"] for row in rows] == sorted((row["votes"] for row in rows), reverse=True)
    assert content["facts"]["annotators_scale"] > 1


def test_votes_on_evenly_drawn_pairs_give_the_ranking_again() -> None:
    round_ = open_round(WORLD)
    cast_crowd(round_, WORLD, 200, propensity=1 / 6)
    content = draw(rank(round_), "adjusted")
    for name, row in strengths(content, "primary").items():
        weighed = strengths(content, "propensity")[name]
        assert [weighed[each] for each in ("strength", "low", "high", "rank")] == pytest.approx(
            [row[each] for each in ("strength", "low", "high", "rank")], abs=1e-8
        )
    facts = content["facts"]
    assert (facts["votes_weighed"], facts["votes_without_propensity"]) == (200, 0)
    assert (facts["effective_votes"], facts["largest_weight"]) == pytest.approx((200, 1))
    assert facts["truncated_votes"] == 0


def test_votes_that_no_policy_drew_are_left_out_of_the_weighed_view_and_counted() -> None:
    round_ = open_round(WORLD)
    cast_crowd(round_, WORLD, 150, propensity=lambda a, b: 0.4 if a + b == 3 else 0.05)
    alone = draw(rank(round_), "adjusted")
    cast_crowd(round_, WORLD, 90, seed=1, sides=False)
    content = draw(rank(round_), "adjusted")
    assert strengths(content, "propensity") == strengths(alone, "propensity")
    facts = content["facts"]
    assert (facts["votes_weighed"], facts["votes_without_propensity"]) == (150, 90)
    assert facts["effective_votes"] < 140
    assert facts["largest_weight"] == pytest.approx(1 / 6 / 0.05)


def test_groups_stay_apart_in_every_view() -> None:
    world = World((-0.5, 0.5), n_annotators=4, n_prompts=2, side_bias=0.2)
    round_ = open_round(world, n_candidates=5)
    cast_crowd(round_, world, 40, candidates=(0, 1), propensity=0.1)
    cast_crowd(round_, world, 30, candidates=(2, 3), seed=1, propensity=0.1)
    content = draw(rank(round_), "adjusted")
    names = [each.name for each in round_.candidates.order_by("id")]
    for view in VIEWS:
        told = strengths(content, view)
        assert [told[name]["group"] for name in names] == [0, 0, 1, 1, None]
        assert sorted(told[name]["rank"] for name in names[2:4]) == [1, 2]
        unvoted = told[names[4]]
        assert [unvoted[each] for each in ("strength", "low", "high", "rank")] == [None] * 4
    assert [row["group"] for row in rows_of(content, "coefficients") if row["view"] == "side"] == [
        0, 1,
    ]  # fmt: skip


@pytest.mark.parametrize("prior", [0.0, 0.5])
@pytest.mark.parametrize(
    ("ballots", "gaps"),
    [
        ([], dict.fromkeys(VIEWS[1:], "no_votes")),
        ([(0, 1, "a", 0)], {"annotators": "one_annotator", "propensity": "no_propensities"}),
        (BALLOTS, {"propensity": "no_propensities"}),
        ([(0, 1, "a", 0), (2, 3, "tie", 1)], {"propensity": "no_propensities"}),
    ],
)
def test_few_votes_are_gaps_and_no_crash(
    ballots: list[tuple[int, int, str, int]], gaps: dict[str, str], prior: float
) -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    cast(round_, ballots)
    content = draw(rank(round_, RankingSettings(n_resamples=100, prior=prior)), "adjusted")
    found = {key: gap for key, gap in content["gaps"].items() if key.startswith("strengths.")}
    assert found.items() >= {f"strengths.{view}": gap for view, gap in gaps.items()}.items()
    assert len(strengths(content, "primary")) == 4
    for row in rows_of(content, "strengths"):
        ends = [row["low"], row["high"]]
        assert ends == [None, None] or ends[0] <= row["strength"] <= ends[1]


def test_the_same_ranking_gives_the_same_figure() -> None:
    round_ = open_round(WORLD)
    cast_crowd(round_, WORLD, 120, propensity=0.3)
    first = draw(rank(round_), "adjusted")
    assert draw(rank(round_), "adjusted") == first
