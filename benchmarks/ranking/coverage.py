"""How often 95 % intervals hold the truth, in simulated crowds where it is known.

    python -m benchmarks.ranking.coverage [--sims 1000] [--bootstraps 100] [--seed 0] [--only NAME]

12 candidates, 2,000 votes on pairs drawn evenly, one in ten annotators votes without reading.
"each" is the coverage of the strengths, "to the leader" of every other candidate's difference to
the one that is truly strongest, "to the first" to whoever came first in the ranking; half a width
is the mean over candidates. Simulations err together over the candidates of one, so that the
standard error is taken over simulations. The vote bootstrap refits, and has fewer of them.
"""

import argparse
import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.clustered import centre, sandwich_rows, symmetric_root
from annotate.ranking.crossed import cross_votes, sandwich
from annotate.ranking.methods import Clustering, IntervalMethod
from annotate.ranking.ranks import bound_ranks, pair_errors, simultaneous_value
from annotate.ranking.resampling import draw_errors, vote_bootstrap
from annotate.ranking.spread import (
    Fitted,
    Spread,
    cluster_annotators,
    find_thin,
    measure_spread,
    widen_thin,
)
from annotate.ranking.strengths import fit_strengths, information
from annotate.ranking.tally import Tally, count_votes
from annotate.ranking.votes import VoteColumns, check_votes
from benchmarks.ranking.worlds import World, ballots, draw_pairs

N_CANDIDATES, N_VOTES = 12, 2000
PRIOR, LEVEL = 0.5, 0.95
N_RESAMPLES, N_REFITS = 1000, 200
TABLES = ("crowds", "prompts", "ranks", "looks")
BASE = World(tuple(np.linspace(1, -1, N_CANDIDATES)), spam_share=0.1)
CROWDS = {
    "noise only": BASE,
    "taste .3": replace(BASE, taste=0.3),
    "taste .6": replace(BASE, taste=0.6),
    "taste 1.0, skewed activity": replace(BASE, taste=1.0, activity_skew=1.0),
    "taste .6, 200 annotators": replace(BASE, taste=0.6, n_annotators=200),
    "taste .3, 30 prompts that correlate": replace(BASE, taste=0.3, n_prompts=30, prompt_sd=0.6),
}
PROMPTS = {
    f"{n_prompts} prompts, {'correlated' if sd else 'not correlated'}": replace(
        BASE, taste=0.6, n_prompts=n_prompts, prompt_sd=sd
    )
    for sd in (0.0, 0.6)
    for n_prompts in (5, 13, 30, 100)
}
HEADER = f"{'each':>12} {'to the leader':>14} {'to the first':>13} {'width':>6}"
LOOKS = range(200, N_VOTES + 1, 100)


@dataclass(frozen=True)
class Drawn:
    """One simulation: its votes and the fit to them."""

    columns: VoteColumns
    pair: IntArray
    prompt: IntArray
    tally: Tally
    fitted: FloatArray

    @property
    def strengths(self) -> FloatArray:
        """Return (n,) about mean 0."""
        return np.asarray(self.fitted - self.fitted.mean())


