"""Names of what stored tables hold as codes, and numbers as tables and pictures both write them."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotate.templatetags.kurabe import chance, decimals, percent

__all__ = ["CODES", "LOG_STRENGTH", "chance", "decimals", "name_of", "percent"]

LOG_STRENGTH = _("Strength (log odds)")

CODES: dict[str, dict[str, Promise]] = {
    "kind": {
        "person": _("people"),
        "judge": _("LLM judges"),
        "simulated": _("simulated annotators"),
    },
    "view": {
        "primary": _("primary"),
        "side": _("side effect taken out"),
        "style": _("length and style held equal"),
        "annotators": _("annotators weighted by reliability"),
        "propensity": _("weighted by chance of the pair"),
    },
    "term": {
        "side": _("left side"),
        "length": _("length"),
        "headings": _("headings"),
        "list_items": _("list items"),
        "bold": _("bold words"),
        "code": _("code"),
        "tie_weight": _("weight of ties"),
    },
}
CODES["other_kind"] = CODES["kind"]


def name_of(column: str, code: str) -> str:
    """Give the words for a code in a column; what is no code stays as it is."""
    return str(CODES.get(column, {}).get(code, code))
