"""Passages of a reply: between the text that is drawn and the text that is stored, and as marks."""

import html
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from annotate.rendering.difference import TOKENS, compare, count_shared

_TAG = re.compile(r"<[^>]*>")
# A formula is one piece: nothing but MathML's own elements may stand in it.
_PIECES = re.compile(r"<math\b.*?</math>|<[^>]*>|[^<]+", re.DOTALL)
_LINES = re.compile(r"[^\n]+")
# The cells of a row are drawn on lines of their own, and stand on one line of the source.
_NEXT_CELL = re.compile(r"(?<=</t[hd]>)\n(?=<t[hd]\b)")
# Nine digits at most, as in Markdown: without a bound a long number takes time by its square.
_LIST_NUMBER = re.compile(r"\d{1,9}[.)]\s")
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Passage:
    """A stretch of characters, as code points from 0, and what is said of it.

    `name` tells one passage of a page from another.
    """

    start: int
    end: int
    tag: str
    name: str = ""


@dataclass(frozen=True, order=True)
class _Same:
    """Characters that stand in both texts: where, and how many."""

    drawn: int
    stored: int
    length: int


class Alignment:
    """Which characters of a drawn text are which of the stored one."""

    def __init__(self, pieces: Sequence[_Same], *, drawn: str, stored: str) -> None:
        self._drawn, self._stored = drawn, stored
        self._pieces = [*pieces, _Same(len(drawn), len(stored), 0)]

    def pack(self) -> str:
        """Write the pieces that are equal as numbers: characters passed over, drawn and stored,
        and then the length of the piece, for each. Two equal texts give an empty string.
        """
        if self._drawn == self._stored:
            return ""
        drawn = stored = 0
        numbers: list[int] = []
        for piece in self._pieces:
            numbers += [piece.drawn - drawn, piece.stored - stored, piece.length]
            drawn, stored = piece.drawn + piece.length, piece.stored + piece.length
        return " ".join(map(str, numbers))

    def to_stored(self, start: int, end: int) -> tuple[int, int] | None:
        """Give the stored characters of a drawn stretch, or None where there are none.

        An end that falls on characters without a counterpart, such as those of a formula, takes
        in all up to the next that has one.
        """
        pieces = [(each.drawn, each.stored, each.length) for each in self._pieces]
        return _carry(pieces, start, end, source=self._drawn, target=self._stored)

    def to_drawn(self, start: int, end: int) -> tuple[int, int] | None:
        """Give the drawn characters of a stored stretch, or None where there are none."""
        pieces = [(each.stored, each.drawn, each.length) for each in self._pieces]
        return _carry(pieces, start, end, source=self._stored, target=self._drawn)


def align_plain(stored: str) -> Alignment:
    """Align what `render_plain` and `render_difference` draw: all but ends of lines is equal."""
    drawn = stored.replace("\r\n", "\n")
    ends = [found.start() for found in re.finditer("\r\n", stored)]
    starts = [0, *(end + 2 for end in ends)]
    pieces = [
        _Same(start - number, start, end - start)
        for number, (start, end) in enumerate(zip(starts, [*ends, len(stored)], strict=True))
        if end > start
    ]
    return Alignment(pieces, drawn=drawn, stored=stored)


def align_rendered(stored: str, shown: str) -> Alignment:
    """Align the text of rendered Markdown with its source.

    Rendering drops markup and keeps the order of words, so lines that read the same are paired
    first, and words within and between them after.

    Args:
        shown: the HTML that `render_reply` gave for `stored`.
    """
    drawn = text_of(shown)
    pieces: list[_Same] = []
    for there, here in _pair_lines(text_of(_NEXT_CELL.sub("\t", shown)), stored):
        pieces += _pair_words(drawn, stored, there, here)
    pieces.append(_Same(len(drawn), len(stored), 0))
    return Alignment(_join(pieces, drawn, stored), drawn=drawn, stored=stored)


def text_of(shown: str) -> str:
    """Give the text content of rendered HTML."""
    return html.unescape(_TAG.sub("", shown))


def draw_passages(shown: str, passages: Sequence[Passage]) -> str:
    """Put `<mark class="passage">` around stretches of the text content of rendered HTML.

    A stretch that several passages cover names all of them. Marks never cross a tag.
    """
    if not passages:
        return shown
    drawn, place = [], 0
    for piece in _PIECES.findall(shown):
        text = text_of(piece)
        if piece.startswith("<math"):
            drawn.append(_mark(piece, _over(passages, place, place + len(text))))
        elif piece.startswith("<") or (not text.strip() and "\n" in text):
            drawn.append(piece)  # between the rows of a table there may be no mark
        else:
            drawn += _mark_text(text, place, passages)
        place += len(text)
    return "".join(drawn)


def _mark_text(text: str, place: int, passages: Sequence[Passage]) -> Iterator[str]:
    ends = {end - place for each in passages for end in (each.start, each.end)}
    cuts = [0, *sorted(end for end in ends if 0 < end < len(text)), len(text)]
    for start, end in pairwise(cuts):
        over = _over(passages, place + start, place + end)
        yield _mark(html.escape(text[start:end]), over)


