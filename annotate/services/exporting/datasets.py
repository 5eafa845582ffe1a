"""Datasets: written once, whole or not at all, with all that is needed to make them again."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from annotate.formats import WrittenFile, write_files
from annotate.formats.writers import sync_folder
from annotate.models import (
    Candidate,
    DatasetFile,
    DatasetSource,
    PreferenceDataset,
    User,
    Vote,
)
from annotate.models.votes import VoteQuerySet
from annotate.services import errors
from annotate.services.exporting.assembling import Assembly
from annotate.services.exporting.ballots import keep_voters
from annotate.services.exporting.cards import Made, find_consents, write_card
from annotate.services.exporting.figures import describe_left_out, join_licences
from annotate.services.exporting.portions import Row
from annotate.services.exporting.recipe import Recipe, RunVotes, read_recipe
from annotate.services.exporting.resolving import Resolved, resolve
from annotate.services.exporting.rows import Split

OnProgress = Callable[[int, int], None]
"""Told rows written and about how many there will be, at most once in `TELL_EVERY_S`."""

TELL_EVERY_S = 1.0
JSONL = ".jsonl"
MAX_LICENCE = PreferenceDataset._meta.get_field("licence").max_length or 0
# By so much of a file's SHA-256 its name differs from that of any other.
_NAME_DIGITS = 12


@dataclass(frozen=True)
class Draft:
    """A dataset whose files are written, before it is kept: none of these rows is stored.

    `writers` are the candidates whose replies are in it.
    """

    dataset: PreferenceDataset
    sources: list[DatasetSource]
    files: list[DatasetFile]
    writers: list[Candidate]


def export_dataset(
    recipe: Recipe,
    created_by: User | None = None,
    on_progress: OnProgress | None = None,
    *,
    also: Sequence[str] = (),
    label: str = "",
) -> PreferenceDataset:
    """Write the rows of a recipe, and keep them as a dataset.

    The same recipe with the same cut-offs makes the same bytes.

    Args:
        also: endings, of `.parquet` and `.csv`, of further files that are written along.
        label: begins the name of the folder in which unfinished files stand.

    Raises:
        RecipeRefused: something that it names is not there.
        ExportRefused: it gives no row to train on, or the method cannot be used on these votes.
        LedgerBusy: votes are being imported into one of its runs.
        FormatError: the disk cannot be written to.
    """
    folder = datasets_folder()
    with TemporaryDirectory(dir=folder, prefix=f".{label or 'draft'}-") as name:
        resolved = resolve(recipe)
        draft = draft_dataset(resolved, Path(name), also=also, on_progress=on_progress)
        draft.dataset.created_by = created_by
        return keep_draft(draft, folder)


def datasets_folder() -> Path:
    """Give the folder of all datasets."""
    folder = Path(settings.KURABE_HOME) / "datasets"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def draft_dataset(
    resolved: Resolved,
    folder: Path,
    *,
    also: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> Draft:
    """Write the files of a dataset into a folder under KURABE_HOME; nothing is stored.

    Raises:
        ExportRefused, FormatError: as `export_dataset` does.
    """
    assembly = Assembly(resolved)
    written: dict[Split, list[WrittenFile]] = {}
    tell = _Teller(on_progress, assembly.n_rows)
    for split in assembly.splits:
        written[split] = write_files(
            [folder / f"{split}{ending}" for ending in (JSONL, *also)],
            tell.each(assembly.rows(split)),
            schema=assembly.schema() if also else None,
        )
    counts = assembly.count()
    if written["train"][0].n_rows == 0:
        message = say_empty(resolved.recipe, counts)
        raise errors.NothingToExport(message, left_out=counts["left_out"])
    writers = _find_writers(resolved, assembly)
    dataset = _describe(resolved, writers, written["train"][0])
    dataset.counts = counts | {
        "rows": written["train"][0].n_rows,
        "test_rows": written["test"][0].n_rows if "test" in written else 0,
    }
    sources = [
        _describe_source(resolved, number, counts["sources"])
        for number in range(len(resolved.recipe.sources))
    ]
    if len(sources) == 1:
        sources[0].n_rows = dataset.n_pairs
    files = [
        _describe_file(split, file)
        for split, parts in written.items()
        for file in (parts[1:] if split == "train" else parts)
    ]
    return Draft(dataset, sources, files, writers)


class _Teller:
    """Tells how far the rows of all parts are."""

    def __init__(self, on_progress: OnProgress | None, n_total: int) -> None:
        self._tell, self._n_total = on_progress, n_total
        self._n_done, self._told_at = 0, time.monotonic()

    def each(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Pass rows on."""
        if self._tell is None:
            yield from rows
            return
        for row in rows:
            yield row
            self._n_done += 1
            # The clock is asked now and then: it costs as much as a short row.
            if self._n_done % 100 == 1 and time.monotonic() - self._told_at >= TELL_EVERY_S:
                self._told_at = time.monotonic()
                self._tell(self._n_done, max(self._n_total, self._n_done))


