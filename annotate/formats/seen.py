"""What has stood before in the files of one reading, at 17 bytes a row."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from annotate.formats.errors import Finding, FormatError, show_value
from annotate.formats.rows import Location, PromptRow, VoteRow

# 96 bits of digest: among a billion rows, the chance that two that differ share one is 6e-12.
_BUCKET_BYTES = 2
_DIGEST_BYTES = 10
_LINE_BITS = 40
_PLACE_BYTES = 7
_RECORD_BYTES = _DIGEST_BYTES + _PLACE_BYTES


class SeenRows:
    """Finds a row that names the same thing as an earlier one, and says where that stands.

    A dict of a million names holds some 150 MB; the records here stand packed in short byte
    strings, which are searched.
    """

    def __init__(self) -> None:
        self._buckets: defaultdict[bytes, bytearray] = defaultdict(bytearray)
        self._paths: list[str] = []

    def note(self, location: Location, *identity: object) -> Location | None:
        """Note the row with this identity; return where one stands that was noted before."""
        digest = hashlib.blake2b(
            repr(identity).encode("utf-8"), digest_size=_BUCKET_BYTES + _DIGEST_BYTES
        ).digest()
        bucket, rest = self._buckets[digest[:_BUCKET_BYTES]], digest[_BUCKET_BYTES:]
        at = bucket.find(rest)
        while at >= 0:
            if at % _RECORD_BYTES == 0:
                return self._place(bucket[at + _DIGEST_BYTES : at + _RECORD_BYTES])
            at = bucket.find(rest, at + 1)
        if not self._paths or self._paths[-1] != location.path:
            self._paths.append(location.path)
        place = (len(self._paths) - 1) << _LINE_BITS | location.line
        bucket += rest + place.to_bytes(_PLACE_BYTES, "big")
        return None

    def _place(self, record: bytearray) -> Location:
        place = int.from_bytes(record, "big")
        return Location(self._paths[place >> _LINE_BITS], place & (1 << _LINE_BITS) - 1)


def comes_again(location: Location, field: str, told: str, earlier: Location) -> FormatError:
    """Tell that a row names what an earlier one named; `told` says what that is."""
    expected = f"each once; {earlier.seen_from(location.path)} has it already"
    return FormatError(*location, field, Finding(f"{told} again"), expected)


def unique_prompts(rows: Iterable[PromptRow]) -> Iterator[PromptRow]:
    """Pass prompts on; raise FormatError where a key comes a second time."""
    seen = SeenRows()
    for row in rows:
        earlier = seen.note(row.location, row.key)
        if earlier is not None:
            raise comes_again(row.location, "key", f"prompt {show_value(row.key)}", earlier)
        yield row


def unique_votes(rows: Iterable[VoteRow]) -> Iterator[VoteRow]:
    """Pass votes on; raise FormatError where an annotator's vote comes a second time."""
    seen = SeenRows()
    for row in rows:
        earlier = seen.note(row.location, row.annotator, row.identity)
        if earlier is not None:
            raise comes_again(row.location, *_told_vote(row), earlier)
        yield row


def _told_vote(row: VoteRow) -> tuple[str, str]:
    annotator = show_value(row.annotator)
    if row.id is None:
        return "annotator", f"{annotator} without id on the same two completions"
    return "id", f"vote {show_value(row.id)} of {annotator}"
