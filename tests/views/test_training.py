"""A training run's page, while it runs and after."""

import re
from typing import Any

import pytest
from django.test import Client

from annotate.models import TrainingRun
from tests import factories as make
from tests.views.pages import (
    FORECAST,
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
    titles = re.findall(r"<figcaption>([^<]+) <span", html)
    assert titles == [
        "Loss", "Reward accuracy", "Reward margin", "Log-probability of replies", "Gradient norm",
        "Learning rate",
    ]  # fmt: skip
    assert html.count("<polyline") == 7  # two of log-probabilities
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
        (State.QUEUED, "see that one runs: manage.py worker"),
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


def test_training_page_says_what_it_is_about_to_do() -> None:
    html = training_page(make_training(make.make_run(), state=State.RUNNING, forecast=FORECAST))
    page = words_of(html)
    for said in (
        "Pairs 1,234", "Pairs left out 3 the prompt alone is as long as a pair may be: 3",
        "Pairs to evaluate on 40", "Parameters 7,000,000 70,000 of them are trained", "Steps 155",
        "Layout of batches padded its attention is not known to be exact",
        "Activations computed twice", "Memory 3.0 GB 8.0 GB are free", "Time 1 min 30 s",
        "Share of wrong labels 12.5%", "Example 1 as it is fed: 4 tokens", "It begins with BOS.",
        "Token ids: 1 518 29961 2",
    ):  # fmt: skip
        assert said in page
    assert "Pairs with a reply cut" not in page
    assert '&lt;s&gt;[INST] a <bdi class="sign turn">\u202e</bdi>b' in html


def test_training_page_says_so_in_japanese() -> None:
    training_run = make_training(
        make.make_run(), state=State.RUNNING, forecast=FORECAST, steps=1, wish="stop"
    )
    client = browser_as("admin")
    client.cookies["django_language"] = "ja"
    page = words_of(client.get(f"/training/{training_run.pk}/").content.decode())
    for said in (
        "外した組 3 プロンプトだけで長さの上限に達する: 3",
        "次のステップが終わると止まります",
        "止めて重みを残す",
    ):
        assert said in page


def test_training_page_draws_evaluation_beside_training() -> None:
    training_run = make_training(make.make_run(), state=State.FINISHED, steps=3)
    last = training_run.metrics.get(step=3)
    last.values |= {"eval_loss": 0.75, "tokens_per_s": 1500.0, "memory_bytes": 2**31}
    last.save()
    html = training_page(training_run)
    assert "Loss, training, by step, from 0.690 to 0.670; Loss, evaluation, by step" in html
    assert "Tokens/s by step, from 1500 to 1500" in html
    assert "Memory (GiB) by step, from 2.000 to 2.000" in html
    assert html.count("<circle") > 0
    assert "Evaluation: loss" in words_of(html)


def poll(client: Client, training_run: TrainingRun, at: str) -> str:
    address = f"/training/{training_run.pk}/?at={at}"
    return client.get(address, headers=HTMX).content.decode()


def test_poll_brings_anew_what_changes_with_the_state_alone() -> None:
    """A confirmation that somebody has opened stays open while numbers come."""
    training_run = make_training(make.make_run(), state=State.RUNNING, steps=1)
    client = browser_as("admin")
    html = client.get(f"/training/{training_run.pk}/").content.decode()
    (at,) = re.findall(r'hx-get="[^"]*at=([^"]+)"', html)
    assert 'id="steer"' not in poll(client, training_run, at)
    TrainingRun.objects.update(forecast=FORECAST)
    said = poll(client, training_run, at)
    assert '<section id="forecast" hx-swap-oob="true">' in said
    assert '<div id="steer" hx-swap-oob="true">' in said


@pytest.mark.parametrize(
    ("state", "deeds"),
    [
        (State.QUEUED, ["stop"]),
        (State.RUNNING, ["stop", "keep"]),
        (State.STOPPED, ["resume"]),
        (State.FAILED, ["resume"]),
        (State.FINISHED, []),
    ],
)
def test_admins_alone_steer_a_training(state: str, deeds: list[str]) -> None:
    failure = "it broke" if state == State.FAILED else ""
    training_run = make_training(make.make_run(), state=state, failure=failure)
    address = f"/training/{training_run.pk}/"
    find = re.compile(rf'action="{address}(\w+)/"')
    assert find.findall(browser_as("admin").get(address).content.decode()) == deeds
    assert find.findall(browser_as("researcher").get(address).content.decode()) == []
    assert browser_as("researcher").post(f"{address}stop/").status_code == 403
    assert browser_as("admin").get(f"{address}stop/").status_code == 405


@pytest.mark.parametrize(
    ("deed", "before", "after", "said"),
    [
        ("stop", State.QUEUED, {"state": "stopped"}, "It stops after its next step"),
        ("stop", State.RUNNING, {"state": "running", "wish": "stop"}, "keeps a checkpoint"),
        ("keep", State.RUNNING, {"state": "running", "wish": "keep"}, "It ends after its next"),
        ("resume", State.STOPPED, {"state": "queued"}, "It waits for a worker"),
        ("keep", State.FINISHED, {"state": "finished"}, "there is nothing to stop"),
    ],
)
def test_deed_is_done_and_said(deed: str, before: str, after: Any, said: str) -> None:
    training_run = make_training(make.make_run(), state=before)
    answer = browser_as("admin").post(f"/training/{training_run.pk}/{deed}/", follow=True)
    training_run.refresh_from_db()
    assert {name: getattr(training_run, name) for name in after} == after
    assert said in answer.content.decode()
