"""The digest of a completion's text is that of the expression by which older ones were made."""

import importlib
import random

import pytest
from django.db import connection

from annotate.models import Completion
from tests import factories as make

pytestmark = pytest.mark.django_db

OLDER = importlib.import_module("annotate.migrations.0004_first_words").TEXT_DIGEST
CHARS_A_TEXT = 500
SURROGATES = range(0xD800, 0xE000)
SPACES = "\t\n\v\f\r \x1c\x1f\x85\xa0\u1680\u180e\u2000\u2007\u200b\u200c\u2028\u2029\u202f\u205f"
PIECES = (
    *SPACES,
    "\u3000",
    "\ufeff",
    "  ",
    " \x1f ",
    "\r\n",
    "a",
    "。",
    "日本",
    "é",
    "\\",
    "'",
    "𝐀",
)


def store(texts: list[list[str]]) -> None:
    run = make.make_run()
    candidate, prompt = make.make_candidate(run), make.make_prompt(run.prompt_sets.get())
    Completion.objects.bulk_create(
        Completion(candidate=candidate, prompt=prompt, sample=sample, replies=replies)
        for sample, replies in enumerate(texts)
    )


def differing() -> list[list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT replies FROM annotate_completion WHERE text_digest <> {OLDER}")
        return [replies for (replies,) in cursor.fetchall()]


def test_text_digest_of_each_character_is_the_older_one() -> None:
    """Twice in a row and beside a space; of those beyond the first 65,536, one in 61."""
    codes = (*range(1, 0x10000), *range(0x10000, 0x110000, 61))
    known = [chr(code) for code in codes if code not in SURROGATES]
    blocks = [known[at : at + CHARS_A_TEXT] for at in range(0, len(known), CHARS_A_TEXT)]
    store([["".join(f"a{char}{char}b {char}" for char in block)] for block in blocks])
    assert Completion.objects.count() == len(blocks)
    assert differing() == []


def test_text_digest_of_hostile_texts_is_the_older_one() -> None:
    rng = random.Random(0)
    texts = [
        ["".join(rng.choices(PIECES, k=rng.randint(0, 12))) for _ in range(rng.randint(1, 3))]
        for _ in range(3_000)
    ]
    store([*texts, *([space * n] for space in SPACES for n in (1, 2, 3, 1_000))])
    assert differing() == []
    digests = Completion.objects.values_list("text_digest", flat=True)
    assert 1_000 < len(set(digests)) < len(digests)


def test_text_digest_of_a_very_long_run_of_spaces_is_made_at_once() -> None:
    store([["a" + " " * 3_000_000 + "b"], ["a b"]])
    first, second = Completion.objects.values_list("text_digest", flat=True)
    assert first == second
