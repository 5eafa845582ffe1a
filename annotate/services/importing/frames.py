"""A pandas DataFrame into the database, from Python."""

from typing import TYPE_CHECKING

from annotate.formats import STOP, Faults, FileKind, frames
from annotate.models import SelectionRun
from annotate.services import errors
from annotate.services.importing.battles import import_battles
from annotate.services.importing.completions import CompletionCounts, import_completions
from annotate.services.importing.counts import Counts
from annotate.services.importing.preferences import import_preferences
from annotate.services.importing.prompts import import_prompts
from annotate.services.importing.votes import import_votes

if TYPE_CHECKING:
    import pandas as pd


def import_frame(
    frame: "pd.DataFrame",
    *,
    kind: FileKind,
    run: str | None = None,
    prompt_set: str | None = None,
    preference_set: str | None = None,
    format: str | None = None,
    faults: Faults = STOP,
    dry_run: bool = False,
) -> Counts | CompletionCounts:
    """Import the rows of a DataFrame as the command for a file of this kind does.

    Args:
        run: name of the run, for completions, votes and battles.
        prompt_set: name of the set of prompts; None is named like the run.
        preference_set: name of the set, for preferences.
        format: of battles and preferences; None is recognised from the columns.
        faults: takes what is wrong with rows; unless it gathers them, the first one is raised.
        dry_run: do everything, and keep nothing.

    Raises:
        FormatError: a row is wrong, or the columns are no format's.
        ImportRefused: a row contradicts what is there, or what it goes into is not named.
    """
    if kind == "preferences":
        pairs = frames.preferences_of_frame(frame, format=format, faults=faults)
        slug = _named(preference_set, kind, "preference_set")
        return import_preferences(rows=pairs, set_slug=slug, faults=faults, dry_run=dry_run)
    if kind == "prompts":
        prompts = frames.prompts_of_frame(frame, faults=faults)
        slug = _named(prompt_set or run, kind, "prompt_set")
        return import_prompts(rows=prompts, set_slug=slug, faults=faults, dry_run=dry_run)
    slug = _named(run, kind, "run")
    if kind == "votes":
        votes = frames.votes_of_frame(frame, faults=faults)
        return import_votes(rows=votes, run=_run(slug), faults=faults, dry_run=dry_run)
    into = {"run_slug": slug, "set_slug": prompt_set or slug}
    if kind == "battles":
        battles = frames.battles_of_frame(frame, format=format, faults=faults)
        return import_battles(rows=battles, **into, faults=faults, dry_run=dry_run)
    completions = frames.completions_of_frame(frame, faults=faults)
    return import_completions(rows=completions, **into, faults=faults, dry_run=dry_run)


def _named(name: str | None, kind: FileKind, argument: str) -> str:
    if not name:
        raise errors.ImportRefused(f"{kind} need the name of what they go into: {argument}=...")
    return name


def _run(slug: str) -> SelectionRun:
    run = SelectionRun.objects.filter(slug=slug).first()
    if run is None:
        there = errors.names_like(slug, SelectionRun.objects.values_list("slug", flat=True))
        known = f"there is {there}" if there else "import completions first"
        raise errors.ImportRefused(f"no run is called {slug!r}; {known}")
    return run
