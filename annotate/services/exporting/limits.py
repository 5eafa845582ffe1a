"""Which rows stay where there may not be all of them; the same ones for the same seed."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from annotate.ranking.arrays import BoolArray, FloatArray, IntArray
from annotate.services.exporting.recipe import Recipe
from annotate.services.exporting.splits import draw


@dataclass(frozen=True, eq=False)
class Offered:
    """Rows of all sources in one part of a dataset that texts allow: (rows,) columns.

    `source` is its place in the recipe; `cell` numbers the language and category that are to be
    balanced; `longer` is 1 where the chosen reply is the longer one, -1 the rejected one, else 0.
    """

    source: IntArray
    place: IntArray
    identity: IntArray
    key: IntArray
    sureness: FloatArray
    n_votes: IntArray
    cell: IntArray
    longer: IntArray


def has_limits(recipe: Recipe) -> bool:
    """Tell whether which rows stay hangs on what others there are."""
    limits = [recipe.max_pairs_per_prompt, *(source.max_pairs for source in recipe.sources)]
    return bool(recipe.balance) or any(each is not None for each in limits)


def keep_within_limits(
    offered: Offered, recipe: Recipe, left_out: Callable[[int], Counter[str]]
) -> BoolArray:
    """Return (rows,) which rows stay.

    First the surest pairs of each prompt, those of more votes before others; then as many of a
    source as may be, drawn evenly; then as many of each language, category and length as of the
    rarest.

    Args:
        left_out: gives the counter of a source, by its place in the recipe.
    """
    drawn = draw(offered.key, seed=recipe.seed, purpose="row")
    kept = np.ones(len(offered.place), dtype=np.bool_)
    steps: list[tuple[str, BoolArray]] = []
    if recipe.max_pairs_per_prompt is not None:
        order = np.lexsort((drawn, -offered.n_votes, -offered.sureness))
        within = _rank_within(offered.identity, order) < recipe.max_pairs_per_prompt
        steps.append(("over_limit_of_prompt", within))
        kept &= within
    for number, source in enumerate(recipe.sources):
        if source.max_pairs is not None:
            own = np.flatnonzero(kept & (offered.source == number))
            few = np.ones(len(kept), dtype=np.bool_)
            few[own[np.argsort(drawn[own], kind="stable")[source.max_pairs :]]] = False
            steps.append(("over_limit_of_source", few))
            kept &= few
    if recipe.balance:
        even = ~kept
        even[_draw_evenly(offered, np.flatnonzero(kept), drawn, "length" in recipe.balance)] = True
        steps.append(("out_of_balance", even))
        kept &= even
    for number in range(len(recipe.sources)):
        own = offered.source == number
        for reason, stays in steps:
            left_out(number)[reason] += int((own & ~stays).sum())
            own = own & stays
    return kept


def _rank_within(group: IntArray, order: IntArray) -> IntArray:
    """Return (rows,) how many rows of its group come before each in an order."""
    rows = order[np.argsort(group[order], kind="stable")]
    grouped = group[rows]
    begins = np.flatnonzero(np.diff(grouped, prepend=grouped[0] - 1 if len(grouped) else 0))
    sizes = np.diff(begins, append=len(grouped))
    rank = np.empty(len(group), dtype=np.int64)
    rank[rows] = np.arange(len(group)) - np.repeat(begins, sizes)
    return rank


def _draw_evenly(offered: Offered, rows: IntArray, drawn: FloatArray, by_length: bool) -> IntArray:
    """Return the rows that stay, so that every cell has as many.

    By length, a cell has as many rows whose chosen reply is the longer as rows whose rejected one
    is, so that length tells nothing of the winner within it; rows of equal length fill it up.
    """
    cells = [rows[offered.cell[rows] == cell] for cell in np.unique(offered.cell[rows])]
    sides = [_split_by_length(offered, cell, drawn, by_length) for cell in cells]
    least = min((_capacity(side) for side in sides), default=0)
    return np.concatenate([_fill(side, least) for side in sides] or [rows[:0]])


def _split_by_length(
    offered: Offered, cell: IntArray, drawn: FloatArray, by_length: bool
) -> tuple[IntArray, IntArray, IntArray]:
    """Give the rows of a cell in the order drawn: chosen longer, rejected longer, the rest."""
    cell = cell[np.argsort(drawn[cell], kind="stable")]
    if not by_length:
        return cell[:0], cell[:0], cell
    longer = offered.longer[cell]
    return cell[longer > 0], cell[longer < 0], cell[longer == 0]


def _capacity(sides: Sequence[IntArray]) -> int:
    chosen, rejected, rest = map(len, sides)
    return 2 * min(chosen, rejected) + rest


def _fill(sides: Sequence[IntArray], size: int) -> IntArray:
    chosen, rejected, rest = sides
    each = min(len(chosen), len(rejected), size // 2)
    return np.concatenate([chosen[:each], rejected[:each], rest[: size - 2 * each]])