def _describe(
    resolved: Resolved, writers: Sequence[Candidate], train: WrittenFile
) -> PreferenceDataset:
    recipe = resolved.recipe
    assert recipe.home.cutoff is not None
    return PreferenceDataset(
        run=resolved.home,
        cutoff=recipe.home.cutoff,
        form=recipe.form,
        filters=recipe.to_filters(),
        counts={},
        n_pairs=train.n_rows,
        path=str(train.path.relative_to(settings.KURABE_HOME)),
        sha256=train.sha256,
        licence=_find_licence(resolved, writers),
    )


def _find_writers(resolved: Resolved, assembly: Assembly) -> list[Candidate]:
    """List the candidates whose replies are in the rows."""
    writers = assembly.figures.writers
    candidates = Candidate.objects.filter(
        run__in=resolved.runs.values(), name__in={name for _run, name in writers}
    ).select_related("run")
    return [each for each in candidates.order_by("pk") if (each.run.slug, each.name) in writers]


def _find_licence(resolved: Resolved, writers: Sequence[Candidate]) -> str:
    """Join the licences of whoever wrote replies of the rows, and of the sets among the sources."""
    licences = [each.licence for each in writers]
    licence = join_licences([*licences, *(each.licence for each in resolved.sets.values())])
    if len(licence) > MAX_LICENCE:
        message = _(
            "The licences of what the dataset is made of are too long together: %(licence)s"
        )
        raise errors.ExportRefused(message % {"licence": licence})
    return licence


def _describe_source(resolved: Resolved, number: int, n_rows: dict[str, int]) -> DatasetSource:
    source = resolved.recipe.sources[number]
    row = DatasetSource(
        name=source.name, cutoff=source.cutoff, weight=source.weight, n_rows=n_rows[source.name]
    )
    if isinstance(source, RunVotes):
        row.run = resolved.runs[source.run]
        row.voters, row.round_number = source.voters, source.round
    else:
        row.preference_set = resolved.sets[source.preference_set]
    return row


def _describe_file(split: Split, file: WrittenFile) -> DatasetFile:
    return DatasetFile(
        split=split,
        ending=file.path.suffix,
        path=str(file.path.relative_to(settings.KURABE_HOME)),
        sha256=file.sha256,
        n_rows=file.n_rows,
        n_bytes=file.n_bytes,
    )


def say_empty(recipe: Recipe, counts: Mapping[str, Any]) -> str:
    """Say why a recipe gives no row to train on."""
    needs = f"{recipe.min_votes} or more decisive votes and "
    if recipe.method == "majority":
        needs += f"a lead of {recipe.margin}"
    else:
        needs += f"a probability of {recipe.min_probability:g}"
    why = describe_left_out(counts) or "no vote stands"
    return f"run {recipe.home.run} gives no pairs: {why}; a pair needs {needs}"


def keep_draft(draft: Draft, folder: Path) -> PreferenceDataset:
    """Give the files of a draft their names, and store it.

    A name holds the beginning of its file's SHA-256, so that no other file ever has it.
    """
    home = Path(settings.KURABE_HOME)
    dataset = draft.dataset
    parts = {"train": "", "test": ".test"}
    named: list[tuple[PreferenceDataset | DatasetFile, str]] = [(dataset, JSONL)]
    named += [(file, parts[file.split] + file.ending) for file in draft.files]
    for each, suffix in named:
        name = f"{dataset.run.slug}-{dataset.cutoff}-{each.sha256[:_NAME_DIGITS]}{suffix}"
        (home / each.path).replace(folder / name)
        each.path = str((folder / name).relative_to(home))
    sync_folder(folder)
    dataset.pk = _next_number()
    dataset.card = _write_card(draft)
    with transaction.atomic():
        dataset.save(force_insert=True)
        rows: list[DatasetSource | DatasetFile] = [*draft.sources, *draft.files]
        for row in rows:
            row.dataset = dataset
            row.save()
    return dataset


def _next_number() -> int:
    """Draw a dataset's number, which its card tells, before it is stored."""
    with connection.cursor() as cursor:
        table = PreferenceDataset._meta.db_table
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [table])
        return int(cursor.fetchone()[0])


def _write_card(draft: Draft) -> str:
    return write_card(
        Made(
            dataset=draft.dataset,
            sources=draft.sources,
            n_test_rows=draft.dataset.counts["test_rows"],
            writers=draft.writers,
            consents=find_consents(draft.sources),
        )
    )


def votes_behind(dataset: PreferenceDataset) -> VoteQuerySet:
    """Find the votes that a dataset was made of, in whatever run."""
    parts = [
        keep_voters(
            Vote.objects.of_run(source.run).counting_at(source.cutoff),
            source.voters,
            source.round_number,
        )
        for source in dataset.sources.filter(run__isnull=False).select_related("run")
        if source.run is not None and source.cutoff is not None
    ]
    return reduce(or_, parts) if parts else Vote.objects.none()


def recipe_of(dataset: PreferenceDataset) -> Recipe:
    """Give the recipe with which a dataset can be made again, an older one's as well."""
    if "sources" in dataset.filters:
        return read_recipe(dataset.filters)
    filters = dict(dataset.filters)
    source = {
        "run": dataset.run.slug,
        "cutoff": dataset.cutoff,
        # Before judges were told apart, a dataset was made of everybody's votes.
        "voters": filters.pop("voters", "together"),
        "round": filters.pop("round", None),
    }
    return read_recipe({"sources": [source], **filters})
