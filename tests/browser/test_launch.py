"""An admin fills in a run, sees what a model reads, and launches it."""

import pytest
from playwright.sync_api import Page, expect

from annotate.models import PromptSet, RunPlan, SelectionRun
from tests import factories as make
from tests.browser.conftest import Open


def ask() -> None:
    """Make a prompt set of one prompt."""
    prompts = PromptSet.objects.create(slug="asked")
    make.make_prompt(prompts, key="sea", turns=["海とは?"], language="ja")


def fill_in(page: Page) -> None:
    """Fill in two models and a grid of two temperatures."""
    page.get_by_label("Name in addresses and commands").fill("release")
    page.get_by_label("asked (1 prompt)").check()
    first, second = (
        page.get_by_role("group", name="Model 1"),
        page.get_by_role("group", name="Model 2"),
    )
    first.get_by_label("Preset", exact=True).select_option("shisa-7b-v1")
    first.get_by_label("Engine", exact=True).select_option("transformers")
    second.get_by_label("Model", exact=True).fill("/models/other")
    second.get_by_label("Engine", exact=True).select_option("transformers")
    grid = page.get_by_role("group", name="Parameter 1")
    grid.get_by_label("Parameter", exact=True).select_option("temperature")
    grid.get_by_label("Values", exact=True).fill("0.1, 0.7")


@pytest.mark.parametrize("width", [1280, 390])
def test_run_is_launched_without_javascript(
    width: int, open_as: Open, transactional_db: None
) -> None:
    ask()
    page = open_as(
        make.make_user("admin"), "/runs/", java_script_enabled=False,
        viewport={"width": width, "height": 800},
    )  # fmt: skip
    page.get_by_role("link", name="New run").click()
    fill_in(page)
    page.get_by_role("button", name="Add a model").click()
    expect(page.get_by_role("group", name="Model 3")).to_be_visible()
    expect(
        page.get_by_role("group", name="Model 3").get_by_label("Preset", exact=True)
    ).to_be_focused()
    page.get_by_role("button", name="Remove model 3").click()
    expect(page.get_by_role("group", name="Model 3")).to_have_count(0)
    expect(page.get_by_label("Values", exact=True)).to_have_value("0.1, 0.7")
    page.get_by_label("Name in addresses and commands").press("Enter")
    expect(page.get_by_text("The draft is kept.")).to_be_visible()

    page.get_by_role("link", name="show · shisa-7b-v1 · temperature 0.1").click()
    expect(page.locator("pre.reads")).to_contain_text("海とは? [/INST]")
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_text("The run is launched.")).to_be_visible()
    run = SelectionRun.objects.get()
    assert (run.slug, run.state, run.candidates.count()) == ("release", "generating", 4)
    assert RunPlan.objects.get().launched_at is not None


def test_rows_come_and_go_in_place(open_as: Open, transactional_db: None) -> None:
    ask()
    page = open_as(make.make_user("admin"), "/runs/new/")
    page.evaluate("() => { window.stays = true }")
    fill_in(page)
    first = page.get_by_role("group", name="Model 1")
    expect(first).to_contain_text("The preset says: prompt format llama2; licence Apache-2.0")
    page.get_by_role("button", name="Double model 1").click()
    expect(page.get_by_role("group", name="Model 3")).to_be_visible()
    second = page.get_by_role("group", name="Model 2")
    expect(second.get_by_label("Preset", exact=True)).to_have_value("shisa-7b-v1")
    expect(second.get_by_label("Preset", exact=True)).to_be_focused()
    page.get_by_role("button", name="Remove model 2").click()
    expect(page.get_by_role("group", name="Model 3")).to_have_count(0)
    page.get_by_role("button", name="Add a parameter").click()
    expect(
        page.get_by_role("group", name="Parameter 2").get_by_label("Parameter", exact=True)
    ).to_be_focused()
    assert page.evaluate("() => window.stays"), "the page was not loaded anew"
    page.get_by_role("group", name="Parameter 2").get_by_label(
        "Parameter", exact=True
    ).select_option("top_p")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved")
    grid = page.get_by_role("group", name="Parameter 2")
    expect(grid).to_contain_text("At least 1 is needed here.")
    grid.get_by_label("Values", exact=True).fill("0.9")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_text("The draft is kept.")).to_be_visible()
    assert RunPlan.objects.get().config["grid"] == {"temperature": [0.1, 0.7], "top_p": [0.9]}
