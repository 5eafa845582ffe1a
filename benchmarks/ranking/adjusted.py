"""What adjusted views and calibrated ties do: on LLMFAO, and on simulated worlds with a truth.

    python -m benchmarks.ranking.adjusted [--runs 200] [--seed 0]

Four tables: how well win chances foretell votes of LLMFAO (dealt into 10 folds by vote, and by
annotator); what each view finds there; what each finds in worlds of 8 candidates, 1,500 votes and
40 annotators with taste .3, beside the plain ranking; and the seconds for 10,000 votes on 60
candidates. In the worlds the truth is the strengths at even sides, equal style, evenly drawn pairs
or of an annotator who reads; slope is that of estimates on truth, and coverage of 95 % intervals.
"""

import argparse
import csv
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

from annotate.generation.style import STYLE_FEATURES, add_styles, measure_style
from annotate.ranking import RankingSettings
from annotate.ranking.adjusted import AdjustedGroup, rank_adjusted
from annotate.ranking.annotator_view import rank_by_annotators
from annotate.ranking.arrays import FloatArray, IntArray
from annotate.ranking.calibration import deal_folds, foretell, log_losses
from annotate.ranking.contextual import contrast_styles
from annotate.ranking.methods import Clustering
from annotate.ranking.pairing import Policy, draw_pair
from annotate.ranking.posterior import PairChances, fit_posterior, top_two_chances
from annotate.ranking.votes import A_WINS, B_WINS, TIE, VoteColumns, check_votes
from annotate.ranking.weights import weigh_by_design
from benchmarks.ranking.llmfao import find_real_data
from benchmarks.ranking.llmfao_votes import LlmfaoVotes, read_llmfao
from benchmarks.ranking.worlds import World, ballots, draw_pairs

Cast = Mapping[str, IntArray | FloatArray]
SETTINGS = RankingSettings()
WORLD = World(
    (-1.1, -0.7, -0.3, -0.1, 0.1, 0.4, 0.7, 1.0), n_annotators=40, taste=0.3, n_prompts=200
)
N_VOTES = 1500
SIDE_BIAS = 0.5
STYLE_EFFECT = 0.5
REFRESH = 25


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200, help="simulations of each world")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn")
    asked = parser.parse_args()
    folder = find_real_data() / "llmfao"
    print_losses(read_llmfao(folder), asked.seed)
    print_llmfao(folder)
    print_worlds(asked.runs, asked.seed)
    print_seconds(asked.seed)


def print_losses(votes: LlmfaoVotes, seed: int) -> None:
    """Print how well votes of LLMFAO are foretold."""
    print(f"{'log-loss on LLMFAO':<24} {'votes dealt':>12} {'annotators dealt':>17}")
    dealt = [
        three_way_losses(votes, n_folds=10, seed=seed, by_annotator=by_annotator)
        for by_annotator in (False, True)
    ]
    for name in dealt[0]:
        print(f"{name:<24} {dealt[0][name]:12.4f} {dealt[1][name]:17.4f}")


def three_way_losses(
    votes: LlmfaoVotes, *, n_folds: int, seed: int, by_annotator: bool = False
) -> dict[str, float]:
    """Return the mean -ln P of left, right or tie by forecast, out of sample."""
    columns = check_votes(**votes.columns, n_candidates=len(votes.names))
    rng = np.random.default_rng(seed)
    n_votes = len(columns.outcome)
    cluster = columns.annotator if by_annotator else np.arange(n_votes)
    fold = deal_folds(cluster, n_folds=n_folds, rng=rng)
    told = foretell(columns, fold=fold, prior=0.5)
    forecasts = {
        "calibrated ties": told.chances,
        "constant tie rate": told.constant_ties,
        "share of ties alone": told.base,
        "base rates": base_rates(columns.outcome, fold),
    }
    return {name: float(log_losses(p, columns.outcome).mean()) for name, p in forecasts.items()}


