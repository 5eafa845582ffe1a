"""When a round has its answer: one candidate is the best, or the best cannot be told apart."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from annotate.ranking.arrays import BoolArray, FloatArray, IntArray
from annotate.ranking.equality import Step, step_from_equality
from annotate.ranking.ranks import pair_errors
from annotate.ranking.sequences import confidence_radius, e_value
from annotate.ranking.spread import Spread
from annotate.ranking.tally import Tally

# How much annotators differ cannot be seen from fewer.
MIN_ANNOTATORS = 5
# Differences from here on are weighed from where there would be none, if that says more: at the
# strengths themselves a candidate that always loses has an error that grows with its difference.
_FAR = 1.0
# Votes that are so many times those there are cannot be foretold.
_FORESEEABLE = 100.0


class Answer(StrEnum):
    """What a round has found out.

    Attributes:
        BEST: every rival of the leader is beaten.
        EQUIVALENT: every rival is beaten, or differs from the leader by less than matters.
    """

    BEST = "best"
    EQUIVALENT = "equivalent"


@dataclass(frozen=True)
class Evidence:
    """How far the votes are from an answer, of one connected group of candidates.

    Attributes:
        leader: the candidate of most strength, the lowest index of equals.
        differences: (n,) the leader's strength minus each one's.
        errors: (n,) standard errors of the differences.
        df: degrees of freedom of t behind them; infinite is the normal.
        radii: (n,) how far the confidence sequence of each difference reaches to either side;
            infinite where nothing is known.
        e_values: (n,) that the leader is better; 1, as of itself, is no evidence.
        weighed: what they were reckoned from: the differences as above, or for rivals far behind
            a step from equality.
        beaten: (n,) whether that is enough, 1 / alpha; never of the leader itself.
        equivalent: (n,) whether the confidence sequence lies within delta of 0; likewise.
        enough_annotators: whether there are as many as an answer needs.
        alpha, delta: as they were asked for.
        among: (n,) who contends, the leader one of them; differences and e-values of the others
            are known, too, and an e-value is for whoever of the two is the stronger.
    """

    leader: int
    differences: FloatArray
    errors: FloatArray
    df: float
    radii: FloatArray
    e_values: FloatArray
    weighed: Step
    beaten: BoolArray
    equivalent: BoolArray
    enough_annotators: bool
    alpha: float
    delta: float | None
    among: BoolArray

    @property
    def rivals(self) -> IntArray:
        """(contenders - 1,) the others, the one with least evidence against it first."""
        order = np.argsort(self.e_values, kind="stable")
        return np.asarray(order[self.among[order] & (order != self.leader)])

    @property
    def answer(self) -> Answer | None:
        """What the votes say, if they say it."""
        rivals = self.rivals
        if not self.enough_annotators or not len(rivals):
            return None
        if self.beaten[rivals].all():
            return Answer.BEST
        if (self.beaten | self.equivalent)[rivals].all():
            return Answer.EQUIVALENT
        return None


def weigh_evidence(
    strengths: FloatArray,
    spread: Spread,
    tally: Tally,
    *,
    alpha: float,
    delta: float | None = None,
    among: BoolArray | None = None,
) -> Evidence:
    """Weigh the leader of one connected group against each of its rivals.

    The variance of a difference is the clustered one, with the few degrees of freedom of t: votes
    taken as independent stopped a fifth of simulated rounds at the wrong candidate.

    Args:
        strengths: (n,) of the group, n >= 1.
        spread: of the same candidates in the same order.
        tally: of the votes between them.
        alpha: chance of a wrong answer that is put up with, above 0 and below 1.
        delta: difference of strengths that does not matter; None: any does.
        among: (n,) who contends, one at least; None: all. The others only join them by votes.
    """
    contends = np.ones(len(strengths), dtype=np.bool_) if among is None else among
    leader = int(np.argmax(np.where(contends, strengths, -np.inf)))
    differences = strengths[leader] - strengths
    errors = pair_errors(spread.rows)[leader]
    plain = Step(differences, errors, np.full(len(strengths), spread.df))
    weighed = _step_to_far(plain, strengths, spread, tally, leader, alpha)
    evidence = _weigh(weighed)
    radii = _reach(plain, alpha)
    others = contends & (np.arange(len(strengths)) != leader)
    within = np.zeros(len(strengths), bool) if delta is None else differences + radii <= delta
    return Evidence(
        leader=leader,
        differences=differences,
        errors=errors,
        df=spread.df,
        radii=radii,
        e_values=evidence,
        weighed=weighed,
        beaten=others & (evidence >= 1 / alpha),
        equivalent=others & within,
        enough_annotators=tally.n_annotators >= MIN_ANNOTATORS,
        alpha=alpha,
        delta=delta,
        among=contends,
    )


def _step_to_far(
    plain: Step, strengths: FloatArray, spread: Spread, tally: Tally, leader: int, alpha: float
) -> Step:
    """Return the steps, those of far rivals from equality where that is the more evidence."""
    evidence = _weigh(plain)
    far = (plain.differences > _FAR) & (evidence < 1 / alpha)
    if not far.any():
        return plain
    stepped = step_from_equality(tally, strengths, spread, leader)
    better = far & (_weigh(stepped) > evidence)
    return Step(
        *(
            np.where(better, one, other)
            for one, other in (
                (stepped.differences, plain.differences),
                (stepped.errors, plain.errors),
                (stepped.df, plain.df),
            )
        )
    )


def votes_remaining(evidence: Evidence, *, n_votes: int) -> int | None:
    """Return about how many more votes it takes to an answer if the strengths are as they look.

    Variances are taken to fall as votes come, for all rivals alike; where annotators differ much
    they only do as more annotators come. None where it cannot be said: without votes, or where the
    differences look so small that it would take a hundred times the votes.

    Args:
        n_votes: behind the evidence.
    """
    if evidence.answer is not None:
        return 0
    rivals = evidence.rivals
    if n_votes == 0 or not len(rivals):
        return None
    times = max(_times_the_votes(evidence, int(rival)) for rival in rivals)
    return max(math.ceil((times - 1) * n_votes), 1) if math.isfinite(times) else None


def _times_the_votes(evidence: Evidence, rival: int) -> float:
    """Return by what factor votes must grow for the rival to be beaten or equivalent, at least 1.

    Infinite where it is more than can be foretold.
    """
    if evidence.beaten[rival] or evidence.equivalent[rival]:
        return 1.0
    times = np.geomspace(1, _FORESEEABLE, 400)
    weighed = evidence.weighed.at(rival, times)
    settled = _weigh(weighed) >= 1 / evidence.alpha
    if evidence.delta is not None:
        seen = Step(
            evidence.differences, evidence.errors, np.full(len(evidence.errors), evidence.df)
        )
        reached = seen.at(rival, times)
        settled |= reached.differences + _reach(reached, evidence.alpha) <= evidence.delta
    return float(times[settled.argmax()]) if settled.any() else math.inf


def _weigh(step: Step) -> FloatArray:
    """Return e-values by the normal differences that are exceeded as seldom as these by t."""
    differences, errors, df = step.differences, step.errors, step.df
    known = (errors > 0) & np.isfinite(errors)
    scores = np.divide(differences, errors, out=np.zeros_like(errors), where=known)
    by_t = -ndtri(stdtr(np.where(np.isinf(df), 1.0, df), -scores))
    normal = np.where(np.isinf(df), scores, by_t) * np.where(known, errors, 0.0)
    return e_value(np.where(known, normal, differences), errors**2)


def _reach(step: Step, alpha: float) -> FloatArray:
    """Return the radii that leave 0 out exactly where the two-sided part of `_weigh` is enough."""
    errors, df = step.errors, step.df
    radii = confidence_radius(errors**2, alpha=alpha)
    known = (errors > 0) & np.isfinite(errors)
    scores = np.divide(radii, errors, out=np.zeros_like(errors), where=known)
    wider = -stdtrit(np.where(np.isinf(df), 1.0, df), ndtr(-scores)) * np.where(known, errors, 0.0)
    by_t = np.where(np.isnan(wider), np.inf, wider)
    return np.where(np.isinf(df) | ~known, radii, by_t)
