"""Numbers and names that somebody guesses: what is there looks like what is not."""

import re
import uuid
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.http import HttpResponse
from django.test import Client

from annotate.models import Annotator, Export, Round, SelectionRun, Vote
from annotate.services import voting
from annotate.services.tokens import revoke_token
from tests import factories as make
from tests.api.conftest import Program
from tests.views.pages import (
    browser_as,
    browser_of,
    cast_votes,
    make_ranking,
    make_training,
)

pytestmark = pytest.mark.django_db
NOWHERE = 10**9


@pytest.fixture
def round_() -> Round:
    """Make a run with a row of each kind that pages show by number."""
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 1)
    make_ranking(round_.run)
    make_training(round_.run)
    Export.objects.create(run=round_.run, recipe={}, state=Export.State.QUEUED, n_total=1)
    return round_


def numbered(run: SelectionRun) -> Iterator[tuple[str, object, object]]:
    """Yield addresses by a number or name, with one that is there and one that is not."""
    dataset = run.datasets.get()
    training = dataset.training_runs.get()
    vote = Vote.objects.get()
    for address, there in [
        ("/datasets/{}/", dataset.pk),
        ("/datasets/{}/file", dataset.pk),
        ("/lineage/datasets/{}/", dataset.pk),
        ("/lineage/sources/{}/votes/", dataset.sources.get().pk),
        ("/lineage/candidates/{}/", training.base_id),
        ("/lineage/votes/{}/", vote.pk),
        ("/lineage/votes/?id={}", vote.pk),
        ("/training/{}/", training.pk),
        ("/exports/{}/", run.exports.get().pk),
        (f"/runs/{run.slug}/rankings/{{}}/", run.rankings.get().pk),
        (f"/runs/{run.slug}/jobs/{{}}/", 1),
    ]:
        yield address, there, NOWHERE
    for page in ("", "quality/", "rankings/", "export/", "judges/", "log/", "decided/", "plan/"):
        yield f"/runs/{{}}/{page}", run.slug, "no-such-run"


def told(answer: HttpResponse, asked: str) -> tuple[int, str, str]:
    """Give all that an answer tells, without the address that was asked for."""
    page = re.sub(
        r'csrfmiddlewaretoken" value="[^"]+|X-CSRFToken": "[^"]+', "", str(answer.content)
    )
    where = answer.headers.get("Location", "")
    there = (asked, quote(asked))
    for each in there:
        page, where = page.replace(each, "HERE"), where.replace(each, "HERE")
    return answer.status_code, page, where


def test_numbers_tell_strangers_and_volunteers_nothing(round_: Round) -> None:
    for client in (Client(), browser_as("volunteer")):
        for address, there, nowhere in numbered(round_.run):
            asked = [address.format(name) for name in (there, nowhere)]
            one, other = map(client.get, asked)
            assert one.status_code in (302, 403), address
            assert told(one, asked[0]) == told(other, asked[1]), address


def test_votes_of_others_are_as_if_they_were_not(round_: Round) -> None:
    user = make.make_volunteer(round_.run)
    others = Vote.objects.get().comparison
    waiting = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
    client, tokens = browser_of(user), [others.token, waiting.token, uuid.uuid4()]
    for act in ("", "withdraw/"):
        ask = client.post if act else client.get
        asked = [f"/rate/{round_.run.slug}/votes/{token}/{act}" for token in tokens]
        answers = [told(ask(address), address) for address in asked]
        assert answers == [answers[-1]] * 3
        assert answers[0][0] == 404
    assert Vote.objects.standing().count() == 1


def test_token_of_the_api_writes_no_vote_for_somebody_else(round_: Round) -> None:
    """What comes in through the API is an import of its own, beside whoever has that name here."""
    volunteer = Annotator.objects.get(user=make.make_volunteer(round_.run))
    one, other = round_.candidates.order_by("id")
    prompt = round_.run.prompts().order_by("-id")[0]
    row = {
        "prompt": prompt.key,
        "candidate_a": one.name,
        "candidate_b": other.name,
        "outcome": "a",
        "annotator": volunteer.name,
        "id": "stuffed",
    }
    address = f"/api/v1/runs/{round_.run.slug}/votes?source=elsewhere"
    for role, scope in (("researcher", "read"), ("researcher", "export")):
        answer = Program(role, scope).post(address, [row], content_type="application/json")
        assert answer.status_code in (403, 405)
    admin = Program("admin", "admin")
    for _time in range(3):
        answer = admin.post(address, [row], content_type="application/json")
        assert answer.status_code in (200, 201), answer.content
    stuffed = Vote.objects.exclude(comparison__import_key=None).get()
    annotator = stuffed.comparison.annotator
    assert annotator != volunteer
    assert (annotator.user, bool(annotator.source)) == (None, True)
    revoke_token(token=admin.token)
    assert admin.post(address, [row], content_type="application/json").status_code == 401
    assert volunteer.comparisons.count() == 0


@pytest.mark.parametrize("role", ["volunteer", "researcher"])
def test_cookie_is_no_token_and_a_volunteer_gets_none(role: str, round_: Round) -> None:
    client = browser_as(role)
    assert client.get("/api/v1/runs").status_code == 401
    answer = client.post("/me/tokens/", {"name": "mine", "scope": "admin"})
    assert b"kurabe_" not in answer.content
