"""Which two texts come next, of two candidates: from what a process keeps in memory of both.

A candidate's completions are never changed, so they are read again only when there are more. How
often two completions have met is settled where it was answered; what came since is read now and
then, and added when a process hears of it. So a draw costs the same however many prompts and votes
there are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from annotate.models import Annotator, Comparison, Completion, Prompt, Round
from annotate.models.comparisons import Purpose, Side
from annotate.ranking.arrays import BoolArray, IntArray
from annotate.services import matches
from annotate.services.counted import TAKEN_BY_PEOPLE
from annotate.services.fields import Field
from annotate.services.joined import (
    BESIDE_THE_REPLIES,
    BESIDE_THE_TURNS,
    HIDES,
    Columns,
    Parts,
    ask,
)
from annotate.services.matches import Codes, Matches
from annotate.services.memory import Recent
from annotate.services.pairing import SETTLING, Cell, RoundNow, is_read_by

# A candidate with 1,000 completions takes 30 kB.
CANDIDATES_KEPT = 2_000


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
class Chosen:
    """Two completions, how often they have met, and how long ago that was read."""

    a: int
    b: int
    n_met: int
    age_s: float


_PAIR = Parts(
    Columns(Completion, "completion", without=BESIDE_THE_REPLIES),
    Columns(Prompt, "prompt", without=BESIDE_THE_TURNS),
)
_READ_TWO = f"""
SELECT {_PAIR.sql}, {{is_ours}}
FROM annotate_completion AS completion
  JOIN annotate_prompt AS prompt ON prompt.id = completion.prompt_id
WHERE completion.id IN (%(a)s, %(b)s) AND NOT EXISTS (
  SELECT FROM annotate_report AS report WHERE report.completion_id IN (%(a)s, %(b)s)
  AND {HIDES}
)"""  # noqa: S608 - only names and constants of our own go in

_texts: Recent[int, Texts] = Recent(CANDIDATES_KEPT)

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
_READ_MET = f"""
SELECT comparison.id, comparison.completion_a_id, comparison.completion_b_id,
  comparison.answered_at IS NOT NULL, comparison.created_at
FROM (
  SELECT * FROM annotate_comparison WHERE round_id = %(round)s AND candidate_a_id = %(a)s
  AND candidate_b_id = %(b)s AND id > %(through)s
  UNION ALL
  SELECT * FROM annotate_comparison WHERE id = ANY (%(open)s::bigint[])
) AS comparison
  JOIN annotate_annotator AS annotator ON annotator.id = comparison.annotator_id
WHERE comparison.purpose = '{Purpose.RANKING}' AND {TAKEN_BY_PEOPLE}"""  # noqa: S608 - only names and constants of our own go in


def choose_two(
    now: RoundNow,
    two: tuple[int, int],
    field: Field,
    annotator: Annotator,
    *,
    avoid: int | None,
    without: set[tuple[int, int]],
    rng: np.random.Generator,
    read_within_s: float,
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
        read_within_s: how old it may be what is known of others, of how often they have met.

    Returns:
        None where nothing is left.
    """
    of_two = _match(now, two, field, read_within_s)
    fit = of_two.may_meet
    is_read = np.array([is_read_by(annotator, tag) for tag, _category in of_two.cells], np.bool_)
    if not is_read.all():
        fit = fit & is_read[of_two.cell]
    if now.rules.leaves_out_maker_names:
        fit = fit & ~of_two.names_maker
    if avoid is not None:
        fit = fit & (of_two.prompts != avoid)
    if field.hidden:
        is_hidden = np.isin(of_two.codes.real, field.hidden)
        fit = fit & ~(is_hidden | np.isin(of_two.codes.imag, field.hidden))
    if not_again := [*field.seen.completions.get(two, ()), *without]:
        fit = fit & ~np.isin(of_two.codes, _code(not_again))
    left = np.flatnonzero(fit)
    if len(left) == 0:
        return None
    n = of_two.n
    for key in _order(of_two, n, field, now.decision.votes_per_pair):
        left = left[key[left] == key[left].min()]
    row = left[rng.integers(len(left))]
    code = of_two.codes[row]
    return Chosen(int(code.real), int(code.imag), int(n[row]), of_two.age_s)


def take_two(a: int, b: int, *, waits: bool) -> tuple[Completion, Completion] | None:
    """Read two completions, and keep others from being given the same two until this is done.

    Args:
        waits: for whoever is given them now; else the answer is then None.

    Returns:
        None too where one of them was reported, and nobody has looked yet.
    """
    lock = "pg_advisory_xact_lock" if waits else "pg_try_advisory_xact_lock"
    return _read_two(a, b, is_ours=f"(SELECT {lock}(hashint8extended(%(a)s, %(b)s)))")


def read_two(a: int, b: int) -> tuple[Completion, Completion] | None:
    """Read two completions; None where one of them was reported, and nobody has looked yet."""
    return _read_two(a, b, is_ours="true")


