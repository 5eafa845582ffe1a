"""Rows of pairs that were preferred elsewhere."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from django.db.models import F, TextField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Collate

from annotate.models import PreferencePair, PreferenceSet
from annotate.ranking.arrays import BoolArray, FloatArray, IntArray
from annotate.services.exporting.portions import (
    Row,
    blocks_of,
    find_repeated,
    represent,
    said_in,
)
from annotate.services.exporting.recipe import ImportedPairs, Recipe
from annotate.services.exporting.rows import Split
from annotate.services.exporting.skimming import Skimmed
from annotate.services.exporting.splits import Splits, identify

_FIRST_QUESTION = """jsonb_path_query_first(prompt, '$[*] ? (@.role == "user")') ->> 'content'"""


@dataclass(eq=False)
class PreferredElsewhere:
    """A portion of a preference set's pairs, those on one prompt together."""

    preferences: PreferenceSet
    source: ImportedPairs
    recipe: Recipe
    ids: IntArray
    identity: IntArray
    left_out: Counter[str]

    @property
    def key(self) -> IntArray:
        """(rows,) by which draws know a row."""
        return self.ids

    @property
    def sureness(self) -> FloatArray:
        """(rows,) 1 each: nobody said how sure they are."""
        return np.ones(len(self.ids))

    @property
    def n_votes(self) -> IntArray:
        """(rows,) 0 each."""
        return np.zeros(len(self.ids), dtype=np.int64)

    def rows(self, places: IntArray) -> Iterator[tuple[int, Row]]:
        """Yield the rows at these places, prompt by prompt."""
        identity = self.identity[places]
        for block in blocks_of(identity):
            yield from self._rows_of_block(places[block])

    def skim(self, places: IntArray) -> Skimmed | None:
        """Say nothing: pairs are read whole."""
        return None

    def _rows_of_block(self, places: IntArray) -> Iterator[tuple[int, Row]]:
        pairs = PreferencePair.objects.in_bulk(self.ids[places].tolist())
        rows = [self._row(pairs[pk]) for pk in self.ids[places].tolist()]
        reasons = [_say_unfit(row) for row in rows]
        if self.recipe.near_equal is not None:
            _compare(rows, reasons, self.identity[places].tolist(), self.recipe.near_equal)
        for place, row, reason in zip(places.tolist(), rows, reasons, strict=True):
            if reason:
                self.left_out[reason] += 1
            else:
                yield place, rank_both(row) if self.recipe.form == "ranking" else row

    def _row(self, pair: PreferencePair) -> Row:
        return {
            "prompt": pair.prompt,
            "chosen": pair.chosen,
            "rejected": pair.rejected,
            "source": self.source.name,
            "run": "",
            "prompt_set": self.preferences.slug,
            "prompt_id": pair.key,
            "n_turns": len(said_in(pair.chosen)),
            "language": pair.language,
            "category": pair.category,
            "chosen_candidate": "",
            "chosen_sample": 0,
            "rejected_candidate": "",
            "rejected_sample": 0,
            "votes_chosen": 0,
            "votes_rejected": 0,
            "votes_tie": 0,
            "votes_both_bad": 0,
            "n_votes": 0,
            "margin": 1.0 if pair.margin is None else max(pair.margin, 0.0),
            "agreement": 1.0,
            "weight": self.source.weight,
            "annotator_kinds": [],
        }


def read_imported(
    *, preferences: PreferenceSet, source: ImportedPairs, recipe: Recipe, splits: Splits
) -> dict[Split, PreferredElsewhere]:
    """Find the pairs of a set by their prompts, without those on held-out ones."""
    pairs = PreferencePair.objects.filter(preference_set=preferences, pk__lte=source.cutoff)
    question = RawSQL(_FIRST_QUESTION, (), output_field=TextField())  # noqa: S611 - a constant
    rows = pairs.order_by(Collate(F("key"), "C")).values_list("pk", question)
    found = [(pk, identify(text or "")) for pk, text in rows.iterator(chunk_size=5_000)]
    ids, identity = np.array(found, dtype=np.int64).reshape(-1, 2).T
    # Prompts in the order of their first pair, the pairs of each together.
    _known, first, place = np.unique(identity, return_index=True, return_inverse=True)
    order = np.argsort(first[place], kind="stable")
    ids, identity = ids[order], identity[order]
    held_out, is_test = splits.is_held_out(identity), splits.is_test(identity)
    parts: dict[Split, BoolArray] = {"train": ~is_test}
    if recipe.test_share > 0:
        parts["test"] = is_test
    return {
        split: PreferredElsewhere(
            preferences,
            source,
            recipe,
            ids[part & ~held_out],
            identity[part & ~held_out],
            Counter({"held_out": int((part & held_out).sum())}),
        )
        for split, part in parts.items()
    }


def rank_both(row: Row) -> Row:
    """Give an imported pair as a row of form `ranking`."""
    same = ("source", "run", "prompt_set", "prompt_id", "n_turns", "language", "category")
    return {
        "prompt": row["prompt"],
        "completions": [row["chosen"], row["rejected"]],
        **{name: row[name] for name in same},
        "candidates": ["", ""],
        "samples": [0, 0],
        "ranks": [1, 2],
        "strengths": [0.5, -0.5],
        "n_votes": [0, 0],
        "weight": row["weight"],
        "annotator_kinds": [],
    }


def _say_unfit(row: Row) -> str:
    chosen, rejected = said_in(row["chosen"]), said_in(row["rejected"])
    if not all(map(str.strip, [*chosen, *rejected])):
        return "empty_reply"
    return "same_replies" if chosen == rejected else ""


def _compare(rows: list[Row], reasons: list[str], prompts: list[int], near_equal: float) -> None:
    """Say what is as good as equal among the pairs of each prompt."""
    places_of: dict[int, list[int]] = {}
    for place, prompt in enumerate(prompts):
        if not reasons[place]:
            places_of.setdefault(prompt, []).append(place)
    for places in places_of.values():
        texts = [
            "\n\n".join(said_in(rows[n][side])) for n in places for side in ("chosen", "rejected")
        ]
        same_as = represent(texts, near_equal=near_equal)
        sides = list(zip(same_as[::2], same_as[1::2], strict=True))
        for n, (chosen, rejected) in zip(places, sides, strict=True):
            reasons[n] = "near_equal" if chosen == rejected else ""
        fit = [n for n in range(len(places)) if not reasons[places[n]]]
        margins = [rows[places[n]]["margin"] for n in fit]
        for n in find_repeated([(0, *sides[n]) for n in fit], margins, [0] * len(fit)):
            reasons[places[fit[n]]] = "near_duplicate"
