"""Which prompts a plan asks, before anything is marked, and a digest of what they say."""

import hashlib
import json

from django.db.models import Q

from annotate.models import Prompt
from annotate.models.prompts import PromptQuerySet
from annotate.services.plans import Plan
from annotate.services.rounds import draw_held_out

_TOLD = ("prompt_set__slug", "key", "system", "turns", "references", "language", "category",
         "is_held_out")  # fmt: skip


def asked_prompts(plan: Plan) -> PromptQuerySet:
    """Give the prompts that the first round of a plan would compare on, if it began now."""
    prompts = Prompt.objects.filter(prompt_set__slug__in=plan.prompts.sets)
    if plan.prompts.scope == "all":
        return prompts
    drawn = draw_held_out(prompts=prompts, share=plan.prompts.held_out_share, seed=plan.seed)
    held_out = Q(is_held_out=True) | Q(pk__in=drawn)
    wants_held_out = plan.prompts.scope == "held_out"
    return prompts.filter(held_out if wants_held_out else ~held_out)


def digest_prompts(prompts: PromptQuerySet) -> str:
    """Hash what the prompts say, whatever their ids: SHA-256 of one JSON array a line, in UTF-8.

    Lines are sorted by set and key and hold set, key, system text, turns, references, language,
    category and whether the prompt is held out.
    """
    digest = hashlib.sha256()
    rows = sorted(prompts.values_list(*_TOLD).iterator(chunk_size=2_000))
    for row in rows:
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()
