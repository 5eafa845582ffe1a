"""Add up the votes of a run as they come, so that nobody has to count all of them again.

Nobody who votes touches a tally. Whoever wants to read them first rolls up what the ledger has
gained since the run's mark: its new votes, and those taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection, transaction
from django.db.models import BigIntegerField
from django.db.models.functions import Cast

from annotate.models import Annotator, Exclusion, Round, SelectionRun, Tally, TallyMark
from annotate.models.comparisons import Purpose
from annotate.ranking import OUTCOMES
from annotate.ranking.arrays import IntArray
from annotate.services.ledger import take_cutoff
from annotate.services.vote_columns import code_of, read_columns

# A vote cast and taken back between mark and cut-off is in both halves of `entries`, and comes to
# nothing. What is gained goes in by upsert. What is lost is taken off by an update: a row of -1
# would break the column's own check before its conflict with the row that is there is seen.
# Groups are distinct, so no row is met by both.
ROLL_UP = """
WITH entries AS (
  SELECT comparison_id, outcome, 1 AS gain FROM annotate_vote
  WHERE id > %(mark)s AND id <= %(cutoff)s
  UNION ALL
  SELECT comparison_id, outcome, -1 AS gain FROM annotate_vote
  WHERE withdrawn_number > %(mark)s AND withdrawn_number <= %(cutoff)s
),
changes AS MATERIALIZED (
  SELECT comparison.round_id, prompt.language, comparison.annotator_id,
         comparison.candidate_a_id, comparison.candidate_b_id, entries.outcome, sum(gain) AS gain
  FROM entries
  JOIN annotate_comparison AS comparison ON comparison.id = entries.comparison_id
  JOIN annotate_round AS round ON round.id = comparison.round_id
  JOIN annotate_prompt AS prompt ON prompt.id = comparison.prompt_id
  WHERE round.run_id = %(run)s AND comparison.purpose = %(purpose)s
  GROUP BY 1, 2, 3, 4, 5, 6
  HAVING sum(gain) <> 0
),
lost AS (
  UPDATE annotate_tally AS tally SET votes = tally.votes + changes.gain
  FROM changes
  WHERE changes.gain < 0
    AND tally.round_id = changes.round_id AND tally.language = changes.language
    AND tally.annotator_id = changes.annotator_id
    AND tally.candidate_a_id = changes.candidate_a_id
    AND tally.candidate_b_id = changes.candidate_b_id AND tally.outcome = changes.outcome
)
INSERT INTO annotate_tally AS tally
  (round_id, language, annotator_id, candidate_a_id, candidate_b_id, outcome, votes)
SELECT round_id, language, annotator_id, candidate_a_id, candidate_b_id, outcome, gain
FROM changes WHERE gain > 0
ON CONFLICT ON CONSTRAINT tally_counted_once DO UPDATE SET votes = tally.votes + EXCLUDED.votes
"""


@dataclass(frozen=True)
class TallyColumns:
    """A round's tallies, one row for each annotator, pair of candidates, outcome and language.

    Attributes:
        annotator, candidate_a, candidate_b: (rows,) ids, a below b.
        outcome: (rows,) codes: the place of the outcome in `OUTCOMES`.
        votes: (rows,) how many, 1 or more.
        language: (rows,) place of the prompt's language in `languages`, their tags.
        through: number of the ledger up to which they hold.
    """

    annotator: IntArray
    candidate_a: IntArray
    candidate_b: IntArray
    outcome: IntArray
    votes: IntArray
    language: IntArray
    languages: tuple[str, ...]
    through: int

    def among(self, candidates: Sequence[int]) -> "TallyColumns":
        """Keep the rows of which both candidates are among these."""
        kept = np.isin(self.candidate_a, candidates) & np.isin(self.candidate_b, candidates)
        return TallyColumns(
            self.annotator[kept],
            self.candidate_a[kept],
            self.candidate_b[kept],
            self.outcome[kept],
            self.votes[kept],
            self.language[kept],
            self.languages,
            self.through,
        )

    def votes_by_language(self) -> dict[str, int]:
        """Count the votes in each language that has any."""
        places, inverse = np.unique(self.language, return_inverse=True)
        votes = np.bincount(inverse, weights=self.votes).astype(np.int64).tolist()
        return {self.languages[place]: n for place, n in zip(places, votes, strict=True)}


def roll_up(*, run: SelectionRun, timeout_ms: int | None = None) -> int:
    """Bring the run's tallies up to date, and give the ledger's number up to which they hold.

    Several at once take turns; whoever comes with an older cut-off finds its work done. To be
    called outside of a transaction: one that went on would keep volunteers from voting.

    Raises:
        LedgerBusy: as `take_cutoff`.
    """
    cutoff = take_cutoff(run=run, timeout_ms=timeout_ms)
    TallyMark.objects.get_or_create(run=run)
    with transaction.atomic():
        mark = TallyMark.objects.select_for_update().get(run=run)
        if cutoff <= mark.through:
            return mark.through
        with connection.cursor() as cursor:
            cursor.execute(
                ROLL_UP,
                {
                    "mark": mark.through,
                    "cutoff": cutoff,
                    "run": run.pk,
                    "purpose": Purpose.RANKING.value,
                },
            )
        mark.through = cutoff
        mark.save(update_fields=["through"])
    return cutoff


def read_tallies(*, round_: Round) -> TallyColumns:
    """Read the tallies of a round as they were rolled up last.

    Without the excluded annotators, and without LLM judges, who decide no round.
    """
    excluded = Exclusion.objects.standing().filter(run=round_.run_id)
    rows = (
        Tally.objects.filter(round=round_, votes__gt=0)
        .exclude(annotator__in=excluded.values("annotator"))
        .exclude(annotator__kind=Annotator.Kind.JUDGE)
    )
    with transaction.atomic():
        # Held, so that rows and mark are of one moment.
        mark = TallyMark.objects.select_for_update().filter(run=round_.run_id).first()
        languages = tuple(rows.order_by("language").values_list("language", flat=True).distinct())
        names = ("annotator", "candidate_a", "candidate_b", "votes")
        columns = {name: Cast(name, BigIntegerField()) for name in names}
        columns["outcome"] = code_of("outcome", OUTCOMES)
        columns["language"] = code_of("language", languages)
        read = read_columns(rows.order_by(), columns)
    order = ("language", "outcome", "candidate_b", "candidate_a", "annotator")
    read = read[np.lexsort([read[name] for name in order])]
    return TallyColumns(
        annotator=read["annotator"],
        candidate_a=read["candidate_a"],
        candidate_b=read["candidate_b"],
        outcome=read["outcome"],
        votes=read["votes"],
        language=read["language"],
        languages=languages,
        through=0 if mark is None else mark.through,
    )
