"""Figures in a real Chromium, under the site's own content security policy."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from annotate.models import Ranking, RankingFigure, User
from annotate.models.rankings import FigureKind
from tests import factories as make
from tests.browser.conftest import Open
from tests.browser.weight import weigh
from tests.views.figure_content import CONTENT, make_table
from tests.views.pages import make_ranking, make_standing
from tests.waiting import wait_until

PNG_WIDTH = 3 * 760
HOSTILE = [
    "</script><script>window.broken = 1</script>",
    "var(--ink)",
    "constructor",
    "日本語 — 名前",
]

# What a picture shows, and in which colours.
WORDS = "[...document.querySelectorAll('figure svg text')].map((text) => text.textContent)"
COLOURS = """() => [...new Set([...document.querySelectorAll("figure svg *")].flatMap((mark) =>
  ["fill", "stroke"].map((name) => mark.getAttribute(name)).filter(Boolean)))].sort()"""


@pytest.fixture
def researcher(transactional_db: None) -> User:
    return make.make_user("researcher")


def make_figure(kind: str, **tables: Any) -> str:
    """Store a figure, and give its address."""
    ranking = make_ranking(make.make_run())
    content = CONTENT[kind] | {"tables": CONTENT[kind]["tables"] | tables}
    RankingFigure.objects.create(ranking=ranking, kind=kind, content=content, versions={})
    return f"/runs/{ranking.run.slug}/rankings/{ranking.pk}/{kind}/"


def address_of(ranking: Ranking) -> str:
    return f"/runs/{ranking.run.slug}/rankings/{ranking.pk}/"


def wait_for_pictures(page: Page) -> None:
    n_pictures = page.locator("figure[data-file]").count()
    expect(page.locator("figure[data-drawn] svg")).to_have_count(n_pictures)


def list_addresses() -> list[str]:
    """Store a figure of each kind, and one with more rows than a picture or a screen can hold."""
    names = [f"candidate number {n}" for n in range(59)]
    rows = [
        [one, other, 3, 1, 1, 0, 5, 0.7, 0.6, 0.2, 0.2, 0]
        for n, one in enumerate(names)
        for other in names[n + 1 :]
    ]
    columns = CONTENT[FigureKind.HEAD_TO_HEAD]["tables"]["pairs"]["columns"]
    long = make_figure(FigureKind.HEAD_TO_HEAD, pairs=make_table(columns, *rows))
    return [*map(make_figure, FigureKind.values), long]


@pytest.mark.parametrize("width", [390, 1280])
def test_every_figure_is_drawn_and_nothing_is_said_on_the_console(
    width: int, open_as: Open, researcher: User
) -> None:
    said: list[str] = []
    page = open_as(
        researcher, "about:blank", viewport={"width": width, "height": 800}, color_scheme="dark"
    )
    page.on("console", lambda message: said.append(message.text))
    for address in list_addresses():
        page.goto(address)
        assert page.locator("figure[data-file]").count() >= 1
        wait_for_pictures(page)
        assert (address, said) == (address, [])
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), address


def test_leaderboard_and_history_are_drawn(open_as: Open, researcher: User) -> None:
    run = make.make_run()
    standings = [make_standing(f"candidate {n}", strength=-float(n), rank=n) for n in range(30)]
    for _snapshot in range(3):
        ranking = make_ranking(run, standings=standings)
    page = open_as(researcher, address_of(ranking))
    wait_for_pictures(page)
    assert set(page.evaluate(WORDS)) >= {
        "candidate 0",
        "candidate 29",
        "Strength (log odds)",
        "1–2",
    }
    page.get_by_role("link", name="Elo-like").click()
    expect(page.locator("figure svg")).to_contain_text("Strength (Elo points)")
    page.goto(f"/runs/{run.slug}/rankings/")
    wait_for_pictures(page)
    assert f"#{ranking.pk}" in page.evaluate(WORDS)


def test_picture_has_its_gist_as_a_name(open_as: Open, researcher: User) -> None:
    page = open_as(researcher, make_figure("calibration"))
    wait_for_pictures(page)
    picture = page.get_by_role("img", name="Observed over predicted shares")
    expect(picture).to_have_count(1)
    expect(picture.locator("svg")).to_have_count(1)


def test_names_that_strangers_chose_are_only_text(open_as: Open, researcher: User) -> None:
    standings = [make_standing(name, rank=n + 1) for n, name in enumerate(HOSTILE)]
    page = open_as(researcher, address_of(make_ranking(make.make_run(), standings=standings)))
    wait_for_pictures(page)
    assert set(page.evaluate(WORDS)) >= set(HOSTILE)
    assert page.evaluate("window.broken") is None


def test_pictures_follow_the_page_between_light_and_dark(open_as: Open, researcher: User) -> None:
    page = open_as(researcher, make_figure("growth"), color_scheme="light")
    wait_for_pictures(page)
    light = page.evaluate(COLOURS)
    page.emulate_media(color_scheme="dark")
    wait_until(lambda: page.evaluate(COLOURS) != light)
    assert not set(light) & {colour for colour in page.evaluate(COLOURS) if colour.startswith("#")}


def test_pictures_follow_the_width_of_the_page(open_as: Open, researcher: User) -> None:
    page = open_as(researcher, make_figure("growth"))
    wait_for_pictures(page)
    for width in (390, 1000):
        page.set_viewport_size({"width": width, "height": 800})
        wait_until(
            lambda: page.evaluate(
                """() => { const box = document.querySelector("figure").clientWidth;
                  const drawn = document.querySelector("figure svg").getBoundingClientRect().width;
                  return Math.abs(box - drawn) < 12 }"""
            )
        )


def test_names_of_one_family_stay_apart_on_a_phone(open_as: Open, researcher: User) -> None:
    names = [f"a-house-of-models-7b-instruct-v1.{n} · temperature 0.{n}" for n in range(4)]
    standings = [make_standing(name, rank=n + 1) for n, name in enumerate(names)]
    ranking = make_ranking(make.make_run(), standings=standings)
    page = open_as(researcher, address_of(ranking), viewport={"width": 390, "height": 800})
    wait_for_pictures(page)
    ends = {text for text in page.evaluate(WORDS) if "temperature" in text}
    assert {text[-3:] for text in ends} == {"0.0", "0.1", "0.2", "0.3"}


def save(page: Page, name: str, folder: Path) -> bytes:
    """Press the button of the first figure, and read the file that comes of it."""
    with page.expect_download() as download:
        page.get_by_role("button", name=name).first.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path.read_bytes()


def test_files_stand_on_white_whatever_the_screen_is(
    open_as: Open, researcher: User, tmp_path: Path
) -> None:
    address = make_figure("head-to-head")
    files = []
    for scheme, width in (("light", 1280), ("dark", 390)):
        look = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
        page = open_as(researcher, address, **look)
        wait_for_pictures(page)
        files.append(save(page, "Save as SVG", tmp_path))
    assert files[0] == files[1]
    svg = files[0].decode()
    assert 'fill="white"' in svg
    assert "var(--" not in svg
    assert ">gamma<" in svg


def test_picture_file_is_large_enough_for_print_and_says_what_it_is(
    open_as: Open, researcher: User, tmp_path: Path
) -> None:
    address = make_figure("growth")
    page = open_as(researcher, address)
    wait_for_pictures(page)
    png = save(page, "Save as PNG", tmp_path)
    assert png.startswith(b"\x89PNG\r\n")
    assert int.from_bytes(png[16:20]) == pytest.approx(PNG_WIDTH, abs=30)
    _empty, _runs, slug, _rankings, number, kind, _end = address.split("/")
    assert [path.name for path in tmp_path.glob("*.png")] == [
        f"{slug}-ranking-{number}-{kind}-strengths.png"
    ]


def test_page_stands_without_javascript(open_as: Open, researcher: User) -> None:
    page = open_as(researcher, make_figure("sides"), java_script_enabled=False)
    expect(page.locator("figure noscript p")).to_be_visible()
    expect(page.get_by_role("button", name="Save as SVG")).to_have_count(0)
    expect(page.get_by_role("rowheader", name="annotator-2")).to_be_visible()


def test_volunteers_load_nothing_of_it(open_as: Open, transactional_db: None) -> None:
    round_ = make.make_open_round()
    page = open_as(make.make_volunteer(round_.run), "about:blank")
    paths = {transfer.path for transfer in weigh(page, f"/rate/{round_.run.slug}/")}
    assert {path for path in paths if "vega" in path or "plots" in path} == set()
