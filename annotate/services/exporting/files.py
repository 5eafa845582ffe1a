"""A dataset's rows in files of other kinds, each made when it is first asked for."""

import hashlib
import json
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from annotate.formats import ARCHIVE_ENDINGS, FILE_ENDINGS, WrittenFile, write_archive, write_rows
from annotate.models import DatasetFile, PreferenceDataset
from annotate.services import errors
from annotate.services.exporting.assembling import schema_of
from annotate.services.exporting.datasets import JSONL, datasets_folder
from annotate.services.exporting.portions import Row
from annotate.services.exporting.rows import Split

ENDINGS = (*FILE_ENDINGS, *ARCHIVE_ENDINGS)
PARQUET = ".parquet"
# Of a dataset's JSONL: what is larger takes longer to turn into another file than a page may.
MOST_AT_ONCE_BYTES = 64 << 20


def ensure_file(dataset: PreferenceDataset, split: Split, ending: str) -> DatasetFile:
    """Give a dataset's rows in a file of this ending, which is made if it is not there.

    An archive holds both parts and the card, whatever part is asked for. The JSONL to train on is
    the dataset's own: what is given for it is no stored row.

    Raises:
        ExportRefused: there is no such ending or part, or the file to make it of is gone.
        FormatError: the disk cannot be written to.
    """
    if ending not in ENDINGS:
        message = _("%(ending)s is no ending of a dataset's files; there are %(known)s.")
        raise errors.ExportRefused(message % {"ending": ending, "known": ", ".join(ENDINGS)})
    if ending in ARCHIVE_ENDINGS:
        split = "train"
    found = _own(dataset) if (split, ending) == ("train", JSONL) else _find(dataset, split, ending)
    if found is not None and path_of(found).is_file():
        return found
    if ending == JSONL:
        raise _gone(dataset, split, is_known=found is not None)
    target = _target(dataset, split, ending)
    if ending in ARCHIVE_ENDINGS:
        written = _archive(dataset, target)
    else:
        written = _write(dataset, split, target)
    return _keep(dataset, split, ending, written, found)


def needs_worker(dataset: PreferenceDataset, split: Split, ending: str) -> bool:
    """Tell whether a file is not there, and takes so long to make that a worker is to do it."""
    if ending not in ENDINGS or ending == JSONL:
        return False
    found = _find(dataset, "train" if ending in ARCHIVE_ENDINGS else split, ending)
    if found is not None and path_of(found).is_file():
        return False
    return takes_long(_own(dataset).n_bytes)


def takes_long(n_bytes: int) -> bool:
    """Tell whether a page cannot wait until a dataset's JSONL is turned into another file."""
    return n_bytes > MOST_AT_ONCE_BYTES


def splits_of(dataset: PreferenceDataset) -> list[Split]:
    """Name the parts that a dataset has."""
    has_test = dataset.files.filter(split="test").exists()
    return ["train", "test"] if has_test else ["train"]


def path_of(file: DatasetFile) -> Path:
    """Give where a file stands."""
    return Path(settings.KURABE_HOME) / file.path


def read_rows(dataset: PreferenceDataset, split: Split = "train") -> Iterator[Row]:
    """Yield a dataset's rows; refuse it at the end where its bytes are not those exported.

    Raises:
        ExportRefused: the file is gone, or is another one by now.
    """
    file = ensure_file(dataset, split, JSONL)
    digest = hashlib.sha256()
    with path_of(file).open("rb") as lines:
        for line in lines:
            digest.update(line)
            yield json.loads(line)
    if digest.hexdigest() != file.sha256:
        message = _("The file of dataset %(pk)s is not the one that was exported: its SHA-256 is"
                    " %(sha256)s.")  # fmt: skip
        raise errors.ExportRefused(message % {"pk": dataset.pk, "sha256": digest.hexdigest()})


def _own(dataset: PreferenceDataset) -> DatasetFile:
    path = Path(settings.KURABE_HOME) / dataset.path
    return DatasetFile(
        dataset=dataset,
        split="train",
        ending=JSONL,
        path=dataset.path,
        sha256=dataset.sha256,
        n_rows=dataset.n_pairs,
        n_bytes=path.stat().st_size if path.is_file() else 0,
        created_at=dataset.created_at,
    )


def _find(dataset: PreferenceDataset, split: Split, ending: str) -> DatasetFile | None:
    return dataset.files.filter(split=split, ending=ending).first()


def _gone(dataset: PreferenceDataset, split: Split, *, is_known: bool) -> errors.ExportRefused:
    if is_known:
        message = _("The file of dataset %(pk)s is gone: export the run again.")
    else:
        message = _("Dataset %(pk)s has no rows to test on.")
    return errors.ExportRefused(message % {"pk": dataset.pk})


def _target(dataset: PreferenceDataset, split: Split, ending: str) -> Path:
    """Name a file after the dataset's own, and its number: two of the same rows differ in cards."""
    part = ".test" if split == "test" else ""
    return datasets_folder() / f"{Path(dataset.path).stem}.{dataset.pk}{part}{ending}"


def _write(dataset: PreferenceDataset, split: Split, target: Path) -> WrittenFile:
    """Write rows with the columns that they have: older datasets have fewer of them."""
    rows = read_rows(dataset, split)
    first = list(islice(rows, 1))
    schema = schema_of(dataset.form)
    for name in set(schema.names).difference(*first) if first else ():
        schema = schema.remove(schema.get_field_index(name))
    return write_rows(target, chain(first, rows), schema=schema)


def _archive(dataset: PreferenceDataset, target: Path) -> WrittenFile:
    files = {split: ensure_file(dataset, split, PARQUET) for split in splits_of(dataset)}
    return write_archive(
        target,
        card=dataset.card,
        splits={split: path_of(file) for split, file in files.items()},
        n_rows=sum(file.n_rows for file in files.values()),
    )


def _keep(
    dataset: PreferenceDataset,
    split: Split,
    ending: str,
    written: WrittenFile,
    found: DatasetFile | None,
) -> DatasetFile:
    """Store a file that was written; another who wrote it at the same time wrote the same."""
    stored = (
        found
        or DatasetFile.objects.get_or_create(
            dataset=dataset,
            split=split,
            ending=ending,
            defaults={
                "path": str(written.path.relative_to(settings.KURABE_HOME)),
                "sha256": written.sha256,
                "n_rows": written.n_rows,
                "n_bytes": written.n_bytes,
            },
        )[0]
    )
    if stored.sha256 != written.sha256:
        written.path.unlink()
        message = _(
            "File %(path)s of dataset %(pk)s was lost, and the libraries of today write other"
            " bytes; the JSONL is what it was."
        )
        raise errors.ExportRefused(message % {"path": stored.path, "pk": dataset.pk})
    return stored
