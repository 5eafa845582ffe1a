"""What is counted without texts is what is counted with them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings

from annotate.services.exporting import answers, export_dataset, preview, votes_of
from annotate.services.exporting.ballots import Texts
from annotate.services.exporting.reading import read_completion_texts
from annotate.services.exporting.skimming import read_facts
from tests import factories as make
from tests.services.exports import answer, open_round, rows_of, vote

pytestmark = pytest.mark.django_db

BLANKS = ["", " ", "\n\t", "\u3000", "\x1f", "\u00a0\u2028", "\u2003 \x85", "\u1680"]
WORDS = ["One.", "One. ", "\u200bx", "\ufeff", "日本語 です。", '{"a"}', "\\", "\u2003x", "NULL"]


@pytest.fixture(autouse=True)
def home(settings: LazySettings, tmp_path: Path) -> Path:
    """Keep what is exported among the files of the test."""
    settings.KURABE_HOME = tmp_path
    return tmp_path


@pytest.fixture
def run() -> Any:
    """Give a run whose prompts have every kind of text against every other."""
    round_ = open_round("x", "y")
    voter = make.make_annotator()
    for number, first in enumerate([*BLANKS, *WORDS]):
        for second in (first, BLANKS[number % len(BLANKS)], WORDS[number % len(WORDS)]):
            fields = {"language": ["en", "ja"][number % 2], "category": f"c{number % 3}"}
            both = answer(round_, [first, second], **fields)
            vote(round_, *both, "ab"[number % 2], annotators=[voter])
    for number in range(24):
        fields = {"language": ["en", "ja"][number % 2], "category": f"c{number % 3}"}
        both = answer(round_, [f"{number} and so on", f"{number}"], **fields)
        vote(round_, *both, "ab"[number // 6 % 2], annotators=[voter])
    return round_.run


def test_facts_are_what_python_finds_in_the_texts(run: Any) -> None:
    round_ = run.rounds.get()
    turns = answer(round_, [["A.", " ", "B"], ["A.", "\u3000x"]])
    stored = [*run.candidates.order_by("pk").first().completions.order_by("pk"), *turns]
    ids = np.array([each.pk for each in stored])
    texts = Texts(prompts=None, ids=ids, prompt=np.zeros(len(ids)))  # type: ignore[arg-type]
    asked = [(place, depth) for place in range(len(ids)) for depth in (1, 2, 3)][::-1]
    facts = read_facts(texts, *np.array(asked).T)
    read = read_completion_texts(ids)
    said = [read[stored[place].pk].replies[:depth] for place, depth in asked]
    assert facts.is_blank.tolist() == [not all(map(str.strip, each)) for each in said]
    assert facts.n_chars.tolist() == [sum(map(len, each)) for each in said]
    assert facts.candidate.tolist() == [stored[place].candidate_id for place, _depth in asked]
    alike = facts.digest[:, None] == facts.digest
    assert alike.tolist() == [[one == other for other in said] for one in said]


CHOICES: list[dict[str, Any]] = [
    {},
    {"form": "reward"},
    {"test_share": 0.5},
    {"balance": ["language", "category", "length"]},
    {"balance": ["length"], "max_pairs_per_prompt": 1, "test_share": 0.3},
    {"near_equal": 0.9},
    {"form": "ranking"},
    {"form": "kto"},
]


@pytest.mark.parametrize("choices", CHOICES)
def test_preview_counts_what_the_export_writes(run: Any, choices: dict[str, Any]) -> None:
    recipe = votes_of(run.slug, **choices)
    found, made = preview(recipe), export_dataset(recipe)
    assert found.counts == made.counts
    assert found.n_rows > 0
    assert found.examples == rows_of(made)[:10]


def test_preview_reads_no_text_but_those_that_it_shows(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def read(ids: Any) -> Any:
        asked.extend(ids.tolist())
        return read_completion_texts(ids)

    monkeypatch.setattr(answers, "read_completion_texts", read)
    found = preview(votes_of(run.slug, test_share=0.2, balance=["length"]))
    assert found.n_rows > 10
    assert 0 < len(asked) <= 20