def base_rates(outcome: IntArray, fold: IntArray) -> FloatArray:
    """Return (votes, 3) how often left, right and tie were voted in the other folds."""
    return np.stack(
        [np.bincount(outcome[fold != number], minlength=3) / (fold != number).sum()
         for number in range(fold.max() + 1)]
    )[fold]  # fmt: skip


def print_llmfao(folder: Path) -> None:
    """Print what each view finds on LLMFAO; a always stood on the left."""
    cast, names = read_cast(folder)
    (plain,) = VIEWS["plain"](cast, len(names))
    print(f"\n{'LLMFAO':<12} {'tau to plain':>12} {'largest shift':>14}  coefficients")
    for view in ("side", "style", "annotators"):
        (group,) = VIEWS[view](cast, len(names))
        tau = kendalltau(plain.strengths, group.strengths).statistic
        shift = np.abs(group.strengths - plain.strengths)
        terms = {"side": ("side",), "style": STYLE_FEATURES}.get(view, ())
        told = ", ".join(
            f"{term} {estimate:.2f} ± {width:.2f}"
            for term, estimate, width in zip(
                terms, group.coefficients, group.coefficient_half_widths, strict=True
            )
        )
        print(f"{view:<12} {tau:12.3f} {shift.max():6.2f} {names[shift.argmax()]:<24} {told}")


def read_cast(folder: Path) -> tuple[Cast, tuple[str, ...]]:
    """Read votes of LLMFAO with prompt, pair of completions, side and the style of both texts."""
    votes = read_llmfao(folder)
    with (folder / "crowd-comparisons.csv").open(encoding="utf-8", newline="") as file:
        prompt = np.array([int(row["prompt"]) for row in csv.DictReader(file)])
    styles = {}
    for line in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        styles[row["name"], int(row["prompt"])] = add_styles([measure_style(row["result"] or "")])
    a, b = votes.columns["candidate_a"], votes.columns["candidate_b"]
    texts = [
        np.array([styles[votes.names[k], q] for k, q in zip(side, prompt, strict=True)], float)
        for side in (a, b)
    ]
    n = len(votes.names)
    pair = (prompt * n + np.minimum(a, b)) * n + np.maximum(a, b)
    cast = dict(votes.columns) | {"prompt": prompt, "pair": pair, "side": np.ones_like(a)}
    return cast | {"style": contrast_styles(*texts)}, votes.names


def rank_view(
    cast: Cast, n: int, *, covariates: FloatArray | None = None, weights: FloatArray | None = None
) -> list[AdjustedGroup]:
    """Rank with covariates or weights, clustered as the ranking is."""
    columns, others = columns_of(cast, n)
    covariates = np.empty((len(columns.outcome), 0)) if covariates is None else covariates
    return rank_adjusted(
        columns, covariates=covariates, settings=SETTINGS, weights=weights, others=others
    )


def rank_annotators(cast: Cast, n: int) -> list[AdjustedGroup]:
    """Rank by the annotator model."""
    columns, others = columns_of(cast, n)
    view = rank_by_annotators(columns, side=cast["side"], settings=SETTINGS, others=others)
    assert view is not None  # there are always two annotators here
    return view.groups


