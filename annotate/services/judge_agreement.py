"""How far LLM judges agree with people and with each other, and what they lean towards."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from django.db.models import F

from annotate.models import Annotator, JudgeReading, SelectionRun
from annotate.ranking.arrays import BoolArray, IntArray
from annotate.ranking.concordance import measure_tau
from annotate.ranking.judge_bias import (
    PositionBias,
    Share,
    Slope,
    fit_length_slope,
    measure_longer,
    measure_position_bias,
)
from annotate.ranking.kappa import NO_VERDICT, Kappa, kappa_of_verdicts, majorities
from annotate.ranking.votes import OUTCOMES
from annotate.services.quality_rows import reply_lengths
from annotate.services.slices import TOGETHER
from annotate.services.vote_columns import Votes, read_votes

Standings = Mapping[str, Mapping[str, Any]]

PEOPLE, PANEL = "people", "panel"
LEVEL = 0.95
# Below this two judges are no panel.
PANEL_AT_LEAST = 2
_NOW = 2**62  # above every number of the ledger
_CODES = {label: code for code, label in enumerate(OUTCOMES)}


@dataclass(frozen=True)
class Lean:
    """What the votes of people, or of one judge, lean towards.

    Attributes:
        name: "people", or the judge's.
        position: of a judge who read here; None for people and imported judges.
        longer: how often the longer of two texts is preferred.
        slope: log odds for each doubling of length.
    """

    name: str
    n_votes: int
    position: PositionBias | None
    longer: Share
    slope: Slope


@dataclass(frozen=True)
class Agreement:
    """How far two of people, judges and their panel agree on pairs that both judged."""

    name: str
    other: str
    kappa: Kappa


@dataclass(frozen=True)
class JudgesMeasured:
    """What a run's judges are worth, as far as its votes tell.

    Attributes:
        judges: names of those who voted, in order.
        n_people: annotators who are no judges and voted.
        leans: people first, then each judge.
        agreements: each judge with people, the panel with people, then judge with judge.
        verdicts: pair of completions → name → outcome, by whoever judged the whole conversation:
            people and panel by their majority.
    """

    judges: tuple[str, ...]
    n_people: int
    leans: tuple[Lean, ...]
    agreements: tuple[Agreement, ...]
    verdicts: Mapping[tuple[int, int], Mapping[str, str]] = field(repr=False)
    level: float = LEVEL


def measure_judges(*, run: SelectionRun) -> JudgesMeasured:
    """Measure agreement and leanings over the votes of a run that stand now.

    People's verdict on a pair is what most of them say, and the panel's what most judges say where
    two or more have judged it; where several outcomes have as many votes it is a draw. Simulated
    annotators stand for people.
    """
    table = _Table(run)
    leans = [_lean(table, name) for name in (PEOPLE, *table.judges)]
    against = [*table.judges, *([PANEL] if len(table.judges) >= PANEL_AT_LEAST else [])]
    pairs = [(name, PEOPLE) for name in against] + list(combinations(table.judges, 2))
    return JudgesMeasured(
        judges=table.judges,
        n_people=table.n_people,
        leans=tuple(leans),
        agreements=tuple(Agreement(one, two, table.agreement(one, two)) for one, two in pairs),
        verdicts=table.name_verdicts(),
    )


def compare_orders(one: Standings, other: Standings) -> float | None:
    """Give Kendall's tau of two stored rankings, on the candidates that both have.

    Args:
        one, other: rows of a ranking's standings, by names of candidates.
    """
    names = sorted(one.keys() & other.keys())
    rows = [[standings[name] for name in names] for standings in (one, other)]
    first, second = (
        np.array([row["strength"] or 0.0 for row in each], dtype=np.float64) for each in rows
    )
    groups = (
        np.array([-1 if row["group"] is None else row["group"] for row in each], dtype=np.int64)
        for each in rows
    )
    return measure_tau(first, second, first_group=next(groups), second_group=next(groups))


class _Table:
    """Votes of people and judges, and the verdict of each on every unit.

    A unit is two completions and a depth: a vote on the last turn is on the whole conversation.
    """

    def __init__(self, run: SelectionRun) -> None:
        self.run, self.lengths = run, reply_lengths(run)
        self.positions = _positions(run)
        votes = read_votes(run=run, cutoff=_NOW, filters={"kind": TOGETHER})
        kinds, names = _known(votes)
        is_judge = np.array([kinds[pk] == Annotator.Kind.JUDGE for pk in votes["annotator"]])
        self.votes = votes
        self.is_judge = is_judge.astype(np.bool_)
        self.of_judge = {
            names[pk]: votes["annotator"] == pk
            for pk in sorted(set(votes["annotator"][self.is_judge].tolist()), key=names.__getitem__)
        }
        self.judges = tuple(self.of_judge)
        self.n_people = len(set(votes["annotator"][~self.is_judge].tolist()))
        self.is_whole, depth = _depths(run, votes)
        keys = np.stack([votes["completion_a"], votes["completion_b"], depth], axis=1)
        self.units, first, self.unit = np.unique(
            keys, axis=0, return_index=True, return_inverse=True
        )
        self.unit = self.unit.reshape(-1)
        self.prompt = votes["prompt"][first]
        self.verdicts = {PEOPLE: self._majority(~self.is_judge)}
        self.verdicts |= {name: self._majority(mine) for name, mine in self.of_judge.items()}
        self.verdicts[PANEL] = self._panel()

    def agreement(self, one: str, two: str) -> Kappa:
        """Measure how far two agree, clustered by prompt."""
        return kappa_of_verdicts(
            self.verdicts[one], self.verdicts[two], cluster=self.prompt, level=LEVEL
        )

    def name_verdicts(self) -> dict[tuple[int, int], dict[str, str]]:
        """Give every verdict on whole conversations, by pair of completions."""
        whole = np.zeros(len(self.units), dtype=np.bool_)
        whole[self.unit[self.is_whole]] = True
        return {
            (a, b): {
                name: OUTCOMES[verdict[place]]
                for name, verdict in self.verdicts.items()
                if verdict[place] != NO_VERDICT
            }
            for place, (a, b, _depth) in enumerate(self.units.tolist())
            if whole[place]
        }

    def _majority(self, kept: BoolArray) -> IntArray:
        return majorities(self.unit[kept], self.votes["outcome"][kept], n_units=len(self.units))

    def _panel(self) -> IntArray:
        """Return (units,) the verdict of most judges, where two or more have one."""
        n = len(self.units)
        own = [self.verdicts[name] for name in self.judges]
        if len(own) < PANEL_AT_LEAST:
            return np.full(n, NO_VERDICT, dtype=np.int64)
        said = np.stack(own)  # (judges, units)
        judge, unit = np.nonzero(said >= 0)
        panel = majorities(unit, said[judge, unit], n_units=n)
        has_panel = (said >= 0).sum(axis=0) >= PANEL_AT_LEAST
        return np.asarray(np.where(has_panel, panel, NO_VERDICT), dtype=np.int64)


def _known(votes: Votes) -> tuple[dict[int, str], dict[int, str]]:
    """Give kinds of annotators, and the judges' names, by id."""
    ids = np.unique(votes["annotator"]).tolist()
    voters = Annotator.objects.filter(pk__in=ids).order_by(
        F("judge__slug").asc(nulls_last=True), "pk"
    )
    rows = voters.values_list("pk", "kind", "name", "judge__slug")
    kinds: dict[int, str] = {}
    names: dict[int, str] = {}
    for pk, kind, name, slug in rows:
        # An imported judge may have any name.
        is_taken = not slug and (name in (PEOPLE, PANEL) or name in names.values())
        kinds[pk], names[pk] = kind, f"{name} ({pk})" if is_taken else slug or name
    return kinds, names


