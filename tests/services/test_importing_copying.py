"""Lines of COPY that are written by hand bring every text as it is, and faults as they are."""

from collections.abc import Iterator

import pytest
from django.db import IntegrityError, transaction
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from annotate.models import Prompt, PromptSet
from annotate.services.importing.copying import (
    LINES_AT_ONCE,
    copy_lines,
    escaped,
    escaped_array,
    line_of,
)

COLUMNS = ("prompt_set_id", "key", "system", "turns", "language", "category", "is_held_out")
NASTY = [
    "",
    "\\N",
    "\\.",
    '{"a","b"}',
    'a\\"b',
    "\t\n\r\v\f\b",
    "\\\\n",
    "NULL",
    " ",
    "日本語",
    "\x1f",
]
TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"))


def line(prompts: PromptSet, key: str, system: str, turns: list[str]) -> str:
    cells = (prompts.pk, key, escaped(system), escaped_array(turns), "en", "", False)
    return line_of(cells)


class TestTexts(TestCase):
    """A test case of its own, since each example of a property is a transaction."""

    @settings(max_examples=60, deadline=None)
    @given(TEXTS, st.lists(TEXTS, min_size=1))
    @example("\\N", NASTY)
    @example("\\.", ["\\."])
    def test_copy_lines_stores_any_text_as_it_is(self, system: str, turns: list[str]) -> None:
        prompts = PromptSet.objects.create(slug="s")
        lines = [line(prompts, "p", system, turns)]
        copy_lines(table=Prompt, columns=COLUMNS, lines=lines, meanwhile=lambda: None)
        stored = Prompt.objects.get(prompt_set=prompts)
        assert (stored.system, stored.turns, stored.is_held_out) == (system, turns, False)


@pytest.mark.django_db
def test_copy_lines_works_on_while_the_server_stores_and_ends_with_all_rows() -> None:
    prompts = PromptSet.objects.create(slug="s")
    n_rows, done = 2 * LINES_AT_ONCE + 1, []
    copy_lines(
        table=Prompt,
        columns=COLUMNS,
        lines=(line(prompts, f"p{n}", "", ["?"]) for n in range(n_rows)),
        meanwhile=lambda: done.append("next rows"),
    )
    assert done == ["next rows"]
    assert prompts.prompts.count() == n_rows


@pytest.mark.django_db
def test_copy_lines_raises_what_the_server_refuses_and_what_goes_wrong_here() -> None:
    prompts = PromptSet.objects.create(slug="s")
    twice = [line(prompts, "p", "", ["?"])] * 2
    with pytest.raises(IntegrityError), transaction.atomic():
        copy_lines(table=Prompt, columns=COLUMNS, lines=twice, meanwhile=lambda: None)

    def broken() -> Iterator[str]:
        yield twice[0]
        raise LookupError

    with pytest.raises(LookupError), transaction.atomic():
        copy_lines(table=Prompt, columns=COLUMNS, lines=broken(), meanwhile=lambda: None)
    assert not prompts.prompts.exists()
