"""A researcher watches a training; an admin plans one, and stops it."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from annotate.models import TrainingRun
from annotate.services.training_states import begin_attempt
from tests import factories as make
from tests.browser.conftest import Open
from tests.services.trainings import make_base, vote_on
from tests.views.pages import FORECAST, add_steps, make_training

POLLS_MS = 2_000


def test_training_page_follows_the_run_and_then_stops_asking(
    open_as: Open, transactional_db: None
) -> None:
    run = make.make_run()
    training_run = make_training(run, state=TrainingRun.State.RUNNING, steps=2)
    page = open_as(make.make_user("researcher"), f"/training/{training_run.pk}/")
    polls: list[int] = []
    page.on("response", lambda answer: polls.append(answer.status))
    expect(page.locator(".state")).to_contain_text("step 2 of 50")
    expect(page.locator("progress")).to_have_attribute("value", "2")

    add_steps(training_run, 3, 30)
    expect(page.locator(".state")).to_contain_text("step 30 of 50")
    expect(page.locator(".charts polyline")).to_have_count(7)
    expect(page.locator("#all-rows summary")).to_have_count(0)

    TrainingRun.objects.filter(pk=training_run.pk).update(state=TrainingRun.State.FINISHED)
    expect(page.locator(".state")).to_contain_text("finished")
    expect(page.locator("#all-rows summary")).to_have_text("10 earlier steps")
    assert polls[-1] == 286
    asked = len(polls)
    page.wait_for_timeout(POLLS_MS + 500)
    assert len(polls) == asked


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
def test_training_is_planned_and_stopped(
    has_scripts: bool, open_as: Open, home: Path, transactional_db: None
) -> None:
    base = make_base(vote_on({}, {}))
    page = open_as(
        make.make_user("admin"), f"/runs/{base.run.slug}/", java_script_enabled=has_scripts
    )
    page.get_by_role("link", name="Plan a training").click()
    page.get_by_label("Preset", exact=True).select_option("tiny-cpu")
    page.get_by_label("Epochs").fill("3 or so")
    page.get_by_role("button", name="Plan the training").click()
    expect(page.get_by_role("alert")).to_contain_text("Not planned")
    expect(page.get_by_text("A number belongs here.")).to_be_visible()
    expect(page.get_by_label("Preset", exact=True)).to_have_value("tiny-cpu")
    page.get_by_label("Epochs").fill("3")
    page.get_by_text("All other settings").click()
    page.get_by_label("Steps between checkpoints").fill("10")
    page.get_by_role("button", name="Plan the training").click()
    expect(page.get_by_text("The training is planned.")).to_be_visible()
    training_run = TrainingRun.objects.get()
    wished = {"epochs": 3.0, "checkpoint_every": 10, "learning_rate": 8e-4}
    assert {name: training_run.config[name] for name in wished} == wished

    begin_attempt(training_run=training_run)
    TrainingRun.objects.update(forecast=FORECAST)
    add_steps(training_run, 1, 4)
    if not has_scripts:
        page.get_by_role("link", name="Reload for newer numbers").click()
    expect(page.locator(".state")).to_contain_text("step 4 of 50")
    expect(page.get_by_role("heading", name="What it trains on")).to_be_visible()
    page.locator("summary", has_text="Stop").first.click()
    page.wait_for_timeout(POLLS_MS + 500 if has_scripts else 0)
    page.get_by_role("button", name="Stop the training").click()  # still open after a poll
    expect(page.get_by_text("It stops after its next step")).to_be_visible()
    training_run.refresh_from_db()
    assert training_run.wish == "stop"


def test_steering_follows_the_state_without_a_reload(open_as: Open, transactional_db: None) -> None:
    training_run = make_training(make.make_run(), state=TrainingRun.State.RUNNING, steps=2)
    page = open_as(make.make_user("admin"), f"/training/{training_run.pk}/")
    expect(page.locator("#steer summary")).to_have_text(["Stop", "Stop and keep"])
    TrainingRun.objects.update(state=TrainingRun.State.STOPPED)
    expect(page.locator("#steer summary")).to_have_text(["Resume"])
