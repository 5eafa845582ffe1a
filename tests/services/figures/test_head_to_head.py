"""Each two candidates of a group stand once, with what was voted and what is to come."""

import numpy as np
import pytest

from annotate.ranking.head_to_head import fit_three_way
from annotate.services.figures.source import read_source
from benchmarks.ranking.worlds import World
from tests import factories as make
from tests.services.casting import BALLOTS, cast
from tests.services.figures.crowds import cast_crowd, draw, open_round, rank, rows_of

pytestmark = pytest.mark.django_db


def test_pairs_are_counted_from_the_stronger_ones_side() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=1)
    first, second = (each.name for each in round_.candidates.order_by("id"))
    cast(round_, [(0, 1, "b", 0), (0, 1, "b", 1), (0, 1, "a", 2), (0, 1, "tie", 0),
                  (0, 1, "both_bad", 1)])  # fmt: skip
    (row,) = rows_of(draw(rank(round_), "head-to-head"), "pairs")
    told = [row[name] for name in ("wins", "losses", "ties", "both_bad", "votes", "rate", "group")]
    assert (row["candidate"], row["rival"], told) == (second, first, [2, 1, 1, 1, 5, 0.6, 0])
    assert row["predicted_win"] > row["predicted_loss"] > 0.1
    chances = (row["predicted_win"], row["predicted_tie"], row["predicted_loss"])
    assert sum(chances) == pytest.approx(1)


def test_chances_are_those_of_the_pure_model() -> None:
    world = World((-0.8, 0.0, 0.3, 0.9), n_annotators=6, n_prompts=2)
    round_ = open_round(world)
    cast_crowd(round_, world, 200)
    ranking = rank(round_)
    content = draw(ranking, "head-to-head")
    ballots = read_source(ranking).ballots
    by_place = sorted(ranking.standings, key=lambda row: row["candidate_id"])
    strengths = np.array([row["strength"] for row in by_place])
    difference = strengths[ballots.candidate_a] - strengths[ballots.candidate_b]
    fit = fit_three_way(difference=difference, outcome=ballots.outcome)
    assert content["facts"] == {
        "scale": round(fit.scale, 10), "tie_weight": round(fit.tie_weight, 10), "n_votes": 200,
    }  # fmt: skip
    strength = {row["name"]: row["strength"] for row in by_place}
    rows = rows_of(content, "pairs")
    assert len(rows) == 6
    for row in rows:
        apart = strength[row["candidate"]] - strength[row["rival"]]
        assert apart >= 0
        win, loss, tie = fit.predict(np.array(apart)).tolist()
        found = (row["predicted_win"], row["predicted_loss"], row["predicted_tie"])
        assert found == pytest.approx((win, loss, tie), abs=1e-9)


def test_groups_are_not_compared_and_pairs_without_a_vote_have_no_rate() -> None:
    round_ = make.make_open_round(n_candidates=6, n_prompts=1)
    names = [each.name for each in round_.candidates.order_by("id")]
    cast(round_, [(0, 1, "a", 0), (1, 2, "a", 1), (3, 4, "a", 0)])
    rows = rows_of(draw(rank(round_), "head-to-head"), "pairs")
    assert [(row["candidate"], row["rival"], row["group"]) for row in rows] == [
        (names[0], names[1], 0), (names[0], names[2], 0), (names[1], names[2], 0),
        (names[3], names[4], 1),
    ]  # fmt: skip
    assert [row["rate"] for row in rows] == [1.0, None, 1.0, 1.0]
    assert [row["votes"] for row in rows] == [1, 0, 1, 1]


def test_without_votes_there_is_a_gap() -> None:
    content = draw(rank(make.make_open_round(n_candidates=2, n_prompts=1)), "head-to-head")
    assert content["gaps"] == {"pairs": "no_votes"}
    assert content["tables"]["pairs"]["rows"] == []
    assert content["facts"] == {"scale": None, "tie_weight": None, "n_votes": 0}


def test_the_same_ranking_gives_the_same_figure() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    cast(round_, BALLOTS)
    assert draw(rank(round_), "head-to-head") == draw(rank(round_), "head-to-head")
