"""An admin leaves an annotator out and takes that back, with forms alone."""

import pytest
from playwright.sync_api import expect

from annotate.models import Exclusion
from tests import factories as make
from tests.browser.conftest import Open
from tests.views.pages import cast_votes


@pytest.mark.parametrize("width", [1280, 390])
def test_admin_excludes_and_counts_again_without_javascript(
    width: int, open_as: Open, transactional_db: None
) -> None:
    round_ = make.make_open_round()
    for name in ("Ada", "Bernhard"):
        cast_votes(round_, make.make_annotator(name=name), 2)
    page = open_as(
        make.make_user("admin"), f"/runs/{round_.run.slug}/quality/",
        java_script_enabled=False, viewport={"width": width, "height": 800},
    )  # fmt: skip
    row = page.get_by_role("row").filter(has_text="Bernhard").first
    expect(row.get_by_label("Why?")).to_be_hidden()
    row.locator("summary").click()
    row.get_by_label("Why?").fill("左ばかり")
    row.get_by_role("button", name="Exclude").click()
    expect(page.get_by_role("status")).to_contain_text("Bernhard is excluded.")
    assert Exclusion.objects.standing().get().reason == "左ばかり"
    row.locator("summary").click()
    row.get_by_role("button", name="Count again").click()
    assert Exclusion.objects.standing().exists(), "the browser asks for a reason first"
    row.get_by_label("Why?").fill("a mistake")
    row.get_by_label("Why?").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Bernhard counts again.")
    log = page.locator("#exclusions")
    expect(log.get_by_role("row").nth(1)).to_contain_text("counts again")
    expect(log.get_by_role("row").nth(2)).to_contain_text("左ばかり")
    assert not Exclusion.objects.standing().exists()
