"""The pairs of candidates among which one annotator's next is drawn.

What others were given is known as `counted` says; what the annotator was given, to the last one: a
process keeps it in memory, for comparisons stay, and asks what came since.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from annotate.models import Annotator
from annotate.models.comparisons import Purpose
from annotate.ranking.arrays import BoolArray
from annotate.ranking.pairing import Counts
from annotate.ranking.posterior import PairChances
from annotate.services.counted import count_drawn, count_judged
from annotate.services.joined import ask
from annotate.services.memory import Recent
from annotate.services.pairing import Cell, Estimate, RoundNow, as_judge, is_read_by


@dataclass
class Seen:
    """What an annotator was given of a run, up to comparison `through`.

    Attributes:
        pairs: how often by candidates a and b and the prompt's language; repeats are none.
        completions: which two by each two candidates.
        most: how often it was any two candidates, at most.
        last_prompts: by round, id of the prompt of the last one, practice left out.
    """

    through: int = 0
    pairs: Counter[tuple[int, int, str]] = field(default_factory=Counter)
    completions: dict[tuple[int, int], list[tuple[int, int]]] = field(default_factory=dict)
    most: int = 0
    last_prompts: dict[int, int] = field(default_factory=dict)

    def add(self, row: Sequence[Any]) -> None:
        """Take one more in, a row of `_READ_GIVEN`."""
        self.through, a, b, language, purpose, first, second, prompt, round_id = row
        of_two = self.completions.setdefault((a, b), [])
        of_two.append((first, second))
        self.most = max(self.most, len(of_two))
        if purpose != Purpose.REPEAT:
            self.pairs[a, b, language] += 1
        if purpose != Purpose.PRACTICE:
            self.last_prompts[round_id] = prompt

    def list_completions(self) -> set[tuple[int, int]]:
        """List every two completions among them."""
        return {two for of_two in self.completions.values() for two in of_two}


@dataclass(frozen=True)
class Field:
    """The pairs of candidates among which one annotator's next is drawn.

    Attributes:
        met, candidate_met: (n, n) and (n,) how often two and each met, those under way included.
        cells: comparisons of the round by language and category.
        allowed: (n, n) pairs that have something left for the annotator; None is all of them.
        seen: what the annotator was given of the run.
        last_prompt: id of the prompt of the annotator's last comparison in the round.
        n_texts: how many completions, by candidate.
        hidden: ids of completions that were reported, until an admin has looked.
        n_lately: how many comparisons the round had in the last seconds, at least.
    """

    candidates: tuple[int, ...]
    met: Counts
    candidate_met: Counts
    cells: Counter[Cell]
    chances: PairChances | None
    allowed: BoolArray | None
    seen: Seen
    last_prompt: int | None
    n_texts: Mapping[int, int]
    hidden: tuple[int, ...]
    n_lately: int

    @property
    def n_taken(self) -> int:
        """Count the comparisons that are answered, or may be."""
        return int(self.candidate_met.sum()) // 2

    def allow_only(self, pairs: Iterable[tuple[int, int]]) -> BoolArray:
        """Give (n, n) with these pairs of candidates' ids allowed."""
        place = {candidate: place for place, candidate in enumerate(self.candidates)}
        allowed = np.zeros(self.met.shape, dtype=np.bool_)
        for a, b in pairs:
            allowed[place[a], place[b]] = allowed[place[b], place[a]] = True
        return allowed


# Of a person who has judged 2,000 pairs it takes 300 kB.
ANNOTATORS_KEPT = 256
_seen: Recent[tuple[int, int], Seen] = Recent(ANNOTATORS_KEPT)

# What the annotator was given since it was last asked, one by one. Each round by itself (OFFSET
# keeps it so): there is an index for just that, and by another PostgreSQL would read all that they
# were ever given, where it believes that to be little.
_READ_GIVEN = """
SELECT comparison.id, comparison.candidate_a_id, comparison.candidate_b_id, prompt.language,
  comparison.purpose, comparison.completion_a_id, comparison.completion_b_id,
  comparison.prompt_id, comparison.round_id
FROM annotate_round AS its
  CROSS JOIN LATERAL (
    SELECT * FROM annotate_comparison
    WHERE annotator_id = %(annotator)s AND round_id = its.id AND id > %(through)s OFFSET 0
  ) AS comparison
  JOIN annotate_prompt AS prompt ON prompt.id = comparison.prompt_id
WHERE its.run_id = %(run)s
ORDER BY comparison.id"""


def read_field(now: RoundNow, annotator: Annotator, *, at_once: bool = False) -> Field:
    """Give what the annotator's next pair of candidates is drawn by; the caller holds them.

    An LLM judge's pairs are in balance among its own comparisons; chances follow people's votes.

    Args:
        at_once: by all that is in the database at this moment.
    """
    judge = as_judge(annotator)
    drawn = count_drawn(now, at_once=at_once)
    met, candidate_met, cells = drawn.copy() if judge is None else count_judged(now, judge)
    seen = _read_seen(now, annotator)
    return Field(
        candidates=now.candidates,
        met=met,
        candidate_met=candidate_met,
        cells=cells,
        chances=drawn.estimate.chances,
        allowed=_allow(drawn.estimate, annotator, seen, drawn.place, now.mask),
        seen=seen,
        last_prompt=seen.last_prompts.get(now.round.pk),
        n_texts=drawn.stock.n_texts,
        hidden=drawn.stock.hidden,
        n_lately=drawn.n_lately,
    )


def _read_seen(now: RoundNow, annotator: Annotator) -> Seen:
    """Give what the annotator was given of the run, from memory and what is new."""
    key = annotator.pk, now.round.run_id
    seen = _seen.find(key) or Seen()
    asked = {"annotator": annotator.pk, "run": now.round.run_id, "through": seen.through}
    for row in ask(_READ_GIVEN, asked):
        seen.add(row)
    _seen.keep(key, seen)
    return seen


def _allow(
    estimate: Estimate,
    annotator: Annotator,
    seen: Seen,
    place: dict[int, int],
    mask: BoolArray | None,
) -> BoolArray | None:
    """Give the pairs of candidates that have something left; None where all have, or none is known.

    It may be a little behind: whoever draws asks again where a pair turns out to have nothing.
    Pairs outside of the mask have nothing (`availability.count_available`).
    """
    if not estimate.available:
        return mask
    readable = estimate.readable(annotator)
    used_up = _used_up(readable, annotator, seen, place)
    n_pairs = len(readable) * (len(readable) - 1)
    if not used_up and np.count_nonzero(readable) == n_pairs:
        return None
    allowed = readable > 0
    for a, b in used_up:
        allowed[a, b] = allowed[b, a] = False
    return np.asarray(allowed)


def _used_up(
    readable: Counts, annotator: Annotator, seen: Seen, place: dict[int, int]
) -> list[tuple[int, int]]:
    """List the pairs of which the annotator has seen as many as they can read."""
    there_are = readable[readable > 0]
    if len(there_are) == 0 or seen.most < there_are.min():
        return []
    languages = {language for _a, _b, language in seen.pairs}
    read = {language for language in languages if is_read_by(annotator, language)}
    n_seen: Counter[tuple[int, int]] = Counter()
    for (a, b, language), n in seen.pairs.items():
        if language in read and a in place and b in place:
            n_seen[place[a], place[b]] += n
    return [pair for pair, n in n_seen.items() if n >= readable[pair]]
