"""Two texts with marks where they differ: by words, and by characters where there are no spaces."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import regex
from rapidfuzz.distance import LCSseq

from annotate.rendering.plain import render_plain

# The comparison takes time and memory (a bit a pair) in proportion to the product.
MAX_PAIRS = 450_000_000
# Scripts without spaces between words; one of their signs is a token, with what combines with it.
_SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー々"
TOKENS = regex.compile(
    rf"[{_SPACELESS}]\p{{M}}*"
    rf"|[\p{{L}}\p{{N}}_--[{_SPACELESS}]][\p{{L}}\p{{N}}\p{{M}}_\u200c\u200d--[{_SPACELESS}]]*"
    r"|\s+|\X",
    flags=regex.VERSION1,
)


@dataclass(frozen=True)
class Stretch:
    """A part of both texts, by the places of its tokens: the same in both, or different."""

    is_same: bool
    a: slice
    b: slice


def render_difference(a: str, b: str) -> tuple[str, str]:
    """Give both texts as `render_plain` does, with `<mark>` where they differ.

    Both sides get the same mark: neither text is the older one. Beyond `MAX_PAIRS` pairs of tokens
    only the common beginning and end stay unmarked.
    """
    tokens_a, tokens_b = _split(a), _split(b)
    stretches = _Tidy(tokens_a, tokens_b).tidy(compare(tokens_a, tokens_b))
    return (
        "".join(_mark(tokens_a[each.a], is_same=each.is_same) for each in stretches),
        "".join(_mark(tokens_b[each.b], is_same=each.is_same) for each in stretches),
    )


def _split(text: str) -> list[str]:
    tokens: list[str] = TOKENS.findall(text.replace("\r\n", "\n").replace("\r", "\n"))
    return tokens


def compare(a: list[str], b: list[str]) -> list[Stretch]:
    """Cut two lists of tokens into stretches that agree and stretches that differ.

    Beyond `MAX_PAIRS` pairs of tokens only the common beginning and end are found to agree.
    """
    head = count_shared(a, b)
    tail = count_shared(a[head:][::-1], b[head:][::-1])
    end_a, end_b = len(a) - tail, len(b) - tail
    middle = [Stretch(False, slice(head, end_a), slice(head, end_b))]
    if (end_a - head) * (end_b - head) <= MAX_PAIRS:
        middle = [
            Stretch(
                step.tag == "equal",
                slice(head + step.src_start, head + step.src_end),
                slice(head + step.dest_start, head + step.dest_end),
            )
            for step in LCSseq.opcodes(a[head:end_a], b[head:end_b])
        ]
    return [
        Stretch(True, slice(0, head), slice(0, head)),
        *middle,
        Stretch(True, slice(end_a, len(a)), slice(end_b, len(b))),
    ]


def count_shared(a: Sequence[str], b: Sequence[str]) -> int:
    """Count the tokens, or characters, at the beginning that are the same."""
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (one, other) in pairs if one != other), min(len(a), len(b)))


class _Tidy:
    """Joins differences that a shorter agreement parts: a reader would not see it as one."""

    def __init__(self, a: list[str], b: list[str]) -> None:
        self._a = a
        self._ends_a = [0, *accumulate(map(len, a))]
        self._ends_b = [0, *accumulate(map(len, b))]

    def tidy(self, stretches: list[Stretch]) -> list[Stretch]:
        """Give fewer stretches, in time proportional to their number."""
        tidied: list[Stretch] = []
        for stretch in stretches:
            if self._size(stretch) == 0:
                continue
            while not stretch.is_same and tidied:
                if not tidied[-1].is_same:
                    stretch = _join(tidied.pop(), stretch)
                elif len(tidied) > 1 and self._is_small(tidied[-2], tidied[-1], stretch):
                    tidied.pop()
                    stretch = _join(tidied.pop(), stretch)
                else:
                    break
            tidied.append(stretch)
        return tidied

    def _is_small(self, before: Stretch, same: Stretch, after: Stretch) -> bool:
        if self._size(same) > min(self._size(before), self._size(after)):
            return False
        return not any("\n" in token for token in self._a[same.a])

    def _size(self, stretch: Stretch) -> int:
        """Count the characters of the longer side."""
        size_a: int = self._ends_a[stretch.a.stop] - self._ends_a[stretch.a.start]
        size_b: int = self._ends_b[stretch.b.stop] - self._ends_b[stretch.b.start]
        return max(size_a, size_b)


def _join(one: Stretch, other: Stretch) -> Stretch:
    return Stretch(False, slice(one.a.start, other.a.stop), slice(one.b.start, other.b.stop))


def _mark(tokens: list[str], *, is_same: bool) -> str:
    shown = render_plain("".join(tokens))
    return shown if is_same or not shown.strip() else f"<mark>{shown}</mark>"
