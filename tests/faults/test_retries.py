"""A client that sends each request three times: the same answer, and one effect."""

import pytest

from annotate.models import Comparison, Export, Report, Round, Vote
from annotate.services.simulating import RatingPage, read_page
from tests import factories as make
from tests.views.pages import HTMX, browser_as, cast_votes, volunteer_in
from tests.views.test_exports import PLAIN

pytestmark = pytest.mark.django_db

TIMES = 3


class Rating:
    """A volunteer's browser whose every request arrives three times."""

    def __init__(self, round_: Round) -> None:
        self.client = volunteer_in(round_.run)
        self.path = f"/rate/{round_.run.slug}/"

    def read(self) -> RatingPage:
        return read_page(self.client.get(self.path).content.decode())

    def send(self, address: str = "", **form: str) -> list[int]:
        """Send a form three times, and give the statuses."""
        answers = [self.client.post(self.path + address, form, headers=HTMX) for _ in range(TIMES)]
        shown = {read_page(answer.content.decode()).form.get("token") for answer in answers}
        assert len(shown) == 1, "the answers show different pairs"
        return [answer.status_code for answer in answers]


@pytest.fixture
def rating() -> Rating:
    return Rating(make.make_open_round(n_prompts=6))


def test_vote_sent_three_times_is_one(rating: Rating) -> None:
    page = rating.read()
    assert rating.send(token=page.form["token"], choice="left") == [200] * TIMES
    assert Vote.objects.count() == 1
    assert Comparison.objects.filter(answered_at__isnull=False).count() == 1
    assert Comparison.objects.unanswered().count() <= 2


def test_skip_sent_three_times_is_one(rating: Rating) -> None:
    page = rating.read()
    assert rating.send("skip/", token=page.form["token"], reason="cannot_judge") == [200] * TIMES
    assert Comparison.objects.filter(skipped_at__isnull=False).count() == 1


def test_undo_sent_three_times_takes_back_one(rating: Rating) -> None:
    tokens = []
    for _vote in range(3):
        tokens.append(rating.read().form["token"])
        rating.send(token=tokens[-1], choice="left")
    shown = rating.read().form["token"]
    assert rating.send("undo/", shown=shown) == [200] * TIMES
    assert rating.read().form["token"] == tokens[-1]
    assert Vote.objects.standing().count() == 2


def test_report_sent_three_times_is_one(rating: Rating) -> None:
    page = rating.read()
    assert rating.send("report/", token=page.form["token"], side="left") == [200] * TIMES
    assert Report.objects.count() == 1
    assert Comparison.objects.filter(skipped_at__isnull=False).count() == 1


def test_export_page_that_is_sent_three_times_waits_for_one_export() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 1)
    browser = browser_as("researcher")
    address = f"/runs/{round_.run.slug}/export/"
    form = PLAIN | {"do": "export"}
    answers = [browser.post(address, form) for _ in range(TIMES)]
    assert [answer.status_code for answer in answers] == [303] * TIMES
    assert len({answer["Location"] for answer in answers}) == 1
    assert Export.objects.count() == 1
    # Once a worker has begun it, its votes are counted: who asks then asks for those since.
    Export.objects.update(state=Export.State.RUNNING)
    later = browser.post(address, form)
    assert later["Location"] != answers[0]["Location"]