Interval = tuple[FloatArray, FloatArray, FloatArray]
"""Low and high (n,), and how far differences to each candidate reach (n, n)."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sims", type=int, default=1000, help="simulations of each crowd")
    parser.add_argument("--bootstraps", type=int, default=100, help="of them by vote bootstrap")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=TABLES, help="one table alone")
    asked = parser.parse_args()
    tables: dict[str, Callable[[], None]] = {
        "crowds": lambda: print_crowds(asked.sims, asked.bootstraps, asked.seed),
        "prompts": lambda: print_prompts(asked.sims, asked.seed),
        "ranks": lambda: print_ranks(asked.sims, asked.seed),
        "looks": lambda: print_looks(max(asked.sims // 4, 1), asked.seed),
    }
    for name, table in tables.items():
        if asked.only in (None, name):
            table()
            print()


def print_crowds(n_sims: int, n_bootstraps: int, seed: int) -> None:
    """Print the coverage of every method in every crowd."""
    print(f"{n_sims} simulations a crowd, {n_bootstraps} of the vote bootstrap, seed {seed}")
    print(f"{'crowd':<36} {'method':<34} {HEADER}")
    for name, world in CROWDS.items():
        held = simulate(world, METHODS, n_sims=n_sims, seed=seed)
        held |= simulate(world, BOOTSTRAP, n_sims=n_bootstraps, seed=seed)
        for method in (*BOOTSTRAP, *METHODS):
            print(f"{name:<36} {method:<34} {describe(held[method])}", flush=True)


def print_prompts(n_sims: int, seed: int) -> None:
    """Print what the widest clusters cost where prompts do not matter, and gain where they do."""
    print(f"taste .6, {n_sims} simulations, seed {seed}; x: width over that by annotator alone")
    print(f"{'':<30} {'method':<34} {HEADER}")
    for name, world in PROMPTS.items():
        methods = {key: METHODS[key] for key in (CR3, SHIPPED)}
        held = simulate(world, methods, n_sims=n_sims, seed=seed)
        wider = held[SHIPPED][:, 3].mean() / held[CR3][:, 3].mean()
        print(f"{name:<30} {CR3:<34} {describe(held[CR3])}")
        print(f"{name:<30} {SHIPPED:<34} {describe(held[SHIPPED])}  x{wider:.3f}", flush=True)


def print_ranks(n_sims: int, seed: int) -> None:
    """Print how often all differences, by which ranks are told apart, held at once."""
    print(f"all differences at once, as shipped; {n_sims} simulations, seed {seed}")
    for name, world in CROWDS.items():
        truth = world.true_strengths()
        held = [hold_together(draw(world, [seed, k]), truth, k) for k in range(n_sims)]
        print(f"{name:<36} {format_share(np.array(held, dtype=np.float64))}", flush=True)


def hold_together(drawn: Drawn, truth: FloatArray, seed: int) -> bool:
    """Return whether every difference was within what tells ranks apart."""
    spread, rng = shipped_spread(drawn), np.random.default_rng(seed)
    errors = draw_errors(spread.rows, n_resamples=N_RESAMPLES, rng=rng)
    c = simultaneous_value(spread, errors, level=LEVEL, rng=rng)
    off = drawn.strengths - truth
    return bool((np.abs(off - off[:, None]) <= c * pair_errors(spread.rows)).all())


def print_looks(n_sims: int, seed: int) -> None:
    """Print how often intervals held at every look, of those for one moment and for all."""
    print(f"{n_sims} simulations, looked at every 100 votes from {LOOKS[0]} on, seed {seed}")
    print(f"{'crowd':<36} {'intervals':<22} {'each, always':>13} {'all ranks, always':>18}")
    for name in ("noise only", "taste .6"):
        for anytime in (False, True):
            held = np.array([look(CROWDS[name], [seed, k], anytime=anytime) for k in range(n_sims)])
            each, ranks = (format_share(column) for column in held.T)
            kind = "at every moment" if anytime else "at a fixed number"
            print(f"{name:<36} {kind:<22} {each:>13} {ranks:>18}", flush=True)


def simulate(
    world: World,
    methods: Mapping[str, Callable[[Drawn], Interval]],
    *,
    n_sims: int,
    seed: int,
) -> dict[str, FloatArray]:
    """Return (simulations, 4) by method: held of the strengths, of the differences to the leader
    and to the first, and mean half-width."""
    truth = world.true_strengths()
    held = defaultdict(list)
    for number in range(n_sims):
        drawn = draw(world, [seed, number])
        for name, reckon in methods.items():
            held[name].append(score(drawn.strengths, truth, reckon(drawn)))
    return {name: np.array(rows) for name, rows in held.items()}


def draw(world: World, seed: list[int], n_votes: int = N_VOTES) -> Drawn:
    """Gather a crowd, let it vote and fit the strengths."""
    rng = np.random.default_rng(seed)
    crowd = world.gather(rng)
    votes = crowd.vote(*draw_pairs(world.n_candidates, n_votes, rng), rng)
    return fit(votes, world.n_candidates)


def fit(votes: Mapping[str, IntArray], n_candidates: int) -> Drawn:
    """Fit the strengths as rankings do."""
    columns = check_votes(**ballots(votes), n_candidates=n_candidates)
    tally, _ = count_votes(columns)
    fitted = fit_strengths(tally.half_win_matrix(), prior=PRIOR)
    return Drawn(columns, votes["pair"], votes["prompt"], tally, fitted)


def score(strengths: FloatArray, truth: FloatArray, interval: Interval) -> list[float]:
    """Return the shares that held, and the mean half-width."""
    low, high, reach = interval
    error = np.abs((strengths - strengths[:, None]) - (truth - truth[:, None]))
    others = ~np.eye(len(truth), dtype=np.bool_)
    shares = [((low <= truth) & (truth <= high)).mean()]
    for leader in (np.argmax(truth), np.argmax(strengths)):
        held = np.where(np.isnan(reach[leader]), np.nan, error[leader] <= reach[leader])
        shares.append(held[others[leader]].mean())
    return [*map(float, shares), float((high - low).mean() / 2)]


def of_spread(drawn: Drawn, spread: Spread) -> Interval:
    """Return the intervals of a spread."""
    widths = spread.half_widths(LEVEL)
    reach = spread.critical_value(LEVEL) * pair_errors(spread.rows)
    return drawn.strengths - widths, drawn.strengths + widths, reach


def by_bootstrap(drawn: Drawn) -> Interval:
    """FastChat's percentiles; of differences it shows none, so that they are not scored."""
    found = vote_bootstrap(
        drawn.columns, prior=PRIOR, level=LEVEL, n_resamples=N_REFITS,
        rng=np.random.default_rng(len(drawn.pair)),
    )  # fmt: skip
    return found.low, found.high, np.full((N_CANDIDATES,) * 2, math.nan)


