"""Strengths as they would have stood after fewer votes."""

import itertools
from typing import Any

import numpy as np
import pytest

from annotate.ranking import RankingSettings, encode_outcomes, rank_candidates
from annotate.services.figures import figure_of
from annotate.services.figures.growth import N_POINTS
from annotate.services.rankings import store_rankings
from tests import factories as make
from tests.services.casting import BALLOTS, cast

pytestmark = pytest.mark.django_db

SETTINGS = RankingSettings(level=0.9, n_resamples=100)


def points(ranking: Any) -> dict[int, dict[str, list[Any]]]:
    """Give strength, low and high of each candidate at each number of votes."""
    rows = figure_of(ranking=ranking, kind="growth").content["tables"]["points"]["rows"]
    return {
        n_votes: {row[1]: row[2:5] for row in group}
        for n_votes, group in itertools.groupby(rows, key=lambda row: row[0])
    }


def test_growth_ends_where_the_ranking_stands() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    cast(round_, BALLOTS)
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    found = points(ranking)
    assert list(found) == list(range(1, 10))
    assert found[9] == {
        row["name"]: [row["strength"], row["low"], row["high"]] for row in ranking.standings
    }


def test_growth_counts_the_first_votes_of_the_ledger() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    names = [candidate.name for candidate in round_.candidates.order_by("id")]
    cast(round_, BALLOTS)
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    a, b, outcomes, annotators = zip(*BALLOTS[:4], strict=True)
    fit = rank_candidates(
        candidate_a=np.array(a), candidate_b=np.array(b), outcome=encode_outcomes(outcomes),
        annotator=np.array(annotators), pair=np.array(a) * 4 + np.array(b),
        prompt=np.zeros(4, dtype=int), n_candidates=4, settings=SETTINGS,
    )  # fmt: skip
    assert points(ranking)[4] == {
        names[each.candidate]: [each.strength, each.low, each.high] for each in fit.standings
    }


def test_growth_has_as_many_points_for_many_votes() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=1)
    outcomes = ["a", "b", "tie"]
    cast(round_, [(0, 1, outcomes[number % 3], number % 5) for number in range(50)])
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    found = list(points(ranking))
    assert (len(found), found[0], found[-1]) == (N_POINTS, 3, 50)
    assert set(np.diff(found)) == {2, 3}


def test_growth_without_votes_says_so() -> None:
    round_ = make.make_open_round(n_candidates=2)
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    content = figure_of(ranking=ranking, kind="growth").content
    assert content["gaps"] == {"points": "no_votes"}
    assert content["tables"]["points"]["rows"] == []
