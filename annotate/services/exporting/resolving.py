"""What the names in a recipe stand for, and up to where each source is read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from annotate.models import Candidate, PreferenceSet, SelectionRun
from annotate.services.errors import Fault, RecipeRefused, names_like
from annotate.services.exporting.recipe import ImportedPairs, Recipe, RunVotes, Source
from annotate.services.ledger import next_number, take_cutoff

TakeCutoff = Callable[[SelectionRun], int]


@dataclass(frozen=True)
class Resolved:
    """A recipe with every cut-off, and what it names.

    Attributes:
        runs, sets: by slug.
        base: the candidate whose prompt format renders texts, where the form asks for one.
    """

    recipe: Recipe
    runs: dict[str, SelectionRun]
    sets: dict[str, PreferenceSet]
    base: Candidate | None

    @property
    def home(self) -> SelectionRun:
        """Give the run that the dataset belongs to."""
        return self.runs[self.recipe.home.run]


def resolve(recipe: Recipe) -> Resolved:
    """Find what a recipe names, and take the cut-offs that it lacks.

    Raises:
        RecipeRefused: something of a name is not there.
        LedgerBusy: votes are being imported into a run of it.
    """
    return _resolve(recipe, lambda run: take_cutoff(run=run))


def resolve_for_preview(recipe: Recipe) -> Resolved:
    """Find what a recipe names; nobody waits, so that votes under way may be in or not."""
    return _resolve(recipe, lambda run: next_number())


def check_names(recipe: Recipe) -> Resolved:
    """Find what a recipe names; the cut-offs that it lacks are taken when it is carried out.

    Raises:
        RecipeRefused: something of a name is not there.
    """
    runs = _find_runs(recipe)
    sets = _find_sets(recipe)
    faults = [*_missing(recipe, runs, sets)]
    base = None
    home = runs.get(recipe.home.run)
    if recipe.base is not None and home is not None:
        base = home.candidates.filter(name=recipe.base).first()
        if base is None or not base.prompt_format:
            faults.append(_say_base(home, recipe.base, base))
    if faults:
        raise RecipeRefused(faults)
    return Resolved(recipe, runs, sets, base)


def _resolve(recipe: Recipe, take: TakeCutoff) -> Resolved:
    found = check_names(recipe)
    taken: dict[str, int] = {}
    sources: list[Source] = []
    for source in recipe.sources:
        if source.cutoff is not None:
            sources.append(source)
            continue
        if isinstance(source, RunVotes):
            # Two sources of one run are read up to one vote.
            if source.run not in taken:
                taken[source.run] = take(found.runs[source.run])
            cutoff = taken[source.run]
        else:
            cutoff = _last_pair(found.sets[source.preference_set])
        sources.append(source.model_copy(update={"cutoff": cutoff}))
    settled = recipe.model_copy(update={"sources": sources})
    return Resolved(settled, found.runs, found.sets, found.base)


def _last_pair(preferences: PreferenceSet) -> int:
    """Give the id of a set's last pair, once no import into it is under way."""
    with transaction.atomic():
        PreferenceSet.objects.select_for_update(no_key=True).get(pk=preferences.pk)
        last: int | None = preferences.pairs.aggregate(last=Max("pk"))["last"]
    return last or 0


def _find_runs(recipe: Recipe) -> dict[str, SelectionRun]:
    slugs = {source.run for source in recipe.sources if isinstance(source, RunVotes)}
    return {run.slug: run for run in SelectionRun.objects.filter(slug__in=slugs)}


def _find_sets(recipe: Recipe) -> dict[str, PreferenceSet]:
    slugs = {
        source.preference_set for source in recipe.sources if isinstance(source, ImportedPairs)
    }
    return {each.slug: each for each in PreferenceSet.objects.filter(slug__in=slugs)}


def _missing(
    recipe: Recipe, runs: dict[str, SelectionRun], sets: dict[str, PreferenceSet]
) -> Iterator[Fault]:
    for number, source in enumerate(recipe.sources):
        if isinstance(source, RunVotes) and source.run not in runs:
            known = names_like(source.run, SelectionRun.objects.values_list("slug", flat=True))
            message = _("No run is called %(name)s; there is %(known)s.")
            told = {"name": source.run, "known": known or _("none")}
            yield Fault(f"sources.{number}.run", message % told)
        if isinstance(source, ImportedPairs) and source.preference_set not in sets:
            slugs = PreferenceSet.objects.values_list("slug", flat=True)
            known = names_like(source.preference_set, slugs)
            message = _("No preference set is called %(name)s; there is %(known)s.")
            told = {"name": source.preference_set, "known": known or _("none")}
            yield Fault(f"sources.{number}.preference_set", message % told)


def _say_base(home: SelectionRun, name: str, base: Candidate | None) -> Fault:
    if base is not None:
        message = _("Candidate “%(name)s” has no prompt format: its texts came from elsewhere.")
        return Fault("base", message % {"name": name})
    known = names_like(name, home.candidates.values_list("name", flat=True))
    message = _("Run %(run)s has no candidate “%(name)s”; it has %(known)s.")
    return Fault("base", message % {"run": home.slug, "name": name, "known": known})
