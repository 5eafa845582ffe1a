"""Votes into a run's newest round."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, NoReturn

from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.db.models.expressions import RawSQL
from django.utils import timezone

from annotate.formats import MarkRow, VoteRow
from annotate.models import (
    Annotator,
    Comparison,
    Completion,
    PassageMark,
    Round,
    SelectionRun,
    Vote,
)
from annotate.services import errors, estimating, ledger
from annotate.services.importing.counts import Counts, batched, refuse
from annotate.services.importing.tables import analyze, array_of_tags, copy_rows, draw_ids

FLIPPED = {"a": "b", "b": "a", "left": "right", "right": "left", "reasons_a": "reasons_b",
           "reasons_b": "reasons_a"}  # fmt: skip

_COMPARISON_COLUMNS = ("id", "token", "round_id", "annotator_id", "prompt_id", "candidate_a_id",
                       "completion_a_id", "candidate_b_id", "completion_b_id", "side_a",
                       "created_at", "answered_at", "import_key")  # fmt: skip
_SAID = ("outcome", "degree", "reasons_a", "reasons_b", "comment")
_VOTE_COLUMNS = ("comparison_id", "turn", *_SAID, "created_at")
_MARK_COLUMNS = ("vote_id", *MarkRow._fields)

Key = tuple[int, str]  # annotator, and what names the vote among that annotator's


class _Ballot(NamedTuple):
    """A vote in terms of the database, with what tells it from another of the same key."""

    annotator_id: int
    import_key: str
    prompt_id: int
    candidate_a_id: int
    completion_a_id: int
    candidate_b_id: int
    completion_b_id: int
    side_a: str | None
    turn: int
    outcome: str
    degree: str
    reasons_a: tuple[str, ...]
    reasons_b: tuple[str, ...]
    comment: str
    marks: tuple[MarkRow, ...]
    created_at: datetime

    @property
    def key(self) -> Key:
        return self.annotator_id, self.import_key

    @property
    def says(self) -> tuple[Any, ...]:
        return (
            self.completion_a_id, self.completion_b_id, self.turn, self.outcome, self.degree,
            self.reasons_a, self.reasons_b, self.comment, self.marks,
        )  # fmt: skip


def import_votes(*, rows: Iterable[VoteRow], run: SelectionRun) -> Counts:
    """Add votes to the run's newest round; annotators are known by their names within the run.

    Raises:
        ImportRefused: a row contradicts what is there, or names what the run does not have.
        WrongState: the run is closed.
    """
    counts = Counts()
    with transaction.atomic():
        # A second import into the run waits here, then finds what the first one brought.
        run = SelectionRun.objects.select_for_update(no_key=True).get(pk=run.pk)
        round_ = _round_for(run)
        writer = _Writer(run, round_)
        ledger.hold_ledger(run_id=run.pk)
        for batch in batched(rows):
            counts.add(**writer.add(batch))
        if counts.new:
            estimating.request_refresh(round_=round_)
    analyze({Comparison: counts.new, Vote: counts.new})
    return counts


def _round_for(run: SelectionRun) -> Round:
    if run.state == SelectionRun.State.CLOSED:
        raise errors.WrongState(f"run {run.slug} is closed and takes no votes")
    round_ = run.rounds.order_by("number").last()
    if round_ is None:
        message = f"run {run.slug} has no completions to vote on; import those first"
        raise errors.ImportRefused(message)
    return round_


class _Writer:
    """Stores votes with the comparisons that they answer."""

    def __init__(self, run: SelectionRun, round_: Round) -> None:
        self._run = run
        self._round = round_
        self._now = timezone.now()
        self._candidates = dict(run.candidates.values_list("name", "id"))
        self._prompts = self._read_prompts()
        self._annotators: dict[str, Annotator] = {}
        self._completions: dict[tuple[int, int, int], int] = {}

    def add(self, rows: Sequence[VoteRow]) -> dict[str, int]:
        """Store the votes that are new; refuse those that are there and say something else."""
        self._learn_annotators(rows)
        self._learn_completions(rows)
        ballots = [self._ballot(row) for row in rows]
        _check_marks(rows, ballots)
        there = _stored_votes([ballot.key for ballot in ballots])
        new = []
        for row, ballot in zip(rows, ballots, strict=True):
            if ballot.key not in there:
                there[ballot.key] = ballot.says
                new.append(ballot)
            elif there[ballot.key] != ballot.says:
                self._refuse_change(row, ballot, there[ballot.key])
        self._store(new)
        return {"new": len(new), "equal": len(rows) - len(new)}

    def _store(self, ballots: Sequence[_Ballot]) -> None:
        """Store votes with the comparisons that they answer."""
        ids = draw_ids(table=Comparison, n=len(ballots))
        copy_rows(
            table=Comparison,
            columns=_COMPARISON_COLUMNS,
            rows=(
                (pk, uuid.uuid4(), self._round.pk, vote.annotator_id, vote.prompt_id,
                 vote.candidate_a_id, vote.completion_a_id, vote.candidate_b_id,
                 vote.completion_b_id, vote.side_a, self._now, vote.created_at, vote.import_key)
                for pk, vote in zip(ids, ballots, strict=True)
            ),
        )  # fmt: skip
        copy_rows(
            table=Vote,
            columns=_VOTE_COLUMNS,
            rows=(
                (pk, vote.turn, vote.outcome, vote.degree, array_of_tags(vote.reasons_a),
                 array_of_tags(vote.reasons_b), vote.comment, vote.created_at)
                for pk, vote in zip(ids, ballots, strict=True)
            ),
        )  # fmt: skip
        marks = {pk: vote.marks for pk, vote in zip(ids, ballots, strict=True) if vote.marks}
        votes = Vote.objects.filter(comparison__in=marks).values_list("pk", "comparison")
        copy_rows(
            table=PassageMark,
            columns=_MARK_COLUMNS,
            rows=[(vote, *mark) for vote, pk in votes for mark in marks[pk]],
        )

    def _ballot(self, row: VoteRow) -> _Ballot:
        prompt_id, n_turns = self._prompt(row)
        if row.turn > n_turns:
            refuse(
                row.location,
                f"turn: {row.turn} is beyond the {n_turns} turn(s) of prompt {row.prompt!r}; they"
                " count from 1, and 0 is the conversation as a whole",
            )
        first = self._side(row, "a", prompt_id, row.candidate_a, row.sample_a)
        second = self._side(row, "b", prompt_id, row.candidate_b, row.sample_b)
        ballot = _Ballot(
            self._annotators[row.annotator].pk, row.identity, prompt_id, *first, *second,
            row.side_a, row.turn, row.outcome, row.degree, row.reasons_a, row.reasons_b,
            row.comment, row.marks, row.created_at or self._now,
        )  # fmt: skip
        # a is the candidate with the lower id, here as everywhere
        return _flipped(ballot) if first > second else ballot

    def _refuse_change(self, row: VoteRow, ballot: _Ballot, stored: tuple[Any, ...]) -> NoReturn:
        if stored[:3] == ballot.says[:3]:
            pairs = zip((*_SAID, "marks"), stored[3:], ballot.says[3:], strict=True)
            field = next(field for field, there, given in pairs if there != given)
            if ballot.candidate_a_id != self._candidates[row.candidate_a]:
                field = FLIPPED.get(field, field)  # as the file calls it
            refuse(
                row.location,
                f"{field}: this vote of {row.annotator!r} is there and says otherwise; votes are"
                " never changed, and a second one needs an id of its own",
            )
        refuse(
            row.location,
            f"id: {row.annotator!r} has a vote {row.id!r} on other completions in run"
            f" {self._run.slug}; each vote of an annotator needs an id of its own",
        )

    def _prompt(self, row: VoteRow) -> tuple[int, int]:
        """Find (id, turns) of the prompt."""
        found = self._prompts.get(row.prompt, [])
        if not found:
            refuse(
                row.location,
                f"prompt: run {self._run.slug} has no completions on a prompt {row.prompt!r};"
                " import completions before votes",
            )
        if len(found) > 1:
            refuse(
                row.location,
                f"prompt: run {self._run.slug} has {len(found)} prompts {row.prompt!r}, from sets"
                " of its own each, and a vote cannot say which; keys must differ between them",
            )
        return found[0]

    def _side(
        self, row: VoteRow, letter: str, prompt_id: int, candidate: str, sample: int
    ) -> tuple[int, int]:
        """Find (candidate, completion) of one side."""
        if candidate not in self._candidates:
            refuse(
                row.location,
                f"candidate_{letter}: run {self._run.slug} has no candidate {candidate!r}; it has:"
                f" {errors.names_like(candidate, self._candidates)}",
            )
        candidate_id = self._candidates[candidate]
        completion_id = self._completions.get((candidate_id, prompt_id, sample))
        if completion_id is None:
            refuse(
                row.location,
                f"sample_{letter}: run {self._run.slug} has no sample {sample} of {candidate!r} on"
                f" prompt {row.prompt!r}; import completions before votes",
            )
        return candidate_id, completion_id

    def _read_prompts(self) -> dict[str, list[tuple[int, int]]]:
        """Read the prompts on which the run has completions by key: (id, turns) in each set."""
        answered = Completion.objects.of_run(self._run).filter(prompt=OuterRef("pk"))
        prompts = self._run.prompts().filter(Exists(answered))
        found: dict[str, list[tuple[int, int]]] = {}
        for key, pk, turns in prompts.values_list("key", "pk", "turns"):
            found.setdefault(key, []).append((pk, len(turns)))
        return found

    def _learn_annotators(self, rows: Sequence[VoteRow]) -> None:
        named: dict[str, VoteRow] = {}
        for row in rows:
            if row.annotator not in self._annotators:
                named.setdefault(row.annotator, row)
        Annotator.objects.bulk_create(
            [
                Annotator(source=self._run.slug, name=name, kind=row.annotator_kind)
                for name, row in named.items()
            ],
            ignore_conflicts=True,
        )
        stored = Annotator.objects.filter(source=self._run.slug, name__in=named)
        self._annotators |= {annotator.name: annotator for annotator in stored}
        for row in rows:
            kind = self._annotators[row.annotator].kind
            if kind != row.annotator_kind:
                refuse(
                    row.location,
                    f"annotator_kind: {row.annotator!r} is {row.annotator_kind} here and {kind} in"
                    f" run {self._run.slug}",
                )

    def _learn_completions(self, rows: Sequence[VoteRow]) -> None:
        prompts = {pk for row in rows for pk, _n_turns in self._prompts.get(row.prompt, [])}
        known = {prompt for _candidate, prompt, _sample in self._completions}
        stored = Completion.objects.of_run(self._run).filter(prompt__in=prompts - known)
        self._completions |= {
            (candidate, prompt, sample): pk
            for pk, candidate, prompt, sample in stored.values_list(
                "pk", "candidate", "prompt", "sample"
            )
        }


def _flipped(ballot: _Ballot) -> _Ballot:
    """Say the same with the candidates in the other order."""
    return ballot._replace(
        candidate_a_id=ballot.candidate_b_id,
        completion_a_id=ballot.completion_b_id,
        candidate_b_id=ballot.candidate_a_id,
        completion_b_id=ballot.completion_a_id,
        side_a=FLIPPED[ballot.side_a] if ballot.side_a else None,
        outcome=FLIPPED.get(ballot.outcome, ballot.outcome),
        reasons_a=ballot.reasons_b,
        reasons_b=ballot.reasons_a,
        marks=_flipped_marks(ballot.marks) if ballot.marks else (),
    )


def _flipped_marks(marks: Sequence[MarkRow]) -> tuple[MarkRow, ...]:
    flipped = (mark._replace(which="b" if mark.which == "a" else "a") for mark in marks)
    return tuple(sorted(flipped))


def _check_marks(rows: Sequence[VoteRow], ballots: Sequence[_Ballot]) -> None:
    """Refuse a passage that is not within the reply that it names."""
    marked = [
        (row, mark, ballot.completion_a_id if mark.which == "a" else ballot.completion_b_id)
        for row, ballot in zip(rows, ballots, strict=True)
        for mark in ballot.marks
    ]
    completions = Completion.objects.filter(pk__in={pk for _row, _mark, pk in marked})
    texts = completions.values_list("pk", "replies").iterator()
    lengths = {pk: [len(reply) for reply in replies] for pk, replies in texts}
    for row, mark, pk in marked:
        n_replies = len(lengths[pk])
        if mark.turn > n_replies:
            refuse(
                row.location,
                f"marks: turn {mark.turn} is beyond the {n_replies} reply(s) of the completion"
                " that is marked; they count from 1",
            )
        n_chars = lengths[pk][mark.turn - 1]
        if mark.end > n_chars:
            refuse(
                row.location,
                f"marks: end {mark.end} is beyond the {n_chars} characters of the reply that is"
                " marked; they are counted in code points",
            )


def _stored_votes(keys: Sequence[Key]) -> dict[Key, tuple[Any, ...]]:
    """Read what the votes of earlier imports say, withdrawn ones too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT annotator_id, import_key, annotate_vote.id, completion_a_id, completion_b_id,"
            f" turn, {', '.join(_SAID)}"
            " FROM annotate_comparison"
            " JOIN unnest(%s::bigint[], %s::text[]) AS wanted (annotator_id, import_key)"
            " USING (annotator_id, import_key)"
            " JOIN annotate_vote ON annotate_vote.comparison_id = annotate_comparison.id"
            " ORDER BY annotate_vote.id",
            [list(column) for column in zip(*keys, strict=True)],
        )
        found = cursor.fetchall()
    marks = _stored_marks([vote_id for _annotator, _key, vote_id, *_says in found])
    return {
        (annotator, key): (
            *says, tuple(reasons_a), tuple(reasons_b), comment,
            tuple(sorted(marks.get(vote_id, ()))),
        )
        for annotator, key, vote_id, *says, reasons_a, reasons_b, comment in found
    }  # fmt: skip


def _stored_marks(votes: Sequence[int]) -> dict[int, list[MarkRow]]:
    marks: dict[int, list[MarkRow]] = {}
    # An array of ids is one parameter; `vote__in` would make thousands, and take as long again.
    of_votes = RawSQL("SELECT unnest(%s::bigint[])", [list(votes)])
    for vote, *mark in PassageMark.objects.filter(vote__in=of_votes).values_list(*_MARK_COLUMNS):
        marks.setdefault(vote, []).append(MarkRow(*mark))
    return marks
