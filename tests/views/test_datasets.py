"""A dataset's page, and the bytes behind it."""

from pathlib import Path

import pytest
from django.utils import timezone

from annotate.models import Consent, PreferenceDataset, Vote
from annotate.services import voting
from annotate.services.ledger import take_cutoff
from tests import factories as make
from tests.views.pages import browser_as, cast_votes, count_queries, make_dataset, make_training
from tests.views.test_runs import words_of

pytestmark = pytest.mark.django_db


def dataset_page(dataset: PreferenceDataset) -> str:
    answer = browser_as("researcher").get(f"/datasets/{dataset.pk}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_dataset_page_shows_what_it_holds_and_how_it_was_made() -> None:
    round_ = make.make_open_round(n_prompts=3)
    cast_votes(round_, make.make_annotator(kind="simulated"), 2)
    cast_votes(round_, make.make_annotator(), 1)
    dataset = make_dataset(round_.run)
    html = dataset_page(dataset)
    page = words_of(html)
    assert "12 pairs of a chosen and a rejected answer" in page
    assert "Made from votes 3 simulated annotators: 2 people: 1" in page
    assert f"Cut-off in the vote ledger {10**9}" in page
    assert f'value="{dataset.sha256}" aria-labelledby="sha256"' in html
    assert "min_votes 1" in page
    assert "Left out held-out prompt 3" in page


def test_dataset_page_counts_votes_up_to_its_cutoff_alone() -> None:
    round_ = make.make_open_round(n_prompts=3)
    cast_votes(round_, make.make_annotator(), 3)
    page = words_of(dataset_page(make_dataset(round_.run, cutoff=0)))
    assert "Made from votes 0 Cut-off" in page


def test_dataset_page_says_which_votes_were_taken_back_since() -> None:
    """Two of one who took the consent back, and a single one of another."""
    round_, one, other = make.make_open_round(), make.make_annotator(), make.make_annotator()
    Consent.objects.create(annotator=one, text=make.make_consent_text())
    cast_votes(round_, one, 2)
    cast_votes(round_, other, 2)
    training_run = make_training(
        round_.run, dataset=make_dataset(round_.run, cutoff=take_cutoff(run=round_.run))
    )
    dataset = training_run.dataset
    assert "taken back" not in dataset_page(dataset)
    for vote in Vote.objects.order_by("id")[:3]:
        voting.withdraw_vote(vote=vote, by=None)
    Consent.objects.update(withdrawn_at=timezone.now())
    said = "3 votes behind this dataset were taken back after it had been made. 2 of them because"
    assert said in words_of(dataset_page(dataset))
    researcher = browser_as("researcher")
    assert said in words_of(researcher.get(f"/training/{training_run.pk}/").content.decode())


def test_run_page_marks_what_was_made_from_votes_taken_back_since() -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    cast_votes(round_, annotator, 2)
    dataset = make_dataset(round_.run, cutoff=take_cutoff(run=round_.run))
    child = make.make_candidate(
        round_.run, name="child", origin="dpo",
        training_run=make_training(round_.run, dataset=dataset),
    )  # fmt: skip
    address, researcher = f"/runs/{round_.run.slug}/", browser_as("researcher")
    assert "taken back" not in researcher.get(address).content.decode()
    for vote in Vote.objects.all():
        voting.withdraw_vote(vote=vote, by=None)
    page = words_of(researcher.get(address).content.decode())
    assert f"{child.name} trained on 2 votes taken back since DPO" in page
    assert f"#{dataset.pk} 2 votes taken back since" in page


def test_dataset_page_lists_trainings_on_it() -> None:
    run = make.make_run()
    training_run = make_training(run)
    assert f'href="/training/{training_run.pk}/"' in dataset_page(training_run.dataset)


def test_dataset_file_is_sent_as_it_was_written() -> None:
    content = '{"chosen": "はい"}\n'.encode() * 50_000
    dataset = make_dataset(make.make_run(slug="spring"), content=content)
    assert f'href="/datasets/{dataset.pk}/file"' in dataset_page(dataset)
    answer = browser_as("researcher").get(f"/datasets/{dataset.pk}/file")
    assert answer.streaming
    assert b"".join(answer.streaming_content) == content
    assert answer["Content-Disposition"] == 'attachment; filename="spring.jsonl"'
    assert answer["Content-Length"] == str(len(content))


def test_dataset_file_behind_a_link_out_of_the_home_is_not_sent(home: Path) -> None:
    (home.parent / "secret.txt").write_text("not for download")
    dataset = make_dataset(make.make_run(), path="datasets/link.jsonl")
    (home / "datasets" / "link.jsonl").symlink_to(home.parent / "secret.txt")
    assert browser_as("researcher").get(f"/datasets/{dataset.pk}/file").status_code == 404


def test_dataset_file_that_is_gone_is_not_found(home: Path) -> None:
    dataset = make_dataset(make.make_run())
    (home / dataset.path).unlink()
    assert browser_as("researcher").get(f"/datasets/{dataset.pk}/file").status_code == 404
    assert "Export the run again" in dataset_page(dataset)


def test_dataset_queries_do_not_grow_with_trainings() -> None:
    client, run = browser_as("researcher"), make.make_run()
    dataset = make_dataset(run)
    make_training(run, dataset=dataset)
    with_one = count_queries(lambda: client.get(f"/datasets/{dataset.pk}/"))
    for _training in range(2):
        make_training(run, dataset=dataset)
    assert count_queries(lambda: client.get(f"/datasets/{dataset.pk}/")) == with_one
