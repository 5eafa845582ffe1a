"""What is said of a dataset in numbers, and what somebody who uses it must not overlook."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotate.ranking.agreement import alpha_of_kinds, raw_of_kinds
from annotate.ranking.arrays import IntArray, count_equal
from annotate.services.exporting.choosing import Counted
from annotate.services.exporting.portions import Row, is_backed_by_people, name_kinds
from annotate.services.exporting.reading import KINDS
from annotate.services.exporting.recipe import Recipe
from annotate.services.exporting.rows import Split
from annotate.services.exporting.skimming import Skimmed

REASONS: dict[str, Promise] = {
    "held_out": gettext_lazy("held-out prompt"),
    "empty_reply": gettext_lazy("empty reply"),
    "same_replies": gettext_lazy("the same text twice"),
    "no_decisive_vote": gettext_lazy("no vote for either side"),
    "too_few_votes": gettext_lazy("too few votes"),
    "margin_too_small": gettext_lazy("margin too small"),
    "probability_too_small": gettext_lazy("not sure enough which is better"),
    "flagged": gettext_lazy("a reply names its maker, or was reported"),
    "leaked": gettext_lazy("a reply slips into another language"),
    "near_equal": gettext_lazy("the two texts are nearly equal"),
    "near_duplicate": gettext_lazy("nearly the same as another pair of the prompt"),
    "over_limit_of_prompt": gettext_lazy("more pairs of one prompt than wanted"),
    "over_limit_of_source": gettext_lazy("more rows of one source than wanted"),
    "out_of_balance": gettext_lazy("left out for balance"),
    "fewer_than_two_replies": gettext_lazy("fewer than two replies to the prompt"),
}
Writer = tuple[str, str]
"""A run's slug and a candidate's name."""


@dataclass(eq=False)
class Figures:
    """Counts of what was read and what became rows, added up as it happens.

    Attributes:
        rows: rows of pairs or rankings by part, before the form makes its own of them.
        languages, categories: rows to train on.
        by_people, by_others: the weight of rows to train on that a person's vote stands behind, or
            none does.
        with_judges: rows to train on that an LLM judge's vote stands behind.
        left_out: pairs by reason, in both parts.
        votes, annotators: that may stand behind rows to train on, by kind.
        set_aside: votes of held-out annotators, or on prompts that only those are tested on.
        unmeasured: completions of which nobody knows whether they leak.
        writers: candidates whose replies are in any row.
    """

    rows: Counter[Split] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    by_people: float = 0.0
    by_others: float = 0.0
    with_judges: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    votes: Counter[str] = field(default_factory=Counter)
    annotators: Counter[str] = field(default_factory=Counter)
    set_aside: int = 0
    unmeasured: int = 0
    writers: set[Writer] = field(default_factory=set)
    agreement: list[tuple[IntArray, IntArray]] = field(default_factory=list)
    _known: set[tuple[str, ...]] = field(default_factory=set)

    def add_votes(self, counted: Counted) -> None:
        """Note the votes of a source that may stand behind rows to train on."""
        ballots = counted.ballots
        for place, n in enumerate(counted.votes.tolist()):
            self.votes[KINDS[place]] += n
        has_voted = np.bincount(ballots.annotator, minlength=len(ballots.annotators.ids)) > 0
        for place in ballots.annotators.kind[has_voted].tolist():
            self.annotators[KINDS[place]] += 1
        self.agreement.append(_count_alike(counted.tally.outcomes))
        self.set_aside += ballots.n_set_aside

    def add_row(self, split: Split, row: Row) -> None:
        """Note a row."""
        self.rows[split] += 1
        self._note_writers(row)
        if split == "test":
            return
        self.sources[row["source"]] += 1
        self.languages[row["language"]] += 1
        self.categories[row["category"]] += 1
        if is_backed_by_people(row["annotator_kinds"]):
            self.by_people += row["weight"]
        else:
            self.by_others += row["weight"]
        self.with_judges += "judge" in row["annotator_kinds"]

    def add_skimmed(self, split: Split, rows: Skimmed) -> None:
        """Note rows whose texts nobody read, as `add_row` does each."""
        n_rows = len(rows.places)
        self.rows[split] += n_rows
        self.writers.update((rows.run, name) for name in rows.candidates)
        if split == "test":
            return
        self.sources[rows.source] += n_rows
        for language, category, n in rows.each_prompt():
            self.languages[language] += n
            self.categories[category] += n
        for bits, n in enumerate(np.bincount(rows.kinds).tolist()):
            kinds = name_kinds(bits)
            if is_backed_by_people(kinds):
                self.by_people += n * rows.weight
            else:
                self.by_others += n * rows.weight
            self.with_judges += n * ("judge" in kinds)

    def _note_writers(self, row: Row) -> None:
        if "candidates" in row:
            names = (row["run"], *row["candidates"])
        else:
            names = (row["run"], row["chosen_candidate"], row["rejected_candidate"])
        if names[0] and names not in self._known:
            self._known.add(names)
            self.writers.update((names[0], name) for name in names[1:])

    def forget_rows(self) -> None:
        """Begin to count rows anew; what was counted of votes stays."""
        self.rows.clear()
        self.sources.clear()

    def to_counts(self, recipe: Recipe) -> dict[str, Any]:
        """Give what a dataset stores: JSON types, zeros left out of what is counted by name."""
        return {
            "rows": self.rows["train"],
            "test_rows": self.rows["test"],
            "left_out": _told(self.left_out),
            "sources": {source.name: self.sources[source.name] for source in recipe.sources},
            "languages": _told(self.languages),
            "categories": _told(self.categories),
            "rows_by_people": round(self.by_people, 6),
            "rows_by_others": round(self.by_others, 6),
            "rows_with_judges": self.with_judges,
            "votes": _told(self.votes),
            "annotators": _told(self.annotators),
            "votes_set_aside": self.set_aside,
            "agreement": self.measure_agreement(),
            "warnings": find_warnings(self, recipe),
        }

    def measure_agreement(self) -> dict[str, Any]:
        """Say how far voters agree on pairs that several of them judged: raw, and alpha.

        None where there is no such pair, and for alpha also where all votes are alike.
        """
        n_pairs = sum(int(often.sum()) for _kinds, often in self.agreement)
        if n_pairs == 0:
            return {"pairs": 0, "raw": None, "alpha": None}
        kinds = np.concatenate([kinds for kinds, _often in self.agreement])
        often = np.concatenate([often for _kinds, often in self.agreement])[None, :]
        raw, alpha = raw_of_kinds(kinds, often)[0], alpha_of_kinds(kinds, often)[0]
        return {
            "pairs": n_pairs,
            "raw": round(float(raw), 4),
            "alpha": None if np.isnan(alpha) else round(float(alpha), 4),
        }


def _count_alike(outcomes: IntArray) -> tuple[IntArray, IntArray]:
    """Return the kinds of pairs with two votes or more, by votes of each outcome, and how many."""
    several = outcomes[outcomes.sum(axis=1) > 1]
    base = int(several.max(initial=0)) + 1
    if base**4 >= 2**63:  # hundreds of thousands of votes on one pair
        kinds, often = np.unique(several, axis=0, return_counts=True)
        return kinds.astype(np.int64), often.astype(np.int64)
    powers = base ** np.arange(4)
    keys, often = count_equal(several @ powers)
    return keys[:, None] // powers % base, often.astype(np.int64)


def _told(counter: Counter[str]) -> dict[str, int]:
    return {name: n for name, n in sorted(counter.items()) if n}


def find_warnings(figures: Figures, recipe: Recipe) -> list[dict[str, Any]]:
    """List what must be said beside the numbers, each by its name and with its own numbers."""
    found: list[dict[str, Any]] = []
    if figures.by_others > figures.by_people:
        found.append(
            {
                "name": "people_outnumbered",
                "people": round(figures.by_people, 2),
                "others": round(figures.by_others, 2),
            }
        )
    if recipe.test_share > 0 and not figures.rows["test"]:
        found.append({"name": "nothing_to_test_on", "share": recipe.test_share})
    if figures.unmeasured:
        found.append({"name": "unmeasured", "n": figures.unmeasured})
    if figures.set_aside:
        found.append({"name": "set_aside", "n": figures.set_aside})
    return found


def say_warnings(counts: Mapping[str, Any]) -> list[str]:
    """Say in the reader's language what a dataset's counts warn of."""
    words = {
        "people_outnumbered": _(
            "People are outnumbered: by weight, %(people)s rows to train on have people's votes"
            " behind them, and %(others)s have only LLM judges' or were preferred elsewhere."
        ),
        "nothing_to_test_on": _(
            "No row is kept to test on: there are too few prompts for a share of %(share)s."
        ),
        "unmeasured": _(
            "%(n)s replies are not measured, so that nobody knows whether they leak; they stay in."
        ),
        "set_aside": _(
            "%(n)s votes are set aside: held-out annotators' on prompts to train on, and others' on"
            " prompts to test on."
        ),
    }
    return [words[each["name"]] % each for each in counts.get("warnings", [])]


def left_out_of(counts: Mapping[str, Any]) -> dict[str, int]:
    """Give pairs by the reason for which they were left out, of older datasets as well."""
    if "left_out" in counts:
        return dict(counts["left_out"])
    made = ("pairs", "pairs_with_judges")
    return {reason: n for reason, n in counts.items() if reason not in made}


def describe_left_out(counts: Mapping[str, Any]) -> str:
    """List what no pair was made of, with the numbers."""
    reasons = sorted(left_out_of(counts).items())
    return ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in reasons)


def join_licences(licences: Iterable[str]) -> str:
    """Join licences that hold together by AND, as SPDX has it, each once."""
    parts = (part for licence in licences if licence for part in licence.split(" AND "))
    return " AND ".join(dict.fromkeys(parts))
