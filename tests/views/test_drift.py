"""The drift page and the sampling grid: what they show, to whom, and as files."""

import csv
from typing import Any

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotate.models import SelectionRun
from annotate.services import measuring
from annotate.services.measure_columns import Measure
from tests import factories as make
from tests.services.test_sweeps import make_grid, vote

pytestmark = pytest.mark.django_db


@pytest.fixture
def researcher(client: Client) -> Client:
    client.force_login(make.make_user("researcher"))
    return client


def make_lineage(*, measured: bool = True) -> SelectionRun:
    """Make a parent and a child of it that differ in temperature and in what leaks."""
    round_ = make.make_open_round(n_candidates=0, n_prompts=4)
    run = round_.run
    parent = make.make_candidate(run, name="parent", model="org/m", sampling={"temperature": 0.1})
    child = make.make_candidate(run, name="child", model="org/m", sampling={"temperature": 1.0})
    child.parents.add(parent)
    for number, prompt in enumerate(run.prompts()):
        make.make_completion(parent, prompt, replies=["All is well today."])
        make.make_completion(child, prompt, replies=["All is well today." + "よい" * number])
    round_.candidates.add(parent, child)
    if measured:
        measuring.measure_missing(run=run)
    return run


def read_csv(response: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(response.content.decode().splitlines()))


@pytest.mark.parametrize("page", ["drift/", "drift.csv", "sweep/", "sweep.csv"])
def test_pages_are_for_researchers(client: Client, page: str) -> None:
    run = make.make_run()
    client.force_login(make.make_user("volunteer"))
    assert client.get(f"/runs/{run.slug}/{page}").status_code == 403


def test_drift_shows_the_change_with_its_sign_and_pairs(researcher: Client) -> None:
    run = make_lineage()
    page = researcher.get(f"/runs/{run.slug}/drift/")
    rows = {row[0].text: [cell.text for cell in row] for row in page.context["tables"][0].rows}
    assert rows["parent"][1:4] == ["–", "4", "0.00%"]
    assert rows["child"][1] == "parent"
    assert rows["child"][5] == "4"
    assert rows["child"][6].startswith("+")
    assert [plot.name for plot in page.context["plots"]] == ["changes", "values"]


def test_drift_of_another_measure_and_round(researcher: Client) -> None:
    run = make_lineage()
    page = researcher.get(f"/runs/{run.slug}/drift/?measure=length&round=1")
    assert page.context["measure"] is Measure.LENGTH
    row = next(row for row in page.context["tables"][0].rows if row[0].text == "child")
    assert (row[3].text, row[6].text) == ("21.0", "+3.0")
    assert b'value="1" selected' in page.content


@pytest.mark.parametrize("round_", ["9", "x", "99999999999999999999"])
def test_no_such_round_is_not_found(researcher: Client, round_: str) -> None:
    run = make_lineage()
    assert researcher.get(f"/runs/{run.slug}/drift/?round={round_}").status_code == 404


def test_nonsense_in_an_address_is_passed_over(researcher: Client) -> None:
    run = make_lineage()
    assert researcher.get(f"/runs/{run.slug}/drift/?measure=beauty").status_code == 200
    query = "?x=beauty&y=temperature&model=nobody&measure=x&top_p=%00"
    assert researcher.get(f"/runs/{run.slug}/sweep/{query}").status_code == 200


def test_drift_file_has_every_measure(researcher: Client) -> None:
    run = make_lineage()
    rows = read_csv(researcher.get(f"/runs/{run.slug}/drift.csv"))
    assert len(rows) == 2 * len(Measure)
    row = next(r for r in rows if (r["candidate"], r["measure"]) == ("child", "length"))
    assert (row["parent"], float(row["change"]), row["pairs"]) == ("parent", 3.0, "4")


def test_drift_before_anything_is_measured(researcher: Client) -> None:
    run = make_lineage(measured=False)
    page = researcher.get(f"/runs/{run.slug}/drift/").content.decode()
    assert "0 of 8 completions are measured so far" in page
    empty = make.make_run()
    assert "There are no completions yet" in (
        researcher.get(f"/runs/{empty.slug}/drift/").content.decode()
    )


def test_sweep_shows_strength_and_leakage_beside_each_other(researcher: Client) -> None:
    round_ = make_grid(("org/x", "org/y"))
    vote(round_)
    page = researcher.get(f"/runs/{round_.run.slug}/sweep/")
    strength, leakage = page.context["plots"]
    assert (strength.name, leakage.name) == ("strength", "leakage")
    for plot in (strength, leakage):
        cells = plot.spec["data"]["values"]
        assert [(cell["row"], cell["column"]) for cell in cells] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    rows = [[cell.text for cell in row] for row in page.context["tables"][0].rows]
    assert [row[:3] for row in rows] == [
        ["0.2", "0.9", "2"], ["0.2", "1", "2"], ["1", "0.9", "2"], ["1", "1", "2"],
    ]  # fmt: skip
    assert "Averaged within each cell: Model." in page.content.decode()


def test_sweep_says_where_there_are_no_votes(researcher: Client) -> None:
    run = make_lineage()
    page = researcher.get(f"/runs/{run.slug}/sweep/")
    assert "There is no ranking of all votes yet" in page.content.decode()
    assert [row[2].text for row in page.context["tables"][0].rows] == ["no votes", "no votes"]
    empty = make.make_run()
    assert "do not differ in how they sample" in (
        researcher.get(f"/runs/{empty.slug}/sweep/").content.decode()
    )


def test_sweep_file_has_every_measure(researcher: Client) -> None:
    run = make_lineage()
    rows = read_csv(researcher.get(f"/runs/{run.slug}/sweep.csv"))
    assert [float(row["temperature"]) for row in rows] == [0.1, 1.0]
    assert {f"{measure}_low" for measure in Measure} <= set(rows[0])
    assert float(rows[1]["length"]) == 21
    empty = make.make_run()
    assert read_csv(researcher.get(f"/runs/{empty.slug}/sweep.csv")) == []


@pytest.mark.parametrize("page", ["drift/", "sweep/"])
def test_pages_ask_as_much_of_many_candidates_as_of_few(researcher: Client, page: str) -> None:
    counts = []
    for n_candidates in (2, 5):
        run = make.make_open_round(n_candidates=n_candidates).run
        measuring.measure_missing(run=run)
        with CaptureQueriesContext(connection) as queries:
            researcher.get(f"/runs/{run.slug}/{page}")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_run_page_has_it_at_a_glance() -> None:
    run = make_lineage()
    said = render_to_string("runs/_drift.html", {"run": run})
    assert "child:" in said
    assert "completions are measured so far" not in said
    assert render_to_string("runs/_drift.html", {"run": make.make_run()}).strip() == ""
