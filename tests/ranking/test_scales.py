"""Strengths on other scales keep their order and mean what the scale says."""

import math

import numpy as np
import pytest

from annotate.ranking import RankingSettings, encode_outcomes, rank_candidates
from annotate.ranking.joint import JointStrengths
from annotate.ranking.scales import Scale, put_on_scale, rescale, score_against


def test_ten_to_one_is_four_hundred_elo_points() -> None:
    assert rescale([0.0, math.log(10)], scale=Scale.ELO) == pytest.approx([1000, 1400])


def test_the_logistic_scale_is_ten_times_the_chance_to_beat_the_anchor() -> None:
    # Three wins to one is a log strength of ln 3 more.
    assert rescale([math.log(3)], scale=Scale.LOGISTIC) == pytest.approx([7.5])
    assert rescale([math.log(3)], scale=Scale.LOGISTIC, anchor=math.log(3)) == pytest.approx([5])


def test_the_log_scale_is_the_strength_itself() -> None:
    assert rescale([-0.25, 3.0], scale=Scale.LOG).tolist() == [-0.25, 3.0]


@pytest.mark.parametrize("scale", list(Scale))
def test_ends_of_intervals_stay_about_their_strength(scale: Scale) -> None:
    strength = np.array([1.2, 0.1, -1.3])
    shown = put_on_scale(scale=scale, strength=strength, low=strength - 0.4, high=strength + 0.2)
    assert (shown.low < shown.strength).all()
    assert (shown.strength < shown.high).all()
    assert (np.diff(shown.strength) < 0).all()


def test_anchors_stand_at_five_on_the_mean() -> None:
    shown = put_on_scale(
        scale=Scale.LOGISTIC, strength=[1.0, 0.5, -1.5], low=[0.0] * 3, high=[2.0] * 3,
        anchors=[0, 1],
    )  # fmt: skip
    assert shown.anchor == 0.75
    odds = shown.strength[:2] / (10 - shown.strength[:2])
    assert np.log(odds) == pytest.approx([0.25, -0.25])


def test_without_anchors_the_mean_of_the_group_stands_at_five() -> None:
    shown = put_on_scale(scale=Scale.LOGISTIC, strength=[0.0], low=[-1.0], high=[1.0])
    assert (shown.anchor, shown.strength.tolist()) == (0.0, [5.0])


def test_no_interval_stays_none_on_every_scale() -> None:
    for scale in Scale:
        shown = put_on_scale(scale=scale, strength=[0.0], low=[math.nan], high=[math.nan])
        assert np.isnan(shown.low).all()
        assert np.isnan(shown.high).all()


def test_an_anchor_without_a_strength_is_refused() -> None:
    with pytest.raises(ValueError, match="an anchor has no strength"):
        put_on_scale(
            scale=Scale.LOGISTIC, strength=[0.0, math.nan], low=[0, 0], high=[0, 0], anchors=[1]
        )


def joint_of_four() -> JointStrengths:
    """Two anchors and two newcomers, judged by eight annotators alike but for one vote each."""
    met = [(0, 2), (1, 2), (0, 3), (1, 3)] * 8
    outcomes = ["a", "b", "b", "b"] * 6 + ["b", "b", "a", "b"] + ["a", "a", "b", "a"]
    fit = rank_candidates(
        candidate_a=np.array([a for a, _b in met]),
        candidate_b=np.array([b for _a, b in met]),
        outcome=encode_outcomes(outcomes),
        annotator=np.repeat(np.arange(8), 4),
        n_candidates=4,
        settings=RankingSettings(),
    )
    return fit.groups[0]


def test_a_score_against_anchors_is_ten_times_the_chance_to_beat_their_mean() -> None:
    joint = joint_of_four()
    shown = score_against(joint, np.array([0, 1]))
    theta = joint.strengths - joint.strengths[:2].mean()
    assert shown.strength == pytest.approx(10 / (1 + np.exp(-theta)))
    assert shown.anchor == pytest.approx(joint.strengths[:2].mean())
    assert (shown.low < shown.strength).all()
    assert (shown.strength < shown.high).all()


def test_a_score_knows_that_anchors_are_uncertain_too() -> None:
    joint = joint_of_four()
    shown = score_against(joint, np.array([0, 1]))
    ends = np.log(shown.high / (10 - shown.high)) - np.log(shown.low / (10 - shown.low))
    spread = joint.spread
    assert spread is not None
    contrast = np.array([-0.5, -0.5, 1.0, 0.0])
    variance = contrast @ spread.covariance @ contrast
    assert ends[2] == pytest.approx(2 * spread.critical_value(0.95) * np.sqrt(variance))
    assert ends[2] > 2 * joint.half_widths[2]


def test_a_single_anchor_scores_five_for_certain() -> None:
    shown = score_against(joint_of_four(), np.array([1]))
    assert [float(each[1]) for each in (shown.low, shown.strength, shown.high)] == [5.0] * 3
