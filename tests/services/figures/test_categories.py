"""Each category is ranked apart, as the whole was."""

from typing import Any

import pytest

from annotate.models import Round
from annotate.ranking import RankingSettings
from annotate.services.figures import figure_of
from annotate.services.rankings import store_rankings
from tests import factories as make
from tests.services.casting import BALLOTS, cast

pytestmark = pytest.mark.django_db

SETTINGS = RankingSettings(prior=0.25, level=0.9, n_resamples=100, seed=3)


def vote_in(round_: Round, category: str, ballots: Any) -> None:
    prompt = make.make_prompt(round_.run.prompt_sets.get(), category=category)
    for candidate in round_.candidates.all():
        make.make_completion(candidate, prompt)
    cast(round_, ballots, prompt=prompt)


def rows_of(content: dict[str, Any]) -> list[dict[str, Any]]:
    table = content["tables"]["strengths"]
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


def test_categories_are_the_rankings_by_category() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=0)
    vote_in(round_, "joke", BALLOTS)
    vote_in(round_, "code", [(0, 1, "b", 0), (0, 1, "b", 1), (2, 3, "a", 0), (2, 3, "tie", 1)])
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    content = figure_of(ranking=ranking, kind="categories").content
    by_category = store_rankings(run=round_.run, settings=SETTINGS, by="category")
    fields = ("group", "strength", "low", "high", "votes")
    expected = {
        (part.filters["value"], row["name"]): [row[field] for field in fields]
        for part in by_category
        for row in part.standings
    }
    found = {
        (row["category"], row["candidate"]): [row[field] for field in fields]
        for row in rows_of(content)
    }
    assert found == expected
    assert {row["group"] for row in rows_of(content) if row["category"] == "code"} == {0, 1}
    assert content["gaps"] == {}
    assert content["facts"] == {"n_categories": 2, "level": 0.9}


def test_categories_give_no_strength_to_whom_a_category_did_not_meet() -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=0)
    vote_in(round_, "joke", [(0, 1, "a", 0), (1, 2, "a", 1)])
    vote_in(round_, "code", [(0, 1, "a", 0)])
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    (row,) = (
        row for row in rows_of(figure_of(ranking=ranking, kind="categories").content)
        if row["votes"] == 0
    )  # fmt: skip
    assert (row["category"], row["candidate"]) == ("code", round_.candidates.last().name)
    assert {row[field] for field in ("group", "strength", "low", "high")} == {None}


def test_categories_of_one_category_or_none_say_so() -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=0)
    (empty,) = store_rankings(run=round_.run, settings=SETTINGS)
    vote_in(round_, "joke", [(0, 1, "a", 0)])
    (single,) = store_rankings(run=round_.run, settings=SETTINGS)
    contents = [figure_of(ranking=each, kind="categories").content for each in (empty, single)]
    assert [each["gaps"] for each in contents] == [
        {"strengths": "no_votes"},
        {"strengths": "one_category"},
    ]
    assert [len(rows_of(each)) for each in contents] == [0, 3]


def test_categories_whose_votes_cannot_be_ranked_are_named() -> None:
    """A long chain of single wins, which next to no prior holds together."""
    round_ = make.make_open_round(n_candidates=80, n_prompts=0)
    circle = [(place, place + 1, "tie", 0) for place in range(79)]
    vote_in(round_, "joke", circle)
    (ranking,) = store_rankings(run=round_.run, settings=RankingSettings(prior=1e-6))
    vote_in(round_, "code", [(place, place + 1, "a", 0) for place in range(79)])
    ranking = ranking.run.rankings.create(
        cutoff=2**62, filters={}, settings=ranking.settings, versions={}, n_votes=0,
        standings=ranking.standings,
    )  # fmt: skip
    content = figure_of(ranking=ranking, kind="categories").content
    assert content["gaps"] == {"strengths.code": "not_settled"}
    assert {row["category"] for row in rows_of(content)} == {"joke"}
