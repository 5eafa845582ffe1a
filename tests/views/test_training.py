"""A training run's page, while it runs and after."""

import pytest

from annotate.models import TrainingRun
from tests import factories as make
from tests.views.pages import (
    HTMX,
    browser_as,
    cast_votes,
    count_queries,
    make_dataset,
    make_training,
)
from tests.views.test_runs import words_of

pytestmark = pytest.mark.django_db

State = TrainingRun.State


def training_page(training_run: TrainingRun) -> str:
    answer = browser_as("researcher").get(f"/training/{training_run.pk}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_training_page_polls_while_it_runs() -> None:
    html = training_page(make_training(make.make_run(), state=State.RUNNING, steps=3))
    assert 'hx-trigger="every 2s"' in html
    assert "htmx" in html


@pytest.mark.parametrize("state", [State.FINISHED, State.STOPPED])
def test_training_page_is_still_when_it_is_over(state: str) -> None:
    html = training_page(make_training(make.make_run(), state=state, steps=3))
    assert "hx-" not in html
    assert "<script" not in html


@pytest.mark.parametrize(
    ("state", "status"),
    [(State.QUEUED, 200), (State.RUNNING, 200), (State.FINISHED, 286), (State.STOPPED, 286)],
)
def test_training_poll_ends_when_it_is_over(state: str, status: int) -> None:
    training_run = make_training(make.make_run(), state=state, steps=25)
    answer = browser_as("researcher").get(f"/training/{training_run.pk}/", headers=HTMX)
    html = answer.content.decode()
    assert answer.status_code == status
    assert "<html" not in html
    assert ('hx-swap-oob="innerHTML"' in html) == (status == 286)
    assert answer["Cache-Control"] == "no-store"
    assert "HX-Request" in answer["Vary"]


def test_training_page_shows_progress_and_numbers() -> None:
    html = training_page(make_training(make.make_run(), state=State.RUNNING, steps=10))
    page = words_of(html)
    assert "running step 10 of 50 · 20 s · about 1 min 20 s left" in page
    assert '<progress max="50" value="10"' in html
    assert "10 0.40 0.6000 0.600 1.0000 −40.50 −41.00 2.000 1.00e-04 20 s" in page
    assert html.count('<polyline class="curve"') == 3
    assert 'aria-label="Loss by step, from 0.690 to 0.600"' in html
    assert "beta 0.1" in page


def test_training_page_folds_all_but_the_last_rows() -> None:
    html = training_page(make_training(make.make_run(), state=State.RUNNING, steps=25))
    shown, folded = html.split('<details id="all-rows">')
    assert shown.count('<th scope="row"') == 20
    assert folded.count('<th scope="row"') == 5
    assert "5 earlier steps" in folded


def test_training_page_takes_rows_that_lack_a_number() -> None:
    training_run = make_training(make.make_run(), state=State.RUNNING)
    training_run.metrics.create(step=1, values={"step": 1, "total_steps": 9, "loss": None})
    page = words_of(training_page(training_run))
    assert "1 – – – – – – – – –" in page


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.QUEUED, "see that one runs: manage.py procrastinate worker"),
        (State.RUNNING, "the first numbers come after its first steps"),
        (State.STOPPED, "It ended before it had measured anything."),
    ],
)
def test_training_page_without_numbers_says_why(state: str, words: str) -> None:
    assert words in training_page(make_training(make.make_run(), state=state))


def test_training_page_says_why_it_failed_and_escapes_it() -> None:
    training_run = make_training(make.make_run(), state=State.FAILED, failure="no <memory> left")
    assert "no &lt;memory&gt; left" in training_page(training_run)


def test_training_page_names_its_lineage_and_child() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(kind="simulated"), 2)
    base = make.make_candidate(round_.run, name="the parent")
    dataset = make_dataset(round_.run)
    training_run = make_training(round_.run, base=base, dataset=dataset, state=State.FINISHED)
    make.make_candidate(round_.run, name="the <child>", training_run=training_run)
    html = training_page(training_run)
    assert "Trained from the parent" in words_of(html)
    assert f'href="/datasets/{dataset.pk}/"' in html
    assert "Votes behind it 2 simulated annotators: 2" in words_of(html)
    assert "The new candidate is <strong>the &lt;child&gt;</strong>." in html


def test_training_page_works_without_javascript() -> None:
    training_run = make_training(make.make_run(), state=State.RUNNING, steps=1)
    link = f'<a class="button" href="/training/{training_run.pk}/">Reload for newer numbers</a>'
    assert f"<noscript><p>{link}</p></noscript>" in training_page(training_run)


def test_training_page_of_an_unknown_run_is_not_found() -> None:
    assert browser_as("researcher").get("/training/12345/").status_code == 404


def test_training_queries_do_not_grow_with_steps() -> None:
    client = browser_as("researcher")
    counts = []
    for steps in (1, 30):
        training_run = make_training(make.make_run(), state=State.FINISHED, steps=steps)
        make.make_candidate(training_run.base.run, training_run=training_run)
        address = f"/training/{training_run.pk}/"
        counts.append(count_queries(lambda: client.get(address)))  # noqa: B023  called at once
    assert counts[0] == counts[1]
