"""What a recipe gives, before anybody carries it out: nothing is written."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from annotate.services.exporting.assembling import Assembly
from annotate.services.exporting.figures import say_warnings
from annotate.services.exporting.forms import FORMS
from annotate.services.exporting.portions import Row
from annotate.services.exporting.recipe import FORMS_OF_VOTES, Recipe
from annotate.services.exporting.resolving import resolve_for_preview
from annotate.services.exporting.rows import Split

MAX_EXAMPLES = 10
_A_ROW_FOR_EACH = ("dpo", "dpo-standard", "reward", "ranking")


@dataclass(frozen=True)
class Preview:
    """What a dataset would have.

    Attributes:
        recipe: with the cut-offs at which it was looked at.
        counts: as a dataset stores them.
        examples: its first rows to train on; those of `dpo-standard` as conversations, since only
            the base's tokenizer knows the texts.
    """

    recipe: Recipe
    counts: dict[str, Any]
    examples: list[Row]

    @property
    def n_rows(self) -> int:
        """Rows to train on."""
        return int(self.counts["rows"])

    @property
    def n_test_rows(self) -> int:
        """Rows to test on."""
        return int(self.counts["test_rows"])

    @property
    def left_out(self) -> dict[str, int]:
        """Pairs that give no row, by reason."""
        return dict(self.counts["left_out"])

    @property
    def by_source(self) -> dict[str, int]:
        """Rows to train on, by the name of their source."""
        return dict(self.counts["sources"])

    @property
    def by_language(self) -> dict[str, int]:
        """Rows to train on, by language."""
        return dict(self.counts["languages"])

    @property
    def warnings(self) -> list[str]:
        """What must not be overlooked, in the reader's language."""
        return say_warnings(self.counts)


def preview(recipe: Recipe) -> Preview:
    """Count what a recipe gives now, and show its first rows.

    Votes that are being cast at this moment may be in or not.

    Raises:
        RecipeRefused: something that it names is not there.
        ExportRefused: the method cannot be used on these votes.
    """
    resolved = resolve_for_preview(recipe)
    assembly = Assembly(resolved)
    if recipe.form in FORMS_OF_VOTES:
        examples = list(islice(assembly.rows("train"), MAX_EXAMPLES))
        assembly.figures.forget_rows()
        assembly.foretell_votes()
        return Preview(resolved.recipe, assembly.count(), examples)
    if recipe.form in _A_ROW_FOR_EACH:
        examples = assembly.look("train", MAX_EXAMPLES)
        if recipe.test_share > 0:
            assembly.look("test", 0)
        return Preview(resolved.recipe, assembly.count(), _in_form(recipe.form, examples))
    examples = []
    n_rows: dict[Split, int] = {"train": 0, "test": 0}
    for split in assembly.splits:
        tagged = ((split, row) for row in assembly.pair_rows(split))
        for _split, row in FORMS[recipe.form].rows(tagged):
            n_rows[split] += 1
            if split == "train" and len(examples) < MAX_EXAMPLES:
                examples.append(row)
    counts = assembly.count() | {"rows": n_rows["train"], "test_rows": n_rows["test"]}
    return Preview(resolved.recipe, counts, examples)


def _in_form(form: str, rows: list[Row]) -> list[Row]:
    if form == "dpo-standard":
        return rows
    return [row for _split, row in FORMS[form].rows(("train", row) for row in rows)]
