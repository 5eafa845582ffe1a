"""What Kurabe's templates need beside Django's own tags."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from django import template
from django.contrib.auth.models import AnonymousUser
from django.db.models import Count
from django.utils.formats import number_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from annotate.models import Annotator, Report, User
from annotate.permissions import has_role
from annotate.rendering import render_prose
from annotate.services.languages import language_name
from annotate.services.rankings import changed_settings
from annotate.services.slices import named_slices

register = template.Library()
register.filter(language_name)
register.filter(named_slices)
register.filter(changed_settings)

NONE = "–"
Measured = float | Literal[""] | None
"""A number, or what a template gives for one that is missing."""


@register.filter
def may(user: User | AnonymousUser | None, role: str) -> bool:
    """Tell whether the account has this role or one above it."""
    return user is not None and has_role(user, role)


@register.filter
def prose(text: str) -> SafeString:
    """Give the house's own Markdown as HTML."""
    return mark_safe(render_prose(text))  # noqa: S308 - raw HTML is off in it


@register.simple_tag
def open_reports() -> int:
    """Count the completions that an admin has to look at."""
    waiting = Report.objects.filter(looked_at__isnull=True)
    return waiting.aggregate(n=Count("completion", distinct=True))["n"]


@register.inclusion_tag("_votes.html")
def votes(kinds: Mapping[str, int]) -> dict[str, object]:
    """Write a number of votes, and plainly how many of them no person cast."""
    return {
        "total": sum(kinds.values()),
        "people": kinds.get(Annotator.Kind.PERSON, 0),
        "judges": kinds.get(Annotator.Kind.JUDGE, 0),
        "simulated": kinds.get(Annotator.Kind.SIMULATED, 0),
    }


@register.filter
def decimals(number: Measured, places: int = 2) -> str:
    """Write a measured number with so many decimals and a true minus sign; a dash for none."""
    if number is None or number == "":
        return NONE
    # Rounded here, for number_format cuts decimals off; adding 0 takes the sign from -0.00.
    rounded = Decimal(f"{number:.{places}f}") + 0
    return number_format(rounded, decimal_pos=places).replace("-", "−")


@register.filter
def percent(share: Measured, places: int = 0) -> str:
    """Write a share of 1 in per cent; a dash for none."""
    return NONE if share is None or share == "" else f"{decimals(100 * share, places)}%"


@register.filter
def plain_percent(share: float) -> str:
    """Write a share that somebody set, such as 5%, with the digits that it has."""
    return f"{number_format(f'{100 * share:g}')}%"


@register.filter
def chance(share: Measured) -> str:
    """Write a chance in whole per cent; one that is neither 0 nor 1 is never rounded to it."""
    if share is None or share == "" or 0.01 <= share <= 0.99 or share in (0, 1):
        return percent(share)
    return "<\u202f1%" if share < 0.5 else ">\u202f99%"


@register.filter
def evidence(e_value: Measured) -> str:
    """Write an e-value: with a decimal up to 100, whole above, and no digits that nobody needs."""
    if e_value is None or e_value == "":
        return NONE
    if e_value >= 1e6:
        return "> " + number_format(1_000_000, force_grouping=True)
    if e_value < 0.01:
        return "< " + number_format(Decimal("0.01"))
    places = 0 if e_value >= 100 or e_value == round(e_value) else 1 if e_value >= 1 else 2
    return number_format(Decimal(f"{e_value:.{places}f}"), decimal_pos=places, force_grouping=True)


@register.filter
def about(count: int) -> int:
    """Give a forecast in two digits, for no more can be foretold."""
    return round(count, 2 - len(str(count)))


@register.filter
def duration(seconds: Measured) -> str:
    """Write seconds as a person would say them."""
    if seconds is None or seconds == "":
        return NONE
    minutes, rest = divmod(round(float(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
    if minutes:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}
    return _("%(seconds)d s") % {"seconds": rest}


@register.filter
def scientific(number: Measured) -> str:
    """Write a very small number, such as a learning rate, with its power of ten."""
    return NONE if number is None or number == "" else f"{float(number):.2e}"
