"""What has stood before in the files of one reading, at 17 or 23 bytes a row."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from annotate.formats.errors import Finding, FormatError, show_value
from annotate.formats.faults import STOP, Faults
from annotate.formats.rows import Location, PreferenceRow, PromptRow, VoteRow

# 96 bits of digest: among a billion rows, the chance that two that differ share one is 6e-12.
_BUCKET_BYTES = 2
_DIGEST_BYTES = 10
_LINE_BITS = 40
_PLACE_BYTES = 7
_SAID_BYTES = 6


class SeenRows:
    """Finds a row that names the same thing as an earlier one, and says where that stands.

    A dict of a million names holds some 150 MB; the records here stand packed in short byte
    strings, which are searched. Those that are asked what a row `said` take 6 bytes more.
    """

    def __init__(self, *, with_said: bool = False) -> None:
        self._buckets: defaultdict[bytes, bytearray] = defaultdict(bytearray)
        self._paths: list[str] = []
        self._said_bytes = _SAID_BYTES if with_said else 0
        self._record_bytes = _DIGEST_BYTES + _PLACE_BYTES + self._said_bytes

    def note(self, location: Location, *identity: object) -> Location | None:
        """Note the row with this identity; return where one stands that was noted before."""
        earlier = self._note(location, identity, b"")
        return None if earlier is None else self._place(earlier)

    def note_said(
        self, location: Location, said: object, *identity: object
    ) -> tuple[Location, bool] | None:
        """Note what the row with this identity says.

        Returns where one stands that was noted before, and whether it said the same.
        """
        digest = hashlib.blake2b(repr(said).encode("utf-8"), digest_size=_SAID_BYTES).digest()
        earlier = self._note(location, identity, digest)
        if earlier is None:
            return None
        return self._place(earlier), earlier[-_SAID_BYTES:] == digest

    def _note(self, location: Location, identity: object, said: bytes) -> bytearray | None:
        digest = hashlib.blake2b(
            repr(identity).encode("utf-8"), digest_size=_BUCKET_BYTES + _DIGEST_BYTES
        ).digest()
        bucket, rest = self._buckets[digest[:_BUCKET_BYTES]], digest[_BUCKET_BYTES:]
        at = bucket.find(rest)
        while at >= 0:
            if at % self._record_bytes == 0:
                return bucket[at + _DIGEST_BYTES : at + self._record_bytes]
            at = bucket.find(rest, at + 1)
        if not self._paths or self._paths[-1] != location.path:
            self._paths.append(location.path)
        place = (len(self._paths) - 1) << _LINE_BITS | location.line
        bucket += rest + place.to_bytes(_PLACE_BYTES, "big") + said
        return None

    def _place(self, record: bytearray) -> Location:
        place = int.from_bytes(record[:_PLACE_BYTES], "big")
        return Location(self._paths[place >> _LINE_BITS], place & (1 << _LINE_BITS) - 1)


def comes_again(location: Location, field: str, told: str, earlier: Location) -> FormatError:
    """Tell that a row names what an earlier one named; `told` says what that is."""
    expected = f"each once; {earlier.seen_from(location.path)} has it already"
    return FormatError(*location, field, Finding(f"{told} again"), expected)


def unique_prompts(rows: Iterable[PromptRow], faults: Faults = STOP) -> Iterator[PromptRow]:
    """Pass prompts on; a key that comes a second time is a fault."""
    seen = SeenRows()
    for row in rows:
        earlier = seen.note(row.location, row.key)
        if earlier is None:
            yield row
        else:
            told = f"prompt {show_value(row.key)}"
            faults.tell(comes_again(row.location, "key", told, earlier))


def unique_votes(rows: Iterable[VoteRow], faults: Faults = STOP) -> Iterator[VoteRow]:
    """Pass votes on; an annotator's vote that comes a second time is a fault."""
    seen = SeenRows()
    for row in rows:
        earlier = seen.note(row.location, row.annotator, row.identity)
        if earlier is None:
            yield row
        else:
            faults.tell(vote_comes_again(row, earlier))


def unique_preferences(
    rows: Iterable[PreferenceRow], faults: Faults = STOP
) -> Iterator[PreferenceRow]:
    """Pass preferences on, each once: the same again is left out, other texts are a fault."""
    seen = SeenRows(with_said=True)
    for row in rows:
        earlier = seen.note_said(row.location, (row.prompt, row.chosen, row.rejected), row.key)
        if earlier is None:
            yield row
            continue
        location, is_same = earlier
        if is_same:
            faults.leave_out("the same pair again")
        else:
            told = f"pair {show_value(row.key)}, with other texts,"
            faults.tell(comes_again(row.location, "key", told, location))


def digest_of(*told: object) -> str:
    """Return a name for what has none of its own: the same for the same texts, in 40 letters."""
    return hashlib.blake2b(repr(told).encode("utf-8"), digest_size=20).hexdigest()


def vote_comes_again(row: VoteRow, earlier: Location) -> FormatError:
    """Tell that an annotator has said this already."""
    return comes_again(row.location, *_told_vote(row), earlier)


def _told_vote(row: VoteRow) -> tuple[str, str]:
    annotator = show_value(row.annotator)
    if row.id is None:
        return "annotator", f"{annotator} without id on the same two completions"
    return "id", f"vote {show_value(row.id)} of {annotator}"
