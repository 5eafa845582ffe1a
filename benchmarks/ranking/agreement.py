"""How far our strengths are from plain choix, and whether the order is evalica's.

    python -m benchmarks.ranking.agreement [--worlds 100] [--seed 0]

Plain choix is run to a tolerance of 1e-13 from its own start, on every vote as a pair of winner and
loser (its list form) and on the matrix of half-wins (its dense form), with alpha = 0; where we have
the phantom opponent, it has one more candidate. The goal is 1e-9. The worlds are random: 3 to 40
candidates with strengths of spread 0.3 to 1.5, and 5 to 60 votes a candidate and rival.
"""

import argparse
from collections.abc import Iterator

import choix
import evalica
import numpy as np
from scipy.special import expit
from scipy.stats import kendalltau

from annotate.ranking.arrays import AnyIntArray, FloatArray
from annotate.ranking.cube import VoteCube, count_cube
from annotate.ranking.strengths import fit_strengths
from annotate.ranking.votes import A_WINS, B_WINS, Ballots, check_ballots
from benchmarks.ranking.llmfao import find_real_data
from benchmarks.ranking.llmfao_votes import read_llmfao
from benchmarks.ranking.peers import WINNERS

TOLERANCE = 1e-13
MOST_SWEEPS = 100_000
GOAL = 1e-9


def main() -> None:
    """Print the table; end with an error where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    llmfao = read_llmfao(find_real_data() / "llmfao")
    real = check_ballots(**llmfao.columns, n_candidates=len(llmfao.names))
    print(f"{'largest difference to plain choix':<40} {'list form':>10} {'dense':>10}")
    differences = []
    for prior in (0.0, 0.5):
        differences.append(print_differences(f"LLMFAO, prior {prior:g}", [real], prior))
    for prior in (0.0, 0.5):
        worlds = make_worlds(asked.worlds, asked.seed)
        name = f"{asked.worlds} random worlds, prior {prior:g}"
        differences.append(print_differences(name, worlds, prior))
    is_same = print_order(real, "LLMFAO")
    if max(differences) > GOAL or not is_same:
        raise SystemExit("a goal was missed: 1e-9 from plain choix, and evalica's order on LLMFAO")


def print_differences(name: str, worlds: Iterator[Ballots] | list[Ballots], prior: float) -> float:
    """Print and return the largest difference over the worlds."""
    apart = np.array([differ(ballots, prior) for ballots in worlds]).max(axis=0)
    print(f"{name:<40} {apart[0]:10.1e} {apart[1]:10.1e}")
    return float(apart.max())


def differ(ballots: Ballots, prior: float) -> tuple[float, float]:
    """Return the largest difference to choix's list form and to its dense form."""
    cube = count_cube(ballots)
    n = cube.n_candidates
    ours = fit_strengths(cube.half_wins, prior=prior)
    half_wins, pairs = cube.half_wins, list_wins(cube)
    if prior > 0:
        half_wins = np.pad(half_wins, (0, 1), constant_values=prior)
        half_wins[n, n] = 0
        # The list form counts whole wins: two for each win of a vote, one each for a tie.
        both = [pair for i in range(n) for pair in ((i, n), (n, i))]
        pairs = pairs + both * round(2 * prior)
    options = {"alpha": 0.0, "tol": TOLERANCE, "max_iter": MOST_SWEEPS}
    listed = choix.ilsr_pairwise(len(half_wins), pairs, **options)
    dense = choix.ilsr_pairwise_dense(half_wins, **options)
    return largest(ours, listed, prior), largest(ours, dense, prior)


def list_wins(cube: VoteCube) -> list[tuple[int, int]]:
    """Return (winner, loser) twice for each win, and once each way for each tie."""
    wins = []
    for outcome, a, b in np.argwhere(cube.counts):
        won = [(a, b)] * 2 if outcome == A_WINS else [(b, a)] * 2 if outcome == B_WINS else None
        wins += (won or [(a, b), (b, a)]) * int(cube.counts[outcome, a, b])
    return wins


def largest(ours: FloatArray, plain: FloatArray, prior: float) -> float:
    """Return the largest difference, both about their mean or both relative to the phantom."""
    theirs = plain[:-1] - plain[-1] if prior > 0 else plain
    return float(np.abs(ours - theirs).max())


def make_worlds(n_worlds: int, seed: int) -> Iterator[Ballots]:
    """Yield random votes; every candidate beats and loses to each other at least once."""
    rng = np.random.default_rng(seed)
    for _ in range(n_worlds):
        n = int(rng.integers(3, 41))
        strengths = rng.normal(0, rng.uniform(0.3, 1.5), n)
        first, second = np.triu_indices(n, 1)
        times = int(rng.integers(5, 61))
        a, b = np.tile(first, times), np.tile(second, times)
        won = np.where(rng.random(len(a)) < expit(strengths[a] - strengths[b]), A_WINS, B_WINS)
        outcome = np.where(rng.random(len(a)) < 0.2, rng.integers(2, 4, len(a)), won)
        outcome[: 2 * len(first)] = np.repeat([A_WINS, B_WINS], len(first))
        yield check_ballots(
            candidate_a=a,
            candidate_b=b,
            outcome=outcome,
            annotator=np.zeros_like(a),
            n_candidates=n,
        )


def print_order(ballots: Ballots, name: str) -> bool:
    """Print Kendall's tau to evalica's order, and return whether the order is the same."""
    ours = fit_strengths(count_cube(ballots).half_wins, prior=0)
    theirs = fit_evalica(ballots)
    tau = float(kendalltau(ours, theirs).statistic)
    is_same = bool(np.array_equal(np.argsort(ours), np.argsort(theirs)))
    order = "the same order" if is_same else "another order"
    apart = np.abs(ours - theirs).max()
    print(f"{name}: tau to evalica {tau:.3f}, {order}, largest difference {apart:.1e}")
    return is_same


def fit_evalica(ballots: Ballots) -> FloatArray:
    """Return evalica's strengths on the log scale about their mean, at a tolerance of 1e-11."""
    a, b = ballots.candidate_a, ballots.candidate_b
    winners: AnyIntArray = WINNERS[ballots.outcome]
    found = evalica.bradley_terry(a, b, winners, tolerance=1e-11, limit=10_000)
    strengths = np.log(found.scores.sort_index().to_numpy())
    return np.asarray(strengths - strengths.mean())


if __name__ == "__main__":
    main()