def _depths(run: SelectionRun, votes: Votes) -> tuple[BoolArray, IntArray]:
    """Return (votes,) whether each is on the whole conversation, and after how many turns."""
    prompts, place = np.unique(votes["prompt"], return_inverse=True)
    turns = dict(run.prompts().values_list("pk", "turns__len"))
    n_turns = np.array([turns[pk] for pk in prompts.tolist()], dtype=np.int64)[place]
    depth = np.where(votes["turn"] == 0, n_turns, votes["turn"])
    return depth == n_turns, depth


def _lean(table: _Table, name: str) -> Lean:
    mine = ~table.is_judge if name == PEOPLE else table.of_judge[name]
    votes = table.votes[mine & table.is_whole]
    length_a, length_b = (
        np.array([table.lengths[pk] for pk in votes[side].tolist()], dtype=np.int64)
        for side in ("completion_a", "completion_b")
    )
    columns = (votes["outcome"], length_a, length_b)
    return Lean(
        name=name,
        n_votes=int(mine.sum()),
        position=table.positions.get(name),
        longer=measure_longer(*columns, cluster=votes["prompt"], level=LEVEL),
        slope=fit_length_slope(*columns, cluster=votes["prompt"], level=LEVEL),
    )


def _positions(run: SelectionRun) -> dict[str, PositionBias]:
    """Measure what each judge that read here made of the two orders, by its name."""
    readings = JudgeReading.objects.filter(comparison__round__run=run).order_by("id")
    columns = ("judge__slug", "comparison", "comparison__prompt", "order", "verdict")
    rows: dict[str, dict[tuple[int, int], dict[str, int]]] = {}
    for slug, comparison, prompt, order, verdict in readings.values_list(*columns):
        pair = rows.setdefault(slug, {}).setdefault((comparison, prompt), {})
        pair[order] = _CODES.get(verdict, NO_VERDICT)
    return {slug: _position(pairs) for slug, pairs in rows.items()}


def _position(pairs: Mapping[tuple[int, int], Mapping[str, int]]) -> PositionBias:
    ab, ba = (
        np.array([said.get(order, NO_VERDICT) for said in pairs.values()], dtype=np.int64)
        for order in JudgeReading.Order.values
    )
    prompts = np.array([prompt for _comparison, prompt in pairs], dtype=np.int64)
    return measure_position_bias(ab, ba, cluster=prompts, level=LEVEL)
