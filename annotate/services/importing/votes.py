"""Votes into a run's newest round."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.utils import timezone

from annotate.formats import STOP, Faults, FormatError, VoteRow
from annotate.models import (
    Comparison,
    Completion,
    PassageMark,
    PromptSet,
    Round,
    SelectionRun,
    Vote,
)
from annotate.services import errors, estimating, ledger
from annotate.services.importing.ballots import FLIPPED, MARK_COLUMNS, SAID, Ballot, stored_votes
from annotate.services.importing.batches import Batches
from annotate.services.importing.counts import Counts
from annotate.services.importing.tables import analyze, array_of_texts, copy_rows, draw_ids
from annotate.services.importing.voted import Voted
from annotate.services.importing.whole import Conflict, all_or_nothing, conflict, tell, wrong

_COMPARISON_COLUMNS = ("id", "token", "round_id", "annotator_id", "prompt_id", "candidate_a_id",
                       "completion_a_id", "candidate_b_id", "completion_b_id", "side_a",
                       "created_at", "answered_at", "import_key")  # fmt: skip
_VOTE_COLUMNS = ("comparison_id", "turn", *SAID, "created_at")


def import_votes(
    *,
    rows: Iterable[VoteRow],
    run: SelectionRun,
    faults: Faults = STOP,
    dry_run: bool = False,
) -> Counts:
    """Add votes to the run's newest round; annotators are known by their names within the run.

    Args:
        faults: takes what is wrong with rows; unless it gathers them, the first one is raised.
        dry_run: do everything, and keep nothing.

    Raises:
        ImportRefused: a row contradicts what is there, or names what the run does not have.
            `FaultsFound` where faults were gathered.
        WrongState: the run is closed.
    """
    counts = Counts()
    with all_or_nothing(faults=faults, dry_run=dry_run, counts=counts):
        # A second import into the run waits here, then finds what the first one brought.
        run = SelectionRun.objects.select_for_update(no_key=True).get(pk=run.pk)
        writer = VoteWriter(run, counts, faults)
        for batch in Batches(rows):
            writer.add(batch)
        writer.finish()
    if not dry_run:
        analyze({Comparison: counts.new, Vote: counts.new})
    return counts


class VoteWriter:
    """Stores votes, with the comparisons that they answer, in the run's newest round.

    Args:
        prompt_set: where the votes' prompts are; None is any of the run's sets.
    """

    def __init__(
        self,
        run: SelectionRun,
        counts: Counts,
        faults: Faults,
        prompt_set: PromptSet | None = None,
    ) -> None:
        self._run = run
        self._rounds: dict[int, Round] = {}
        self._counts = counts
        self._faults = faults
        self._now = timezone.now()
        self._voted = Voted(run, prompt_set)
        ledger.hold_ledger(run_id=run.pk)

    def add(self, rows: Sequence[VoteRow]) -> None:
        """Store the votes that are new; those that are there and say something else are faults.

        Raises:
            WrongState: the run is closed.
            ImportRefused: it has no round, and so no completions.
        """
        round_ = _round_for(self._run)
        self._voted.learn(rows)
        cast = [(row, ballot) for row in rows if (ballot := self._ballot_or_fault(row)) is not None]
        cast = self._within_their_texts(cast)
        there = stored_votes([ballot.key for _row, ballot in cast])
        new = []
        for row, ballot in cast:
            if ballot.key not in there:
                there[ballot.key] = ballot.says
                new.append(ballot)
            elif there[ballot.key] == ballot.says:
                self._counts.add(equal=1)
            else:
                self._tell(self._change(row, ballot, there[ballot.key]))
        if new:
            self._rounds[round_.pk] = round_
            self._store(round_, new)
        self._counts.add(new=len(new))

    def finish(self) -> None:
        """Have the rounds looked at that have new votes."""
        for round_ in self._rounds.values():
            estimating.request_refresh(round_=round_)

    def _tell(self, fault: FormatError) -> None:
        self._counts.add(conflict=int(isinstance(fault, Conflict)))
        tell(self._faults, fault)

    def _store(self, round_: Round, ballots: Sequence[Ballot]) -> None:
        """Store votes with the comparisons that they answer."""
        ids = draw_ids(table=Comparison, n=len(ballots))
        copy_rows(
            table=Comparison,
            columns=_COMPARISON_COLUMNS,
            rows=(
                (pk, uuid.uuid4(), round_.pk, vote.annotator_id, vote.prompt_id,
                 vote.candidate_a_id, vote.completion_a_id, vote.candidate_b_id,
                 vote.completion_b_id, vote.side_a, self._now, vote.created_at, vote.import_key)
                for pk, vote in zip(ids, ballots, strict=True)
            ),
        )  # fmt: skip
        copy_rows(
            table=Vote,
            columns=_VOTE_COLUMNS,
            rows=(
                (pk, vote.turn, vote.outcome, vote.degree, array_of_texts(vote.reasons_a),
                 array_of_texts(vote.reasons_b), vote.comment, vote.created_at)
                for pk, vote in zip(ids, ballots, strict=True)
            ),
        )  # fmt: skip
        marks = {pk: vote.marks for pk, vote in zip(ids, ballots, strict=True) if vote.marks}
        if marks:
            votes = Vote.objects.filter(comparison__in=marks).values_list("pk", "comparison")
            copy_rows(
                table=PassageMark,
                columns=MARK_COLUMNS,
                rows=[(vote, *mark) for vote, pk in votes for mark in marks[pk]],
            )

    def _ballot_or_fault(self, row: VoteRow) -> Ballot | None:
        try:
            return self._ballot(row)
        except FormatError as fault:
            self._tell(fault)
            return None

    def _ballot(self, row: VoteRow) -> Ballot:
        annotator_id = self._voted.annotator(row)
        prompt_id, n_turns = self._voted.prompt(row)
        if row.turn > n_turns:
            raise wrong(
                row.location, "turn", row.turn,
                f"one of the {n_turns} turn(s) of prompt {row.prompt!r}; they count from 1, and 0"
                " is the conversation as a whole",
            )  # fmt: skip
        first = self._voted.side(row, "a", prompt_id)
        second = self._voted.side(row, "b", prompt_id)
        ballot = Ballot(
            annotator_id, row.identity, prompt_id, *first, *second, row.side_a, row.turn,
            row.outcome, row.degree, row.reasons_a, row.reasons_b, row.comment, row.marks,
            row.created_at or self._now,
        )  # fmt: skip
        # a is the candidate with the lower id, here as everywhere
        return ballot.flipped() if first > second else ballot

    def _change(self, row: VoteRow, ballot: Ballot, stored: tuple[Any, ...]) -> Conflict:
        """Say in what a vote differs from the one that is there."""
        if stored[:3] != ballot.says[:3]:
            return conflict(
                row.location, "id", row.id,
                f"new: {row.annotator!r} has a vote of this name on other completions in run"
                f" {self._run.slug}; each vote of an annotator needs an id of its own",
            )  # fmt: skip
        pairs = zip((*SAID, "marks"), stored[3:], ballot.says[3:], strict=True)
        field = next(field for field, there, given in pairs if there != given)
        if not self._voted.is_first(row, ballot.candidate_a_id):
            field = FLIPPED.get(field, field)  # as the file calls it
        value = getattr(row, field)
        return conflict(
            row.location, field, list(value) if isinstance(value, tuple) else value,
            f"what this vote of {row.annotator!r} says; votes are never changed, and a second one"
            " needs an id of its own",
        )  # fmt: skip

    def _within_their_texts(
        self, cast: Sequence[tuple[VoteRow, Ballot]]
    ) -> list[tuple[VoteRow, Ballot]]:
        """Leave out votes with a passage that is not within the reply that it names."""
        marked = {
            ballot.completion_a_id if mark.which == "a" else ballot.completion_b_id
            for _row, ballot in cast
            for mark in ballot.marks
        }
        if not marked:
            return list(cast)
        texts = Completion.objects.filter(pk__in=marked).values_list("pk", "replies").iterator()
        lengths = {pk: [len(reply) for reply in replies] for pk, replies in texts}
        within = []
        for row, ballot in cast:
            fault = _mark_beyond(row, ballot, lengths)
            if fault is None:
                within.append((row, ballot))
            else:
                self._tell(fault)
        return within


def _round_for(run: SelectionRun) -> Round:
    if run.state == SelectionRun.State.CLOSED:
        raise errors.WrongState(f"run {run.slug} is closed and takes no votes")
    round_ = run.rounds.order_by("number").last()
    if round_ is None:
        message = f"run {run.slug} has no completions to vote on; import those first"
        raise errors.ImportRefused(message)
    return round_


def _mark_beyond(row: VoteRow, ballot: Ballot, lengths: dict[int, list[int]]) -> FormatError | None:
    """Make the fault of the first mark beyond the text that it is on."""
    for mark in ballot.marks:
        n_chars = lengths[ballot.completion_a_id if mark.which == "a" else ballot.completion_b_id]
        if mark.turn > len(n_chars):
            return wrong(
                row.location, "marks", mark.turn,
                f"a turn of the completion that is marked, which has {len(n_chars)} reply(s); they"
                " count from 1",
            )  # fmt: skip
        if mark.end > n_chars[mark.turn - 1]:
            return wrong(
                row.location, "marks", mark.end,
                f"an end within the {n_chars[mark.turn - 1]} characters of the reply that is"
                " marked; they are counted in code points",
            )  # fmt: skip
    return None
