"""Preference pairs that were made elsewhere, into a set of their own."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from annotate.formats import STOP, Faults, FormatError, MessageRow, PreferenceRow
from annotate.models import PreferencePair, PreferenceSet
from annotate.services import errors
from annotate.services.canonical import hash_content
from annotate.services.importing.batches import Batches
from annotate.services.importing.copying import copy_lines, escaped, line_of
from annotate.services.importing.counts import Counts
from annotate.services.importing.tables import analyze
from annotate.services.importing.whole import Conflict, all_or_nothing, conflict, tell

_TEXTS = ("prompt", "chosen", "rejected")
_LABELS = ("language", "category", "margin")
_COLUMNS = ("preference_set_id", "key", *_TEXTS, "prompt_sha256", *_LABELS)


def import_preferences(
    *,
    rows: Iterable[PreferenceRow],
    set_slug: str,
    title: str = "",
    licence: str = "",
    origin: str = "",
    faults: Faults = STOP,
    dry_run: bool = False,
) -> Counts:
    """Add pairs to a set, which is made if there is none of that name; they are known by key.

    Args:
        title, licence, origin: of the set; what is empty stays as it is.
        faults: takes what is wrong with rows; unless it gathers them, the first one is raised.
        dry_run: do everything, and keep nothing.

    Raises:
        ImportRefused: a pair is there under the same key and says otherwise, or the set has
            another title, licence or origin. `FaultsFound` where faults were gathered.
    """
    counts = Counts()
    with all_or_nothing(faults=faults, dry_run=dry_run, counts=counts):
        pairs = _lock_set(set_slug, title=title, licence=licence, origin=origin)
        writer = _Writer(pairs, counts, faults)
        batches = Batches(rows)
        for batch in batches:
            writer.add(batch, meanwhile=batches.read_ahead)
    if not dry_run:
        analyze({PreferencePair: counts.new})
    return counts


def prompt_sha256(messages: Sequence[MessageRow]) -> str:
    """Give the digest by which pairs on one prompt are known: of its messages as canonical JSON."""
    return hash_content(_messages(messages))


def _lock_set(slug: str, **told: str) -> PreferenceSet:
    """Give the set of this name; a second import into it waits."""
    PreferenceSet.objects.get_or_create(slug=slug)
    there = PreferenceSet.objects.select_for_update(no_key=True).get(slug=slug)
    for field, value in told.items():
        stored = getattr(there, field)
        if value and stored and value != stored:
            raise errors.ImportRefused(
                f"{field}: {value!r} is not {stored!r}, which preference set {slug} has; leave it"
                " out, or import into another set"
            )
        if value:
            setattr(there, field, value)
    there.save(update_fields=list(told))
    return there


class _Writer:
    """Stores pairs batch by batch."""

    def __init__(self, preference_set: PreferenceSet, counts: Counts, faults: Faults) -> None:
        self._set = preference_set
        self._counts = counts
        self._faults = faults

    def add(self, rows: Sequence[PreferenceRow], *, meanwhile: Callable[[], None]) -> None:
        """Store the pairs that are new; those that are there and say something else are faults."""
        there = self._stored([row.key for row in rows])
        new = []
        for row in rows:
            said = _said(row)
            stored = there.setdefault(row.key, said)
            if stored is said:
                new.append((row, said))
                continue
            try:
                self._check_equal(row, said, stored)
            except FormatError as fault:
                self._counts.add(conflict=int(isinstance(fault, Conflict)))
                tell(self._faults, fault)
            else:
                self._counts.add(equal=1)
        copy_lines(
            table=PreferencePair,
            columns=_COLUMNS,
            lines=(self._line(row, said) for row, said in new),
            meanwhile=meanwhile,
        )
        self._counts.add(new=len(new))

    def _line(self, row: PreferenceRow, said: dict[str, Any]) -> str:
        texts = (json.dumps(said[field], ensure_ascii=False) for field in _TEXTS)
        cells = (row.key, *texts, hash_content(said["prompt"]), *(said[label] for label in _LABELS))
        return line_of(
            (self._set.pk, *(escaped(cell) if isinstance(cell, str) else cell for cell in cells))
        )

    def _stored(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        stored = self._set.pairs.filter(key__in=keys).values("key", *_TEXTS, *_LABELS)
        return {pair.pop("key"): pair for pair in stored}

    def _check_equal(
        self, row: PreferenceRow, said: dict[str, Any], stored: dict[str, Any]
    ) -> None:
        for field in (*_TEXTS, *_LABELS):
            if said[field] != stored[field]:
                raise conflict(
                    row.location, field, said[field],
                    f"what pair {row.key!r} has in preference set {self._set.slug}; pairs are never"
                    " changed, so give it another key, or another set",
                )  # fmt: skip


def _said(row: PreferenceRow) -> dict[str, Any]:
    """Give all that a row says but its key, as it is stored."""
    texts = {field: _messages(getattr(row, field)) for field in _TEXTS}
    return texts | {field: getattr(row, field) for field in _LABELS}


def _messages(messages: Sequence[MessageRow]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in messages]
