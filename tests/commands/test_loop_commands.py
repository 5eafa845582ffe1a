"""`train` and `simulate`: what they refuse, and how they say it. tests/loop runs them for real."""

import socket

import pytest

from annotate.models import SelectionRun, Vote
from annotate.services import states
from tests.commands.conftest import Run

pytestmark = pytest.mark.django_db


def test_train_refuses_whom_it_cannot_train(voted_run: str, refused: Run) -> None:
    assert refused("train", voted_run, "--candidate", "x") == (
        "Candidate “x” has no weights here: only its texts were imported."
    )
    assert refused("train", voted_run, "--candidate", "X") == (
        "run r has no candidate 'X'; it has: 'w', 'x', 'y', 'z'"
    )
    assert refused("train", "none", "--candidate", "x").startswith("no run is called 'none'")
    assert refused("train", voted_run) == "Error: the following arguments are required: --candidate"


def test_simulate_refuses_a_run_without_an_open_round(voted_run: str, refused: Run) -> None:
    states.close_round(round_=SelectionRun.objects.get().rounds.get())
    assert refused("simulate", voted_run, "--votes", "1") == ("run r has no open round to vote in")


@pytest.mark.parametrize("votes", ["0", "-3", "many", "1.5"])
def test_simulate_refuses_no_number_of_votes(votes: str, voted_run: str, refused: Run) -> None:
    assert refused("simulate", voted_run, f"--votes={votes}") == (
        f"Error: argument --votes: '{votes}' is not a whole number of at least 1"
    )


@pytest.mark.parametrize("noise", ["nan", "inf", "-0.1"])
def test_simulate_refuses_noise_that_is_none(noise: str, voted_run: str, refused: Run) -> None:
    assert refused("simulate", voted_run, "--votes", "1", f"--noise={noise}") == (
        f"Error: argument --noise: '{noise}' is not a number of at least 0"
    )


def test_simulate_refuses_an_address_that_does_not_answer(voted_run: str, refused: Run) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unheard.getsockname()[1]}"
        said = refused("simulate", voted_run, "--votes", "1", "--url", url)
    assert said.startswith(f"{url} does not answer (")
    assert said.endswith("); --url names a running Kurabe")
    assert Vote.objects.count() == 4


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "nonsense", "127.0.0.1:8000"])
def test_simulate_refuses_an_address_that_is_none(url: str, voted_run: str, refused: Run) -> None:
    assert refused("simulate", voted_run, "--votes", "1", "--url", url) == (
        f"Error: argument --url: '{url}' must begin with http:// or https://"
    )
