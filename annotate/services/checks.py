"""Pairs that check an annotator: one whose right answer is known, or one that comes again.

They are drawn in place of one that ranks candidates, so often that what they ask is kept prepared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotate.models import Annotator, Comparison, RatingRules, Round
from annotate.models.comparisons import Outcome, Purpose, Side
from annotate.services.fields import Seen
from annotate.services.joined import HIDES, ask
from annotate.services.pairing import RoundNow, is_read_by
from annotate.services.texts import draw_side, pair_up, read_two

REPEAT_AFTER = 5  # comparisons that should lie between a pair and its repetition
# As many of the last are looked through for one to repeat; who has judged more repeats no older.
REPEAT_WITHIN = 500

_IS_HIDDEN = f"""EXISTS (
    SELECT FROM annotate_report AS report
    WHERE report.completion_id IN (pair.completion_a_id, pair.completion_b_id)
    AND {HIDES}
  )"""
_JOINS = """
  JOIN annotate_completion AS a ON a.id = pair.completion_a_id
  JOIN annotate_completion AS b ON b.id = pair.completion_b_id
  JOIN annotate_prompt AS prompt ON prompt.id = a.prompt_id"""
_COLUMNS = """pair.id, pair.completion_a_id, pair.completion_b_id, prompt.id, prompt.language,
  a.names_maker <> '' OR b.names_maker <> ''"""
_KNOWN = f"""
SELECT {_COLUMNS}, pair.outcome
FROM annotate_goldpair AS pair {_JOINS}
WHERE pair.run_id = %(run)s AND pair.use = '{Purpose.GOLD}' AND pair.retired_at IS NULL
  AND NOT {_IS_HIDDEN}
ORDER BY pair.id"""  # noqa: S608 - only names and constants of our own go in
_JUDGED = f"""
SELECT {_COLUMNS}, pair.side_a, pair.purpose = '{Purpose.RANKING}' AND NOT {_IS_HIDDEN}
  AND NOT EXISTS (SELECT FROM annotate_comparison WHERE repeats_id = pair.id)
FROM (
  SELECT * FROM annotate_comparison
  WHERE annotator_id = %(annotator)s AND round_id = %(round)s AND answered_at IS NOT NULL
  AND purpose <> '{Purpose.PRACTICE}' ORDER BY id DESC LIMIT %(within)s
) AS pair {_JOINS}
ORDER BY pair.id DESC"""  # noqa: S608 - only names and constants of our own go in


@dataclass(frozen=True)
class _Pair:
    """A pair that an annotator may be asked about, as both statements give it."""

    id: int
    a: int
    b: int
    prompt: int
    language: str
    names_maker: bool
    rest: Sequence[Any]

    @classmethod
    def of(cls, row: Sequence[Any]) -> "_Pair":
        pk, a, b, prompt, language, names_maker, *rest = row
        return cls(pk, a, b, prompt, language, names_maker, rest)

    def is_fit(self, annotator: Annotator, rules: RatingRules, avoid: int | None) -> bool:
        names_maker = rules.leaves_out_maker_names and self.names_maker
        return self.prompt != avoid and not names_maker and is_read_by(annotator, self.language)


def draw_known(
    now: RoundNow, annotator: Annotator, seen: Seen, avoid: int | None, rng: np.random.Generator
) -> Comparison | None:
    """Draw a pair whose right answer is known; None where the annotator has seen them all.

    None too where all others are on the prompt to avoid, and in `draw_again`.
    """
    were_given = seen.list_completions()
    known = [
        pair
        for pair in map(_Pair.of, ask(_KNOWN, {"run": now.round.run_id}))
        if pair.is_fit(annotator, now.rules, avoid)
        and (pair.a, pair.b) not in were_given
        and _offers(now.rules, pair.rest[0])
    ]
    if not known:
        return None
    drawn = known[rng.integers(len(known))]
    return _show(
        drawn, now.round, annotator, purpose=Purpose.GOLD, gold_id=drawn.id, side_a=draw_side(rng)
    )


def draw_again(
    now: RoundNow, annotator: Annotator, avoid: int | None, rng: np.random.Generator
) -> Comparison | None:
    """Draw an answered pair to show again with its sides swapped; None where there is none.

    It lies at least `REPEAT_AFTER` comparisons back; while there are not so many, the first one
    alone may come again, once another was judged after it.
    """
    asked = {
        "annotator": annotator.pk,
        "round": now.round.pk,
        "within": REPEAT_WITHIN + REPEAT_AFTER,
    }
    judged = [_Pair.of(row) for row in ask(_JUDGED, asked)]
    gap = min(REPEAT_AFTER, max(len(judged) - 1, 1))
    again = [
        pair for pair in judged[gap:] if pair.rest[1] and pair.is_fit(annotator, now.rules, avoid)
    ]
    if not again:
        return None
    first = again[rng.integers(len(again))]
    side = Side.RIGHT if first.rest[0] == Side.LEFT else Side.LEFT
    return _show(
        first, now.round, annotator, purpose=Purpose.REPEAT, repeats_id=first.id, side_a=side
    )


def _show(pair: _Pair, round_: Round, annotator: Annotator, **fields: Any) -> Comparison | None:
    """Make a comparison of a pair, unless it was reported at this moment."""
    two = read_two(pair.a, pair.b)
    return None if two is None else pair_up(*two, round_, annotator, **fields)


def _offers(rules: RatingRules, outcome: str) -> bool:
    """Tell whether the run offers the answer that is right."""
    if outcome == Outcome.TIE:
        return rules.offers_tie
    return rules.offers_both_bad if outcome == Outcome.BOTH_BAD else True
