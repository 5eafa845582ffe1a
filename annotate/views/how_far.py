"""How far a round is from its answer, as its last estimate says it: for researchers alone."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.db.models import Q

from annotate.models import (
    DecisionRules,
    Ranking,
    Round,
    RoundEstimate,
    SelectionRun,
    Stop,
    Vote,
)

SHOWN = 10


@dataclass(frozen=True)
class Row:
    """A candidate as the estimate has it; None where nothing can be said of it."""

    name: str
    group: int | None
    votes: int
    strength: float | None
    low: float | None
    high: float | None
    p_best: float | None


@dataclass(frozen=True)
class Rival:
    """What speaks for the leader against another candidate.

    Attributes:
        e_value: how many times more readily these votes come if the leader is the better one.
        difference: leader minus rival, in log strength, with its confidence sequence.
        is_beaten: the evidence is as large as it needs to be.
        is_equivalent: the confidence sequence lies within the difference that does not matter.
    """

    name: str
    e_value: float
    difference: float
    low: float | None
    high: float | None
    is_beaten: bool
    is_equivalent: bool

    @property
    def is_open(self) -> bool:
        """Tell whether more votes are wanted to say how it stands to the leader."""
        return not (self.is_beaten or self.is_equivalent)


@dataclass(frozen=True)
class Language:
    """Votes in a language, and how many the rules ask for."""

    tag: str
    votes: int
    wanted: int

    @property
    def is_enough(self) -> bool:
        """Tell whether the round may stop as far as this language goes."""
        return self.votes >= self.wanted


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What speaks for the leader, and what is missing.

    Attributes:
        gap: a code that says why there is no leader; empty where there is one.
        leader: name of the strongest; empty where there is none.
        closest: the rival with the least evidence against it of those who are neither beaten nor
            equivalent; None where there is an answer.
        rivals: those that are open first, and of them the least evidence; `SHOWN` of them at most.
        n_rivals: how many there are; `n_beaten` of them take no more evidence, `n_open` do.
        n_unjoined: candidates that no chain of votes joins to the leader.
        annotators_needed: with fewer there is no answer, whatever the evidence.
        needed: the evidence that each rival takes.
        percent: the level of the confidence sequences.
        delta: the difference that does not matter, None where any does.
        answer: by the votes alone, whatever the languages lack; empty where there is none.
        clusters: which votes were taken to hang together, a code of `annotate.ranking`.
        remaining: about how many more votes; None where it cannot be said.
    """

    gap: str
    leader: str
    closest: Rival | None
    rivals: tuple[Rival, ...]
    n_rivals: int
    n_beaten: int
    n_open: int
    n_unjoined: int
    n_annotators: int
    annotators_needed: int
    needed: float
    percent: float
    delta: float | None
    answer: str
    clusters: str
    languages: tuple[Language, ...]
    remaining: int | None

    @property
    def about(self) -> int | None:
        """Give what remains in two digits, for no more can be foretold."""
        if self.remaining is None:
            return None
        return round(self.remaining, 2 - len(str(self.remaining))) if self.remaining else 0

    @property
    def has_beaten_across_zero(self) -> bool:
        """Tell whether a rival is beaten whose confidence sequence does not leave 0 out."""
        return any(rival.is_beaten and (rival.low or 0) <= 0 for rival in self.rivals)

    @property
    def waits_for_languages(self) -> bool:
        """Tell whether a language has fewer votes than it needs."""
        return not all(language.is_enough for language in self.languages)

    @property
    def lacks_annotators(self) -> bool:
        """Tell whether fewer have voted than it takes to see how much annotators differ."""
        return self.n_annotators < self.annotators_needed

    @property
    def has_minimum(self) -> bool:
        """Tell whether the rules ask for votes in each language."""
        return any(language.wanted for language in self.languages)


