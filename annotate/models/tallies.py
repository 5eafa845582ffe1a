"""Votes of a run added up, so that nobody has to count them one by one.

The ledger stays the truth. Nobody who votes touches a tally: one process at a time rolls up what
the ledger has gained since the mark.
"""

from django.db import models

from annotate.models.candidates import Candidate
from annotate.models.checks import choice_check
from annotate.models.comparisons import Outcome
from annotate.models.people import Annotator
from annotate.models.runs import Round, SelectionRun


class TallyMark(models.Model):
    """How far a run's votes have been added up."""

    run = models.OneToOneField(
        SelectionRun, primary_key=True, on_delete=models.CASCADE, related_name="tally_mark"
    )
    through = models.BigIntegerField(
        default=0, help_text="Number in the vote ledger up to which votes are in the tallies."
    )

    def __str__(self) -> str:
        return f"{self.run} @ {self.through}"


class Tally(models.Model):
    """How often an annotator gave an outcome to a pair of candidates, in a round and a language.

    Votes for ranking that stood at the mark, those of annotators who were excluded among them.
    """

    round = models.ForeignKey(
        Round, on_delete=models.CASCADE, related_name="tallies", db_index=False
    )
    language = models.CharField(max_length=16)
    annotator = models.ForeignKey(
        Annotator, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    candidate_a = models.ForeignKey(
        Candidate, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    candidate_b = models.ForeignKey(
        Candidate, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    votes = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            choice_check("tally", "outcome", Outcome),
            models.CheckConstraint(
                name="tally_candidates_in_order",
                condition=models.Q(candidate_a__lt=models.F("candidate_b")),
            ),
            models.UniqueConstraint(
                fields=[
                    "round", "language", "annotator", "candidate_a", "candidate_b", "outcome",
                ],
                name="tally_counted_once",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.candidate_a_id}:{self.candidate_b_id} {self.outcome} {self.votes}"
