"""Simulated crowds vote as their world says, and converge to its truth."""

from dataclasses import replace

import numpy as np
import pytest

from annotate.ranking.strengths import climb_likelihood
from annotate.ranking.tally import count_votes
from annotate.ranking.votes import A_WINS, B_WINS, check_votes
from benchmarks.ranking.worlds import Crowd, World, ballots, draw_pairs

QUIET = World((0.6, 0.0, -0.6), n_annotators=3000, n_prompts=3000)


def fit(crowd: Crowd, n_votes: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    votes = crowd.vote(*draw_pairs(3, n_votes, rng), rng)
    tally, _ = count_votes(check_votes(**ballots(votes), n_candidates=3))
    strengths = climb_likelihood(tally.half_win_matrix(), prior=0)
    return np.asarray(strengths - strengths.mean())


@pytest.mark.parametrize(
    "world",
    [
        QUIET,
        replace(QUIET, taste=1.0, spam_share=0.2),
        replace(QUIET, prompt_sd=1.0, side_bias=0.8, side_bias_sd=0.5),
    ],
)
def test_many_votes_converge_to_the_truth(world: World) -> None:
    found = fit(world.gather(np.random.default_rng(0)), 400_000, seed=1)
    # Votes err by about .003, 3,000 annotators of taste 1 by .01.
    assert found == pytest.approx(world.true_strengths(), abs=0.04)


def test_without_ties_taste_or_spam_the_truth_is_the_strengths() -> None:
    assert replace(QUIET, tie_weight=0).true_strengths() == pytest.approx([0.6, 0, -0.6])


def test_taste_and_spam_shrink_the_truth() -> None:
    loud = replace(QUIET, taste=1.0, spam_share=0.3)
    assert loud.true_strengths()[0] < 0.7 * QUIET.true_strengths()[0]


def test_one_seed_gives_one_crowd_and_its_votes() -> None:
    def vote() -> dict[str, list[int]]:
        rng = np.random.default_rng(5)
        crowd = replace(QUIET, taste=0.5, prompt_sd=0.5).gather(rng)
        votes = crowd.vote(*draw_pairs(3, 20, rng), rng)
        return {name: column.tolist() for name, column in votes.items()}

    assert vote() == vote()


def test_given_annotators_and_prompts_are_those_who_vote() -> None:
    rng = np.random.default_rng(0)
    first, second = draw_pairs(3, 5, rng)
    votes = QUIET.gather(rng).vote(
        first, second, rng, annotator=np.arange(5), prompt=np.arange(5) + 7
    )
    assert votes["annotator"].tolist() == [0, 1, 2, 3, 4]
    assert votes["prompt"].tolist() == [7, 8, 9, 10, 11]


def test_a_pair_of_completions_is_one_whichever_stands_first() -> None:
    rng = np.random.default_rng(0)
    crowd = QUIET.gather(rng)
    prompt = np.array([4, 4, 4, 5])
    votes = crowd.vote(np.array([0, 1, 0, 0]), np.array([1, 0, 2, 1]), rng, prompt=prompt)
    pair = votes["pair"]
    assert pair[0] == pair[1]
    assert len(set(pair.tolist())) == 3


def test_side_bias_is_of_the_side_and_not_of_the_candidate() -> None:
    rng = np.random.default_rng(0)
    crowd = replace(QUIET, strengths=(0.0, 0.0), side_bias=2.0, tie_weight=0.0).gather(rng)
    votes = crowd.vote(*draw_pairs(2, 20_000, rng), rng)
    left = np.where(votes["side"] == 1, A_WINS, B_WINS)
    # The logit of the left is 2 whoever stands there: .881 of the votes.
    assert (votes["outcome"] == left).mean() == pytest.approx(0.881, abs=0.01)
    assert (votes["outcome"] == A_WINS).mean() == pytest.approx(0.5, abs=0.02)


def test_skewed_activity_gives_few_annotators_most_votes() -> None:
    rng = np.random.default_rng(0)
    crowd = replace(QUIET, n_annotators=50, activity_skew=1.5).gather(rng)
    votes = crowd.vote(*draw_pairs(3, 10_000, rng), rng)
    busiest = np.sort(np.bincount(votes["annotator"], minlength=50))[-5:]
    assert busiest.sum() > 4000
