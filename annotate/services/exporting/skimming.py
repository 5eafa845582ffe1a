"""What texts allow, without the texts: the database says of each what a count of rows needs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotate.ranking.arrays import AnyIntArray, BoolArray, IntArray
from annotate.services.exporting.ballots import Texts
from annotate.services.exporting.reading import PromptTable
from annotate.services.vote_columns import copy_statement

# What Python takes for white space at the ends of a text.
_NOT_SPACE = (
    r"[^\t\n\v\f\r\u001c-\u001f \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
)
_FACTS = f"""
    SELECT id, wanted.depth::bigint, candidate_id::bigint,
           (EXISTS (SELECT FROM unnest(replies[1:wanted.depth]) AS reply
                    WHERE reply !~ '{_NOT_SPACE}'))::int::bigint,
           hashtextextended(replies[1:wanted.depth]::text, 0),
           char_length(array_to_string(replies[1:wanted.depth], ''))::bigint
    FROM unnest(%s::bigint[], %s::integer[]) AS wanted (id, depth)
    JOIN annotate_completion USING (id)
"""  # noqa: S608 - only names and constants of our own go in
_COLUMNS = ("id", "depth", "candidate", "is_blank", "digest", "n_chars")


@dataclass(frozen=True, eq=False)
class Skimmed:
    """The rows of a portion that its texts allow, in order.

    Attributes:
        source, run, weight: of all of them.
        places: (rows,) in the portion.
        prompt: (rows,) places in `prompts`.
        longer: (rows,) 1 where the chosen reply has more characters, -1 the rejected one, else 0.
        kinds: (rows,) bits of the kinds of annotators.
        candidates: the names of whoever wrote a reply of any of them.
    """

    source: str
    run: str
    weight: float
    places: IntArray
    prompts: PromptTable
    prompt: AnyIntArray
    longer: IntArray
    kinds: AnyIntArray
    candidates: list[str]

    def each_prompt(self) -> Iterator[tuple[str, str, int]]:
        """Yield language, category and number of rows of each prompt that has any."""
        n_rows = np.bincount(self.prompt, minlength=len(self.prompts.ids))
        for place in np.flatnonzero(n_rows).tolist():
            _set, _key, language, category = self.prompts.places[place]
            yield language, category, int(n_rows[place])


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of texts, each as far as a turn: (texts,) columns.

    `digest` is equal for equal texts; two that differ share one with a chance of 2 ** -64.
    """

    candidate: IntArray
    is_blank: BoolArray
    digest: IntArray
    n_chars: IntArray


def read_facts(texts: Texts, places: AnyIntArray, depth: AnyIntArray) -> Facts:
    """Ask of the texts at these places, each as far as a turn, what can be said without them.

    Args:
        places, depth: (asked,); the facts are in the same order.
    """
    n_depths = int(depth.max(initial=0)) + 1
    known, asked = np.unique(places.astype(np.int64) * n_depths + depth, return_inverse=True)
    ids, depths = texts.ids[known // n_depths], known % n_depths
    rows = _read(ids, depths)
    order = np.lexsort((rows["depth"], rows["id"]))
    # Texts stand in the order of their prompts, and what the database gives in none.
    found = rows[order[np.argsort(np.lexsort((depths, ids)), kind="stable")]][asked]
    return Facts(
        candidate=found["candidate"],
        is_blank=found["is_blank"].astype(np.bool_),
        digest=found["digest"],
        n_chars=found["n_chars"],
    )


def _read(ids: IntArray, depths: IntArray) -> NDArray[np.void]:
    kind = np.dtype([(name, "i8") for name in _COLUMNS])
    blocks = list(copy_statement(_FACTS, [ids.tolist(), depths.tolist()], kind))
    return np.concatenate(blocks) if blocks else np.empty(0, kind)
