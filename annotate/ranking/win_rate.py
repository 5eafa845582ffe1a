"""How often one candidate beats another, ties as half a win."""

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import ndtri


@dataclass(frozen=True)
class WinRate:
    """Share of wins, a tie half a win, with its interval; n votes."""

    rate: float
    low: float
    high: float
    n: int


def win_rate(wins: int, losses: int, ties: int, *, level: float = 0.95) -> WinRate:
    """Return the win rate with a score interval for the difference of wins and losses.

    Tango's (1998) interval for paired proportions: with outcomes win, loss and tie the rate is
    (1 + p_win - p_loss) / 2. Without ties it is Wilson's (1927) interval. Votes are taken as
    independent. Count "both bad" with the ties.

    Raises:
        ValueError: a count is negative, all are 0, or level is not between 0 and 1.
    """
    for name, count in (("wins", wins), ("losses", losses), ("ties", ties)):
        if count < 0:
            raise ValueError(f"{name} is {count}: it must be 0 or more")
    if not 0 < level < 1:
        raise ValueError(f"level is {level}: it must lie between 0 and 1")
    n = wins + losses + ties
    if n == 0:
        raise ValueError("no votes: a win rate needs at least one")
    z = float(ndtri((1 + level) / 2))
    return WinRate(
        rate=(wins + ties / 2) / n,
        low=(1 - _largest_difference(losses, wins, n, z)) / 2,
        high=(1 + _largest_difference(wins, losses, n, z)) / 2,
        n=n,
    )


def _largest_difference(wins: int, losses: int, n: int, z: float) -> float:
    """Return the largest p_win - p_loss that the score test does not refuse."""
    seen = (wins - losses) / n
    if wins == n:
        return 1.0
    # Seen without variance, what was seen solves the equation below; so does this, further out.
    if losses == n:
        return 2 * z**2 / (n + z**2) - 1
    if wins == losses == 0:
        return z**2 / (n + z**2)

    def excess(difference: float) -> float:
        return n * (difference - seen) ** 2 - z**2 * _null_variance(wins, losses, n, difference)

    return float(brentq(excess, seen, 1.0, xtol=1e-12))


def _null_variance(wins: int, losses: int, n: int, difference: float) -> float:
    """Return the variance of one vote's win - loss, at the likeliest p_loss for that difference.

    p_loss solves 2n q^2 + b q - c = 0 (Tango 1998, equation 5).
    """
    b = (2 * n - wins + losses) * difference - wins - losses
    c = losses * difference * (1 - difference)
    p_loss = (math.sqrt(b * b + 8 * n * c) - b) / (4 * n)
    return 2 * p_loss + difference * (1 - difference)
