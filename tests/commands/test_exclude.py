"""`manage.py exclude`, as a stranger runs it."""

import json

import pytest

from annotate.models import Annotator, Exclusion
from tests.commands.conftest import Run

pytestmark = pytest.mark.django_db


def test_exclude_and_undo_rank_again(run: Run, voted_run: str) -> None:
    run("rank", voted_run)
    pseudonym = Annotator.objects.get(name="ann").pseudonym
    assert run("exclude", voted_run, "ann", "--reason", "spam") == (
        "ann is excluded from run r; ranked again by 2 votes\n"
    )
    assert run("exclude", voted_run, pseudonym, "--reason", "no spam", "--undo") == (
        "ann counts again in run r; ranked again by 4 votes\n"
    )
    entry = Exclusion.objects.get()
    assert (entry.reason, entry.undone_reason) == ("spam", "no spam")


def test_exclude_without_a_ranking_ranks_nothing(run: Run, voted_run: str) -> None:
    said = run("exclude", voted_run, "bob", "--reason", "spam")
    assert said == "bob is excluded from run r\n"


def test_rank_says_how_many_are_excluded(run: Run, voted_run: str) -> None:
    run("exclude", voted_run, "bob", "--reason", "spam")
    assert json.loads(run("rank", voted_run, "--json"))["excluded"] == 1
    assert "2 votes (2 by people), 1 annotator excluded" in run("rank", voted_run)


def test_exclude_refuses_in_one_line(refused: Run, run: Run, voted_run: str) -> None:
    assert refused("exclude", voted_run, "anne", "--reason", "x").startswith(
        "run r has no annotator 'anne'; it has: 'ann'"
    )
    assert refused("exclude", voted_run, "ann", "--reason", " ").startswith("A reason is needed")
    assert refused("exclude", voted_run, "ann", "--reason", "x", "--undo") == (
        "ann is not excluded from run r"
    )
    run("exclude", voted_run, "ann", "--reason", "x")
    assert refused("exclude", voted_run, "ann", "--reason", "x") == "ann is excluded already."
