"""Each policy draws as it says, and the chance of what it drew is stored with the comparison."""

from collections import Counter

import numpy as np
import pytest

from annotate.models import Annotator, Comparison, Round
from annotate.services import drawing, estimating, pairing, voting
from annotate.services.fields import read_field
from tests import factories as make
from tests.services.test_estimating import cast, set_decision, settle

pytestmark = pytest.mark.django_db

N_DRAWS = 300


def draw_many(round_: Round, annotator: Annotator | None = None) -> list[Comparison]:
    """Draw again and again without keeping any."""
    annotator = annotator or make.make_annotator()
    now, rng = pairing.look_at(round_), np.random.default_rng(11)
    return [
        drawing.draw_comparison(now=now, annotator=annotator, rng=rng) for _draw in range(N_DRAWS)
    ]


def shares(drawn: list[Comparison]) -> dict[tuple[int, int], float]:
    counts = Counter((each.candidate_a_id, each.candidate_b_id) for each in drawn)
    return {pair: n / len(drawn) for pair, n in counts.items()}


def look(round_: Round) -> None:
    settle(round_)
    estimating.refresh_estimate(round_=round_)


def lopsided_round(policy: str, **rules: object) -> Round:
    """Open a round in which candidates 0 and 1 lead, closely, and 2 and 3 lose."""
    round_ = make.make_open_round(n_candidates=4, n_prompts=10)
    set_decision(round_.run, policy=policy, **rules)
    for person in range(6):
        annotator = make.make_annotator()
        for loser in (2, 3):
            cast(round_, annotator, 0, loser, prompt=loser)
            cast(round_, annotator, 1, loser, prompt=loser + 2)
        cast(round_, annotator, 0, 1, "ab"[person % 2], prompt=6)
    look(round_)
    return round_


@pytest.mark.slow
def test_uniform_draws_every_pair_as_often() -> None:
    """Whatever was drawn before; of 300 draws a sixth is off by more than .1 in 1 of 10^5."""
    drawn = draw_many(lopsided_round("uniform"))
    found = shares(drawn)
    assert len(found) == 6
    assert all(abs(share - 1 / 6) < 0.1 for share in found.values())
    assert {each.propensity for each in drawn} == {1 / 6}


@pytest.mark.slow
def test_balanced_draws_the_pair_that_met_least() -> None:
    """Only the two that lose have never met."""
    round_ = lopsided_round("balanced")
    third, fourth = sorted(round_.candidates.values_list("id", flat=True))[2:]
    drawn = draw_many(round_)
    assert shares(drawn) == {(third, fourth): 1}
    assert {each.propensity for each in drawn} == {1 / 6}


def test_adaptive_asks_most_about_the_two_that_lead() -> None:
    round_ = lopsided_round("adaptive", epsilon=0.3)
    ids = sorted(round_.candidates.values_list("id", flat=True))
    drawn = draw_many(round_)
    found = shares(drawn)
    assert found[ids[0], ids[1]] > 0.5
    chances = pairing.Estimate.of(round_.estimate).chances
    assert chances is not None
    for each in drawn:
        pair = ids.index(each.candidate_a_id), ids.index(each.candidate_b_id)
        assert each.propensity == pytest.approx(0.3 / 6 + 0.7 * chances.of(*pair))
    propensity = {(each.candidate_a_id, each.candidate_b_id): each.propensity for each in drawn}
    for pair, chance in propensity.items():
        assert abs(found[pair] - chance) < 4 * (chance * (1 - chance) / N_DRAWS) ** 0.5 + 0.01


def test_adaptive_warms_every_candidate_up_first() -> None:
    round_ = lopsided_round("adaptive", warm_up=3)
    newcomer = make.make_candidate(round_.run)
    for prompt in round_.prompts():
        make.make_completion(newcomer, prompt)
    round_.candidates.add(newcomer)
    look(round_)
    for n_before in range(3):
        drawn = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
        assert drawn.candidate_b == newcomer, n_before
        assert drawn.propensity == 1 / 10
    drawn_then = draw_many(round_)
    assert {each.propensity for each in drawn_then} != {1 / 10}


def test_adaptive_is_balanced_until_somebody_has_looked() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=10)
    set_decision(round_.run, policy="adaptive")
    for _person in range(24):
        voting.lease_comparison(round_=round_, annotator=make.make_annotator())
    field = read_field(pairing.look_at(round_), make.make_annotator())
    assert field.candidate_met.tolist() == [12] * 4


def test_chances_are_shared_out_over_what_is_left_for_an_annotator() -> None:
    """Whoever has seen all of the two that lead gets the others, by their share of the rest."""
    round_ = lopsided_round("adaptive", epsilon=0.2)
    ids = sorted(round_.candidates.values_list("id", flat=True))
    annotator = make.make_annotator()
    for prompt in range(10):
        cast(round_, annotator, 0, 1, prompt=prompt)
    # Some prefer those who lose, so that no sample of the estimate leaves them without a chance.
    for _person in range(5):
        cast(round_, other := make.make_annotator(), 0, 2, "b", prompt=2)
        cast(round_, other, 1, 3, "b", prompt=5)
    look(round_)
    round_.refresh_from_db()
    chances = pairing.Estimate.of(round_.estimate).chances
    assert chances is not None
    left = 1 - chances.of(0, 1)
    assert left > 0.01
    drawn = draw_many(round_, annotator)
    assert (ids[0], ids[1]) not in shares(drawn)
    for each in drawn:
        pair = ids.index(each.candidate_a_id), ids.index(each.candidate_b_id)
        assert each.propensity == pytest.approx(0.2 / 5 + 0.8 * chances.of(*pair) / left)


@pytest.mark.slow
def test_what_no_policy_drew_has_no_chance() -> None:
    round_, annotator = make.make_open_round(n_prompts=9), make.make_annotator()
    for _vote in range(6):
        drawn = voting.lease_comparison(round_=round_, annotator=annotator)
        voting.record_vote(token=drawn.token, annotator=annotator, choice="left")
    make.make_rules(round_.run, gold_rate=0.5, repeat_rate=0.5)
    make.make_gold_pair(round_.run)
    drawn_with = {each.purpose: each.propensity for each in draw_many(round_, annotator)}
    assert drawn_with == {"gold": None, "repeat": None}
