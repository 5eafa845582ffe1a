"""From a plan to a run that generates: read it, keep it as a draft, launch it."""

from annotate.services.launching.candidates import CandidateDraft, resolve_candidates
from annotate.services.launching.drafts import (
    delete_draft,
    digest_draft,
    draft_run,
    edit_draft,
)
from annotate.services.launching.launch import launch_plan, launch_run
from annotate.services.launching.prompts import asked_prompts
from annotate.services.launching.reading import read_plan

__all__ = [
    "CandidateDraft",
    "asked_prompts",
    "delete_draft",
    "digest_draft",
    "draft_run",
    "edit_draft",
    "launch_plan",
    "launch_run",
    "read_plan",
    "resolve_candidates",
]
