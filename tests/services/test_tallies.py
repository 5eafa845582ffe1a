"""Tallies say what a count of the whole ledger says, whatever has become of its votes."""

from collections import Counter

import numpy as np
import pytest

from annotate.models import Annotator, Exclusion, Round, SelectionRun, Tally, TallyMark, Vote
from annotate.ranking import OUTCOMES
from annotate.ranking.strengths import fit_strengths
from annotate.ranking.tally import count_votes
from annotate.ranking.votes import check_votes
from annotate.services import errors, exclusions, tallies, voting
from tests import factories as make
from tests.services.test_ledger import held_ledger
from tests.services.threads import at_once

Cell = tuple[int, str, int, int, int, str]
CELL = ("comparison__round", "comparison__prompt__language", "comparison__annotator",
        "comparison__candidate_a", "comparison__candidate_b", "outcome")  # fmt: skip


def count_ledger(run: SelectionRun, cutoff: int) -> Counter[Cell]:
    """Count the votes for ranking that stood at the cut-off, those of the excluded too."""
    votes = Vote.objects.of_run(run).standing_at(cutoff).filter(comparison__purpose="ranking")
    return Counter(votes.values_list(*CELL))


def stored(run: SelectionRun) -> Counter[Cell]:
    tally = Tally.objects.filter(round__run=run, votes__gt=0)
    fields = ("round", "language", "annotator", "candidate_a", "candidate_b", "outcome", "votes")
    return Counter({tuple(cell): votes for *cell, votes in tally.values_list(*fields)})


def make_round() -> Round:
    """Open a round in two languages, with a known answer now and then."""
    round_ = make.make_open_round(n_candidates=3, n_prompts=3)
    japanese = make.make_prompt(round_.run.prompt_sets.get(), language="ja")
    for candidate in round_.candidates.all():
        make.make_completion(candidate, japanese)
    make.make_rules(round_.run, gold_rate=0.2, repeat_rate=0.2)
    for _pair in range(3):
        make.make_gold_pair(round_.run)
    return round_


class Crowd:
    """People who vote, and who change, undo and withdraw what they said; admins as well."""

    def __init__(self, round_: Round, rng: np.random.Generator, *, n: int = 4) -> None:
        self.round, self.run, self.rng = round_, round_.run, rng
        self.people = [make.make_annotator() for _person in range(n)]

    def act(self) -> None:
        """Do one thing at random, votes more often than all others."""
        person = self.people[self.rng.integers(len(self.people))]
        acts = [self.vote] * 12 + [self.change, self.undo, self.withdraw] * 2
        acts += [self.withdraw_all, self.exclude, self.include]
        acts[self.rng.integers(len(acts))](person)

    def vote(self, person: Annotator) -> None:
        choice = str(self.rng.choice(["left", "right", "tie", "both_bad"]))
        try:
            comparison = voting.lease_comparison(round_=self.round, annotator=person, rng=self.rng)
        except errors.NothingLeft:
            return
        voting.record_vote(token=comparison.token, annotator=person, choice=choice)

    def change(self, person: Annotator) -> None:
        if (vote := self.standing(person)) is not None:
            token = vote.comparison.token
            voting.change_vote(token=token, annotator=person, choice="tie")

    def undo(self, person: Annotator) -> None:
        voting.undo_vote(run=self.run, annotator=person)

    def withdraw(self, person: Annotator) -> None:
        if (vote := self.standing(person)) is not None:
            voting.withdraw_vote(vote=vote, by=None)

    def withdraw_all(self, person: Annotator) -> None:
        voting.withdraw_all(annotator=person, by=None)

    def exclude(self, person: Annotator) -> None:
        is_excluded = Exclusion.objects.standing().filter(annotator=person).exists()
        if person.comparisons.exists() and not is_excluded:
            exclusions.exclude(run=self.run, annotator=person, reason="careless")

    def include(self, person: Annotator) -> None:
        for exclusion in Exclusion.objects.standing().filter(annotator=person):
            exclusions.undo_exclusion(exclusion=exclusion, reason="a mistake")

    def standing(self, person: Annotator) -> Vote | None:
        votes = Vote.objects.standing().filter(comparison__annotator=person)
        ids = votes.order_by("id").values_list("id", flat=True)
        return votes.get(pk=int(self.rng.choice(ids))) if ids else None


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_tallies_are_a_count_of_the_ledger(seed: int) -> None:
    rng = np.random.default_rng(seed)
    crowd = Crowd(make_round(), rng)
    run = crowd.run
    n_checks = 0
    for _act in range(90):
        crowd.act()
        if rng.random() < 0.15:
            cutoff = tallies.roll_up(run=run)
            assert stored(run) == count_ledger(run, cutoff)
            n_checks += 1
    assert n_checks > 5
    assert sum(stored(run).values()) > 5


