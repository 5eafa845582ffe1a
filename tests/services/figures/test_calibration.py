"""Forecasts are held against votes of annotators who had no part in them."""

import pytest

from annotate.ranking import RankingSettings
from benchmarks.ranking.worlds import World
from tests import factories as make
from tests.services.casting import BALLOTS, cast
from tests.services.figures.crowds import cast_crowd, draw, open_round, rank, rows_of

pytestmark = pytest.mark.django_db

WORLD = World((-1.2, -0.4, 0.3, 1.3), n_annotators=14, n_prompts=3)


def test_bins_hold_all_votes_and_forecasts_beat_the_base() -> None:
    round_ = open_round(WORLD)
    cast_crowd(round_, WORLD, 500)
    content = draw(rank(round_), "calibration")
    rows = rows_of(content, "bins")
    assert len(rows) == 10
    assert [row["votes"] for row in rows] == [50] * 10
    predicted = [row["predicted"] for row in rows]
    assert predicted == sorted(predicted)
    assert all(0.5 <= row["predicted"] <= 1 for row in rows)
    assert all(row["low"] <= row["observed"] <= row["high"] for row in rows)
    assert sum(row["low"] <= row["predicted"] <= row["high"] for row in rows) >= 8
    facts = content["facts"]
    assert facts["log_loss"] < facts["log_loss_base"] - 0.02
    assert abs(facts["log_loss_tie_rate"] - facts["log_loss"]) < 0.03
    assert (facts["n_folds"], facts["n_votes"], facts["n_unpredicted"]) == (10, 500, 0)
    assert content["gaps"] == {}


def test_the_same_ranking_gives_the_same_figure_and_its_seed_deals_the_folds() -> None:
    round_ = open_round(WORLD)
    cast_crowd(round_, WORLD, 300)
    first = draw(rank(round_), "calibration")
    assert draw(rank(round_), "calibration") == first
    other = draw(rank(round_, RankingSettings(n_resamples=100, seed=4)), "calibration")
    assert other["facts"]["log_loss"] != first["facts"]["log_loss"]


def test_few_votes_are_one_bin_and_those_that_others_do_not_join_are_counted() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    cast(round_, BALLOTS)
    content = draw(rank(round_), "calibration")
    (row,) = rows_of(content, "bins")
    facts = content["facts"]
    assert row["votes"] == facts["n_votes"] == len(BALLOTS) - facts["n_unpredicted"]
    assert facts["n_folds"] == 3


@pytest.mark.parametrize(
    ("ballots", "gap"),
    [([], "no_votes"), ([(0, 1, "a", 0)] * 3, "one_annotator"),
     ([(0, 1, "a", 0), (2, 3, "a", 1)], "too_few_votes")],
)  # fmt: skip
def test_too_few_votes_are_a_gap(ballots: list[tuple[int, int, str, int]], gap: str) -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    cast(round_, ballots)
    content = draw(rank(round_), "calibration")
    assert content["gaps"] == {"bins": gap}
    assert content["tables"]["bins"]["rows"] == []
    assert content["facts"]["log_loss"] is None
    assert content["facts"]["n_unpredicted"] == len(ballots)
