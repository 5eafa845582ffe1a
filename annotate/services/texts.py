"""Which two texts come next, of two candidates: from what a process keeps in memory of both.

A candidate's completions are never changed, so they are read again only when there are more. How
often two completions have met is settled up to the last look at the round; what came since, or was
still open, is read each time. So a draw costs the same however many prompts and votes there are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from annotate.models import Annotator, Completion, Prompt, Round
from annotate.models.comparisons import Purpose
from annotate.ranking.arrays import BoolArray, IntArray
from annotate.services.fields import COMPARISONS_SINCE, TAKEN_BY_PEOPLE, Field
from annotate.services.joined import (
    BESIDE_THE_REPLIES,
    BESIDE_THE_TURNS,
    Columns,
    Parts,
    ask,
)
from annotate.services.memory import Recent
from annotate.services.pairing import Cell, RoundNow, is_read_by

# A candidate with 1,000 completions takes 30 kB, two that met 1,000 times take 25 kB.
CANDIDATES_KEPT = 2_000
MEETINGS_KEPT = 4_000

Codes = NDArray[np.complex128]
"""Two ids as one number: id of completion a + i · id of completion b; exact below 2^53."""


@dataclass(frozen=True)
class Texts:
    """A candidate's completions on all prompts, by prompt.

    Attributes:
        ids, prompts, digests: (n,) of the completion, of its prompt, and of its text.
        names_maker, is_asked, is_held_out: (n,) whether the text does, the run asks the prompt, and
            it is held out.
        cell: (n,) place of its language and category in `cells`.
    """

    ids: IntArray
    prompts: IntArray
    digests: NDArray[np.str_]
    names_maker: BoolArray
    is_asked: BoolArray
    is_held_out: BoolArray
    cell: IntArray
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Meetings:
    """How often completions of two candidates have met, up to comparison `through`.

    Attributes:
        open: ids of comparisons up to that one which are not in it, for they were open.
        excluded: number of the run's last exclusion; a later one makes all of it void.
        codes, n: (k,) which two, ascending, and how often.
    """

    through: int
    open: tuple[int, ...]
    excluded: int
    codes: Codes
    n: IntArray

    def add(self, codes: Codes, *, through: int, open_: tuple[int, ...]) -> "Meetings":
        """Give them with others, one each."""
        joined = np.concatenate([self.codes, codes])
        times = np.concatenate([self.n, np.ones(len(codes), dtype=np.int64)])
        known, place = np.unique(joined, return_inverse=True)
        n = np.bincount(place, weights=times, minlength=len(known)).astype(np.int64)
        return Meetings(through, open_, self.excluded, known, n)

    def of(self, codes: Codes) -> IntArray:
        """Give how often each of these has met."""
        if len(self.codes) == 0:
            return np.zeros(len(codes), dtype=np.int64)
        place = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        return np.where(self.codes[place] == codes, self.n[place], 0)


@dataclass(frozen=True)
class Chosen:
    """Two completions, and how often they have met."""

    a: int
    b: int
    n_met: int


_PAIR = Parts(
    Columns(Completion, "completion", without=BESIDE_THE_REPLIES),
    Columns(Prompt, "prompt", without=BESIDE_THE_TURNS),
)
_TAKE_TWO = f"""
SELECT {_PAIR.sql}, (SELECT {{lock}}(hashint8extended(%(a)s, %(b)s)))
FROM annotate_completion AS completion
  JOIN annotate_prompt AS prompt ON prompt.id = completion.prompt_id
WHERE completion.id IN (%(a)s, %(b)s)"""  # noqa: S608 - only names and constants of our own go in

_texts: Recent[int, Texts] = Recent(CANDIDATES_KEPT)
_meetings: Recent[tuple[int, int, int], Meetings] = Recent(MEETINGS_KEPT)

_READ_TEXTS = """
SELECT completion.id, completion.prompt_id, completion.text_digest, completion.names_maker <> '',
  EXISTS (
    SELECT FROM annotate_selectionrun_prompt_sets AS asked
    JOIN annotate_candidate AS candidate ON candidate.run_id = asked.selectionrun_id
    WHERE candidate.id = %(candidate)s AND asked.promptset_id = prompt.prompt_set_id
  ),
  prompt.is_held_out, prompt.language, prompt.category
FROM annotate_completion AS completion
  JOIN annotate_prompt AS prompt ON prompt.id = completion.prompt_id
