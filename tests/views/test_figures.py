"""Pages and files of a ranking's figures: one set of numbers in the picture, table and file."""

import ast
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.utils.html import escape

from annotate.models import Ranking, RankingFigure, SelectionRun
from annotate.models.rankings import FigureKind
from annotate.services import figures
from annotate.services.figures import figure_of
from annotate.services.rankings import rank_now
from annotate.views import figure_words, tables
from annotate.views.figures import explain_gaps
from tests import factories as make
from tests.views.figure_content import CONTENT, make_table
from tests.views.pages import browser_as, cast_votes, count_queries, make_ranking
from tests.views.test_runs import words_of

pytestmark = pytest.mark.django_db
KINDS = FigureKind.values


def make_figure(kind: str, **content: Any) -> RankingFigure:
    """Store a figure of a ranking."""
    return RankingFigure.objects.create(
        ranking=make_ranking(make.make_run()),
        kind=kind,
        content=CONTENT[kind] | content,
        versions={},
    )


def address_of(figure: RankingFigure) -> str:
    ranking = figure.ranking
    return f"/runs/{ranking.run.slug}/rankings/{ranking.pk}/{figure.kind}/"


def page_of(figure: RankingFigure, query: str = "") -> str:
    answer = browser_as("researcher").get(address_of(figure) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def specs_in(page: str) -> list[dict[str, Any]]:
    """Read the specifications that the page's script draws."""
    found = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    return [json.loads(text) for text in found]


@pytest.mark.parametrize("kind", KINDS)
def test_figure_page_has_picture_words_table_and_file(kind: str) -> None:
    figure = make_figure(kind)
    page = page_of(figure)
    assert len(specs_in(page)) == page.count("<figure") >= 1
    assert page.count('role="img" aria-label="') == page.count("<figure")
    assert escape(str(figure_words.READING[kind])) in words_of(page)
    for name, table in CONTENT[kind]["tables"].items():
        assert f'href="{address_of(figure)}{name}.csv"' in page
        assert page.count(f'<section id="{name}"') == 1
        assert len(table["rows"]) > 0
    assert page.count("<tbody><tr>") == len(CONTENT[kind]["tables"])


@pytest.mark.parametrize("kind", KINDS)
def test_figure_file_holds_the_stored_numbers(kind: str) -> None:
    figure = make_figure(kind)
    client = browser_as("researcher")
    for name, table in CONTENT[kind]["tables"].items():
        answer = client.get(f"{address_of(figure)}{name}.csv")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert f'-{kind}-{name}.csv"' in answer["Content-Disposition"]
        head, *rows = csv.reader(io.StringIO(answer.content.decode()))
        assert head == table["columns"]
        written = [["" if value is None else str(value) for value in row] for row in table["rows"]]
        assert rows == written


def test_codes_are_read_as_words() -> None:
    page = words_of(page_of(make_figure(FigureKind.ADJUSTED)))
    assert "side effect taken out alpha 0.50 0.20 0.80 1 0" in page
    assert "length and style held equal length 0.40 0.20 0.60" in page


def test_shares_are_written_in_per_cent_with_their_ends() -> None:
    page = words_of(page_of(make_figure(FigureKind.CALIBRATION)))
    assert "61.0% 64.0% 60.0% 70.0% 40" in page
    page = words_of(page_of(make_figure(FigureKind.HEAD_TO_HEAD)))
    assert "alpha beta 2 0 2 0 4 75.0% 50.0% 20.0% 30.0% 0" in page
    assert "alpha gamma 0 0 0 0 0 – 60.0% 20.0% 20.0% 0" in page


def test_long_table_comes_in_pages_and_its_picture_and_file_whole() -> None:
    columns = CONTENT["sides"]["tables"]["annotators"]["columns"]
    rows = [[f"annotator-{n:03}", "person", 3, 1, 0.75, 0.3, 0.95] for n in range(260)]
    figure = make_figure("sides", tables={"annotators": make_table(columns, *rows)})
    first, second = page_of(figure), page_of(figure, "?annotators=2")
    assert "Rows 1 to 250 of 260" in first
    assert [name in first for name in ("annotator-249", "annotator-250")] == [True, False]
    assert 'href="?annotators=2#annotators"' in first
    assert [name in second for name in ("annotator-249</th>", "annotator-250</th>")] == [
        False,
        True,
    ]
    answer = browser_as("researcher").get(f"{address_of(figure)}annotators.csv")
    assert answer.content.count(b"\n") == 261


def test_gaps_are_sentences() -> None:
    figure = make_figure(
        "adjusted", gaps={"strengths.propensity": "no_propensities", "annotators": "one_annotator"}
    )
    page = words_of(page_of(figure))
    assert "Weighted by chance of the pair: no vote has the chance of its pair stored." in page
    assert "Annotators: all votes are by one annotator." in page


def test_gap_names_what_is_missing_as_exactly_as_its_key() -> None:
    gaps = {
        "pairs": "no_votes",
        "strengths.judge": "not_settled",
        "strengths.": "not_settled",
        "strengths.v1.5 of it": "not_settled",
        "coefficients.style.headings": "no_variation",
        "points.447": "not_settled",
    }
    not_settled = "the votes are too few or too one-sided for the fit to settle"
    assert list(explain_gaps(gaps)) == [
        "Pairs of candidates: no votes counted.",
        f"LLM judges: {not_settled}.",
        f"–: {not_settled}.",
        f"V1.5 of it: {not_settled}.",
        "Length and style held equal – headings: the texts do not differ in it.",
        f"447 votes: {not_settled}.",
    ]


def test_figure_without_numbers_says_so() -> None:
    table = CONTENT["sides"]["tables"]["annotators"] | {"rows": []}
    figure = make_figure("sides", tables={"annotators": table}, gaps={"annotators": "no_sides"})
    page = page_of(figure)
    assert specs_in(page) == []
    assert "vega" not in page
    assert "There is nothing to draw here." in page
    assert "Annotators: no vote tells which side each answer stood on." in words_of(page)


@pytest.mark.parametrize("role", ["volunteer", None])
def test_figures_are_for_researchers(role: str | None, client: Any) -> None:
    figure = make_figure("sides")
    reader = browser_as(role) if role else client
    for address in (address_of(figure), f"{address_of(figure)}annotators.csv"):
        assert reader.get(address).status_code == (403 if role else 302)


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1"])
def test_no_name_in_a_file_is_a_formula(name: str) -> None:
    table = make_table(["candidate", "strength"], [name, -0.5], ["plain=-", 0.5])
    figure = make_figure("judges", tables={"strengths": table})
    answer = browser_as("researcher").get(f"{address_of(figure)}strengths.csv")
    _head, *rows = csv.reader(io.StringIO(answer.content.decode()))
    assert rows == [[f"'{name}", "-0.5"], ["plain=-", "0.5"]]


@pytest.mark.parametrize("end", ["never/", "sides/never.csv", "never/annotators.csv"])
def test_figure_that_is_not_there_is_404(end: str) -> None:
    figure = make_figure("sides")
    address = f"/runs/{figure.ranking.run.slug}/rankings/{figure.ranking_id}/{end}"
    assert browser_as("researcher").get(address).status_code == 404


def test_figure_belongs_to_its_run() -> None:
    figure = make_figure("sides")
    address = f"/runs/{make.make_run().slug}/rankings/{figure.ranking_id}/sides/"
    assert browser_as("researcher").get(address).status_code == 404


def test_leaderboard_computes_no_figure() -> None:
    ranking = rank_small_run()
    browser_as("researcher").get(f"/runs/{ranking.run.slug}/rankings/{ranking.pk}/")
    assert RankingFigure.objects.count() == 0


def test_figure_queries_do_not_grow_with_rows() -> None:
    client = browser_as("researcher")
    columns = CONTENT["sides"]["tables"]["annotators"]["columns"]
    found = []
    for n in (1, 5):
        rows = [[f"a{k}", "person", 3, 1, 0.75, 0.3, 0.95] for k in range(n)]
        figure = make_figure("sides", tables={"annotators": make_table(columns, *rows)})
        found.append(count_queries(lambda: client.get(address_of(figure))))  # noqa: B023  at once
    assert found[0] == found[1]


def rank_small_run() -> Ranking:
    """Rank a run in which people, a judge and simulated annotators voted."""
    round_ = make.make_open_round(n_candidates=3, n_prompts=8)
    for number, kind in enumerate(("person", "person", "judge", "simulated")):
        cast_votes(round_, make.make_annotator(kind=kind), 4 + number, "ab"[number % 2])
    run: SelectionRun = round_.run
    return rank_now(run=run)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_everything_that_is_computed_has_words(kind: str) -> None:
    """No code reaches a page: of tables, columns, single numbers or gaps."""
    content = figure_of(ranking=rank_small_run(), kind=kind).content
    assert set(content["tables"]) <= set(tables.TITLES)
    columns = {name for table in content["tables"].values() for name in table["columns"]}
    assert columns <= set(tables.LABELS)
    assert set(content["facts"]) <= set(figure_words.FACTS)
    assert set(content["gaps"].values()) <= set(figure_words.GAPS)


def test_every_code_of_a_gap_has_words() -> None:
    """Those too that a small run does not meet: they are told by how they are written."""
    folder = Path(str(figures.__file__)).parent
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.py")]
    strings = {
        node.value
        for text in texts
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    codes = {text for text in strings if re.fullmatch(r"(no|one|too|not|incomplete)_[a-z_]+", text)}
    assert codes - {"no_votes"} < codes
    assert codes <= set(figure_words.GAPS)
