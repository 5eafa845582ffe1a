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

register = template.Library()
register.filter(language_name)

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
    return mark_safe(render_prose(text))


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
def decimals(number: Measured, places: int) -> str:
    """Write a measured number with so many decimals and a true minus sign; a dash for none."""
    if number is None or number == "":
        return NONE
    # Rounded here, for number_format cuts decimals off; adding 0 takes the sign from -0.00.
    rounded = Decimal(f"{number:.{places}f}") + 0
    return number_format(rounded, decimal_pos=places).replace("-", "−")


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
