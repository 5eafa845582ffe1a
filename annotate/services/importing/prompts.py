"""Prompts into a set."""

from collections.abc import Iterable, Sequence

from django.db import transaction

from annotate.formats import PromptRow
from annotate.models import Prompt, PromptSet, SelectionRun
from annotate.services.importing.counts import Counts, batched, refuse
from annotate.services.importing.tables import analyze, copy_rows

_COLUMNS = (
    "prompt_set_id", "key", "system", "turns", "language", "category", "is_held_out", "references",
)  # fmt: skip


def import_prompts(*, rows: Iterable[PromptRow], set_slug: str) -> Counts:
    """Add prompts to a set, which is made if there is none of that name.

    Raises:
        ImportRefused: a prompt is there under the same key with another text, or a new one would
            join a run that was launched without it.
    """
    counts = Counts()
    with transaction.atomic():
        prompt_set = lock_set(set_slug)
        for batch in batched(rows):
            counts.add(**add_prompts(prompt_set, batch))
    analyze({Prompt: counts.new})
    return counts


def lock_set(slug: str) -> PromptSet:
    """Give the set of this name, made if there is none; a second import into it waits."""
    PromptSet.objects.get_or_create(slug=slug)
    return PromptSet.objects.select_for_update(no_key=True).get(slug=slug)


def add_prompts(prompt_set: PromptSet, rows: Sequence[PromptRow]) -> dict[str, int]:
    """Store the prompts that are new; refuse those that are there and say something else."""
    keys = [row.key for row in rows]
    there = {prompt.key: prompt for prompt in prompt_set.prompts.filter(key__in=keys)}
    new: dict[str, PromptRow] = {}
    for row in rows:
        stored = there.get(row.key) or new.setdefault(row.key, row)
        if (stored.system, tuple(stored.turns)) != (row.system, row.turns):
            refuse(
                row.location,
                f"turns: prompt {row.key!r} is in set {prompt_set.slug} with another text;"
                " give it another key, or another set",
            )
        if row.category and row.category != stored.category:
            refuse(
                row.location,
                f"category: prompt {row.key!r} is {row.category!r} here and"
                f" {stored.category!r} in set {prompt_set.slug}; change it there first",
            )
        if row.references and list(row.references) != list(stored.references):
            refuse(
                row.location,
                f"references: prompt {row.key!r} is in set {prompt_set.slug} with other right"
                " answers, or none; give it another key, or another set",
            )
        if row.is_held_out and not stored.is_held_out:
            refuse(
                row.location,
                f"is_held_out: prompt {row.key!r} is not held out in set {prompt_set.slug}, and"
                " votes on it may have trained a candidate; give it another key",
            )
    if new:
        _check_not_launched(prompt_set, next(iter(new.values())))
    copy_rows(
        table=Prompt,
        columns=_COLUMNS,
        rows=(
            (prompt_set.pk, row.key, row.system, list(row.turns), row.language, row.category,
             row.is_held_out, list(row.references))
            for row in new.values()
        ),
    )  # fmt: skip
    return {"new": len(new), "equal": len(rows) - len(new)}


def _check_not_launched(prompt_set: PromptSet, row: PromptRow) -> None:
    """Keep the prompts of a launched run as its log hashed them; launches lock the set as well."""
    runs = prompt_set.runs.filter(plan__launched_at__isnull=False)
    run = runs.exclude(state=SelectionRun.State.CLOSED).order_by("id").first()
    if run is not None:
        refuse(
            row.location,
            f"key: prompt {row.key!r} is new to set {prompt_set.slug}, which the launched run"
            f" {run.slug} asks as it is; import it into another set",
        )
