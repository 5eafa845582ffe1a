"""Which languages volunteers may say that they read, and which their browser asks for."""

from collections.abc import Iterable

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation.trans_real import parse_accept_lang_header

from annotate.models import Prompt, Round, SelectionRun
from annotate.services.languages import own_name, primary_subtag


def languages_of(run: SelectionRun) -> list[tuple[str, str]]:
    """Give tags and own names of the languages of a run's prompts, and of the site's pages."""
    return name_languages([*_of_pages(), *_of_prompts(run.prompts())])


def languages_asked() -> list[str]:
    """Give the tags of the languages that open runs ask for, and of the site's pages."""
    open_runs = Round.objects.open().values("run")
    return [*_of_pages(), *_of_prompts(Prompt.objects.filter(prompt_set__runs__in=open_runs))]


def name_languages(tags: Iterable[str]) -> list[tuple[str, str]]:
    """Give each language once, by its primary subtag, with its name in that language itself."""
    primary = dict.fromkeys(primary_subtag(tag) for tag in tags)
    return [(tag, own_name(tag)) for tag in primary]


def preferred_languages(request: HttpRequest) -> list[str]:
    """Give the languages that the browser says its owner reads."""
    header = request.headers.get("Accept-Language", "")
    return [primary_subtag(tag) for tag, _weight in parse_accept_lang_header(header)]


def _of_pages() -> list[str]:
    return [tag for tag, _name in settings.LANGUAGES]


def _of_prompts(prompts: QuerySet[Prompt]) -> list[str]:
    return sorted(prompts.order_by().values_list("language", flat=True).distinct())
