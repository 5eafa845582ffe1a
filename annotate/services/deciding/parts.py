"""Some of the deciding votes, ranked, with the contest that they are about."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from annotate.ranking import RankingFit, Standing
from annotate.ranking.arrays import BoolArray
from annotate.ranking.joint import JointStrengths
from annotate.ranking.stopping import Evidence, votes_remaining, weigh_evidence
from annotate.ranking.tally import Tally, count_votes
from annotate.ranking.votes import check_ballots
from annotate.services.deciding.basis import Basis
from annotate.services.numbers import json_e_value, json_number
from annotate.services.rankings import rank_votes
from annotate.services.vote_columns import Votes

# Log odds that no votes could tell from any larger.
_BOUNDLESS = 50.0


@dataclass(frozen=True, eq=False)
class Part:
    """A part of the votes.

    Attributes:
        joint: the group in which most finalists stand, who are compared there; None without votes
            on a finalist.
        among: (m,) which of its members are finalists.
        tally: of the votes between its members.
    """

    basis: Basis
    votes: Votes
    fit: RankingFit
    joint: JointStrengths | None
    among: BoolArray
    tally: Tally

    @property
    def ids(self) -> list[int]:
        """The candidates' ids, by place."""
        return [each.id for each in self.basis.contenders]

    @cached_property
    def standings(self) -> dict[int, Standing]:
        """How each candidate stands, by id."""
        return {self.ids[each.candidate]: each for each in self.fit.standings}

    @cached_property
    def members(self) -> list[int]:
        """The ids of the group's members, in the order of its arrays."""
        return [] if self.joint is None else [self.ids[place] for place in self.joint.members]

    @cached_property
    def unjoined(self) -> list[int]:
        """The ids of finalists whom no chain of votes joins to the others."""
        inside = set(self.members)
        finalists = (each.id for each in self.basis.contenders if each.is_finalist)
        return [each for each in finalists if each not in inside]

    @cached_property
    def n_telling(self) -> int:
        """Votes with a finalist on a side: those that would grow if the last round went on."""
        finalists = [each.id for each in self.basis.contenders if each.is_finalist]
        has_one = np.isin(self.votes["candidate_a"], finalists)
        return int((has_one | np.isin(self.votes["candidate_b"], finalists)).sum())

    def weigh(self, alpha: float) -> Evidence | None:
        """Weigh the leading finalist against the others; None where nothing can be compared."""
        if self.joint is None or self.joint.spread is None or not self.among.any():
            return None
        return weigh_evidence(
            self.joint.strengths,
            self.joint.spread,
            self.tally,
            alpha=alpha,
            delta=self.basis.delta,
            among=self.among,
        )


def rank_part(basis: Basis, votes: Votes) -> Part:
    """Rank all candidates by some of the votes.

    Raises:
        StrengthsDidNotConverge: the solver gave up; with the phantom opponent it should not.
    """
    fit = rank_votes(votes, basis.candidates, basis.ranking)
    ids = np.array([each.id for each in basis.contenders], dtype=np.int64)
    ballots = check_ballots(
        candidate_a=np.searchsorted(ids, votes["candidate_a"]),
        candidate_b=np.searchsorted(ids, votes["candidate_b"]),
        outcome=votes["outcome"],
        annotator=votes["annotator"],
        n_candidates=len(ids),
    )
    tally, _record = count_votes(ballots)
    finalists = np.array([each.is_finalist for each in basis.contenders], dtype=np.bool_)
    # The first of equals is the one with more candidates and votes.
    joint = max(fit.groups, key=lambda group: int(finalists[group.members].sum()), default=None)
    if joint is None or not finalists[joint.members].any():
        return Part(basis, votes, fit, None, np.zeros(0, np.bool_), tally)
    return Part(basis, votes, fit, joint, finalists[joint.members], tally.within(joint.members))


def tell_standing(part: Part, candidate: int) -> dict[str, Any]:
    """Give a candidate's strength, interval, rank and P(best) in a part of the votes."""
    standing = part.standings[candidate]
    return {
        "candidate": candidate,
        "strength": standing.strength,
        "low": standing.low,
        "high": standing.high,
        "rank": standing.rank,
        "rank_low": standing.rank_low,
        "rank_high": standing.rank_high,
        "p_best": json_number(standing.p_best),
        "votes": standing.votes,
        "group": standing.group,
    }


def tell_difference(evidence: Evidence, place: int) -> dict[str, Any]:
    """Give how far the leader is ahead of a member, with the confidence sequence and e-value.

    The ends are None where nothing bounds the difference.
    """
    difference, radius = float(evidence.differences[place]), float(evidence.radii[place])
    radius = radius if radius < _BOUNDLESS else math.inf
    return {
        "difference": json_number(difference),
        "low": json_number(difference - radius),
        "high": json_number(difference + radius),
        "e_value": json_e_value(evidence.e_values[place]),
    }


def tell_surer(part: Part) -> list[dict[str, Any]]:
    """Say for each level what evidence it asks for, and about how many more votes that takes.

    `votes` is 0 where there is an answer at that level, and None where it cannot be said; `rival`
    is the one who has the least evidence against them of those who are in the way.
    """
    told = []
    for alpha in part.basis.levels:
        evidence = part.weigh(alpha)
        if evidence is None:
            break
        # Votes of the same few annotators, or between the same candidates, would not do.
        can_be_said = evidence.enough_annotators and not part.unjoined and len(evidence.rivals) > 0
        open_rivals = [
            int(rival)
            for rival in evidence.rivals
            if not (evidence.beaten[rival] or evidence.equivalent[rival])
        ]
        told.append(
            {
                "alpha": alpha,
                "needed": json_number(1 / alpha),
                "votes": votes_remaining(evidence, n_votes=part.n_telling) if can_be_said else None,
                "open": len(open_rivals),
                "rival": part.members[open_rivals[0]] if open_rivals else None,
            }
        )
    return told
