"""What it takes to have an answer, and how many more votes that may be."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from annotate.ranking.equality import step_from_equality
from annotate.ranking.sequences import confidence_radius, e_value
from annotate.ranking.spread import Spread, measure_spread
from annotate.ranking.stopping import (
    MIN_ANNOTATORS,
    Answer,
    Evidence,
    votes_remaining,
    weigh_evidence,
)
from annotate.ranking.strengths import climb_likelihood
from annotate.ranking.tally import Tally, count_votes
from annotate.ranking.votes import check_votes

PRIOR = 0.5
MOST_VOTES = 6000


def cast(strengths: list[float], n_votes: int, *, n_annotators: int = 20, seed: int = 0) -> Tally:
    """Votes without ties by annotators of one taste, pairs drawn evenly.

    Of one seed, fewer votes are the first ones of more.
    """
    rng = np.random.default_rng(seed)
    n = len(strengths)
    a = rng.integers(n, size=MOST_VOTES)
    b = (a + rng.integers(1, n, size=MOST_VOTES)) % n
    truth = np.array(strengths)
    columns = {
        "candidate_a": a,
        "candidate_b": b,
        "outcome": np.where(rng.random(MOST_VOTES) < expit(truth[a] - truth[b]), 0, 1),
        "annotator": rng.integers(n_annotators, size=MOST_VOTES),
    }
    first = {name: column[:n_votes] for name, column in columns.items()}
    return count_votes(check_votes(**first, n_candidates=n))[0]


def fit(tally: Tally) -> tuple[np.ndarray, Spread]:
    strengths = climb_likelihood(tally.half_win_matrix(), prior=PRIOR)
    return strengths, measure_spread(tally, strengths, prior=PRIOR, level=0.95)


def weigh(tally: Tally, *, alpha: float = 0.05, delta: float | None = None) -> Evidence:
    return weigh_evidence(*fit(tally), tally, alpha=alpha, delta=delta)


def remaining(tally: Tally, **rules: float) -> int | None:
    return votes_remaining(weigh(tally, **rules), n_votes=tally.n_votes)


def test_clear_leader_is_the_best() -> None:
    evidence = weigh(cast([2.0, 0.0, 0.0, -1.0], 800))
    assert evidence.leader == 0
    assert evidence.answer is Answer.BEST
    assert evidence.beaten.tolist() == [False, True, True, True]
    assert evidence.e_values[0] == 1
    assert evidence.differences[0] == 0


def test_two_that_are_alike_leave_it_open() -> None:
    evidence = weigh(cast([1.0, 1.0, -1.0], 800))
    assert evidence.answer is None
    assert evidence.rivals.tolist() == [1 - evidence.leader, 2]
    assert evidence.beaten[2]


def test_two_that_are_alike_are_an_answer_once_they_differ_by_less_than_matters() -> None:
    tally = cast([1.0, 1.0, -1.0], 4000)
    evidence = weigh(tally, delta=0.5)
    rival = 1 - evidence.leader
    assert evidence.answer is Answer.EQUIVALENT
    assert evidence.equivalent.tolist() == [k == rival for k in range(3)]
    assert evidence.differences[rival] + evidence.radii[rival] <= 0.5
    assert weigh(tally, delta=0.1).answer is None


def test_answer_is_the_best_where_a_rival_is_beaten_and_equivalent_as_well() -> None:
    evidence = weigh(cast([0.5, 0.0], 4000), delta=2.0)
    assert evidence.equivalent[1 - evidence.leader]
    assert evidence.answer is Answer.BEST


def test_few_annotators_give_no_answer_however_many_their_votes() -> None:
    truth = [2.0, 0.0, 0.0, -1.0]
    few, enough = (
        weigh(cast(truth, 4000, n_annotators=n)) for n in (MIN_ANNOTATORS - 1, MIN_ANNOTATORS)
    )
    assert (few.enough_annotators, few.answer) == (False, None)
    assert (enough.enough_annotators, enough.answer) == (True, Answer.BEST)


def test_one_candidate_has_no_rival_and_no_answer() -> None:
    alone = np.zeros((1, 1))
    spread = Spread("fisher", math.inf, alone, alone)
    tally = cast([0.0, 0.0], 40)
    evidence = weigh_evidence(np.zeros(1), spread, tally.within(np.array([0])), alpha=0.05)
    assert evidence.answer is None
    assert votes_remaining(evidence, n_votes=0) is None


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1000), n_annotators=st.integers(2, 30), alpha=st.floats(0.001, 0.4))
def test_interval_that_leaves_0_out_means_a_beaten_rival(
    seed: int, n_annotators: int, alpha: float
) -> None:
    evidence = weigh(cast([0.6, 0.2, 0.0], 200, n_annotators=n_annotators, seed=seed), alpha=alpha)
    left_out = evidence.differences > evidence.radii
    assert not (left_out & ~evidence.beaten).any()


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1000), n_annotators=st.integers(2, 30))
def test_few_annotators_show_less_than_the_normal_would(seed: int, n_annotators: int) -> None:
    evidence = weigh(cast([0.9, 0.2, 0.0], 200, n_annotators=n_annotators, seed=seed))
    rivals, variance = evidence.rivals, evidence.errors**2
    normal = e_value(evidence.differences, variance)
    assert (evidence.radii[rivals] > confidence_radius(variance, alpha=0.05)[rivals]).all()
    near = rivals[evidence.differences[rivals] < 1]
    # Evidence below 1 is no evidence, and t has less of that as well.
    assert (evidence.e_values[near] <= np.maximum(normal[near], 1) + 1e-12).all()


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1000))
def test_relabelled_candidates_have_their_evidence_under_the_new_labels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tally = cast([1.5, 0.2, 0.0, -4.0], 150, seed=seed)
    strengths, spread = fit(tally)
    label = rng.permutation(4)
    columns = {
        "candidate_a": label[tally.first].repeat(tally.votes),
        "candidate_b": label[tally.second].repeat(tally.votes),
        "annotator": tally.annotator.repeat(tally.votes),
        "outcome": np.concatenate(
            [
                [0] * int(won) + [1] * int(votes - won)
                for won, votes in zip(tally.half_wins, tally.votes, strict=True)
            ]
        ),
    }
    renamed = count_votes(check_votes(**columns, n_candidates=4))[0]
    before = weigh_evidence(strengths, spread, tally, alpha=0.05)
    after = weigh(renamed)
    np.testing.assert_allclose(
        np.log(after.e_values[label]), np.log(before.e_values), rtol=1e-5, atol=1e-6
    )


def test_candidate_that_always_loses_is_beaten() -> None:
    evidence = weigh(cast([1.0, 0.0, 0.0, -20.0], 1000, n_annotators=40))
    assert evidence.differences[3] > 5
    assert evidence.answer is Answer.BEST


def test_candidate_that_lost_to_hardly_anybody_is_not_beaten() -> None:
    n_votes = 400
    tally = cast([0.0, 0.0, 0.0], n_votes)
    repeated = {
        "candidate_a": np.append(tally.first.repeat(tally.votes), [3]),
        "candidate_b": np.append(tally.second.repeat(tally.votes), [0]),
        "annotator": np.append(tally.annotator.repeat(tally.votes), [0]),
        "outcome": np.append(np.arange(n_votes) % 2, [1]),
    }
    once = count_votes(check_votes(**repeated, n_candidates=4))[0]
    evidence = weigh(once)
    assert not evidence.beaten[3]
    assert evidence.e_values[3] < 2


def test_step_from_equality_is_the_difference_where_that_is_small() -> None:
    tally = cast([0.2, 0.0, -0.1], 6000)
    strengths, spread = fit(tally)
    leader = int(strengths.argmax())
    step = step_from_equality(tally, strengths, spread, leader)
    rivals = np.arange(3) != leader
    np.testing.assert_allclose(
        step.differences[rivals], (strengths[leader] - strengths)[rivals], rtol=0.05
    )


def test_votes_remaining_are_0_with_an_answer_and_more_the_closer_the_rival() -> None:
    assert remaining(cast([2.0, 0.0, 0.0, -1.0], 800)) == 0
    close, far = remaining(cast([0.3, 0.0], 40)), remaining(cast([0.6, 0.0], 40))
    assert close is not None
    assert far is not None
    assert close > far > 0


def test_votes_remaining_cannot_be_said_of_equals_unless_that_is_an_answer() -> None:
    rng = np.random.default_rng(0)
    columns = {
        "candidate_a": np.zeros(400, int),
        "candidate_b": np.ones(400, int),
        "outcome": np.arange(400) % 2,
        "annotator": rng.permutation(np.arange(400) // 2 % 20),
    }
    tally = count_votes(check_votes(**columns, n_candidates=2))[0]
    assert remaining(tally) is None
    told = remaining(tally, delta=0.2)
    assert told is not None
    assert told > 0


def test_votes_remaining_are_about_those_that_it_takes() -> None:
    told, taken = [], []
    for seed in range(40):
        tally = cast([0.5, 0.0], 100, seed=seed)
        if weigh(tally).leader == 0 and (more := remaining(tally)):
            told.append(more)
            taken.append(next(n for n in range(100, MOST_VOTES, 20) if _has_answer(n, seed)) - 100)
    assert 0.4 < np.median(told) / np.median(taken) < 2.5


def _has_answer(n_votes: int, seed: int) -> bool:
    return weigh(cast([0.5, 0.0], n_votes, seed=seed)).answer is not None


@pytest.mark.parametrize("delta", [None, 0.3])
def test_answer_stands_only_on_rivals_that_are_settled(delta: float | None) -> None:
    for seed in range(30):
        evidence = weigh(cast([0.3, 0.0, -0.5], 300, seed=seed), delta=delta)
        settled = evidence.beaten | evidence.equivalent
        assert (evidence.answer is not None) == bool(settled[evidence.rivals].all())


def test_contenders_are_weighed_among_themselves() -> None:
    tally = cast([2.0, 1.0, -1.0], 1500)
    strengths, spread = fit(tally)
    among = np.array([False, True, True])
    evidence = weigh_evidence(strengths, spread, tally, alpha=0.05, among=among)
    assert evidence.leader == 1
    assert evidence.rivals.tolist() == [2]
    assert evidence.answer is Answer.BEST
    # The one who does not contend is the stronger, and so the evidence is for it.
    assert evidence.differences[0] < 0
    assert evidence.e_values[0] > 20
    assert not evidence.beaten[0]