def _over(passages: Sequence[Passage], start: int, end: int) -> list[Passage]:
    return [each for each in passages if each.start < end and start < each.end]


def _mark(shown: str, passages: Sequence[Passage]) -> str:
    if not passages:
        return shown
    tags = html.escape(" ".join(dict.fromkeys(each.tag for each in passages)))
    names = html.escape(" ".join(each.name for each in passages))
    return f'<mark class="passage" data-tag="{tags}" data-passage="{names}">{shown}</mark>'


def _carry(
    pieces: Sequence[tuple[int, int, int]], start: int, end: int, *, source: str, target: str
) -> tuple[int, int] | None:
    """Carry a stretch of one text over to the other; `pieces` are (here, there, length)."""
    if not 0 <= start < end <= len(source):
        return None
    index = _index(pieces, start)
    here, there, length = pieces[index] if index >= 0 else (0, 0, 0)
    is_exact = start < here + length
    first = there + min(start - here, length)
    index = _index(pieces, end - 1)
    here, there, length = pieces[index] if index >= 0 else (0, 0, 0)
    last = there + end - here
    if end > here + length:
        is_exact, last = False, pieces[index + 1][1]
    if not is_exact:
        kept = target[first:last]
        first += len(kept) - len(kept.lstrip())
        last -= len(kept) - len(kept.rstrip())
    return (first, last) if first < last else None


def _index(pieces: Sequence[tuple[int, int, int]], place: int) -> int:
    """Give the last piece that begins at a place or before it, -1 where none does."""
    return bisect_right(pieces, place, key=lambda piece: piece[0]) - 1


def _pair_lines(drawn: str, stored: str) -> Iterator[tuple[slice, slice]]:
    """Give stretches of both texts that belong together, in order: a line each, or several."""
    starts_drawn, lines_drawn = _lines(drawn)
    starts_stored, lines_stored = _lines(stored)
    cuts = [(0, 0)]
    for stretch in compare(lines_drawn, lines_stored):
        if stretch.is_same:
            cuts += zip(_places(stretch.a), _places(stretch.b), strict=True)
    cuts.append((len(lines_drawn), len(lines_stored)))
    for (here, there), (here_end, there_end) in pairwise(cuts):
        yield (
            slice(starts_drawn[here], starts_drawn[here_end]),
            slice(starts_stored[there], starts_stored[there_end]),
        )


def _places(stretch: slice) -> range:
    """Give the beginning and end of each item of a stretch."""
    return range(stretch.start, stretch.stop + 1)


def _lines(text: str) -> tuple[list[int], list[str]]:
    """Find the lines that are not blank: where each begins, at last the end, and what it says.

    Lines are told apart by their letters and digits, which rendering keeps; a line without any,
    such as a fence, by its signs.
    """
    lines = [line for line in _LINES.finditer(text) if not line.group().isspace()]
    said = [_LIST_NUMBER.sub("", line.group(), count=1) for line in lines]
    starts = [line.start() for line in lines]
    return [*starts, len(text)], [_NO_WORD.sub("", each) or each.strip() for each in said]


def _pair_words(drawn: str, stored: str, here: slice, there: slice) -> Iterator[_Same]:
    """Find the words, or characters where there are no spaces, that are the same, in order."""
    said, written = drawn[here], stored[there]
    same = said.strip()
    if same and same == written.strip():  # most lines, in a tenth of the time
        before, there_before = (len(each) - len(each.lstrip()) for each in (said, written))
        yield _Same(here.start + before, there.start + there_before, len(same))
        return
    words, others = _words(drawn, here), _words(stored, there)
    for stretch in compare([word for _at, word in words], [word for _at, word in others]):
        if stretch.is_same:
            matched = zip(words[stretch.a], others[stretch.b], strict=True)
            yield from (_Same(at, there, len(word)) for (at, word), (there, _word) in matched)


def _words(text: str, stretch: slice) -> list[tuple[int, str]]:
    found = TOKENS.finditer(text, stretch.start, stretch.stop)
    return [(each.start(), each.group()) for each in found if not each.group().isspace()]


def _join(pieces: Sequence[_Same], drawn: str, stored: str) -> list[_Same]:
    """Let pieces take in what is the same beside them, such as a space; neighbours become one."""
    joined: list[_Same] = []
    for piece in pieces:
        last = joined.pop() if joined else _Same(0, 0, 0)
        gap_drawn = drawn[last.drawn + last.length : piece.drawn]
        gap_stored = stored[last.stored + last.length : piece.stored]
        if gap_drawn == gap_stored:
            length = piece.drawn + piece.length - last.drawn
            joined.append(_Same(last.drawn, last.stored, length))
            continue
        head = count_shared(gap_drawn, gap_stored)
        tail = count_shared(gap_drawn[head:][::-1], gap_stored[head:][::-1])
        joined.append(_Same(last.drawn, last.stored, last.length + head))
        joined.append(_Same(piece.drawn - tail, piece.stored - tail, piece.length + tail))
    return [piece for piece in joined if piece.length]
