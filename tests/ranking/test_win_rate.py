"""Win rates count a tie as half a win, and their intervals cover."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import multinomial, norm

from annotate.ranking import WinRate, win_rate

Z = norm.ppf(0.975)
COUNTS = st.integers(0, 60)


def wilson(wins: int, n: int) -> tuple[float, float]:
    p = wins / n
    middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    reach = Z / (1 + Z**2 / n) * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return middle - reach, middle + reach


@pytest.mark.parametrize(("wins", "n"), [(8, 10), (1, 40), (50, 100), (5, 5), (0, 1)])
def test_win_rate_without_ties_is_wilsons_interval(wins: int, n: int) -> None:
    rate = win_rate(wins, n - wins, 0)
    assert (rate.rate, rate.n) == (wins / n, n)
    assert (rate.low, rate.high) == pytest.approx(wilson(wins, n), abs=1e-9)


def test_win_rate_counts_a_tie_as_half_a_win() -> None:
    assert win_rate(3, 1, 4).rate == 5 / 8


def test_ties_narrow_the_interval_of_the_same_rate() -> None:
    tied, decided = win_rate(10, 10, 80), win_rate(50, 50, 0)
    assert tied.rate == decided.rate
    assert tied.high - tied.low < 0.6 * (decided.high - decided.low)


def test_nothing_but_ties_still_has_an_interval() -> None:
    # The score test of a difference d refuses it where n d^2 > z^2 d (1 - d).
    difference = Z**2 / (20 + Z**2)
    expected = ((1 - difference) / 2, (1 + difference) / 2)
    rate = win_rate(0, 0, 20)
    assert (rate.low, rate.high) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("counts", "bound"), [((5, 0, 0), "high"), ((0, 5, 0), "low")])
def test_a_clean_sweep_reaches_its_end(counts: tuple[int, int, int], bound: str) -> None:
    assert getattr(win_rate(*counts), bound) == {"high": 1.0, "low": 0.0}[bound]


def likeliest_variance(wins: int, losses: int, ties: int, difference: float) -> float:
    """Return the variance of win - loss at the likeliest p_loss, found by search."""

    def unlikelihood(p_loss: float) -> float:
        chances = (p_loss + difference, p_loss, 1 - 2 * p_loss - difference)
        return -sum(
            count * math.log(max(chance, 1e-300))
            for count, chance in zip((wins, losses, ties), chances, strict=True)
        )

    bounds = (max(0.0, -difference), (1 - difference) / 2)
    best = minimize_scalar(unlikelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12})
    return 2 * float(best.x) + difference - difference**2


@given(wins=st.integers(1, 60), losses=st.integers(1, 60), ties=st.integers(1, 60))
def test_both_ends_lie_on_the_edge_of_the_score_test(wins: int, losses: int, ties: int) -> None:
    rate = win_rate(wins, losses, ties)
    n = wins + losses + ties
    for end in (rate.low, rate.high):
        difference = 2 * end - 1
        variance = likeliest_variance(wins, losses, ties, difference)
        score = (wins - losses - n * difference) / math.sqrt(n * variance)
        assert abs(score) == pytest.approx(Z, rel=1e-3)


@given(wins=COUNTS, losses=COUNTS, ties=COUNTS)
@example(wins=1, losses=0, ties=0)
@example(wins=0, losses=0, ties=1)
def test_win_rate_mirrors_when_sides_change(wins: int, losses: int, ties: int) -> None:
    if wins + losses + ties == 0:
        return
    one, other = win_rate(wins, losses, ties), win_rate(losses, wins, ties)
    assert 0 <= one.low <= one.rate <= one.high <= 1
    assert one.low == pytest.approx(1 - other.high, abs=1e-9)
    assert one.rate == pytest.approx(1 - other.rate, abs=1e-12)


def test_win_rate_covers_with_many_ties() -> None:
    n = 40
    outcomes = [(w, x, n - w - x) for w in range(n + 1) for x in range(n + 1 - w)]
    for p_win, p_loss in ((0.3, 0.3), (0.45, 0.15), (0.1, 0.05), (0.55, 0.05)):
        truth = (1 + p_win - p_loss) / 2
        chances = multinomial.pmf(outcomes, n, [p_win, p_loss, 1 - p_win - p_loss])
        covered = 0.0
        for counts, chance in zip(outcomes, chances, strict=True):
            if chance > 1e-7:
                rate = win_rate(*counts)
                covered += chance * (rate.low <= truth <= rate.high)
        assert 0.925 < covered < 0.985


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((0, 0, 0), "no votes: a win rate needs at least one"),
        ((-1, 2, 0), "wins is -1: it must be 0 or more"),
        ((1, 2, -3), "ties is -3: it must be 0 or more"),
    ],
)
def test_win_rate_refuses_what_are_not_counts(counts: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        win_rate(*counts)


def test_win_rate_refuses_a_level_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"^level is 95: it must lie between 0 and 1$"):
        win_rate(1, 1, 1, level=95)


def test_win_rate_is_a_value() -> None:
    assert win_rate(2, 0, 0, level=0.9) == win_rate(wins=2, losses=0, ties=0, level=0.9)
    assert isinstance(win_rate(1, 0, 0), WinRate)