def by_information(drawn: Drawn) -> Interval:
    """Fisher information, normal."""
    rows = inform(drawn).independent
    return of_spread(drawn, Spread(IntervalMethod.FISHER, math.inf, rows, rows))


def by_vote(drawn: Drawn) -> Interval:
    """The sandwich with every vote by itself, normal: arena-rank's."""
    fitted = inform(drawn)
    alone = np.arange(len(drawn.pair))
    by_vote, _ = count_votes(replace(drawn.columns, annotator=alone))
    rows = symmetric_root(sandwich(by_vote, fitted.strengths, centre(fitted.inverse)))
    return of_spread(drawn, Spread(IntervalMethod.CR1, math.inf, rows, rows))


def by_sandwich(drawn: Drawn) -> Interval:
    """CR1 by annotator, t."""
    fitted = inform(drawn)
    rows = sandwich_rows(drawn.tally, fitted.strengths, fitted.inverse)
    df = drawn.tally.n_annotators - 1
    return of_spread(drawn, Spread(IntervalMethod.CR1, df, rows, fitted.independent))


def by_jackknife(drawn: Drawn) -> Interval:
    """CR3 by annotator, t with their number less 1; CR1 from 200 annotators on."""
    spread = cluster_annotators(drawn.tally, inform(drawn), evenly=True)
    thin = find_thin(drawn.tally, drawn.tally.half_win_matrix())
    return of_spread(drawn, widen_thin(spread, thin, LEVEL))


def by_widest(drawn: Drawn) -> Interval:
    """What rankings show."""
    return of_spread(drawn, shipped_spread(drawn))


def shipped_spread(drawn: Drawn) -> Spread:
    """Return the spread of a ranking that is given pairs and prompts."""
    clusters = [
        (Clustering.ANNOTATOR_PAIR, drawn.pair),
        (Clustering.ANNOTATOR_PROMPT, drawn.prompt),
    ]
    crossings = cross_votes(drawn.columns, clusters)
    return measure_spread(drawn.tally, drawn.fitted, prior=PRIOR, level=LEVEL, crossings=crossings)


def inform(drawn: Drawn) -> Fitted:
    """Return the fit with its information."""
    half_wins = drawn.tally.half_win_matrix()
    curve = information(drawn.fitted, half_wins + half_wins.T, PRIOR)
    return Fitted(drawn.fitted, curve, np.asarray(np.linalg.inv(curve)))


CR3, SHIPPED = "clustered by annotator, CR3 + t", "shipped: the widest clusters"
BOOTSTRAP = {"vote bootstrap (FastChat)": by_bootstrap}
METHODS = {
    "Fisher information": by_information,
    "vote sandwich (arena-rank)": by_vote,
    "clustered by annotator, CR1 + t": by_sandwich,
    CR3: by_jackknife,
    SHIPPED: by_widest,
}


def look(world: World, seed: list[int], *, anytime: bool) -> tuple[float, bool]:
    """Return the share of candidates whose interval held at every look, and whether all ranks did.

    A rank interval is wrong where it leaves out the true rank.
    """
    rng = np.random.default_rng(seed)
    crowd, truth = world.gather(rng), world.true_strengths()
    votes = crowd.vote(*draw_pairs(world.n_candidates, N_VOTES, rng), rng)
    place = 1 + (truth[:, None] > truth).sum(axis=0)
    each = np.ones(len(truth), dtype=np.bool_)
    all_ranks = True
    for n_votes in LOOKS:
        drawn = fit({name: column[:n_votes] for name, column in votes.items()}, len(truth))
        spread = shipped_spread(drawn)
        ranks = bound_ranks(
            drawn.strengths, spread, level=LEVEL, n_resamples=200, rng=rng, anytime=anytime
        )
        widths = spread.half_widths(LEVEL, anytime=anytime)
        each &= np.abs(drawn.strengths - truth) <= widths
        all_ranks &= bool(((ranks.low <= place) & (place <= ranks.high)).all())
    return float(each.mean()), all_ranks


def describe(held: FloatArray) -> str:
    """Return shares with their standard errors, and the width."""
    shares = [format_share(column) for column in held[:, :3].T]
    return f"{shares[0]:>12} {shares[1]:>14} {shares[2]:>13} {held[:, 3].mean():6.3f}"


def format_share(column: FloatArray) -> str:
    """Return a mean over simulations with its standard error."""
    if np.isnan(column).all():
        return "-"
    return f"{column.mean():.3f} ±{column.std(ddof=1) / math.sqrt(len(column)):.3f}"


if __name__ == "__main__":
    main()
