"""`manage.py close`, as a stranger runs it."""

import pytest

from annotate.models import SelectionRun
from tests.commands.conftest import Run

pytestmark = pytest.mark.django_db


def test_close_ends_the_run_and_ranks_it(run: Run, voted_run: str) -> None:
    assert run("close", voted_run) == "run r is closed; ranked by 4 votes\n"
    assert SelectionRun.objects.get().state == "closed"


def test_close_refuses_an_unknown_run_in_one_line(refused: Run) -> None:
    assert "no run is called 'nowhere'" in refused("close", "nowhere")
