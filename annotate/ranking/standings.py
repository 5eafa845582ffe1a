"""What a ranking says: one standing a candidate, and the fit that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from annotate.ranking.joint import JointStrengths
from annotate.ranking.settings import RankingSettings


@dataclass(frozen=True)
class Standing:
    """Where one candidate stands.

    Attributes:
        candidate: its index.
        group: number of its connected group, 0 the largest; None without a vote. Strengths and
            ranks of two groups cannot be compared.
        strength: log scale, mean 0 inside the group, to 10 decimals; 0 for a candidate that is
            alone in its group (a group of one has no scale); None without a vote.
        low, high: interval of the strength, to 10 decimals; None where strength is, and in a group
            of one.
        rank: 1 is the strongest of the group; equal strengths share a rank.
        rank_low, rank_high: best and worst rank that the votes allow, simultaneous over the group.
        wins, losses, ties, both_bad, votes: every vote on the candidate, those against candidates
            of another group included.
        p_best: chance to be the strongest of its group, by how far the strengths may be off; to be
            looked at, and no rule to stop by. None where strength is, and in a group of one.
    """

    candidate: int
    group: int | None
    strength: float | None
    low: float | None
    high: float | None
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    wins: int
    losses: int
    ties: int
    both_bad: int
    votes: int
    p_best: float | None = None


@dataclass(frozen=True)
class RankingFit:
    """A ranking with all that is needed to make it again from the same votes.

    Attributes:
        interval_method: an `IntervalMethod`, or several joined by "+" in the order of the groups
            where groups differ; "none" where no group has two candidates.
        clusters: a `Clustering`, or several, likewise.
        versions: of the libraries that took part, by name.
        standings: group by group, the largest first; inside a group the strongest first; then the
            candidates without a vote, in order of index.
        groups: strengths of each connected group with their joint error, in the same order.
    """

    settings: RankingSettings
    n_votes: int
    n_annotators: int
    interval_method: str
    clusters: str
    versions: Mapping[str, str]
    standings: tuple[Standing, ...]
    groups: tuple[JointStrengths, ...] = field(default=(), repr=False, compare=False)