WHERE completion.candidate_id = %(candidate)s
ORDER BY completion.prompt_id, completion.id"""
_READ_TWO = f"""
SELECT
  (SELECT count(*) FROM annotate_completion WHERE candidate_id = %(a)s),
  (SELECT count(*) FROM annotate_completion WHERE candidate_id = %(b)s),
  ARRAY(
    SELECT report.completion_id FROM annotate_report AS report
    JOIN annotate_completion AS completion ON completion.id = report.completion_id
    WHERE (report.looked_at IS NULL OR report.is_upheld)
    AND completion.candidate_id IN (%(a)s, %(b)s)
  ),
  ARRAY(
    SELECT ARRAY[comparison.id, comparison.completion_a_id, comparison.completion_b_id]
    FROM {COMPARISONS_SINCE} AS comparison
    JOIN annotate_annotator AS annotator ON annotator.id = comparison.annotator_id
    WHERE comparison.round_id = %(round)s AND comparison.candidate_a_id = %(a)s
    AND comparison.candidate_b_id = %(b)s
    AND comparison.purpose = '{Purpose.RANKING}' AND {TAKEN_BY_PEOPLE}
  )"""  # noqa: S608 - only names and constants of our own go in


def choose_two(
    now: RoundNow,
    two: tuple[int, int],
    field: Field,
    annotator: Annotator,
    *,
    avoid: int | None,
    without: set[tuple[int, int]],
    rng: np.random.Generator,
) -> Chosen | None:
    """Choose two completions of two candidates that the annotator has not seen and can read.

    First those that others have begun to judge and that lack votes, then new ones, then the rest,
    those with the fewest votes first. Among equals, the language and category in which these two
    candidates met least often, then the round; the prompt on which they met least often; and the
    samples that were used least often. Leased ones count as judged.

    Args:
        two: the candidates, the lower id first.
        avoid: id of a prompt that is not to be shown; None where any may be.
        without: pairs of completions that are not to be given.

    Returns:
        None where nothing is left.
    """
    a, b, hidden, meetings = _read_two(now, two, field)
    rows_a, rows_b = _meet(a.prompts, b.prompts)
    ids_a, ids_b = a.ids[rows_a], b.ids[rows_b]
    codes = ids_a + 1j * ids_b
    n = meetings.of(codes)
    fit = a.digests[rows_a] != b.digests[rows_b]
    fit &= (a.is_asked & _asks(now.round, a.is_held_out))[rows_a]
    is_read = [is_read_by(annotator, tag) for tag, _category in a.cells]
    fit &= np.array(is_read, dtype=np.bool_)[a.cell[rows_a]]
    if now.rules.leaves_out_maker_names:
        fit &= ~(a.names_maker[rows_a] | b.names_maker[rows_b])
    if avoid is not None:
        fit &= a.prompts[rows_a] != avoid
    if hidden:
        fit &= ~(np.isin(ids_a, hidden) | np.isin(ids_b, hidden))
    if not_again := [*field.seen.completions.get(two, ()), *without]:
        fit &= ~np.isin(codes, _code(not_again))
    left = np.flatnonzero(fit)
    if len(left) == 0:
        return None
    keys = _order(a, rows_a, rows_b, n, field, now.decision.votes_per_pair)
    for key in keys:
        left = left[key[left] == key[left].min()]
    row = left[rng.integers(len(left))]
    return Chosen(int(ids_a[row]), int(ids_b[row]), int(n[row]))


def take_two(a: int, b: int, *, waits: bool) -> tuple[Completion, Completion] | None:
    """Read two completions, and keep others from being given the same two until this is done.

    Args:
        waits: for whoever is given them now; else the answer is then None.
    """
    lock = "pg_advisory_xact_lock" if waits else "pg_try_advisory_xact_lock"
    found = {}
    for values in ask(_TAKE_TWO.format(lock=lock), {"a": a, "b": b}):
        (completion, prompt), (is_ours,) = _PAIR.take(values)
        completion.prompt = prompt
        found[completion.pk] = completion
        if is_ours is False:
            return None
    return found[a], found[b]


def _order(
    a: Texts, rows_a: IntArray, rows_b: IntArray, n: IntArray, field: Field, votes_per_pair: int
) -> list[IntArray]:
    """Give what is to be least, one after another, for the pairs of completions."""
    is_full = n >= votes_per_pair
    stage = np.where(n == 0, 1, np.where(is_full, 2, 0))
    cell = a.cell[rows_a]
    of_round = np.array([field.cells[each] for each in a.cells], dtype=np.int64)
    _prompts, prompt = np.unique(a.prompts[rows_a], return_inverse=True)
    uses = [np.bincount(rows, weights=n)[rows] for rows in (rows_a, rows_b)]
    return [
        stage,
        np.where(is_full, n, 0),
        np.bincount(cell, weights=n)[cell],
        of_round[cell],
        np.bincount(prompt, weights=n)[prompt],
        uses[0] + uses[1],
    ]


def _read_two(
    now: RoundNow, two: tuple[int, int], field: Field
) -> tuple[Texts, Texts, list[int], Meetings]:
    """Read what there is of two candidates, what is hidden of it, and how often they have met."""
    key = (now.round.pk, *two)
    known = _meetings.find(key)
    if known is None or known.excluded != now.last_exclusion or known.through > field.settled:
        known = Meetings(0, (), now.last_exclusion, _code([]), np.zeros(0, dtype=np.int64))
    asked = {
        "round": now.round.pk,
        "run": now.round.run_id,
        "a": two[0],
        "b": two[1],
        "settled": known.through,
        "open": list(known.open),
        "at": timezone.now(),
    }
    n_a, n_b, hidden, met = ask(_READ_TWO, asked)[0]
    ids = np.array([row[0] for row in met], dtype=np.int64)
    codes = _code([(first, second) for _id, first, second in met])
    if field.settled > known.through:
        open_ = field.open[(field.open[:, 1:] == two).all(axis=1), 0]
        is_settled = (ids <= field.settled) & ~np.isin(ids, open_)
        known = known.add(codes[is_settled], through=field.settled, open_=tuple(open_.tolist()))
        _meetings.keep(key, known)
        codes = codes[~is_settled]
    if len(codes):
        known = known.add(codes, through=known.through, open_=known.open)
    return _texts_of(two[0], n_a), _texts_of(two[1], n_b), hidden, known


def _texts_of(candidate: int, n: int) -> Texts:
    """Give a candidate's completions from memory, or read them if it has `n` by now."""
    kept = _texts.find(candidate)
    if kept is None or len(kept.ids) != n:
        kept = _read_texts(candidate)
        _texts.keep(candidate, kept)
    return kept


