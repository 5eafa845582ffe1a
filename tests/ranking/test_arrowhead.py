"""The arrowhead's parts are those of the whole matrix, written out."""

import numpy as np

from annotate.ranking.arrays import FloatArray
from annotate.ranking.arrowhead import Arrowhead


def draw(n_votes: int = 60) -> Arrowhead:
    rng = np.random.default_rng(3)
    first = rng.integers(0, 4, n_votes)
    return Arrowhead(
        first=first, second=(first + rng.integers(1, 4, n_votes)) % 4,
        owner=np.arange(n_votes) % 3, n_common=4, n_owners=3, lever=rng.uniform(0.5, 2, n_votes),
        own=rng.normal(0, 0.5, (2, n_votes)), own_tie=0.7, by_d=rng.uniform(0.1, 0.25, n_votes),
        by_both=rng.normal(0, 0.02, n_votes), by_tie=rng.uniform(0.1, 0.25, n_votes),
        residual=rng.normal(0, 0.1, n_votes), bend=0.5,
    )  # fmt: skip


def written_out(arrow: Arrowhead) -> FloatArray:
    """Return the whole information: 5 common parameters, then each owner's three."""
    whole = np.diag([1.0] * 4 + [0.0] + [1.0] * 9)
    for v in range(len(arrow.first)):
        d, tie = np.zeros((2, 14))
        d[arrow.first[v]], d[arrow.second[v]] = arrow.lever[v], -arrow.lever[v]
        begin = 5 + 3 * arrow.owner[v]
        d[begin : begin + 2] = arrow.own[:, v]
        tie[4], tie[begin + 2] = 1.0, arrow.own_tie
        both = arrow.by_both[v] * np.outer(d, tie)
        whole += arrow.by_d[v] * np.outer(d, d) + both + both.T
        whole += arrow.by_tie[v] * np.outer(tie, tie)
        # Strengths and own first parameter grow with the latter, and that curves d.
        bent = np.zeros((14, 14))
        bent[begin, :5], bent[begin, begin] = d[:5], arrow.own[0, v] / 2
        whole -= arrow.residual[v] * arrow.bend * (bent + bent.T)
    return whole


def test_solve_is_that_of_the_whole_matrix() -> None:
    arrow = draw()
    right = np.random.default_rng(4).normal(0, 1, 14)
    expected = np.linalg.solve(written_out(arrow), right)
    common, own = arrow.solve(right[:5], right[5:].reshape(3, 3))
    np.testing.assert_allclose(np.concatenate([common, own.ravel()]), expected, atol=1e-10)


def test_schur_is_what_is_left_of_the_whole_matrix() -> None:
    arrow = draw()
    errors = np.linalg.inv(written_out(arrow))[:5, :5]
    np.testing.assert_allclose(np.linalg.inv(arrow.schur()), errors, atol=1e-10)


def test_first_own_error_is_that_of_the_whole_matrix() -> None:
    arrow = draw()
    errors = np.sqrt(np.diag(np.linalg.inv(written_out(arrow))))
    np.testing.assert_allclose(arrow.first_own_error(), errors[[5, 8, 11]], atol=1e-10)
