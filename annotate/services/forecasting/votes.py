"""How many votes a plan asks for at most, and how many a decision is likely to need."""

import math
from dataclasses import dataclass
from itertools import pairwise

from django.utils.translation import gettext as _

from annotate.services.forecasting.amounts import Reason
from annotate.services.plans import Plan

# Median votes to the e-value stop, by policy and number of candidates: simulated rounds of 40
# annotators of one taste, strengths at the quantiles of a standard normal, alpha .05
# (docs/benchmarks.md, "Which pair next, and when to stop").
SIMULATED: dict[str, dict[int, int]] = {
    "uniform": {8: 870, 20: 4890},
    "balanced": {8: 810, 20: 5040},
    "adaptive": {8: 345, 20: 900, 100: 4455},
}


@dataclass(frozen=True)
class VoteForecast:
    """Votes of people: all that rounds can take, and those that one decision takes.

    Attributes:
        at_most: budget of a round times the rounds; None without a budget.
        likely: to the stop of one round, as simulated; None where `reason` says why.
        is_upper: whether fewer candidates than were simulated would take fewer votes than this.
        is_above_budget: whether a round would run out of votes before its answer.
    """

    at_most: int | None
    likely: int | None
    reason: Reason | None = None
    is_upper: bool = False
    is_above_budget: bool = False

    @property
    def words(self) -> str:
        """Say what the likely number rests on, or why there is none."""
        if self.reason is not None:
            return self.reason.words
        said = _(
            "To the stop of one round: the median of simulated rounds, with 40 annotators of one"
            " taste and α = .05. Where tastes differ or candidates are closer it takes more."
        )
        if self.is_upper:
            said += " " + _("It was simulated for 8 candidates; fewer take fewer votes.")
        if self.is_above_budget:
            said += " " + _("That is above the budget of a round.")
        return said


def foretell_votes(plan: Plan, n_candidates: int) -> VoteForecast:
    """Foretell the votes of a plan; judges' votes are not among them."""
    budget = plan.stopping.votes
    at_most = None if budget is None else budget * plan.rounds.at_most
    likely = _interpolate(SIMULATED[plan.pairing.policy], n_candidates)
    reason = None
    if not plan.stopping.stops_early:
        reason = Reason.NO_BUDGET if budget is None else Reason.NEVER_STOPS
    elif plan.rounds.anchors_only:
        reason = Reason.ANCHORS_ONLY
    elif likely is None:
        reason = Reason.NOT_SIMULATED
    if reason is not None or likely is None:
        return VoteForecast(at_most, None, reason)
    return VoteForecast(
        at_most,
        likely,
        is_upper=n_candidates < min(SIMULATED[plan.pairing.policy]),
        is_above_budget=budget is not None and likely > budget,
    )


def _interpolate(known: dict[int, int], n: int) -> int | None:
    """Read between the simulated numbers, both on log scales; None beyond the last."""
    if n <= min(known):
        return known[min(known)]
    for (low, votes_low), (high, votes_high) in pairwise(sorted(known.items())):
        if n <= high:
            share = math.log(n / low) / math.log(high / low)
            return round(float(votes_low * (votes_high / votes_low) ** share))
    return None
