"""Languages by their tags, such as ja or en-GB."""

from django.utils.translation import get_language_info, gettext_noop

from annotate.generation.scripts import primary_subtag

__all__ = ["language_name", "own_name", "primary_subtag"]

gettext_noop("English")  # in our own catalogue: Django's Japanese says that it is American


def language_name(tag: str) -> str:
    """Name a language in the reader's own; a tag that Django does not know stays as it is."""
    return _name(tag, "name_translated")


def own_name(tag: str) -> str:
    """Name a language in that language itself; an unknown tag stays as it is."""
    return _name(tag, "name_local")


def _name(tag: str, kind: str) -> str:
    try:
        return str(get_language_info(tag.lower())[kind])
    except KeyError:
        return tag