@dataclass(frozen=True, kw_only=True)
class HowFar:
    """The open round, or else the newest, on its way to an answer.

    Attributes:
        estimate: None while nobody has made one.
        n_since: votes that were cast since the estimate, or all of them without one.
        rows: the strongest candidates, `SHOWN` of them at most.
        stop: where the round has its answer; `is_stopped` where it is honoured.
        ranking: the newest of the run that counts all votes or this round's.
    """

    round: Round
    rules: DecisionRules
    made_at: datetime | None
    n_votes: int
    n_since: int
    rows: tuple[Row, ...]
    n_candidates: int
    evidence: Evidence | None
    stop: Stop | None
    stop_evidence: Evidence | None
    ranking: Ranking | None

    @property
    def votes_now(self) -> int:
        """Count the votes that came in, looked at or not."""
        return self.n_votes + self.n_since

    @property
    def has_groups(self) -> bool:
        """Tell whether there are strengths that no chain of votes joins."""
        return len({row.group for row in self.rows} - {None}) > 1

    @property
    def is_too_much(self) -> bool:
        """Tell whether the answer will take more votes than the round has left."""
        wanted, remaining = self.round.votes_wanted, self.evidence and self.evidence.remaining
        return wanted is not None and bool(remaining) and self.n_votes + remaining > wanted

    @property
    def has_spent(self) -> bool:
        """Tell whether the round is open and has all the votes that it takes."""
        wanted = self.round.votes_wanted
        return self.round.is_open and wanted is not None and self.votes_now >= wanted

    @property
    def is_stopped(self) -> bool:
        """Tell whether no more pairs are drawn, for the answer is there."""
        return self.stop is not None and self.rules.stops_early


def tell_how_far(run: SelectionRun) -> HowFar | None:
    """Read the estimate of the open round, or of the newest; None where the run has no round."""
    rounds = run.rounds.select_related("estimate", "stop").defer("estimate__arrays")
    newest = rounds.order_by("-number").first()
    if newest is None:
        return None
    estimate: RoundEstimate | None = getattr(newest, "estimate", None)
    stop: Stop | None = getattr(newest, "stop", None)
    names = dict(run.candidates.values_list("id", "name"))
    of_round = Q(filters={"round": newest.number})
    rankings = run.rankings.filter(Q(filters={}) | of_round).defer("standings")
    return HowFar(
        round=newest,
        rules=DecisionRules.of(run),
        made_at=estimate.made_at if estimate else None,
        n_votes=estimate.n_votes if estimate else 0,
        n_since=_count_since(newest, estimate),
        rows=_rows(estimate, names),
        n_candidates=newest.candidates.count(),
        evidence=read_evidence(estimate.evidence, names) if estimate else None,
        stop=stop,
        stop_evidence=read_evidence(stop.evidence, names) if stop else None,
        ranking=rankings.first(),
    )


def read_evidence(stored: Mapping[str, Any], names: Mapping[int, str]) -> Evidence:
    """Read stored evidence, of an estimate or of a stop."""
    least = stored["votes_per_language"]
    rivals = [_read(Rival, row, names) for row in stored["rivals"]]
    # Where there are more than are shown, those that hold the answer back are among them.
    rivals.sort(key=lambda rival: not rival.is_open)
    n_open = sum(rival.is_open for rival in rivals)
    return Evidence(
        gap=stored["gap"] or "",
        leader=names.get(stored["leader"], ""),
        closest=rivals[0] if n_open else None,
        rivals=tuple(rivals[:SHOWN]),
        n_rivals=len(rivals),
        n_beaten=sum(rival.is_beaten for rival in rivals),
        n_open=n_open,
        n_unjoined=len(stored["unjoined"]),
        n_annotators=stored["n_annotators"],
        annotators_needed=stored["annotators_needed"],
        needed=1 / stored["alpha"],
        percent=100 * stored["level"],
        delta=stored["delta"],
        answer=stored["answer"] or "",
        clusters=stored["clusters"] or "",
        languages=tuple(
            Language(tag, votes, least)
            for tag, votes in sorted(stored["votes_by_language"].items())
        ),
        remaining=stored["votes_remaining"],
    )


def _rows(estimate: RoundEstimate | None, names: Mapping[int, str]) -> tuple[Row, ...]:
    shown = estimate.standings[:SHOWN] if estimate else []
    return tuple(_read(Row, row, names) for row in shown)


def _read(kind: type[Any], row: Mapping[str, Any], names: Mapping[int, str]) -> Any:
    """Take from a stored row of a candidate what the dataclass has fields for, and its name."""
    stored = {field.name: row[field.name] for field in fields(kind) if field.name != "name"}
    return kind(name=names[row["candidate"]], **stored)


def _count_since(round_: Round, estimate: RoundEstimate | None) -> int:
    through = estimate.through if estimate else 0
    votes = Vote.objects.counting().by_people()
    return votes.filter(comparison__round=round_, id__gt=through).count()