@pytest.mark.django_db
def test_read_tallies_leaves_out_who_is_excluded_now() -> None:
    crowd = Crowd(make_round(), np.random.default_rng(2))
    for person in crowd.people * 5:
        crowd.vote(person)
    tallies.roll_up(run=crowd.run)
    before = tallies.read_tallies(round_=crowd.round)
    crowd.exclude(crowd.people[0])
    after = tallies.read_tallies(round_=crowd.round)
    assert set(before.annotator) - set(after.annotator) == {crowd.people[0].pk}
    counting = Counter(Vote.objects.of_run(crowd.run).counting().values_list(*CELL))
    rows = zip(
        after.language, after.annotator, after.candidate_a, after.candidate_b, after.outcome,
        after.votes, strict=True,
    )  # fmt: skip
    read = {
        (crowd.round.pk, after.languages[tag], int(annotator), int(a), int(b), OUTCOMES[code]): n
        for tag, annotator, a, b, code, n in rows
    }
    assert read == counting
    crowd.include(crowd.people[0])
    again = tallies.read_tallies(round_=crowd.round)
    assert again.votes_by_language() == before.votes_by_language()


@pytest.mark.django_db
def test_read_tallies_of_a_round_without_votes() -> None:
    read = tallies.read_tallies(round_=make.make_open_round())
    assert (len(read.votes), read.votes_by_language()) == (0, {})
    assert read.candidate_a.dtype == np.int64


@pytest.mark.django_db
def test_a_roll_up_without_news_changes_nothing() -> None:
    crowd = Crowd(make_round(), np.random.default_rng(3))
    for person in crowd.people:
        crowd.vote(person)
    first = tallies.roll_up(run=crowd.run)
    before = stored(crowd.run)
    assert tallies.roll_up(run=crowd.run) > first
    assert stored(crowd.run) == before


@pytest.mark.django_db
def test_runs_are_tallied_apart() -> None:
    one, other = (Crowd(make_round(), np.random.default_rng(4)) for _run in range(2))
    for crowd in (one, other):
        for person in crowd.people:
            crowd.vote(person)
    tallies.roll_up(run=one.run)
    assert (sum(stored(one.run).values()) > 0, stored(other.run)) == (True, Counter())
    cutoff = tallies.roll_up(run=other.run)
    assert stored(other.run) == count_ledger(other.run, cutoff)


@pytest.mark.django_db(transaction=True)
def test_roll_ups_at_once_count_every_vote_once() -> None:
    crowd = Crowd(make_round(), np.random.default_rng(5))
    for person in crowd.people * 4:
        crowd.vote(person)
    cutoffs = at_once(*[lambda: tallies.roll_up(run=crowd.run)] * 6)
    assert stored(crowd.run) == count_ledger(crowd.run, max(cutoffs))
    assert TallyMark.objects.get().through == max(cutoffs)


@pytest.mark.django_db(transaction=True)
def test_votes_come_in_while_tallies_are_rolled_up() -> None:
    round_ = make_round()
    crowds = [Crowd(round_, np.random.default_rng(seed), n=2) for seed in range(3)]

    def act(crowd: Crowd) -> None:
        for _act in range(25):
            crowd.act()

    def roll_up() -> None:
        for _time in range(12):
            tallies.roll_up(run=round_.run)

    at_once(*[lambda crowd=crowd: act(crowd) for crowd in crowds], roll_up, roll_up)  # type: ignore[misc]
    cutoff = tallies.roll_up(run=round_.run)
    assert stored(round_.run) == count_ledger(round_.run, cutoff)
    assert Vote.objects.of_run(round_.run).count() > 30


@pytest.mark.django_db(transaction=True)
def test_a_roll_up_waits_for_no_import() -> None:
    round_ = make.make_open_round()
    with held_ledger(round_.run_id), pytest.raises(errors.LedgerBusy):
        tallies.roll_up(run=round_.run, timeout_ms=50)
    assert not TallyMark.objects.exists()


def test_strengths_of_real_votes_are_those_of_the_ledger_to_the_bit(
    crowd_of_llmfao: SelectionRun,
) -> None:
    run = crowd_of_llmfao
    cutoff = tallies.roll_up(run=run)
    assert stored(run) == count_ledger(run, cutoff)
    read = tallies.read_tallies(round_=run.rounds.get())
    assert read.votes.sum() == Vote.objects.of_run(run).counting().count() > 8_000
    from_tallies = strengths_of(
        [
            np.repeat(column, read.votes)
            for column in (read.candidate_a, read.candidate_b, read.outcome, read.annotator)
        ]
    )
    rows = Vote.objects.of_run(run).counting_at(cutoff).order_by("id").values_list(
        "comparison__candidate_a", "comparison__candidate_b", "outcome", "comparison__annotator"
    )  # fmt: skip
    columns = [np.array([(a, b, OUTCOMES.index(o), who) for a, b, o, who in rows])[:, i]
               for i in range(4)]  # fmt: skip
    assert (from_tallies == strengths_of(columns)).all()


def strengths_of(columns: list[np.ndarray]) -> np.ndarray:
    candidate_a, candidate_b, outcome, annotator = columns
    ids = np.unique(np.concatenate([candidate_a, candidate_b]))
    votes = check_votes(
        candidate_a=np.searchsorted(ids, candidate_a),
        candidate_b=np.searchsorted(ids, candidate_b),
        outcome=outcome,
        annotator=annotator,
        n_candidates=len(ids),
    )
    tally, _record = count_votes(votes)
    return fit_strengths(tally.half_win_matrix(), prior=0.5)
