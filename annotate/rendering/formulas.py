"""TeX in, MathML out; what cannot be converted is shown as it was written."""

import html
import re
from html import unescape
from xml.etree.ElementTree import Element

from latex2mathml import exceptions
from latex2mathml.converter import convert_to_element

from annotate.rendering.plain import render_plain
from annotate.rendering.sanitising import MATH_ATTRIBUTES, MATH_TAGS

MAX_CHARACTERS = 2_000  # of one formula
MAX_IN_ALL = 8_000  # of the formulas of one reply; the converter does about 100 characters a ms
MAX_DEPTH = 60
# A macro may stand for any number of others, and so on: a few lines would fill the memory.
_MACROS = re.compile(r"\\(?:re|provide)?newcommand|\\[gex]?def\b|\\let\b|\\DeclareMathOperator")
_VALUE = re.compile(r"[A-Za-z0-9.+ -]{1,40}")
_WIDE = re.compile(r"\d{2}")  # a space of ten ems or more, or of as many pixels
# The converter knows `split` and not the names that mean the same inside of a formula.
_ALIGNED = re.compile(r"(\\(?:begin|end)\{)aligned\}")
_ARITY = {
    "mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2,
    "msubsup": 3, "munderover": 3,
}  # fmt: skip
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_REFUSALS = (
    exceptions.NumeratorNotFoundError,
    exceptions.DenominatorNotFoundError,
    exceptions.ExtraLeftOrMissingRightError,
    exceptions.MissingSuperScriptOrSubscriptError,
    exceptions.DoubleSubscriptsError,
    exceptions.DoubleSuperscriptsError,
    exceptions.NoAvailableTokensError,
    exceptions.InvalidStyleForGenfracError,
    exceptions.MissingEndError,
    exceptions.InvalidAlignmentError,
    exceptions.InvalidWidthError,
    exceptions.LimitsMustFollowMathOperatorError,
    # The converter trusts its input beyond those.
    AttributeError,
    IndexError,
    KeyError,
    RecursionError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)


class NotConvertible(ValueError):
    """The formula is nested too deep, or has something that MathML or the converter lacks."""


def render_formula(tex: str, *, source: str, is_display: bool, budget: int = MAX_IN_ALL) -> str:
    """Give a formula as MathML, or its source as code where it cannot be converted.

    Args:
        source: the formula with its delimiters, as it was written.
        budget: how many characters of TeX may still be converted in this reply.
    """
    if len(tex) > min(MAX_CHARACTERS, budget) or _MACROS.search(tex) or not _is_balanced(tex):
        return as_source(source)
    if render_plain(tex) != html.escape(tex):  # there are signs in it that hide or reorder text
        return as_source(source)
    try:
        known = _ALIGNED.sub(r"\1split}", tex)
        tree = convert_to_element(known, display="block" if is_display else "inline")
        return _serialise(tree, depth=0)
    except _REFUSALS:
        return as_source(source)


def as_source(source: str) -> str:
    """Give a formula's source as code."""
    return f'<code class="tex">{render_plain(source)}</code>'


def _is_balanced(tex: str) -> bool:
    """Tell whether braces pair up, and not too deep: the converter would guess or recurse."""
    depth = 0
    for brace in _BRACE.findall(tex):
        depth += (brace == "{") - (brace == "}")
        if not 0 <= depth <= MAX_DEPTH:
            return False
    return depth == 0


def _serialise(element: Element, *, depth: int) -> str:
    """Write an element as HTML: the converter's own writer leaves `<` in texts as it is."""
    if depth > MAX_DEPTH:
        raise NotConvertible(f"a formula is nested more than {MAX_DEPTH} deep")
    if len(element) != _ARITY.get(element.tag, len(element)):
        raise NotConvertible(f"{element.tag} has {len(element)} parts")
    if element.get("linebreak") or (element.text or "").startswith(("\\", "&amp;")):
        raise NotConvertible(f"no MathML for {element.text or 'a new line'}")
    inside = _escape(element.text)
    for child in element:
        inside += _serialise(child, depth=depth + 1) + _escape(child.tail)
    if element.tag == "menclose" and element.get("notation") == "box":
        return f'<mrow class="boxed">{inside}</mrow>'
    if element.tag == "math":
        return f'<math display="{element.get("display")}">{inside}</math>'
    if element.tag not in MATH_TAGS:
        return f"<mrow>{inside}</mrow>"
    attributes = "".join(
        f' {name}="{value}"' for name, value in element.items() if _is_allowed(name, value)
    )
    return f"<{element.tag}{attributes}>{inside}</{element.tag}>"


def _is_allowed(name: str, value: str) -> bool:
    if name not in MATH_ATTRIBUTES or not _VALUE.fullmatch(value):
        return False
    return name not in ("width", "minsize", "maxsize") or not _WIDE.search(value.split(".")[0])


def _escape(text: str | None) -> str:
    # The converter writes signs as character references, for a reader to resolve.
    return html.escape(unescape(text or ""))
