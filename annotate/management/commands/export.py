"""`manage.py export`: votes to a dataset, and to a file or folder."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.management.base import CommandError, CommandParser

from annotate.formats import FILE_ENDINGS, name_of_split, write_folder
from annotate.formats.writers import replaced_when_whole
from annotate.management.base import KurabeCommand, add_run_argument, find_run
from annotate.management.export_figures import tell_counts
from annotate.management.export_options import add_recipe_options, read_options
from annotate.models import PreferenceDataset
from annotate.services.exporting import (
    ENDINGS,
    Preview,
    Recipe,
    ensure_file,
    export_dataset,
    path_of,
    preview,
    say_empty,
    splits_of,
    write_both_bad,
)
from annotate.services.exporting.hub import may_push, push_folder

SHOWN_CHARS = 120


class Command(KurabeCommand):
    """Export a run's votes."""

    help = (
        "Export a run's votes as a dataset: pairs of a chosen and a rejected reply, single replies,"
        " rankings, or the votes themselves. What it would hold is said first. Held-out prompts and"
        " empty replies never become pairs. docs/exports.md says how votes become pairs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_run_argument(parser)
        parser.add_argument(
            "--out", type=Path, metavar="FILE|FOLDER",
            help=f"a file that ends in {', '.join(ENDINGS)}, or a folder that is to be made, with"
            " card and Parquet, which datasets.load_dataset opens",
        )  # fmt: skip
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="say what it would hold, with ten example rows; write nothing",
        )
        parser.add_argument(
            "--both-bad", type=Path, metavar="FILE.jsonl",
            help="write the prompts whose replies are mostly both bad, for import_prompts",
        )  # fmt: skip
        parser.add_argument(
            "--push-to-hub", metavar="OWNER/NAME",
            help="put the folder on a hub: that of HF_ENDPOINT, with the token of HF_TOKEN",
        )  # fmt: skip
        parser.add_argument(
            "--public", action="store_true", help="let everybody see a repository that is made"
        )
        add_recipe_options(parser)

    def run(self, **options: Any) -> None:
        """Say what there will be, write it, and say what is there."""
        run, out = find_run(options["slug"]), options["out"]
        recipe = read_options(run.slug, options)
        hub = options["push_to_hub"]
        if not any((out, hub, options["dry_run"], options["both_bad"])):
            raise CommandError("give --out FILE or FOLDER, --push-to-hub, or --dry-run")
        if hub and not may_push():
            raise CommandError("--push-to-hub: no token is set; set HF_TOKEN, or HF_TOKEN_FILE")
        if out is not None:
            _check_place("--out", out)
        if options["both_bad"]:
            self._write_both_bad(recipe, options["both_bad"])
        if options["dry_run"]:
            self._tell(seen := preview(recipe))
            for row in seen.examples:
                self.stdout.write(json.dumps(_shorten(row), ensure_ascii=False))
        elif out is not None or hub:
            dataset = self._export(recipe, out)
            if hub:
                self.stdout.write(f"pushed to {_push(dataset, hub, public=options['public'])}")

    def _export(self, recipe: Recipe, out: Path | None) -> PreferenceDataset:
        seen = preview(recipe)
        if seen.n_rows == 0:
            raise CommandError(say_empty(recipe, seen.counts))
        self._tell(seen)
        with self.progress() as progress:
            bar = progress.add_task("rows", total=None)
            dataset = export_dataset(
                recipe,
                on_progress=lambda n, total: progress.update(bar, completed=n, total=total),
                also=[out.suffix] if out and out.suffix in FILE_ENDINGS[1:] else [],
            )
        for path, n_rows in _give(dataset, out) if out else []:
            self.stdout.write(f"{n_rows} rows in {path}")
        self.stdout.write(f"dataset {dataset.pk}, sha256 {dataset.sha256}")
        return dataset

    def _tell(self, seen: Preview) -> None:
        for line in tell_counts(seen.recipe, seen.counts):
            self.stdout.write(line)

    def _write_both_bad(self, recipe: Recipe, path: Path) -> None:
        if path.suffix != ".jsonl":
            raise CommandError(f"--both-bad {path}: the name must end in .jsonl")
        _check_place("--both-bad", path)
        written = write_both_bad(recipe, path)
        self.stdout.write(f"{written.n_rows} prompts to be asked anew in {written.path}")


def _shorten(value: Any) -> Any:
    """Cut the long texts of an example, so that a screen holds ten."""
    if isinstance(value, Mapping):
        return {name: _shorten(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_shorten(part) for part in value]
    if isinstance(value, str) and len(value) > SHOWN_CHARS:
        return f"{value[:SHOWN_CHARS]}…"
    return value


def _check_place(option: str, out: Path) -> None:
    """Refuse what could not be written, before anything is made."""
    if not out.absolute().parent.is_dir():
        raise CommandError(f"{option} {out}: there is no folder {out.parent}")
    if out.suffix and out.suffix not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise CommandError(f"{option} {out}: a file's name must end in one of {known}")
    if out.suffix and out.is_dir():
        raise CommandError(f"{option} {out}: a folder; expected the name of a file")
    if not out.suffix and out.exists():
        raise CommandError(f"{option} {out}: it is there already; name a new folder")


def _give(dataset: PreferenceDataset, out: Path) -> list[tuple[Path, int]]:
    """Copy a dataset's files to where they are wanted; rows to test on lie beside the others."""
    if not out.suffix:
        return _give_folder(dataset, out)
    given = []
    for split in splits_of(dataset) if out.suffix in FILE_ENDINGS else ["train"]:
        file = ensure_file(dataset, split, out.suffix)
        target = out if split == "train" else out.with_suffix(f".{split}{out.suffix}")
        with path_of(file).open("rb") as source, replaced_when_whole(target) as stream:
            shutil.copyfileobj(source, stream, 1 << 20)
        given.append((target, file.n_rows))
    return given


def _give_folder(dataset: PreferenceDataset, out: Path) -> list[tuple[Path, int]]:
    files = {split: ensure_file(dataset, split, ".parquet") for split in splits_of(dataset)}
    write_folder(
        out, card=dataset.card, splits={split: path_of(file) for split, file in files.items()}
    )
    return [(out / name_of_split(split), file.n_rows) for split, file in files.items()]


def _push(dataset: PreferenceDataset, repository: str, *, public: bool) -> str:
    with TemporaryDirectory() as name:
        folder = Path(name) / f"{dataset.run.slug}-{dataset.form}-{dataset.pk}"
        _give_folder(dataset, folder)
        return push_folder(folder=folder, repository=repository, public=public)
