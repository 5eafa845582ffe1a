"""Kinds of annotators are ranked apart, and compared where they judged the same."""

from typing import Any

import pytest

from annotate.models import Round
from annotate.services.rankings import store_rankings
from benchmarks.ranking.worlds import World
from tests import factories as make
from tests.services.figures.crowds import SETTINGS, cast_crowd, draw, open_round, rank, rows_of

pytestmark = pytest.mark.django_db

WORLD = World((-1.0, 0.0, 1.0), n_annotators=5, n_prompts=3)


def vote(round_: Round, kind: str, outcomes: dict[int, str], **fields: Any) -> None:
    """Let one annotator judge the first two candidates under each prompt named."""
    annotator = make.make_annotator(kind=kind)
    prompts = list(round_.run.prompts().order_by("id"))
    for place, outcome in outcomes.items():
        a, b = (
            each.completions.get(prompt=prompts[place])
            for each in round_.candidates.order_by("id")[:2]
        )
        comparison = make.make_comparison(a, b, round_=round_, annotator=annotator)
        make.make_vote(comparison, outcome, **fields)


def test_each_kind_has_the_ranking_of_its_votes() -> None:
    round_ = open_round(WORLD)
    cast_crowd(round_, WORLD, 120)
    cast_crowd(round_, World((1.0, 0.0, -1.0), n_annotators=4, n_prompts=3), 90, kind="judge")
    content = draw(rank(round_), "judges")
    fields = ("strength", "low", "high", "votes", "group")
    found = {
        (row["kind"], row["candidate"]): [row[field] for field in fields]
        for row in rows_of(content, "strengths")
    }
    expected = {
        (kind, row["name"]): [row[field] for field in fields]
        for kind in ("person", "judge")
        for ranking in store_rankings(run=round_.run, settings=SETTINGS, filters={"kind": kind})
        for row in ranking.standings
    }
    assert found == expected
    (agreement,) = rows_of(content, "agreement")
    assert (agreement["kind"], agreement["other_kind"]) == ("person", "judge")
    assert (agreement["tau"], agreement["candidates"]) == (-1.0, 3)
    assert agreement["agreeing"] < 0.35
    assert content["gaps"] == {}


def test_agreement_is_counted_on_texts_and_turns_that_both_judged() -> None:
    round_ = make.make_open_round(n_prompts=5)
    vote(round_, "person", {0: "a", 1: "a", 2: "tie", 3: "b"})
    vote(round_, "person", {0: "b"})
    vote(round_, "judge", {0: "a", 1: "a", 2: "both_bad", 4: "b"})
    vote(round_, "judge", {3: "b"}, turn=2)
    vote(round_, "simulated", {3: "b"})
    rows = rows_of(draw(rank(round_), "judges"), "agreement")
    found = {(row["kind"], row["other_kind"]): (row["agreeing"], row["shared"]) for row in rows}
    assert found == {
        ("person", "judge"): (0.5, 3),
        ("person", "simulated"): (1.0, 1),
        ("judge", "simulated"): (None, 0),
    }
    shared = next(row for row in rows if row["shared"] == 3)
    assert 0 <= shared["low"] < 0.5 < shared["high"] <= 1


def test_kinds_that_met_no_two_candidates_alike_have_no_tau() -> None:
    round_ = open_round(WORLD, n_candidates=4)
    two = World((0.0, 1.0), n_annotators=3, n_prompts=3)
    cast_crowd(round_, two, 12, candidates=(0, 1))
    cast_crowd(round_, two, 12, candidates=(2, 3), kind="simulated")
    (row,) = rows_of(draw(rank(round_), "judges"), "agreement")
    told = (row["tau"], row["agreeing"], row["shared"], row["candidates"])
    assert told == (None, None, 0, 0)


@pytest.mark.parametrize(
    ("kinds", "gaps"),
    [
        ([], {"strengths": "no_votes", "agreement": "no_votes"}),
        (["judge"], {"agreement": "one_kind"}),
    ],
)
def test_one_kind_alone_is_compared_with_none(kinds: list[str], gaps: dict[str, str]) -> None:
    round_ = make.make_open_round()
    for kind in kinds:
        vote(round_, kind, {0: "a"})
    content = draw(rank(round_), "judges")
    assert content["gaps"] == gaps
    assert content["tables"]["agreement"]["rows"] == []
