"""Pages of lineage: chains of boxes for researchers, and lists of votes that come in pages."""

import pytest
from django.test import Client

from annotate.models import Candidate, PreferenceDataset, SelectionRun, Vote
from annotate.services import voting
from annotate.services.exporting import export_dataset, votes_of
from annotate.views import lineage as pages
from tests import factories as make
from tests.services.test_lineage import agree, train
from tests.views.pages import browser_as, cast_votes
from tests.views.test_runs import words_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


def voted_run() -> SelectionRun:
    round_, annotator = make.make_open_round(), make.make_annotator()
    agree(annotator)
    cast_votes(round_, annotator, 3)
    cast_votes(round_, make.make_annotator(kind="simulated"), 2)
    return round_.run


def train_two(run: SelectionRun) -> tuple[PreferenceDataset, Candidate, Candidate]:
    """Train a child on the run's votes, and its child on nobody's in particular."""
    dataset = export_dataset(votes_of(run.slug))
    base = run.candidates.order_by("pk")[0]
    child = train(dataset, base, name="the child")
    return dataset, child, train(export_dataset(votes_of(run.slug)), child, name="the grandchild")


def read(address: str) -> str:
    answer = browser_as("researcher").get(address)
    assert answer.status_code == 200
    return words_of(answer.content.decode())


def test_candidate_page_is_a_chain_back_to_the_votes() -> None:
    run = voted_run()
    dataset, child, grandchild = train_two(run)
    version = make.make_consent_text().version
    page = read(f"/lineage/candidates/{grandchild.pk}/")
    assert "This candidate the grandchild" in page
    assert "1 generation back the child" in page
    assert f"2 generations back {run.candidates.order_by('pk')[0].name}" in page
    assert "Votes that counted 5 simulated annotators: 2 people: 3" in page
    assert f"nobody asked here: 2, text {version}: 3" in page
    assert "Nothing yet: no candidate names it as a parent." in page
    html = browser_as("researcher").get(f"/lineage/candidates/{child.pk}/").content.decode()
    assert f'href="/lineage/datasets/{dataset.pk}/"' in html
    assert f'href="/lineage/candidates/{grandchild.pk}/"' in html


def test_withdrawn_consent_marks_dataset_and_child() -> None:
    run = voted_run()
    dataset, child, _grandchild = train_two(run)
    for vote in Vote.objects.filter(comparison__annotator__kind="person"):
        voting.withdraw_vote(vote=vote, by=None)
    for address in (f"/lineage/candidates/{child.pk}/", f"/lineage/datasets/{dataset.pk}/"):
        assert "3 votes taken back since" in read(address)


def test_licence_that_allows_no_commercial_use_marks_every_page() -> None:
    run = voted_run()
    Candidate.objects.filter(run=run).update(licence="CC-BY-NC-SA-4.0")
    dataset, child, grandchild = train_two(run)
    for address in (
        f"/lineage/candidates/{child.pk}/", f"/lineage/candidates/{grandchild.pk}/",
        f"/lineage/datasets/{dataset.pk}/", f"/datasets/{dataset.pk}/", f"/runs/{run.slug}/",
    ):  # fmt: skip
        assert "no commercial use" in read(address).lower()
    Candidate.objects.filter(run=run).update(licence="MIT")
    free = export_dataset(votes_of(run.slug))
    assert "no commercial use" not in read(f"/datasets/{free.pk}/").lower()


def test_vote_page_leads_to_checkpoints_and_their_children() -> None:
    run = voted_run()
    train_two(run)
    vote = Vote.objects.order_by("pk")[0]
    page = read(f"/lineage/votes/{vote.pk}/")
    assert "It counted for 2 datasets." in page
    assert "Its pair is in the rows to train on." in page
    assert "the child 1" in page
    assert "the grandchild 2" in page
    assert f"Id in exports {vote.comparison.token}" in page


def test_vote_that_went_nowhere_says_why() -> None:
    round_ = make.make_open_round()
    annotator = make.make_annotator()
    known = make.make_vote(make.make_known_comparison(round_, annotator))
    cast_votes(round_, annotator, 1)
    alone = Vote.objects.latest("pk")
    assert "Nowhere: its comparison was made" in read(f"/lineage/votes/{known.pk}/")
    assert "Nowhere yet" in read(f"/lineage/votes/{alone.pk}/")


def test_votes_of_a_dataset_come_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "VOTES_ON_A_PAGE", 2)
    dataset = export_dataset(votes_of(voted_run().slug))
    source = dataset.sources.get()
    first = read(f"/lineage/sources/{source.pk}/votes/")
    assert "5 votes of" in first
    assert "Page 1 of 3" in first
    newest, oldest = Vote.objects.latest("pk"), Vote.objects.earliest("pk")
    html = browser_as("researcher").get(f"/lineage/sources/{source.pk}/votes/?page=3")
    assert f'href="/lineage/votes/{oldest.pk}/"' in html.content.decode()
    assert f'href="/lineage/votes/{newest.pk}/"' not in html.content.decode()


def test_vote_is_found_by_its_id_in_an_export() -> None:
    round_, client = make.make_open_round(), browser_as("researcher")
    annotator = make.make_annotator()
    cast_votes(round_, annotator, 1)
    vote = Vote.objects.get()
    voting.withdraw_vote(vote=vote, by=None)
    token = vote.comparison.token
    assert client.get(f"/lineage/votes/?id={token}")["Location"] == f"/lineage/votes/{vote.pk}/"
    again = make.make_vote(vote.comparison)
    assert client.get(f"/lineage/votes/?id={token}")["Location"] == f"/lineage/votes/{again.pk}/"
    for asked in ("nonsense", "00000000-0000-4000-8000-000000000000"):
        answer = client.get(f"/lineage/votes/?id={asked}")
        assert answer.status_code == 404
        assert f"No vote has the id “{asked}”." in answer.content.decode()
    assert client.get("/lineage/votes/").status_code == 200


@pytest.mark.parametrize("role", ["volunteer", None])
def test_volunteers_see_nothing_of_it(role: str | None) -> None:
    run = voted_run()
    dataset, child, _grandchild = train_two(run)
    client = browser_as(role) if role else Client()
    for address in (
        f"/lineage/candidates/{child.pk}/", f"/lineage/datasets/{dataset.pk}/",
        f"/lineage/sources/{dataset.sources.get().pk}/votes/",
        f"/lineage/votes/{Vote.objects.all()[0].pk}/", "/lineage/votes/",
    ):  # fmt: skip
        assert client.get(address).status_code == (403 if role else 302)
