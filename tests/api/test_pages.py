"""Lists in parts, ETags and methods: what all operations have in common."""

import itertools
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as some

from annotate.api.pages import read_cursor, write_cursor
from annotate.api.problems import NotAsked
from annotate.models import SelectionRun
from tests import factories as make
from tests.api.conftest import Program
from tests.views.pages import count_queries

PROBLEM = "application/problem+json"


def walk(program: Program, address: str) -> list[dict[str, Any]]:
    """Follow a list from page to page."""
    pages = []
    following: str | None = f"http://testserver/api/v1{address}"
    while following is not None:
        answer = program.get(following.removeprefix("http://testserver"))
        pages.append(answer.json())
        following = pages[-1]["next"]
        link = None if following is None else f'<{following}>; rel="next"'
        assert answer.get("Link") == link
    return pages


def test_pages_give_every_row_once_and_no_newcomer(reader: Program) -> None:
    slugs = [make.make_run().slug for _run in range(5)]
    first = reader.read("/runs", limit=2)
    newcomer = make.make_run().slug
    rest = walk(reader, first["next"].removeprefix("http://testserver/api/v1"))
    seen = [row["slug"] for page in [first, *rest] for row in page["items"]]
    assert seen == slugs[::-1]
    assert newcomer not in seen
    assert [len(page["items"]) for page in [first, *rest]] == [2, 2, 1]


def test_page_that_ends_the_list_names_no_other(reader: Program) -> None:
    for _run in range(2):
        make.make_run()
    assert reader.read("/runs", limit=2)["next"] is None
    assert reader.read("/runs", limit=1)["next"] is not None
    SelectionRun.objects.all().delete()
    assert reader.read("/runs") == {"items": [], "next": None}


def test_filters_go_along_to_the_next_page(reader: Program) -> None:
    run = make.make_open_round(n_candidates=2, n_prompts=3).run
    name = run.candidates.first().name
    pages = walk(reader, f"/runs/{run.slug}/completions?candidate={name}&limit=2")
    assert [[row["candidate"] for row in page["items"]] for page in pages] == [[name] * 2, [name]]


@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=1", "cursor=YWZ0ZXIgLTE", "cursor=%FF", "limit=0", "limit=1001"]
)
def test_page_that_cannot_be_is_refused_in_words(reader: Program, query: str) -> None:
    answer = reader.get(f"/api/v1/runs?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (422, PROBLEM)
    (fault,) = answer.json()["faults"]
    assert fault["path"].startswith("query.")


@given(some.integers(0, 2**63 - 1))
def test_cursor_says_the_number_that_it_was_made_of(place: int) -> None:
    assert read_cursor(write_cursor(place)) == place


@given(some.text(max_size=64))
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    try:
        place = read_cursor(text)
    except NotAsked:
        return
    assert write_cursor(place) == text


def test_read_is_not_sent_again_while_nothing_changes(reader: Program) -> None:
    run = make.make_run()
    tag = reader.get("/api/v1/runs")["ETag"]
    again = reader.get("/api/v1/runs", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    SelectionRun.objects.filter(pk=run.pk).update(title="Another")
    assert reader.get("/api/v1/runs", headers={"If-None-Match": tag}).status_code == 200


def test_draft_is_put_in_place_of_the_one_that_was_read(
    admin: Program, plan: dict[str, Any]
) -> None:
    admin.send("/runs", plan)
    tag = admin.get("/api/v1/runs/shisa")["ETag"]

    def put(title: str, if_match: str) -> Any:
        return admin.put(
            "/api/v1/runs/shisa", plan | {"title": title}, content_type="application/json",
            headers={"If-Match": if_match},
        )  # fmt: skip

    first = put("One", tag)
    assert (first.status_code, first["ETag"]) == (200, admin.get("/api/v1/runs/shisa")["ETag"])
    second = put("Two", tag)
    assert (second.status_code, second["Content-Type"]) == (412, PROBLEM)
    assert "was changed by somebody else" in second.json()["detail"]
    assert SelectionRun.objects.get().title == "One"
    for allowed in (f"W/{first['ETag']}", f'"other", {first["ETag"]}'):  # compressed on its way
        answer = put("Three", allowed)
        assert answer.status_code == 200
        put("One", answer["ETag"])
    assert put("Four", "*").status_code == 200


def test_head_answers_as_get_without_a_body(reader: Program) -> None:
    run = make.make_run()
    for address in ("/api/v1/runs", f"/api/v1/runs/{run.slug}", "/api/v1/openapi.json"):
        whole, head = reader.get(address), reader.head(address)
        assert (head.status_code, head.content) == (200, b"")
        assert head["Content-Length"] == str(len(whole.content))
        assert head.get("ETag") == whole.get("ETag")
    assert reader.head("/api/v1/runs/none").status_code == 404
    assert Client().head("/api/v1/runs").status_code == 401


def test_method_that_an_address_does_not_know_is_refused_in_words(reader: Program) -> None:
    answer = reader.patch("/api/v1/runs", headers={"Accept-Language": "en"})
    assert (answer.status_code, answer["Content-Type"]) == (405, PROBLEM)
    assert answer["Allow"] == "GET, HEAD, POST"
    assert answer.json()["detail"] == "This address knows GET, HEAD, POST alone."
    assert reader.options("/api/v1/runs").status_code == 405
    assert Client().patch("/api/v1/runs").status_code == 401


def test_address_with_nul_is_refused(reader: Program) -> None:
    for address in ("/api/v1/datasets?form=a%00b", "/api/v1/runs/a%00b"):
        answer = reader.get(address)
        assert (answer.status_code, answer["Content-Type"]) == (400, PROBLEM)


def test_page_of_texts_asks_as_much_for_many_as_for_one(reader: Program) -> None:
    slug = make.make_open_round(n_candidates=3, n_prompts=3).run.slug
    reader.read("/runs")  # which counts the first block of requests
    for kind in ("candidates", "prompts", "completions"):
        counts = [
            count_queries(lambda kind=kind, n=n: reader.read(f"/runs/{slug}/{kind}", limit=n))
            for n in (1, 3)
        ]
        assert counts[0] == counts[1], kind


def test_every_list_comes_in_pages(reader: Program) -> None:
    run = make.make_open_round().run
    lists = ["/runs", "/prompt-sets", "/datasets", "/preference-sets"]
    lists += [f"/runs/{run.slug}/{kind}" for kind in ("events", "trainings", "candidates",
              "prompts", "completions", "rankings", "exports")]  # fmt: skip
    for address, limit in itertools.product(lists, (1, 1000)):
        assert set(reader.read(address, limit=limit)) == {"items", "next"}
