"""Left and right by annotator, under pseudonyms."""

import numpy as np
import pytest

from annotate.models import Round
from annotate.ranking import OUTCOMES
from annotate.ranking.sides import wilson_interval
from benchmarks.ranking.worlds import World
from tests import factories as make
from tests.services.figures.crowds import cast_crowd, draw, open_round, rank, rows_of

pytestmark = pytest.mark.django_db


def vote(round_: Round, told: list[tuple[str, str | None]], kind: str = "person") -> str:
    """Cast one annotator's votes, each an outcome and the side of a; give the pseudonym."""
    annotator = make.make_annotator(kind=kind)
    a, b = (each.completions.first() for each in round_.candidates.order_by("id"))
    for place, (outcome, side) in enumerate(told):
        key = f"{annotator.pk}-{place}"
        comparison = make.make_comparison(
            a, b, round_=round_, annotator=annotator, side_a=side, import_key=key
        )
        make.make_vote(comparison, outcome)
    return annotator.pseudonym


def test_each_annotators_left_is_counted_whatever_a_is() -> None:
    round_ = make.make_open_round()
    left = vote(round_, [("a", "left"), ("b", "right"), ("a", "left"), ("tie", "left")])
    right = vote(round_, [("a", "right"), ("b", "left"), ("b", "right"), ("a", None)], "judge")
    vote(round_, [("both_bad", "left"), ("a", None)])
    content = draw(rank(round_, kind="together"), "sides")
    rows = {row.pop("annotator"): row for row in rows_of(content, "annotators")}
    low, high = (ends[0] for ends in wilson_interval(np.array([3.0]), np.array([3.0])))
    assert rows[left] == {
        "kind": "person", "left": 3, "right": 0, "share": 1.0, "low": round(float(low), 10),
        "high": round(float(high), 10),
    }  # fmt: skip
    assert (rows[right]["kind"], rows[right]["left"], rows[right]["right"]) == ("judge", 1, 2)
    assert len(rows) == 2
    facts = content["facts"]
    assert (facts["left"], facts["right"], facts["share"]) == (4, 2, round(4 / 6, 10))


def test_a_planted_bias_is_seen_in_all() -> None:
    world = World((0.0, 0.0, 0.0), n_annotators=20, side_bias=0.8, tie_weight=0.0, n_prompts=20)
    round_ = open_round(world)
    cast_crowd(round_, world, 800)
    facts = draw(rank(round_), "sides")["facts"]
    assert facts["share"] == pytest.approx(1 / (1 + 2.718281828**-0.8), abs=0.05)
    assert 0.5 < facts["low"] < facts["share"] < facts["high"]


def test_no_name_of_an_annotator_is_in_the_figure() -> None:
    round_ = make.make_open_round()
    vote(round_, [("a", "left")] * 2)
    ranking = rank(round_)
    (name,) = {each.annotator.name for each in round_.comparisons.select_related("annotator")}
    for kind in ("sides", "adjusted", "judges", "calibration", "head-to-head"):
        assert name not in str(draw(ranking, kind))


@pytest.mark.parametrize(
    ("told", "gaps"),
    [
        ([], {"annotators": "no_votes"}),
        ([(OUTCOMES[0], None), ("tie", "left")], {"annotators": "no_sides"}),
        ([("a", "left")] * 3, {"low": "too_few_votes", "high": "too_few_votes"}),
    ],
)
def test_what_votes_do_not_tell_is_a_gap(
    told: list[tuple[str, str | None]], gaps: dict[str, str]
) -> None:
    round_ = make.make_open_round()
    if told:
        vote(round_, told)
    content = draw(rank(round_), "sides")
    assert content["gaps"] == gaps
    assert content["facts"]["low"] is None
