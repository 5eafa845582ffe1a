"""The quality of a run's votes, as researchers see it."""

import pytest

from annotate.models import Round
from tests import factories as make
from tests.views.pages import browser_as, cast_votes, count_queries
from tests.views.test_runs import words_of

pytestmark = pytest.mark.django_db


def quality_page(round_: Round, **headers: str) -> str:
    answer = browser_as("researcher").get(f"/runs/{round_.run.slug}/quality/", headers=headers)
    assert answer.status_code == 200
    return words_of(answer.content.decode())


def make_judged_round() -> Round:
    """Let two people and a simulation judge two pairs; the simulation sees both as bad."""
    round_ = make.make_open_round()
    for name in ("Ada", "Bo"):
        cast_votes(round_, make.make_annotator(name=name), 2)
    cast_votes(round_, make.make_annotator(kind="simulated", name="robot"), 2, "both_bad")
    return round_


def test_quality_page_shows_the_run() -> None:
    """In each pair two of six ordered pairs of votes agree; D_o = 4 / 6, D_e = 16 / 30."""
    page = quality_page(make_judged_round())
    assert "Krippendorff’s α −0.250 −0.250 – " in page
    assert "Counts 2 pairs of completions that two or more annotators judged." in page
    assert "Raw agreement 0.333 0.333 – 0.333" in page
    assert "Left share 1.000 – Measure What it is" in page
    assert "The error needs votes for both sides" in page


def test_quality_page_shows_each_annotator() -> None:
    page = quality_page(make_judged_round())
    assert "Ada 2 0.500 – 1.000 0.342 – 1.000" in page
    assert "robot simulated annotator 2 0.000 – – –" in page
    assert "6 simulated annotators: 2 people: 4" in page


def test_quality_page_names_sources_and_reasons() -> None:
    page = quality_page(make_judged_round())
    for source in ("Krippendorff 2011; 2019", "Cameron, Gelbach &amp; Miller 2011", "Wilson 1927",
                   "Davidson 1970"):  # fmt: skip
        assert source in page
    assert "Nobody judged the same pair twice." in page


def test_quality_page_says_what_is_missing() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 1)
    page = quality_page(round_)
    assert "Krippendorff’s α – – Raw agreement – –" in page
    assert "No two annotators judged the same pair of completions." in page
    assert "Reliability needs a second annotator to compare with." in page


def test_quality_page_without_votes_says_so() -> None:
    page = quality_page(make.make_open_round())
    assert "No votes yet, so there is nothing to measure." in page
    assert "Krippendorff" not in page


def test_quality_page_is_there_in_japanese() -> None:
    page = quality_page(make_judged_round(), **{"Accept-Language": "ja"})
    assert "クリッペンドルフの α" in page
    assert "同じペアを2回判定した評価者はいません。" in page


def test_run_page_leads_to_its_quality() -> None:
    run = make.make_run()
    page = browser_as("researcher").get(f"/runs/{run.slug}/").content.decode()
    assert f'href="/runs/{run.slug}/quality/"' in page


def test_quality_of_an_unknown_run_is_not_found() -> None:
    assert browser_as("researcher").get("/runs/nowhere/quality/").status_code == 404


def test_quality_queries_do_not_grow_with_annotators() -> None:
    client, round_ = browser_as("researcher"), make_judged_round()
    address = f"/runs/{round_.run.slug}/quality/"
    with_three = count_queries(lambda: client.get(address))
    for _annotator in range(3):
        cast_votes(round_, make.make_annotator(), 3)
    assert count_queries(lambda: client.get(address)) == with_three
