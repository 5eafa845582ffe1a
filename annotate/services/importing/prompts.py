"""Prompts into a set."""

from collections.abc import Iterable, Sequence

from annotate.formats import STOP, Faults, FormatError, PromptRow
from annotate.models import Prompt, PromptSet, SelectionRun
from annotate.services.importing.batches import Batches
from annotate.services.importing.counts import Counts
from annotate.services.importing.tables import analyze, array_of_texts, copy_rows
from annotate.services.importing.whole import Conflict, all_or_nothing, conflict, tell, wrong

_COLUMNS = (
    "prompt_set_id", "key", "system", "turns", "language", "category", "is_held_out", "references",
)  # fmt: skip


def import_prompts(
    *,
    rows: Iterable[PromptRow],
    set_slug: str,
    faults: Faults = STOP,
    dry_run: bool = False,
) -> Counts:
    """Add prompts to a set, which is made if there is none of that name.

    Args:
        faults: takes what is wrong with rows; unless it gathers them, the first one is raised.
        dry_run: do everything, and keep nothing.

    Raises:
        ImportRefused: a prompt is there under the same key with another text, or a new one would
            join a run that was launched without it. `FaultsFound` where faults were gathered.
    """
    counts = Counts()
    with all_or_nothing(faults=faults, dry_run=dry_run, counts=counts):
        writer = PromptWriter(lock_set(set_slug), counts, faults)
        for batch in Batches(rows):
            writer.add(batch)
    if not dry_run:
        analyze({Prompt: counts.new})
    return counts


def lock_set(slug: str) -> PromptSet:
    """Give the set of this name, made if there is none; a second import into it waits."""
    PromptSet.objects.get_or_create(slug=slug)
    return PromptSet.objects.select_for_update(no_key=True).get(slug=slug)


class PromptWriter:
    """Stores prompts batch by batch."""

    def __init__(self, prompt_set: PromptSet, counts: Counts, faults: Faults) -> None:
        self._set = prompt_set
        self._counts = counts
        self._faults = faults
        self._launched = self._launched_run()

    def add(self, rows: Sequence[PromptRow]) -> None:
        """Store the prompts that are new; those that are there and say otherwise are faults."""
        keys = [row.key for row in rows]
        there = {prompt.key: prompt for prompt in self._set.prompts.filter(key__in=keys)}
        new: dict[str, PromptRow] = {}
        for row in rows:
            stored = there.get(row.key) or new.get(row.key)
            try:
                if stored is None:
                    self._check_not_launched(row)
                    new[row.key] = row
                else:
                    self._check_equal(row, stored)
                    self._counts.add(equal=1)
            except FormatError as fault:
                tell(self._faults, fault)
                self._counts.add(conflict=int(isinstance(fault, Conflict)))
        copy_rows(
            table=Prompt,
            columns=_COLUMNS,
            rows=(
                (self._set.pk, row.key, row.system, array_of_texts(row.turns), row.language,
                 row.category, row.is_held_out, array_of_texts(row.references))
                for row in new.values()
            ),
        )  # fmt: skip
        self._counts.add(new=len(new))

    def _check_equal(self, row: PromptRow, stored: Prompt | PromptRow) -> None:
        """Raise a conflict where the prompt is there, and says something else."""
        there = f"prompt {row.key!r} has in set {self._set.slug}"
        other = "give it another key, or another set"
        if tuple(stored.turns) != row.turns:
            raise conflict(
                row.location, "turns", list(row.turns), f"the text that {there}; {other}"
            )
        if stored.system != row.system:
            raise conflict(row.location, "system", row.system, f"the text that {there}; {other}")
        if row.category and row.category != stored.category:
            raise conflict(
                row.location, "category", row.category,
                f"{stored.category!r}, which {there}; change it there first",
            )  # fmt: skip
        if row.references and list(row.references) != list(stored.references):
            expected = f"the right answers that {there}, if any; {other}"
            raise conflict(row.location, "references", list(row.references), expected)
        if row.is_held_out and not stored.is_held_out:
            raise conflict(
                row.location, "is_held_out", True,
                f"what {there}, where votes on it may have trained a candidate; give it another"
                " key",
            )  # fmt: skip

    def _check_not_launched(self, row: PromptRow) -> None:
        if self._launched is not None:
            raise wrong(
                row.location, "key", row.key,
                f"a prompt of set {self._set.slug}, which the launched run {self._launched.slug}"
                " asks as it is; import it into another set",
            )  # fmt: skip

    def _launched_run(self) -> SelectionRun | None:
        """Find a run whose log hashed the set's prompts as they are; launches lock the set too."""
        runs = self._set.runs.filter(plan__launched_at__isnull=False)
        return runs.exclude(state=SelectionRun.State.CLOSED).order_by("id").first()
