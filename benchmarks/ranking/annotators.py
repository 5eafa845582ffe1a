"""How much better the annotator model foretells votes of LLMFAO than one that knows no annotator.

    python -m benchmarks.ranking.annotators [--folds 10] [--seed 0]

Votes are dealt into folds at random; each is foretold by a fit on the other nine tenths. The
log-loss is the mean of -ln P(what was voted) over left, right and tie: lower is better. The plain
model is Davidson's (1970) with one tie weight for all. Seconds are of one fit on all votes.
"""

import argparse
import time
from collections.abc import Mapping

import numpy as np

from annotate.ranking.annotators import AnnotatorPriors, fit_annotators
from annotate.ranking.arrays import BoolArray, FloatArray, IntArray
from annotate.ranking.votes import OUTCOMES
from benchmarks.ranking.llmfao import find_real_data
from benchmarks.ranking.llmfao_votes import LlmfaoVotes, read_llmfao

MODELS = {
    "base rates of left, right and tie": None,
    "strengths and one tie weight": AnnotatorPriors(ln_reliability=0, bias=0, ln_tie=0),
    "  and each annotator's ties": AnnotatorPriors(ln_reliability=0, bias=0),
    "  and each annotator's reliability": AnnotatorPriors(bias=0),
    "  and each annotator's side bias: the model": AnnotatorPriors(),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the dealing into folds")
    asked = parser.parse_args()
    votes = read_llmfao(find_real_data() / "llmfao")
    n_votes = len(votes.columns["outcome"])
    fold = np.random.default_rng(asked.seed).permutation(n_votes) % asked.folds
    print(f"{n_votes:,} votes, {asked.folds} folds, seed {asked.seed}")
    print(f"{'':<48} {'log-loss':>9} {'se':>7} {'s a fit':>8}")
    plain = None
    for name, priors in MODELS.items():
        losses = foretell(votes, fold, priors)
        plain = losses if name.startswith("strengths") else plain
        gain = "" if plain is None else error_of_gain(plain - losses)
        seconds = time_fit(votes, priors)
        print(f"{name:<48} {losses.mean():9.4f} {gain:>7} {seconds:8.2f}")
    print("se: of the gain over the model with strengths and one tie weight")


def foretell(votes: LlmfaoVotes, fold: IntArray, priors: AnnotatorPriors | None) -> FloatArray:
    """Return (votes,) -ln P of each vote, by a fit on the other folds; None: by base rates."""
    outcome = votes.columns["outcome"]
    losses = np.empty(len(fold))
    for number in range(fold.max() + 1):
        apart = fold == number
        if priors is None:
            rates = np.bincount(outcome[~apart], minlength=len(OUTCOMES)) / (~apart).sum()
            chances = np.tile(rates, (int(apart.sum()), 1))
        else:
            asked = with_left(votes, apart)
            outcomes = asked.pop("outcome")
            fit = fit_annotators(**with_left(votes, ~apart), **sizes(votes), priors=priors)
            chances = fit.predict(**asked)
            assert outcomes.max() < chances.shape[1]  # LLMFAO has no "both bad"
        losses[apart] = -np.log(chances[np.arange(len(chances)), outcome[apart]])
    return losses


def with_left(votes: LlmfaoVotes, kept: BoolArray) -> dict[str, IntArray]:
    """Return the columns of the kept votes; candidate a always stood on the left."""
    columns = {name: column[kept] for name, column in votes.columns.items()}
    return columns | {"side": np.ones(len(columns["outcome"]), dtype=np.int64)}


def sizes(votes: LlmfaoVotes) -> Mapping[str, int]:
    """Return how many candidates and annotators there are."""
    n_annotators = int(votes.columns["annotator"].max()) + 1
    return {"n_candidates": len(votes.names), "n_annotators": n_annotators}


def error_of_gain(gains: FloatArray) -> str:
    """Return the standard error of a mean gain, votes taken as independent."""
    return f"{gains.std(ddof=1) / len(gains) ** 0.5:.4f}"


def time_fit(votes: LlmfaoVotes, priors: AnnotatorPriors | None) -> float:
    """Return the seconds of one fit on all votes."""
    if priors is None:
        return 0.0
    everything = np.ones(len(votes.columns["outcome"]), dtype=np.bool_)
    start = time.perf_counter()
    fit_annotators(**with_left(votes, everything), **sizes(votes), priors=priors)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
