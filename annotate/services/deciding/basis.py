"""What a decision rests on: which votes, among whom, by which rules."""

from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from django.db.models import Q
from django.utils.translation import gettext as _

from annotate.models import Annotator, Candidate, DecisionRules, Round, RoundCut, SelectionRun, Stop
from annotate.ranking import RankingSettings
from annotate.services import errors
from annotate.services.figures.temperatures import name_model, temperature_of
from annotate.services.slices import TOGETHER, split_votes
from annotate.services.vote_columns import Votes, read_votes

Kind = Annotator.Kind
# People decide; simulated annotators stand in for them where no person voted.
DECIDERS = (Kind.PERSON, Kind.SIMULATED)
# Levels at which a decision says what it would take to be surer than it was asked to be.
STRICTER = (0.05, 0.01, 0.001)


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A candidate as the decision knows it.

    Attributes:
        checkpoint: name of its weights; empty where nobody said.
        is_finalist: of the last round that has votes, and no anchor; among these one is chosen.
    """

    id: int
    name: str
    checkpoint: str
    temperature: float | None
    sampling: Mapping[str, Any]
    is_anchor: bool
    is_finalist: bool


@dataclass(frozen=True, kw_only=True)
class Basis:
    """All that a decision is computed from beside the ledger; it is stored in the content.

    Attributes:
        decided_by: the kind of annotators whose votes decide.
        alpha, delta: the run's rules: chance of a wrong answer, difference that does not matter.
        why_anytime: codes of why intervals hold at every moment; empty where they are for a number
            of votes that was fixed before.
        stopped: the leader and rivals of the last round's stop, where it found one best; with the
            alpha it was found at. None where it did not.
    """

    cutoff: int
    decided_by: str
    contenders: tuple[Contender, ...]
    alpha: float
    delta: float | None
    ranking: RankingSettings
    why_anytime: tuple[str, ...]
    stopped: Mapping[str, Any] | None
    anchors_only: bool

    @property
    def candidates(self) -> tuple[tuple[int, str], ...]:
        """The candidates as rankings take them: (id, name), ascending."""
        return tuple((each.id, each.name) for each in self.contenders)

    @property
    def levels(self) -> tuple[float, ...]:
        """The chance of a wrong answer that was asked for, and stricter ones."""
        return (self.alpha, *(level for level in STRICTER if level < self.alpha))

    def to_content(self) -> dict[str, Any]:
        """Give it as the content stores it."""
        stored = asdict(self)
        stored["contenders"] = [asdict(each) for each in self.contenders]
        return stored | {"ranking": self.ranking.to_dict(), "why_anytime": list(self.why_anytime)}

    @classmethod
    def from_content(cls, stored: Mapping[str, Any]) -> "Basis":
        """Read what `to_content` gave."""
        return cls(
            **dict(stored)
            | {
                "contenders": tuple(Contender(**each) for each in stored["contenders"]),
                "ranking": RankingSettings.from_dict(stored["ranking"]),
                "why_anytime": tuple(stored["why_anytime"]),
            }
        )


def read_by_kind(*, run: SelectionRun, cutoff: int) -> dict[str, Votes]:
    """Read the votes that count at a cut-off, by the kind of annotator who cast them."""
    everybody = read_votes(run=run, cutoff=cutoff, filters={"kind": TOGETHER})
    return dict(split_votes(everybody, "kind"))


def choose_deciders(run: SelectionRun, kinds: Container[str]) -> str:
    """Give the kind, of those that voted, whose votes decide.

    Raises:
        NothingToDecide: nobody voted, or LLM judges alone in a run that is no benchmark.
    """
    deciders = next((kind.value for kind in DECIDERS if kind in kinds), None)
    if deciders is not None:
        return deciders
    if Kind.JUDGE not in kinds:
        said = _("No vote of run %(run)s counts yet, so there is nothing to decide by.")
        raise errors.NothingToDecide(said % {"run": run.slug})
    if not _is_benchmark(run):
        said = _("Nobody but LLM judges has voted in run %(run)s, and judges decide no run.")
        raise errors.NothingToDecide(said % {"run": run.slug})
    return Kind.JUDGE.value


def _is_benchmark(run: SelectionRun) -> bool:
    return run.rounds.filter(anchors_only=True).exists()


def read_basis(
    *, run: SelectionRun, cutoff: int, by_kind: Mapping[str, Votes], by_hand: bool
) -> Basis:
    """Read what the run's rules and rounds say now.

    Args:
        by_hand: whether a person calls for the decision, and not the end of the last round.

    Raises:
        NothingToDecide: as `choose_deciders` says.
    """
    kind = choose_deciders(run, by_kind)
    votes = by_kind[kind]
    last = Round.objects.filter(pk__in=np.unique(votes["round"]).tolist()).latest("number")
    rules = DecisionRules.of(run)
    n_last = int((votes["round"] == last.pk).sum())
    why = _why_anytime(run, cutoff, last, n_last, by_hand=by_hand)
    # A stop looks at people and at simulated annotators as one crowd.
    is_one_crowd = sum(each in by_kind for each in DECIDERS) == 1 and kind in DECIDERS
    return Basis(
        cutoff=cutoff,
        decided_by=kind,
        contenders=_list_contenders(run, last, votes),
        alpha=rules.alpha,
        delta=rules.delta,
        ranking=replace(RankingSettings(), anytime=bool(why)),
        why_anytime=why,
        stopped=_read_stop(last, cutoff) if is_one_crowd else None,
        anchors_only=_is_benchmark(run),
    )


def _list_contenders(run: SelectionRun, last: Round, votes: Votes) -> tuple[Contender, ...]:
    # Imported votes may be on candidates that the round does not ask volunteers about.
    of_last = votes[votes["round"] == last.pk]
    finalists = set(np.union1d(of_last["candidate_a"], of_last["candidate_b"]).tolist())
    finalists |= set(last.candidates.values_list("pk", flat=True))
    candidates = list(Candidate.objects.competing().filter(run=run).order_by("id"))
    # Where anchors alone are left, they are what is chosen among.
    only_anchors = all(each.is_anchor for each in candidates if each.pk in finalists)
    return tuple(
        Contender(
            id=each.pk,
            name=each.name,
            checkpoint=name_model(each) if each.model else "",
            temperature=temperature_of(each),
            sampling=each.sampling,
            is_anchor=each.is_anchor,
            is_finalist=each.pk in finalists and (only_anchors or not each.is_anchor),
        )
        for each in candidates
    )


def _why_anytime(
    run: SelectionRun, cutoff: int, last: Round, n_last: int, *, by_hand: bool
) -> tuple[str, ...]:
    """Say why the number of votes was not fixed before; rankings ask the first of these alone."""
    why = []
    if Stop.objects.filter(round__run=run, cutoff__lte=cutoff).exists():
        why.append("stopped")
    cuts = RoundCut.objects.filter(round__run=run, cutoff__lte=cutoff)
    if cuts.filter(~Q(left=[])).exists():
        why.append("cut")
    wanted = last.votes_wanted
    has_spent = wanted is not None and n_last >= wanted
    # How many votes are imported was settled elsewhere.
    came_in_here = last.comparisons.filter(import_key=None, answered_at__isnull=False).exists()
    if by_hand and came_in_here and not has_spent and "stopped" not in why:
        why.append("by_hand")
    return tuple(why)


def _read_stop(last: Round, cutoff: int) -> dict[str, Any] | None:
    stop = Stop.objects.filter(round=last, cutoff__lte=cutoff, reason=Stop.Reason.BEST).first()
    if stop is None:
        return None
    return {
        "leader": stop.evidence["leader"],
        "rivals": sorted(rival["candidate"] for rival in stop.evidence["rivals"]),
        "alpha": stop.evidence["alpha"],
        "n_votes": stop.n_votes,
    }
