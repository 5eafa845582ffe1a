"""A researcher exports in a real browser: choices, live numbers, the work, the file."""

import hashlib
from pathlib import Path

import pytest
from playwright.sync_api import expect

from annotate.models import Export, PreferenceDataset
from annotate.services.exporting import run_export
from tests import factories as make
from tests.browser.conftest import Open
from tests.views.pages import cast_votes
from tests.views.test_exports import make_set

pytestmark = pytest.mark.django_db(transaction=True)


def test_export_from_choices_to_a_file(open_as: Open, tmp_path: Path) -> None:
    round_ = make.make_open_round(n_prompts=12)
    cast_votes(round_, make.make_annotator(), 12)
    make_set("elsewhere", 20)
    page = open_as(make.make_user("researcher"), f"/runs/{round_.run.slug}/export/")
    counted = page.locator("#counted")
    expect(counted).to_contain_text("12 rows to train on")
    page.locator("#add-source").click()
    page.locator("#id_mix-0-source").select_option("pairs:elsewhere")
    expect(counted).to_contain_text("32 rows to train on")
    expect(page.locator("#figures")).to_contain_text("People are outnumbered")
    page.locator("#id_mix-0-max_pairs").fill("5")
    expect(counted).to_contain_text("17 rows to train on")
    expect(page.locator("#examples details")).to_have_count(10)
    page.locator("#remove-source-0").click()
    expect(counted).to_contain_text("12 rows to train on")
    page.locator("#id_min_votes").fill("0")
    expect(counted).to_contain_text("at least 1")
    expect(page.locator("#examples details")).to_have_count(0)
    page.locator("#id_min_votes").fill("1")
    expect(counted).to_contain_text("12 rows to train on")
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.locator("#work")).to_contain_text("It waits for a worker.")
    run_export(Export.objects.get())
    page.wait_for_url("**/datasets/*/")
    dataset = PreferenceDataset.objects.get()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download JSONL").click()
    download.value.save_as(tmp_path / "file")
    assert hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest() == dataset.sha256
    expect(page.get_by_label("SHA-256")).to_have_value(dataset.sha256)


def test_what_a_form_has_no_use_for_is_not_asked(open_as: Open) -> None:
    round_ = make.make_open_round(n_prompts=3)
    cast_votes(round_, make.make_annotator(), 3)
    page = open_as(make.make_user("researcher"), f"/runs/{round_.run.slug}/export/")
    margin, base, sure = (page.locator(f"#id_{n}") for n in ("margin", "base", "min_probability"))
    expect(margin).to_be_visible()
    expect(base).to_be_hidden()
    expect(sure).to_be_hidden()
    page.get_by_label("Strength:").check()
    expect(margin).to_be_hidden()
    expect(sure).to_be_visible()
    page.get_by_label("votes, one a row").check()
    expect(sure).to_be_hidden()
    expect(page.locator("#mix")).to_be_hidden()
    expect(page.locator("#counted")).to_contain_text("3 rows to train on")


def test_export_without_scripts(open_as: Open) -> None:
    round_ = make.make_open_round(n_prompts=3)
    cast_votes(round_, make.make_annotator(), 3)
    page = open_as(
        make.make_user("researcher"), f"/runs/{round_.run.slug}/export/", java_script_enabled=False
    )
    page.get_by_role("button", name="Count").click()
    expect(page.locator("#counted")).to_contain_text("3 rows to train on")
    page.get_by_role("button", name="Export", exact=True).click()
    run_export(Export.objects.get())
    page.get_by_role("link", name="Reload for newer numbers").click()
    page.get_by_role("link", name="Go to dataset").click()
    expect(page.get_by_role("link", name="Download JSONL")).to_be_visible()
