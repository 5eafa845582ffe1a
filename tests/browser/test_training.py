"""A researcher watches a training."""

from playwright.sync_api import expect

from annotate.models import TrainingRun
from tests import factories as make
from tests.browser.conftest import Open
from tests.views.pages import add_steps, make_training

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
    expect(page.locator("polyline")).to_have_count(3)
    expect(page.locator("#all-rows summary")).to_have_count(0)

    TrainingRun.objects.filter(pk=training_run.pk).update(state=TrainingRun.State.FINISHED)
    expect(page.locator(".state")).to_contain_text("finished")
    expect(page.locator("#all-rows summary")).to_have_text("10 earlier steps")
    assert polls[-1] == 286
    asked = len(polls)
    page.wait_for_timeout(POLLS_MS + 500)
    assert len(polls) == asked
