"""How many pairs of completions there are to compare, of each two candidates in each language."""

from typing import Any

import numpy as np
from django.db.models import Count, Sum

from annotate.models import Completion
from annotate.models.candidates import CompletionQuerySet
from annotate.ranking.arrays import BoolArray, IntArray
from annotate.ranking.pairing import Counts
from annotate.services.memory import Recent
from annotate.services.pairing import ROUNDS_KEPT, RoundNow

# Beyond this nobody runs out of pairs, and so two bytes are enough for each count.
MOST = 2**16 - 1


_counted: Recent[int, tuple[tuple[Any, ...], dict[str, Counts]]] = Recent(ROUNDS_KEPT)


def count_available(now: RoundNow) -> dict[str, Counts]:
    """Count, by language, (n, n) pairs of the round's completions that may be shown.

    Hidden ones are left out, those that name their maker where the run says so, pairs of equal
    texts, and pairs of candidates that the round does not compare.
    """
    completions = Completion.objects.filter(
        candidate__in=now.candidates, prompt__in=now.round.prompts()
    ).exclude(pk__in=Completion.objects.hidden().values("pk"))
    if now.rules.leaves_out_maker_names:
        completions = completions.filter(names_maker="")
    # Completions never change: where there are as many, of as many ids, they are the same.
    found = completions.aggregate(n=Count("id"), ids=Sum("id"))
    key = now.candidates, now.anchors, now.round.anchors_only, found["n"], found["ids"]
    counted = _counted.find(now.round.pk)
    if counted is None or counted[0] != key:
        counted = key, _count_all(now, completions)
        _counted.keep(now.round.pk, counted)
    return counted[1]


def _count_all(now: RoundNow, completions: CompletionQuerySet) -> dict[str, Counts]:
    rows = list(
        completions.order_by("id").values_list(
            "candidate", "prompt", "text_digest", "prompt__language"
        )
    )
    places = np.searchsorted(now.candidates, [row[0] for row in rows])
    prompts = _number([row[1] for row in rows])
    texts = _number([(row[1], row[2]) for row in rows])
    languages = np.array([row[3] for row in rows], dtype=np.str_)
    compared = 1 if now.mask is None else now.mask
    return {
        str(tag): _count(places, prompts, texts, languages == tag, len(now.candidates)) * compared
        for tag in np.unique(languages)
    }


def _count(places: IntArray, prompts: IntArray, texts: IntArray, of: BoolArray, n: int) -> Counts:
    """Count (n, n) pairs on the same prompt, less those of the same text."""
    pairs = _meet(places[of], prompts[of], n) - _meet(places[of], texts[of], n)
    np.fill_diagonal(pairs, 0)
    return np.asarray(np.minimum(pairs, MOST), dtype=np.uint16)


def _meet(places: IntArray, groups: IntArray, n: int) -> IntArray:
    """Count (n, n) how often two candidates' completions are in one group."""
    _group, row, often = np.unique(groups, return_inverse=True, return_counts=True)
    # Nearly every text is the only one of its kind: a row for each would fill the memory.
    is_shared = often[row] > 1
    group, row = np.unique(row[is_shared], return_inverse=True)
    counts = np.zeros((len(group), n))
    np.add.at(counts, (row, places[is_shared]), 1)
    return np.asarray(np.rint(counts.T @ counts), dtype=np.int64)


def _number(values: list[object]) -> IntArray:
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)
