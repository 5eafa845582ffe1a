"""Cohen's kappa against tables worked by hand, its labels, and its interval."""

import numpy as np
import pytest

from annotate.ranking.kappa import (
    NO_VERDICT,
    Kappa,
    cohen_kappa,
    kappa_of_verdicts,
    majorities,
    measure_kappa,
)

A, B, TIE, BOTH_BAD = range(4)


def rate(table: dict[tuple[int, int], int], *, per_cluster: int = 1) -> Kappa:
    """Let two raters fill a table, verdict by verdict; units lie in clusters in turn."""
    pairs = [pair for pair, n in table.items() for _unit in range(n)]
    first, second = (np.array([pair[rater] for pair in pairs]) for rater in (0, 1))
    return kappa_of_verdicts(first, second, cluster=np.arange(len(pairs)) // per_cluster)


def test_cohen_kappa_of_a_table_worked_by_hand() -> None:
    """Fifty grants, two readers: p_o = .7, p_e = .5 * .6 + .5 * .4 = .5."""
    assert cohen_kappa(np.array([[20.0, 5.0], [10.0, 15.0]])) == pytest.approx(0.4)


def test_kappa_of_verdicts_of_a_table_worked_by_hand() -> None:
    """20 of 30 alike. Draws: .2 and .3; a and b share the rest of each rater's by half.

    p_e = .2 * .3 + 2 * .4 * .35 = .34, so kappa = (2/3 - .34) / .66 = .494949...
    """
    found = rate({(A, A): 14, (B, B): 2, (TIE, TIE): 4, (A, B): 3, (B, A): 2, (A, TIE): 3,
                  (B, TIE): 2})  # fmt: skip
    assert (found.n_units, found.raw) == (30, pytest.approx(2 / 3))
    assert found.raw is not None
    first_draws, second_draws = 4 / 30, 9 / 30
    chance = first_draws * second_draws + 2 * (1 - first_draws) / 2 * (1 - second_draws) / 2
    assert found.value == pytest.approx((20 / 30 - chance) / (1 - chance))
    assert (found.n_decided, found.decided) == (21, pytest.approx(16 / 21))


def test_kappa_agrees_with_the_plain_one_on_a_table_that_is_its_own_mirror() -> None:
    table = {(A, A): 9, (B, B): 9, (TIE, TIE): 5, (A, B): 2, (B, A): 2, (A, TIE): 3, (B, TIE): 3,
             (BOTH_BAD, TIE): 4, (BOTH_BAD, BOTH_BAD): 6}  # fmt: skip
    counts = np.zeros((4, 4))
    for (one, two), n in table.items():
        counts[one, two] = n
    assert rate(table).value == pytest.approx(cohen_kappa(counts))


def test_kappa_does_not_know_which_text_is_a() -> None:
    rng = np.random.default_rng(0)
    first = rng.choice(3, size=200, p=[0.7, 0.2, 0.1])
    second = np.where(rng.random(200) < 0.7, first, rng.integers(0, 3, 200))
    flips = rng.random(200) < 0.5
    swapped = [np.where(flips & (each < TIE), 1 - each, each) for each in (first, second)]
    cluster = np.arange(200) // 4
    one, two = (kappa_of_verdicts(*each, cluster=cluster) for each in ((first, second), swapped))
    assert one.value == pytest.approx(two.value)
    assert (one.low, one.high) == (pytest.approx(two.low), pytest.approx(two.high))
    plain = [cohen_kappa(tabulate(*each)) for each in ((first, second), swapped)]
    assert plain[0] != pytest.approx(plain[1], abs=1e-3)


def tabulate(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.bincount(first * 4 + second, minlength=16).reshape(4, 4).astype(np.float64)


def test_kappa_of_raters_who_are_one() -> None:
    found = rate({(A, A): 10, (B, B): 9, (TIE, TIE): 6})
    assert (found.value, found.raw, found.high) == (1.0, 1.0, 1.0)
    assert found.low is not None
    assert 0.6 < found.low < 0.9, "25 units vouch for no more"


def test_kappa_of_raters_who_never_agree() -> None:
    found = rate({(A, B): 10, (B, A): 10})
    assert (found.value, found.low, found.raw) == (-1.0, -1.0, 0.0)


def test_kappa_says_where_there_is_none() -> None:
    nothing = rate({})
    assert (nothing.value, nothing.raw, nothing.n_units) == (None, None, 0)
    alike = rate({(TIE, TIE): 8})
    assert (alike.value, alike.raw, alike.n_units, alike.decided) == (None, 1.0, 8, None)
    one_prompt = rate({(A, A): 5, (A, B): 3}, per_cluster=8)
    assert (one_prompt.n_clusters, one_prompt.low, one_prompt.high) == (1, None, None)
    assert one_prompt.value is not None


def test_majorities_take_equals_as_a_draw() -> None:
    unit = np.array([0, 0, 0, 1, 1, 3, 3, 3, 3])
    outcome = np.array([A, A, B, A, B, BOTH_BAD, BOTH_BAD, TIE, TIE])
    assert majorities(unit, outcome, n_units=4).tolist() == [A, TIE, NO_VERDICT, TIE]


def test_measure_kappa_takes_majorities_on_shared_units() -> None:
    """Unit 7 has two people's votes to one, unit 9 was judged by one kind alone."""
    votes = [(7, 0, A), (7, 1, A), (7, 2, B), (7, 8, A), (8, 0, B), (8, 8, A), (9, 8, A),
             (8, 0, A)]  # fmt: skip  # a second vote of one annotator counts for nothing
    unit, annotator, outcome = (np.array(column) for column in zip(*votes, strict=True))
    found = measure_kappa(
        unit=unit, annotator=annotator, outcome=outcome, is_first=annotator < 8,
        is_second=annotator == 8, cluster=unit,
    )  # fmt: skip
    assert (found.n_units, found.raw, found.n_clusters) == (2, 0.5, 2)
    assert found.value == pytest.approx(0.0)


def test_reach_agrees_with_a_jackknife_over_clusters() -> None:
    rng = np.random.default_rng(3)
    first, second, cluster = draw_verdicts(rng, n_clusters=60, per_cluster=5)
    found = kappa_of_verdicts(first, second, cluster=cluster)
    assert found.value is not None
    assert found.high is not None
    left_out = np.array(
        [
            kappa_of_verdicts(first[kept], second[kept], cluster=cluster[kept]).value
            for kept in (cluster != each for each in range(60))
        ]
    )
    error = np.sqrt(59 / 60 * ((left_out - left_out.mean()) ** 2).sum())
    assert (found.high - found.value) / 2.001 == pytest.approx(error, rel=0.05)


def draw_verdicts(
    rng: np.random.Generator, *, n_clusters: int, per_cluster: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw verdicts of two raters who agree more on some prompts than on others."""
    cluster = np.repeat(np.arange(n_clusters), per_cluster)
    ease = rng.beta(2, 2, n_clusters)[cluster]
    truth = rng.choice(4, size=len(cluster), p=[0.45, 0.25, 0.2, 0.1])
    first, second = (
        np.where(rng.random(len(cluster)) < ease, truth, rng.integers(0, 4, len(cluster)))
        for _rater in range(2)
    )
    return first, second, cluster


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """30 prompts of 6 pairs that hang together: 95 % intervals hold kappa in .93 to .98."""
    rng = np.random.default_rng(1)
    many = draw_verdicts(rng, n_clusters=60_000, per_cluster=6)
    truth = kappa_of_verdicts(many[0], many[1], cluster=many[2]).value
    assert truth is not None
    held = []
    for _round in range(600):
        first, second, cluster = draw_verdicts(rng, n_clusters=30, per_cluster=6)
        found = kappa_of_verdicts(first, second, cluster=cluster)
        assert found.low is not None
        assert found.high is not None
        held.append(found.low <= truth <= found.high)
    assert 0.93 <= np.mean(held) <= 0.985
