"""The last step of rendering: what may be in a rendered reply at all."""

import nh3

from annotate.rendering.code import KINDS
from annotate.rendering.plain import SIGN_CLASSES

HTML_TAGS = frozenset({
    "p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em",
    "strong", "s", "table", "thead", "tbody", "tr", "th", "td", "div", "span", "bdi",
})  # fmt: skip
MATH_TAGS = frozenset({
    "math", "mrow", "mi", "mn", "mo", "mtext", "ms", "mspace", "mfrac", "msqrt", "mroot", "mstyle",
    "merror", "mpadded", "mphantom", "msub", "msup", "msubsup", "munder", "mover", "munderover",
    "mmultiscripts", "mprescripts", "none", "mtable", "mtr", "mtd",
})  # fmt: skip
MATH_ATTRIBUTES = frozenset({
    "mathvariant", "stretchy", "fence", "form", "separator", "symmetric", "largeop",
    "movablelimits", "minsize", "maxsize", "lspace", "rspace", "accent", "accentunder",
    "displaystyle", "scriptlevel", "linethickness", "width", "columnalign",
})  # fmt: skip
# No address of any kind is in here: nothing in a reply can be followed or fetched.
ATTRIBUTES = {
    "ol": {"start"},
    "div": {"tabindex"},
    **{tag: set(MATH_ATTRIBUTES) for tag in MATH_TAGS},
}
FIXED_VALUES = {
    "th": {"scope": {"col"}},
    "math": {"display": {"block", "inline"}},
}
CLASSES = {
    "span": {*KINDS, "address"},
    "bdi": {"sign", *SIGN_CLASSES},
    "code": {"tex"},
    "div": {"wide", "as-written"},
    "mrow": {"boxed"},
    "th": {"to-end", "to-middle"},
    "td": {"to-end", "to-middle"},
}

_CLEANER = nh3.Cleaner(
    tags=set(HTML_TAGS | MATH_TAGS),
    attributes=ATTRIBUTES,
    tag_attribute_values=FIXED_VALUES,
    allowed_classes=CLASSES,
    url_schemes=set(),
    link_rel=None,
    strip_comments=True,
)


def sanitise(html: str) -> str:
    """Parse HTML as a browser does, and keep what the lists above allow."""
    return _CLEANER.clean(html)
