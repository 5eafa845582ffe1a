"""Everything that a person reads is there in Japanese."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOGUE = ROOT / "annotate" / "locale" / "ja" / "LC_MESSAGES" / "django.po"
FUNCTIONS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
LITERAL = r"""u?("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
IN_TEMPLATE = re.compile(rf"\b(?:n?gettext|_)\({LITERAL}(?:, {LITERAL})?")
ADVICE = "run `make messages`, and translate what is new"


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(CATALOGUE))


def strings_of_code() -> Iterator[str]:
    """Yield what Python files mark for translation."""
    for path in (ROOT / "annotate").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in FUNCTIONS:
                texts = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant)]
                yield from (text for text in texts if isinstance(text, str))


def strings_of_templates() -> Iterator[str]:
    """Yield what templates mark for translation."""
    for path in (path for path in (ROOT / "templates").rglob("*") if path.is_file()):
        for match in IN_TEMPLATE.finditer(templatize(path.read_text(encoding="utf-8"))):
            yield from (ast.literal_eval(text) for text in match.groups() if text)


def test_catalogue_holds_every_string_and_no_other(catalogue: polib.POFile) -> None:
    known = {text for entry in catalogue for text in (entry.msgid, entry.msgid_plural) if text}
    wanted = {*strings_of_code(), *strings_of_templates()}
    assert len(wanted) > 200
    assert {"missing": wanted - known, "unused": known - wanted} == {
        "missing": set(),
        "unused": set(),
    }, ADVICE


def test_catalogue_is_translated_without_guesses(catalogue: polib.POFile) -> None:
    assert [entry.msgid for entry in catalogue if not entry.translated()] == []
    assert [entry.msgid for entry in catalogue.fuzzy_entries()] == []
    assert not catalogue.metadata_is_fuzzy
    assert catalogue.obsolete_entries() == []


def test_catalogue_keeps_every_placeholder(catalogue: polib.POFile) -> None:
    for entry in catalogue:
        for text in (entry.msgstr, *entry.msgstr_plural.values()):
            if text:
                assert placeholders(text) == placeholders(entry.msgid), entry.msgid


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[sd]|<\w+>", text))


def test_compiled_catalogue_is_in_step(catalogue: polib.POFile) -> None:
    compiled = polib.mofile(str(CATALOGUE.with_suffix(".mo")))
    assert texts(compiled) == texts(catalogue), ADVICE


def texts(entries: polib.POFile | polib.MOFile) -> dict[str, tuple[str, dict[int, str]]]:
    return {entry.msgid: (entry.msgstr, entry.msgstr_plural) for entry in entries}
