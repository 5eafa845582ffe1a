"""`manage.py import_gold`, as a stranger runs it."""

import pytest

from annotate.models import GoldPair
from tests.commands.conftest import Run, WriteRows
from tests.formats.conftest import REPOSITORY
from tests.formats.test_gold import PAIR

pytestmark = pytest.mark.django_db

PRACTICE = REPOSITORY / "annotate/demo/practice.jsonl"


def test_import_gold_counts_and_adds_nothing_again(run: Run, voted_run: str) -> None:
    assert run("import_gold", PRACTICE, "--run", voted_run) == (
        "known answers of run r: 6 new, 0 there already\n"
    )
    assert run("import_gold", PRACTICE, "--run", voted_run) == (
        "known answers of run r: 0 new, 6 there already\n"
    )
    assert [pair.outcome for pair in GoldPair.objects.all()] == ["a"] * 4 + ["tie", "both_bad"]


def test_import_gold_names_the_line_that_is_wrong(
    refused: Run, voted_run: str, write: WriteRows
) -> None:
    path = write("gold.jsonl", PAIR, PAIR | {"use": "exam"})
    assert refused("import_gold", path, "--run", voted_run) == (
        f'{path}, line 2, use: "exam" is not one of gold, practice'
    )
    assert not GoldPair.objects.exists()


def test_import_gold_into_an_unknown_run_is_refused(refused: Run) -> None:
    assert "no run is called 'nowhere'" in refused("import_gold", PRACTICE, "--run", "nowhere")
