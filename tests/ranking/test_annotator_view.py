"""The annotator model group by group, on votes of every kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.ranking import RankingSettings
from annotate.ranking.annotator_view import AnnotatorView, rank_by_annotators
from annotate.ranking.annotators import fit_annotators
from annotate.ranking.votes import check_votes
from benchmarks.ranking.worlds import World, ballots, draw_pairs
from tests.ranking.columns import Vote, columns, votes

SETTINGS = RankingSettings(clusters="annotator")


def view(cast: list[Vote], n: int, *, prior: float = 0.5) -> AnnotatorView | None:
    checked = check_votes(**columns(cast), n_candidates=n)
    return rank_by_annotators(
        checked, side=np.ones(len(cast), dtype=np.int64), settings=RankingSettings(prior=prior)
    )


def test_strengths_and_reliability_are_those_of_the_model() -> None:
    rng = np.random.default_rng(0)
    cast = World((-1.0, 0.0, 1.0), n_annotators=9).gather(rng).vote(*draw_pairs(3, 500, rng), rng)
    checked = check_votes(**ballots(cast), n_candidates=3)
    found = rank_by_annotators(checked, side=cast["side"], settings=SETTINGS)
    assert found is not None
    model = fit_annotators(**ballots(cast), side=cast["side"], n_candidates=3, n_annotators=9)
    (group,) = found.groups
    np.testing.assert_allclose(group.strengths, model.strengths / found.scale, atol=1e-9)
    np.testing.assert_allclose(found.reliability, model.reliability, atol=1e-12)
    np.testing.assert_allclose(
        np.log(found.high / found.low),
        2 * 1.959963984540054 * model.reliability_se / model.reliability,
    )
    assert (found.scale, group.ranks.tolist()) == (
        1 + np.exp(np.log(model.tie).mean()) / 2,
        [3, 2, 1],
    )


def test_groups_have_a_mean_of_their_own_and_annotators_keep_their_numbers() -> None:
    found = view(
        [*votes(0, 1, annotator=4, a=3, b=1), *votes(0, 1, annotator=7, a=1, b=2, tie=2),
         *votes(2, 4, annotator=7, a=4, b=1)],
        5,
    )  # fmt: skip
    assert found is not None
    assert [group.members.tolist() for group in found.groups] == [[0, 1], [2, 4]]
    for group in found.groups:
        assert group.strengths.sum() == pytest.approx(0)
        assert group.half_widths is not None
        assert (group.half_widths > 0.2).all()
    assert found.annotators.tolist() == [4, 7]


def test_votes_between_groups_count_for_nobody() -> None:
    """Without a phantom an unbeaten candidate is alone, and who only saw it is in no view."""
    mutual = [*votes(0, 1, annotator=0, a=2, b=2), *votes(0, 1, annotator=1, a=2, b=1)]
    found = view([*mutual, *votes(2, 0, annotator=5, a=3)], 3, prior=0.0)
    alone = view(mutual, 3, prior=0.0)
    assert found is not None
    assert alone is not None
    assert found.annotators.tolist() == [0, 1]
    np.testing.assert_allclose(found.groups[0].strengths, alone.groups[0].strengths, atol=1e-9)
    assert found.groups[1].half_widths is None


@pytest.mark.parametrize("cast", [[], votes(0, 1, a=3), votes(0, 1, annotator=3, tie=2, b=4)])
def test_one_annotator_gives_no_view(cast: list[Vote]) -> None:
    assert view(cast, 2) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(0, 3), st.integers(0, 3)),
        min_size=2, max_size=25,
    ),
    st.sampled_from([0.0, 0.5]),
)  # fmt: skip
def test_any_votes_give_finite_numbers_or_none(
    told: list[tuple[int, int, int, int]], prior: float
) -> None:
    cast = [(a, (a + step) % 4, outcome, annotator) for a, step, outcome, annotator in told]
    found = view(cast, 4, prior=prior)
    if found is None:
        return
    assert np.isfinite([found.scale, *found.reliability, *found.low, *found.high]).all()
    for group in found.groups:
        assert np.isfinite(group.strengths).all()
        assert group.half_widths is None or np.isfinite(group.half_widths).all()
