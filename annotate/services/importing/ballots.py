"""A vote in terms of the database, the candidate with the lower id first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models.expressions import RawSQL

from annotate.formats import MarkRow
from annotate.models import PassageMark
from annotate.services.importing.tables import array_of_numbers, array_of_texts

FLIPPED = {"a": "b", "b": "a", "left": "right", "right": "left", "reasons_a": "reasons_b",
           "reasons_b": "reasons_a"}  # fmt: skip

SAID = ("outcome", "degree", "reasons_a", "reasons_b", "comment")
MARK_COLUMNS = ("vote_id", *MarkRow._fields)

Key = tuple[int, str]  # annotator, and what names the vote among that annotator's


class Ballot(NamedTuple):
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
        """Name the vote."""
        return self.annotator_id, self.import_key

    @property
    def says(self) -> tuple[Any, ...]:
        """Say all that may not be changed."""
        return (
            self.completion_a_id, self.completion_b_id, self.turn, self.outcome, self.degree,
            self.reasons_a, self.reasons_b, self.comment, self.marks,
        )  # fmt: skip

    def flipped(self) -> "Ballot":
        """Say the same with the candidates in the other order."""
        return self._replace(
            candidate_a_id=self.candidate_b_id,
            completion_a_id=self.completion_b_id,
            candidate_b_id=self.candidate_a_id,
            completion_b_id=self.completion_a_id,
            side_a=FLIPPED[self.side_a] if self.side_a else None,
            outcome=FLIPPED.get(self.outcome, self.outcome),
            reasons_a=self.reasons_b,
            reasons_b=self.reasons_a,
            marks=_flipped_marks(self.marks) if self.marks else (),
        )


def _flipped_marks(marks: Sequence[MarkRow]) -> tuple[MarkRow, ...]:
    flipped = (mark._replace(which="b" if mark.which == "a" else "a") for mark in marks)
    return tuple(sorted(flipped))


def stored_votes(keys: Sequence[Key]) -> dict[Key, tuple[Any, ...]]:
    """Read what the votes of earlier imports say (`Ballot.says`), withdrawn ones too."""
    if not keys:
        return {}
    annotators, import_keys = zip(*keys, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT annotator_id, import_key, annotate_vote.id, completion_a_id, completion_b_id,"  # noqa: S608 - SAID is a constant
            f" turn, {', '.join(SAID)}"
            " FROM annotate_comparison"
            " JOIN unnest(%s::bigint[], %s::text[]) AS wanted (annotator_id, import_key)"
            " USING (annotator_id, import_key)"
            " JOIN annotate_vote ON annotate_vote.comparison_id = annotate_comparison.id"
            " ORDER BY annotate_vote.id",
            [array_of_numbers(annotators), array_of_texts(import_keys)],
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
    for vote, *mark in PassageMark.objects.filter(vote__in=of_votes).values_list(*MARK_COLUMNS):
        marks.setdefault(vote, []).append(MarkRow(*mark))
    return marks
