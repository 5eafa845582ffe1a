"""Prompts on which voters found both replies bad, as a prompt set to be asked anew."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from annotate.formats import WrittenFile, write_jsonl, write_rows
from annotate.models import Prompt
from annotate.ranking.arrays import IntArray
from annotate.ranking.votes import BOTH_BAD
from annotate.services import errors
from annotate.services.exporting.ballots import Ballots, read_ballots
from annotate.services.exporting.recipe import Recipe, RunVotes
from annotate.services.exporting.resolving import Resolved, resolve, resolve_for_preview
from annotate.services.exporting.splits import Splits

MAX_KEY_CHARS = 200
# Of the votes on a prompt: the share of both-bad above which its replies are to be made anew.
BAD_SHARE = 0.5


def write_both_bad(recipe: Recipe, out: Path) -> WrittenFile:
    """Write the prompts of which more than `BAD_SHARE` of the votes say that both replies are bad.

    The file is what `import_prompts` reads: a set to be asked anew, of other candidates or with
    other settings. Held-out prompts are not in it, since nothing is trained on them.

    Raises:
        RecipeRefused: something that the recipe names is not there.
        ExportRefused: there is no such prompt.
        LedgerBusy: votes are being imported into one of its runs.
        FormatError: the file cannot be written.
    """
    return write_rows(out, _prompt_rows(_found(resolve(recipe))))


def both_bad_lines(recipe: Recipe) -> bytes:
    """Give the lines of `write_both_bad`; votes that are being cast may be in or not.

    Raises:
        RecipeRefused, ExportRefused: as there.
    """
    return b"".join(write_jsonl(_prompt_rows(_found(resolve_for_preview(recipe)))))


def _found(resolved: Resolved) -> IntArray:
    """Find the prompts to be asked anew, of which there has to be one."""
    found = find_both_bad(resolved)
    if len(found) == 0:
        message = _("no prompt of %(runs)s has more both-bad votes than others: there is none to"
                    " ask anew")  # fmt: skip
        raise errors.ExportRefused(message % {"runs": ", ".join(resolved.runs)})
    return found


def find_both_bad(resolved: Resolved) -> IntArray:
    """Return the ids of the prompts to be asked anew, of all runs among the sources."""
    splits = Splits(resolved.recipe)
    found = [
        bad_prompts(
            read_ballots(run=resolved.runs[source.run], source=source, splits=splits), splits
        )
        for source in resolved.recipe.sources
        if isinstance(source, RunVotes)
    ]
    return np.unique(np.concatenate(found))


def bad_prompts(ballots: Ballots, splits: Splits) -> IntArray:
    """Return the ids of the prompts, not held out, whose votes are mostly both-bad."""
    table = ballots.texts.prompts
    prompt = ballots.texts.prompt[ballots.first]
    votes = np.bincount(prompt, minlength=len(table.ids))
    bad = np.bincount(prompt[ballots.outcome == BOTH_BAD], minlength=len(table.ids))
    return table.ids[(bad > votes * BAD_SHARE) & ~splits.is_held_out(table.identity)]


def _prompt_rows(ids: IntArray) -> Iterator[dict[str, Any]]:
    """Yield prompts as Kurabe's own form has them, with their set's name where keys would clash."""
    prompts = Prompt.objects.filter(pk__in=ids.tolist()).select_related("prompt_set")
    known: set[str] = set()
    for prompt in prompts.order_by("prompt_set__slug", "key", "pk"):
        key = prompt.key
        if key in known:
            key = f"{prompt.prompt_set.slug}/{prompt.key}"[:MAX_KEY_CHARS]
        known.add(key)
        yield {
            "key": key,
            "system": prompt.system,
            "turns": prompt.turns,
            "language": prompt.language,
            "category": prompt.category,
            **({"references": prompt.references} if prompt.references else {}),
        }