def rank_weighed(cast: Cast, n: int) -> list[AdjustedGroup]:
    """Rank by votes weighed by how their pairs were drawn."""
    n_pairs = np.full(len(cast["outcome"]), n * (n - 1) // 2)
    found = weigh_by_design(propensity=cast["propensity"], n_pairs=n_pairs)
    return rank_view(cast, n, weights=found.weights)


def columns_of(cast: Cast, n: int) -> tuple[VoteColumns, dict[Clustering, IntArray]]:
    """Return the votes as statistics take them, and their second clusters."""
    others = {
        Clustering.ANNOTATOR_PAIR: cast["pair"], Clustering.ANNOTATOR_PROMPT: cast["prompt"],
    }  # fmt: skip
    return check_votes(**ballots(cast), n_candidates=n), others


VIEWS: dict[str, Callable[[Cast, int], list[AdjustedGroup]]] = {
    "plain": rank_view,
    "side": lambda cast, n: rank_view(cast, n, covariates=cast["side"][:, None].astype(float)),
    "style": lambda cast, n: rank_view(cast, n, covariates=cast["style"]),
    "annotators": rank_annotators,
    "propensity": rank_weighed,
}


def cast_even(rng: np.random.Generator, *, world: World = WORLD, n_votes: int = N_VOTES) -> Cast:
    """Cast votes with a preference for the left, sides at random."""
    return vote(world, n_votes, rng, sides=0.0)


def cast_uneven(rng: np.random.Generator, *, world: World = WORLD, n_votes: int = N_VOTES) -> Cast:
    """Cast votes with a preference for the left, where the weaker one mostly stands."""
    return vote(world, n_votes, rng, sides=-1.5)


def cast_style(rng: np.random.Generator, *, world: World = WORLD, n_votes: int = N_VOTES) -> Cast:
    """Cast votes with a preference for long replies, which the weaker ones mostly write."""
    return vote(world, n_votes, rng, style=STYLE_EFFECT)


def vote(
    world: World,
    n_votes: int,
    rng: np.random.Generator,
    *,
    sides: float | None = None,
    style: float = 0.0,
) -> Cast:
    """Cast votes of a crowd that also minds sides or style.

    Args:
        sides: how the log odds of the left go with the strength; None: nobody minds sides.
        style: log odds for one standard deviation of style.
    """
    a, b = draw_pairs(world.n_candidates, n_votes, rng)
    crowd, strengths = world.gather(rng), np.array(world.strengths)
    drawn = dict(crowd.vote(a, b, rng))
    who, apart = drawn["annotator"], strengths[a] - strengths[b]
    if sides is not None:
        chance = 1 / (1 + np.exp(-sides * apart))
        drawn["side"] = np.where(rng.random(len(a)) < chance, 1, -1)
    contrast = -0.8 * apart + rng.normal(0, 1, len(a))
    contrast /= np.sqrt((contrast**2).mean())
    logit = crowd.taste[who, a] - crowd.taste[who, b] + style * contrast
    logit += 0.0 if sides is None else SIDE_BIAS * drawn["side"]
    win, tie = world.chances(logit)
    u = rng.random(len(a))
    drawn["outcome"] = np.where(u < win, A_WINS, np.where(u < win + tie, TIE, B_WINS))
    return drawn | {"style": contrast[:, None]}


def cast_spam(rng: np.random.Generator) -> Cast:
    """Cast votes of a crowd in which three of ten do not read."""
    world = replace(WORLD, spam_share=0.3)
    return world.gather(rng).vote(*draw_pairs(8, N_VOTES, rng), rng)


def cast_adaptive(rng: np.random.Generator) -> Cast:
    """Cast votes on pairs that the adaptive policy draws, of a crowd of more taste."""
    n = WORLD.n_candidates
    crowd = replace(WORLD, taste=0.6).gather(rng)
    met, half_wins, n_ties = np.zeros((n, n), np.int32), np.zeros((n, n)), 0
    blocks: list[Cast] = []
    chances: PairChances | None = None
    for _ in range(N_VOTES // REFRESH):
        drawn = []
        for _ in range(REFRESH):
            pair = draw_pair(
                policy=Policy.ADAPTIVE, met=met, candidate_met=met.sum(axis=1), rng=rng,
                chances=chances,
            )  # fmt: skip
            assert pair is not None
            met[[pair.first, pair.second], [pair.second, pair.first]] += 1
            drawn.append(pair)
        a, b = (np.array([getattr(pair, end) for pair in drawn]) for end in ("first", "second"))
        votes = crowd.vote(a, b, rng)
        won = np.array([1, 0, 0.5])[votes["outcome"]]
        np.add.at(half_wins, (a, b), won)
        np.add.at(half_wins, (b, a), 1 - won)
        n_ties += int((votes["outcome"] == TIE).sum())
        chances = top_two_chances(fit_posterior(half_wins, n_ties=n_ties), rng)
        blocks.append(votes | {"propensity": np.array([pair.propensity for pair in drawn])})
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def print_worlds(runs: int, seed: int) -> None:
    """Print what the plain ranking and the view made for it find in each world."""
    plain = WORLD.true_strengths()
    # Half-wins of a reader are 1 + nu / 2 times less steep than their strengths, near 0.
    reader = np.array(WORLD.strengths) / (1 + WORLD.tie_weight / 2)
    even = replace(WORLD, taste=0.6).true_strengths()
    worlds = [
        ("left preferred, sides even", cast_even, "side", plain),
        ("  the weaker mostly left", cast_uneven, "side", plain),
        ("length preferred", cast_style, "style", plain),
        ("3 of 10 do not read", cast_spam, "annotators", reader - reader.mean()),
        ("adaptive pairs, taste .6", cast_adaptive, "propensity", even),
    ]
    print(f"\n{runs} simulations, seed {seed}")
    print(f"{'world':<28} {'view':<11} {'slope':>6} {'rms':>6} {'coverage':>9} {'tau':>6}"
          f" {'width':>6}  coefficient (truth)")  # fmt: skip
    for name, cast, view, truth in worlds:
        for shown in ("plain", view):
            print_world(name, cast, shown, truth, runs=runs, seed=seed)


def find_coefficient(cast: Callable[..., Cast], view: str, seed: int) -> float:
    """Return what the view's coefficient converges to, by very many votes of a very large crowd.

    Ties and taste make it smaller than the logit that moves each vote.
    """
    world = replace(WORLD, n_annotators=5000)
    votes = cast(np.random.default_rng([seed, 1 << 20]), world=world, n_votes=500_000)
    (group,) = VIEWS[view](votes, world.n_candidates)
    return float(group.coefficients[0])


def print_world(
    name: str,
    cast: Callable[..., Cast],
    view: str,
    truth: FloatArray,
    *,
    runs: int,
    seed: int,
) -> None:
    """Print one line: a view of a world, simulated anew from the same seeds for each view."""
    groups = []
    for run in range(runs):
        (group,) = VIEWS[view](cast(np.random.default_rng([seed, run])), len(truth))
        groups.append(group)
    strengths = np.array([group.strengths for group in groups])
    widths = np.array([group.half_widths for group in groups])
    errors = strengths - truth
    slope = (strengths @ truth / (truth @ truth)).mean()
    tau = np.mean([kendalltau(each, truth).statistic for each in strengths])
    told = ""
    if view in ("side", "style"):
        coefficient = find_coefficient(cast, view, seed)
        found = np.array([group.coefficients[0] for group in groups])
        reach = np.array([group.coefficient_half_widths[0] for group in groups])
        covered = (np.abs(found - coefficient) < reach).mean()
        told = f"{found.mean():.3f} ({coefficient:.3f}), covered {covered:.3f}"
    covered = (np.abs(errors) < widths).mean()
    print(f"{name if view == 'plain' else '':<28} {view:<11} {slope:6.3f}"
          f" {np.sqrt((errors**2).mean()):6.3f} {covered:9.3f} {tau:6.3f}"
          f" {widths.mean():6.3f}  {told}")  # fmt: skip


def print_seconds(seed: int) -> None:
    """Print the seconds of each view at 10,000 votes on 60 candidates."""
    rng = np.random.default_rng(seed)
    world = World(tuple(rng.normal(0, 1, 60)), n_annotators=199, taste=0.3, n_prompts=199)
    cast: Cast = world.gather(rng).vote(*draw_pairs(60, 10_000, rng), rng)
    cast = dict(cast) | {"style": rng.normal(0, 1, (10_000, 5))}
    cast = cast | {"propensity": np.full(10_000, 1 / 1770)}
    print(f"\n{'10,000 votes × 60':<20} {'seconds':>8}")
    for view, rank in VIEWS.items():
        start = time.perf_counter()
        rank(cast, 60)
        print(f"{view:<20} {time.perf_counter() - start:8.3f}")


if __name__ == "__main__":
    main()
