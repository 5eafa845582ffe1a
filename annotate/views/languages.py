"""Which languages volunteers may say that they read, and which their browser asks for."""

from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language_info
from django.utils.translation.trans_real import parse_accept_lang_header

from annotate.models import SelectionRun


def languages_of(run: SelectionRun) -> list[tuple[str, str]]:
    """Give tags and own names of the languages of a run's prompts, and of the site's pages."""
    asked = run.prompts().order_by().values_list("language", flat=True).distinct()
    return name_languages([*(tag for tag, _name in settings.LANGUAGES), *asked])


def name_languages(tags: Iterable[str]) -> list[tuple[str, str]]:
    """Give each language once, by its primary subtag, with its name in that language itself."""
    primary = dict.fromkeys(primary_subtag(tag) for tag in tags)
    return [(tag, _own_name(tag)) for tag in primary]


def preferred_languages(request: HttpRequest) -> list[str]:
    """Give the languages that the browser says its owner reads."""
    header = request.headers.get("Accept-Language", "")
    return [primary_subtag(tag) for tag, _weight in parse_accept_lang_header(header)]


def primary_subtag(tag: str) -> str:
    """Give the language alone, without script and region."""
    return tag.split("-")[0].lower()


def _own_name(tag: str) -> str:
    try:
        return str(get_language_info(tag)["name_local"])
    except KeyError:
        return tag
