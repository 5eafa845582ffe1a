"""What figures are made of: the votes of a stored ranking, by places in lists."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from django.db.models import Count
from numpy.typing import NDArray

from annotate.models import Annotator, Ranking, Round
from annotate.ranking import RankingSettings
from annotate.ranking.votes import VoteColumns
from annotate.services.rankings import candidates_of, settings_of
from annotate.services.slices import TOGETHER, filters_of, named_slices
from annotate.services.vote_columns import Votes, read_votes


class FigureAnnotator(NamedTuple):
    """Who voted; nobody is named in a figure."""

    pk: int
    pseudonym: str
    kind: str


@dataclass(frozen=True)
class BallotColumns:
    """The votes that a ranking counts, each column (votes,), in the order of the ledger.

    Attributes:
        candidate_a, candidate_b, annotator: places in the source's lists.
        outcome: codes of `annotate.ranking.OUTCOMES`.
        side: of a on the screen: 1 left, -1 right, 0 not known.
        completion_a, completion_b, prompt: ids.
        turn: from 1; 0 is the whole conversation.
        propensity: chance with which the policy drew the pair of candidates; nan where none did.
        n_pairs: pairs of ranked candidates that the vote's round has.
    """

    candidate_a: NDArray[np.int64]
    candidate_b: NDArray[np.int64]
    outcome: NDArray[np.int64]
    annotator: NDArray[np.int64]
    side: NDArray[np.int64]
    completion_a: NDArray[np.int64]
    completion_b: NDArray[np.int64]
    prompt: NDArray[np.int64]
    turn: NDArray[np.int64]
    propensity: NDArray[np.float64]
    n_pairs: NDArray[np.int64]


@dataclass(frozen=True)
class FigureSource:
    """A stored ranking with the votes that it counts.

    Attributes:
        candidates: (id, name) of whom it ranks; a column says the place in this list.
        annotators: who cast the votes, likewise.
        votes: the same votes as `ballots`, as they were read.
    """

    ranking: Ranking
    settings: RankingSettings
    candidates: tuple[tuple[int, str], ...]
    annotators: tuple[FigureAnnotator, ...]
    ballots: BallotColumns
    votes: Votes

    @property
    def names(self) -> list[str]:
        """The candidates' names, by place."""
        return [name for _id, name in self.candidates]

    @property
    def columns(self) -> VoteColumns:
        """The votes as statistics take them, candidates and annotators by place."""
        ballots = self.ballots
        return VoteColumns(
            candidate_a=ballots.candidate_a,
            candidate_b=ballots.candidate_b,
            outcome=ballots.outcome,
            annotator=ballots.annotator,
            n_candidates=len(self.candidates),
        )


def read_source(ranking: Ranking, *, every_kind: bool = False) -> FigureSource:
    """Read what a ranking counted, from the ledger as it stood then.

    Args:
        every_kind: read LLM judges' votes on its candidates as well where it left them out unasked.
    """
    filters, candidates = filters_of(ranking), candidates_of(ranking)
    widened = every_kind and "kind" not in named_slices(filters)
    votes = read_votes(
        run=ranking.run,
        cutoff=ranking.cutoff,
        filters=filters | {"kind": TOGETHER} if widened else filters,
    )
    if widened:
        ids = [candidate for candidate, _name in candidates]
        votes = votes[np.isin(votes["candidate_a"], ids) & np.isin(votes["candidate_b"], ids)]
    voters, annotator = np.unique(votes["annotator"], return_inverse=True)
    known = Annotator.objects.in_bulk(voters.tolist())
    return FigureSource(
        ranking=ranking,
        settings=settings_of(ranking),
        candidates=tuple(candidates),
        annotators=tuple(
            FigureAnnotator(pk, known[pk].pseudonym, known[pk].kind) for pk in voters.tolist()
        ),
        ballots=_place(votes, [candidate for candidate, _name in candidates], annotator),
        votes=votes,
    )


def _place(votes: Votes, candidates: list[int], annotator: NDArray[np.int64]) -> BallotColumns:
    ids = np.array(candidates, dtype=np.int64)
    return BallotColumns(
        candidate_a=np.searchsorted(ids, votes["candidate_a"]),
        candidate_b=np.searchsorted(ids, votes["candidate_b"]),
        annotator=annotator,
        n_pairs=_count_pairs(votes, candidates),
        **{
            name: votes[name]
            for name in ("outcome", "side", "completion_a", "completion_b", "prompt", "turn",
                         "propensity")
        },
    )  # fmt: skip


def _count_pairs(votes: Votes, candidates: list[int]) -> NDArray[np.int64]:
    """Return (votes,) how many pairs of ranked candidates the round of each vote has.

    Those who came into an open round after the ranking was made are none of its.
    """
    rounds, place = np.unique(votes["round"], return_inverse=True)
    members = Round.candidates.through.objects.filter(
        round__in=rounds.tolist(), candidate__in=candidates
    )
    counted = dict(members.values_list("round").annotate(Count("pk")))
    n = np.array([counted.get(pk, 0) for pk in rounds.tolist()], dtype=np.int64)
    return np.asarray((n * (n - 1) // 2)[place], dtype=np.int64)
