"""Pairs of several sources that have the same two texts to one prompt: one of them stays."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from annotate.ranking.arrays import IntArray
from annotate.services.exporting.portions import (
    Portion,
    find_repeated,
    is_backed_by_people,
    represent,
    said_in,
)


class _Pair(NamedTuple):
    """A pair by its source and place, with its texts, and by what it stays.

    `sureness` is up to 1, one more where there are votes, and two more where people are behind it.
    """

    source: int
    place: int
    texts: tuple[str, str]
    sureness: float
    n_votes: int


def without_repeated(
    portions: Sequence[Portion], every: Sequence[IntArray], *, near_equal: float
) -> list[IntArray]:
    """Return the places of each portion's rows, without what another one has as well.

    A pair that people stand behind stays before one of judges, and that before one without votes;
    then the surer one, that of more votes, and the first. Texts are read of those prompts alone
    that several sources have. Rows that their own source leaves out are noted and taken out here.
    """
    identities = [portion.identity for portion in portions]
    shared = _shared([np.unique(identity) for identity in identities])
    pairs: dict[int, list[_Pair]] = defaultdict(list)
    stays = [~np.isin(identity, shared) for identity in identities]
    for source, (portion, places) in enumerate(zip(portions, every, strict=True)):
        sureness, n_votes = portion.sureness, portion.n_votes
        for place, row in portion.rows(places[~stays[source][places]]):
            backed = 2.0 if is_backed_by_people(row["annotator_kinds"]) else 0.0
            voted = 1.0 if n_votes[place] else 0.0
            pair = _Pair(
                source,
                place,
                ("\n\n".join(said_in(row["chosen"])), "\n\n".join(said_in(row["rejected"]))),
                backed + voted + float(sureness[place]),
                int(n_votes[place]),
            )
            pairs[int(identities[source][place])].append(pair)
    for of_prompt in pairs.values():
        repeated = _find_repeated(of_prompt, near_equal)
        for number, pair in enumerate(of_prompt):
            if number in repeated:
                portions[pair.source].left_out["near_duplicate"] += 1
            else:
                stays[pair.source][pair.place] = True
    return [places[kept[places]] for places, kept in zip(every, stays, strict=True)]


def _shared(identities: Sequence[IntArray]) -> IntArray:
    """Return the prompts that more than one source has, each once in its own list."""
    known, often = np.unique(np.concatenate(identities), return_counts=True)
    return np.asarray(known[often > 1])


def _find_repeated(pairs: Sequence[_Pair], near_equal: float) -> set[int]:
    alike = represent([text for pair in pairs for text in pair.texts], near_equal=near_equal)
    sides = zip(alike[::2], alike[1::2], strict=True)
    return find_repeated(
        [(0, chosen, rejected) for chosen, rejected in sides],
        [pair.sureness for pair in pairs],
        [pair.n_votes for pair in pairs],
    )