def _read_texts(candidate: int) -> Texts:
    columns: list[Any] = list(zip(*ask(_READ_TEXTS, {"candidate": candidate}), strict=True))
    ids, prompts, digests, names_maker, is_asked, is_held_out, *cell = columns or [()] * 8
    each = list(zip(*cell, strict=True))
    cells = tuple(dict.fromkeys(each))
    place = {cell: place for place, cell in enumerate(cells)}
    return Texts(
        np.array(ids, dtype=np.int64),
        np.array(prompts, dtype=np.int64),
        np.array(digests, dtype=np.str_),
        np.array(names_maker, dtype=np.bool_),
        np.array(is_asked, dtype=np.bool_),
        np.array(is_held_out, dtype=np.bool_),
        np.array([place[cell] for cell in each], dtype=np.int64),
        cells,
    )


def _meet(prompts_a: IntArray, prompts_b: IntArray) -> tuple[IntArray, IntArray]:
    """Give the places of every two that stand on one prompt; both are sorted by prompt."""
    first = np.searchsorted(prompts_b, prompts_a, side="left")
    often = np.searchsorted(prompts_b, prompts_a, side="right") - first
    rows_a = np.repeat(np.arange(len(prompts_a)), often)
    since = np.arange(len(rows_a)) - np.repeat(np.cumsum(often) - often, often)
    return rows_a, np.repeat(first, often) + since


def _asks(round_: Round, is_held_out: BoolArray) -> BoolArray:
    """Tell on which prompts a round compares."""
    if round_.prompt_scope == Round.Scope.ALL:
        return np.ones(len(is_held_out), dtype=np.bool_)
    return is_held_out if round_.prompt_scope == Round.Scope.HELD_OUT else ~is_held_out


def _code(two: list[tuple[int, int]]) -> Codes:
    pairs = np.array(two, dtype=np.float64).reshape(-1, 2)
    return np.asarray(pairs[:, 0] + 1j * pairs[:, 1])
