"""Text as it is: escaped, whitespace kept, and signs that hide or reorder text made harmless."""

import html
import re
from itertools import count

# Characters that take no room or turn the direction of what follows. Joiners (200C, 200D) are
# part of words and of emoji beyond ASCII, and tags (E00xx) of flags; there they stay unmarked.
# LRM, RLM and ALM order nothing but themselves.
_FLAG = "\U0001f3f4[\U000e0020-\U000e007f]+"
_TURNS = "\u202a-\u202e\u2066-\u2069"
_ZERO = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0"
)
_CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufff9-\ufffb"
_SIGNS = re.compile(
    f"(?P<flag>{_FLAG})"
    f"|(?P<turn>[{_TURNS}]+)"
    f"|(?P<zero>(?:[{_ZERO}\U000e0000-\U000e007f]|(?<![^\x00-\x7f])[\u200c\u200d]"
    "|[\u200c\u200d](?![^\x00-\x7f]))+)"
    f"|(?P<control>[{_CONTROLS}]+)"
)
# A browser lays out elements within a line in time that grows by the square of their number: from
# here on such signs are drawn as the sign for what cannot be drawn, one for each.
MAX_MARKED = 5_000
SIGN_CLASSES = frozenset({"turn", "zero", "control"})


def render_plain(text: str) -> str:
    """Give the text as HTML whose text content is the text itself; needs `white-space: pre-wrap`.

    A run of signs that cannot be seen stands in a `<bdi class="sign …">`: the style sheet draws a
    mark there, and none of them reorders anything outside of that element. After `MAX_MARKED` runs
    they are replaced, so that the text content is then as long as the text, and not all of it.
    """
    if text.isascii() and text.isprintable():
        return html.escape(text)
    numbers = count()
    escaped = html.escape(text.replace("\r\n", "\n").replace("\r", "\n"))
    return _SIGNS.sub(lambda found: _wrap(found, next(numbers)), escaped)


def _wrap(found: re.Match[str], number: int) -> str:
    kind = str(found.lastgroup)
    if kind == "flag":
        return found.group()
    if number >= MAX_MARKED:
        return "\N{REPLACEMENT CHARACTER}" * len(found.group())
    # A NUL, and controls beyond ASCII's, are not text that HTML can carry.
    signs = re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\N{REPLACEMENT CHARACTER}", found.group())
    return f'<bdi class="sign {kind}">{signs}</bdi>'
