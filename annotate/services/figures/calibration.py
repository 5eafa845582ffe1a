"""Whether votes come out as they were foretold from the votes of other annotators."""

from typing import Any

import numpy as np

from annotate.ranking import StrengthsDidNotConverge
from annotate.ranking.calibration import bin_votes, deal_folds, foretell, log_losses
from annotate.services.figures.content import table
from annotate.services.figures.source import FigureSource
from annotate.services.numbers import json_number

COLUMNS = ("predicted", "observed", "low", "high", "votes")
MAX_FOLDS = 10
MAX_BINS = 10
VOTES_PER_BIN = 40


def compute(source: FigureSource) -> dict[str, Any]:
    """Foretell each vote without its annotator's, and say how often the favourite won.

    Annotators are dealt into folds as wholes: who votes on both sides of the split would be
    foretold by themselves.
    """
    ballots = source.ballots
    n_annotators = len(source.annotators)
    facts: dict[str, Any] = {
        "log_loss": None,
        "log_loss_tie_rate": None,
        "log_loss_base": None,
        "n_folds": min(MAX_FOLDS, n_annotators),
        "n_votes": 0,
        "n_unpredicted": len(ballots.outcome),
        "level": source.settings.level,
    }
    if n_annotators < 2:
        return _nothing("one_annotator" if n_annotators else "no_votes", facts)
    rng = np.random.default_rng(source.settings.seed)
    fold = deal_folds(ballots.annotator, n_folds=facts["n_folds"], rng=rng)
    try:
        told = foretell(source.columns, fold=fold, prior=source.settings.prior)
    except StrengthsDidNotConverge:
        return _nothing("not_settled", facts)
    known = told.is_known
    n_known = int(known.sum())
    if n_known == 0:
        return _nothing("too_few_votes", facts)
    chances, outcome = told.chances[known], ballots.outcome[known]
    bins = bin_votes(
        chances=chances, outcome=outcome, annotator=ballots.annotator[known],
        n_bins=max(1, min(MAX_BINS, n_known // VOTES_PER_BIN)), level=source.settings.level,
    )  # fmt: skip
    facts |= {
        "log_loss": json_number(float(log_losses(chances, outcome).mean())),
        "log_loss_tie_rate": json_number(
            float(log_losses(told.constant_ties[known], outcome).mean())
        ),
        "log_loss_base": json_number(float(log_losses(told.base[known], outcome).mean())),
        "n_votes": n_known,
        "n_unpredicted": len(known) - n_known,
    }
    rows = [(each.predicted, each.observed, each.low, each.high, each.votes) for each in bins]
    return {"tables": {"bins": table(COLUMNS, rows)}, "facts": facts, "gaps": {}}


def _nothing(gap: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {"tables": {"bins": table(COLUMNS, [])}, "facts": facts, "gaps": {"bins": gap}}