def pair_up(
    a: Completion, b: Completion, round_: Round, annotator: Annotator, **fields: Any
) -> Comparison:
    """Make a comparison of two completions, which is not stored."""
    comparison = Comparison(
        round=round_,
        annotator=annotator,
        prompt=a.prompt,
        candidate_a_id=a.candidate_id,
        candidate_b_id=b.candidate_id,
        completion_a=a,
        completion_b=b,
        **fields,
    )
    comparison.may_have_votes = False
    return comparison


def draw_side(rng: np.random.Generator) -> Side:
    """Draw the side on which completion a stands."""
    return Side.LEFT if rng.random() < 0.5 else Side.RIGHT


def _read_two(a: int, b: int, *, is_ours: str) -> tuple[Completion, Completion] | None:
    found = {}
    for values in ask(_READ_TWO.format(is_ours=is_ours), {"a": a, "b": b}):
        (completion, prompt), (is_mine,) = _PAIR.take(values)
        completion.prompt = prompt
        found[completion.pk] = completion
        if is_mine is False:
            return None
    return (found[a], found[b]) if len(found) == 2 else None


def _order(of_two: Matches, n: IntArray, field: Field, votes_per_pair: int) -> list[IntArray]:
    """Give what is to be least, one after another, for the pairs of completions."""
    is_full = n >= votes_per_pair
    of_round = np.array([field.cells[each] for each in of_two.cells], dtype=np.int64)
    return [
        np.where(n == 0, 1, np.where(is_full, 2, 0)),
        np.where(is_full, n, 0),
        _sum_up(of_two.cell, n),
        of_round[of_two.cell],
        _sum_up(of_two.prompt, n),
        _sum_up(of_two.use_a, n) + _sum_up(of_two.use_b, n),
    ]


def _sum_up(of: IntArray, n: IntArray) -> IntArray:
    """Give to each the sum over all that are of the same."""
    return np.asarray(np.bincount(of, weights=n)[of])


def _match(now: RoundNow, two: tuple[int, int], field: Field, read_within_s: float) -> Matches:
    """Give what two candidates can be compared on, from memory where it is of today's texts."""
    key = (now.round.pk, *two)
    n_texts = field.n_texts[two[0]], field.n_texts[two[1]]
    known = matches.find(key)
    if (
        known is None
        or known.n_texts != n_texts
        or known.excluded != now.last_exclusion
        or known.is_old
    ):
        known = _match_texts(now, two, n_texts)
    elif known.age_s < read_within_s:
        return known
    read = _read_met(now, two, known)
    matches.keep(key, read)
    return read


def _match_texts(now: RoundNow, two: tuple[int, int], n_texts: tuple[int, int]) -> Matches:
    """Match completions that stand on one prompt; none has met yet."""
    a, b = (_texts_of(candidate, n) for candidate, n in zip(two, n_texts, strict=True))
    rows_a, rows_b = _meet(a.prompts, b.prompts)
    differ = a.digests[rows_a] != b.digests[rows_b]
    prompts = a.prompts[rows_a]
    return Matches(
        codes=a.ids[rows_a] + 1j * b.ids[rows_b],
        prompts=prompts,
        prompt=np.unique(prompts, return_inverse=True)[1].astype(np.int32),
        use_a=rows_a.astype(np.int32),
        use_b=rows_b.astype(np.int32),
        cell=a.cell[rows_a].astype(np.int32),
        cells=a.cells,
        may_meet=differ & (a.is_asked & _asks(now.round, a.is_held_out))[rows_a],
        names_maker=a.names_maker[rows_a] | b.names_maker[rows_b],
        n_texts=n_texts,
        excluded=now.last_exclusion,
        through=0,
        open=(),
        settled=np.zeros(len(prompts), dtype=np.int32),
    )


def _read_met(now: RoundNow, two: tuple[int, int], known: Matches) -> Matches:
    """Read how often they have met since what is settled, and settle what has been answered."""
    at = timezone.now()
    asked = {
        "round": now.round.pk,
        "run": now.round.run_id,
        "a": two[0],
        "b": two[1],
        "through": known.through,
        "open": list(known.open),
        "at": at,
    }
    rows = ask(_READ_MET, asked)
    old = [pk for pk, *_two, _is_answered, created_at in rows if created_at <= at - SETTLING]
    through = max([known.through, *old])
    settled, unsettled = list[tuple[int, int]](), dict[int, tuple[int, int]]()
    for pk, first, second, is_answered, _created_at in rows:
        if is_answered and pk <= through:
            settled.append((first, second))
        else:
            unsettled[pk] = first, second
    open_ = tuple(pk for pk in unsettled if pk <= through)
    read = known.with_settled(_code(settled), through=through, open_=open_)
    for pk, completions in unsettled.items():
        read.add(pk, complex(*completions))
    return read


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
