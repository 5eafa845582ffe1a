"""The board names those who joined it, and nobody else."""

import re

import pytest
from django.test import Client

from annotate.models import Round
from tests import factories as make
from tests.views.pages import browser_of, cast_votes, count_queries, volunteer_in

pytestmark = pytest.mark.django_db


def read(client: Client, round_: Round) -> str:
    answer = client.get(f"/rate/{round_.run.slug}/board/")
    assert answer.status_code == 200
    return answer.content.decode()


def rows(html: str) -> list[list[str]]:
    """Give the text of the table's cells, row by row."""
    body = html.split("<tbody>")[1].split("</tbody>")[0] if "<tbody>" in html else ""
    return [
        [
            " ".join(re.sub("<[^>]*>", " ", cell).split())
            for cell in re.findall("<t[hd].*?</t[hd]>", row)
        ]
        for row in re.findall("<tr.*?</tr>", body, re.DOTALL)
    ]


def test_board_shows_names_by_votes_and_marks_ones_own() -> None:
    round_ = make.make_open_round(n_prompts=5)
    user = make.make_volunteer(round_.run, board_name="Me")
    cast_votes(round_, user.annotator, 2)
    for name, n in {"<b>Ann</b>": 5, "Bea": 2, "Eve": 1}.items():
        cast_votes(round_, make.make_annotator(board_name=name), n)
    html = read(browser_of(user), round_)
    assert rows(html) == [
        ["1", "&lt;b&gt;Ann&lt;/b&gt;", "5"], ["2", "Bea", "2"], ["2", "Me you", "2"],
        ["4", "Eve", "1"],
    ]  # fmt: skip
    assert "You are in place 2 with 2 votes" in html


def test_board_shows_nobody_who_has_not_joined_and_offers_to_join() -> None:
    round_ = make.make_open_round()
    user = make.make_volunteer(round_.run)
    cast_votes(round_, user.annotator, 3)
    client = browser_of(user)
    html = read(client, round_)
    assert "Nobody is on the board yet." in html
    assert rows(html) == []
    assert 'action="/me/board/"' in html
    here = f"/rate/{round_.run.slug}/board/"
    assert f'name="next" value="{here}"' in html
    answer = client.post("/me/board/", {"name": "Newcomer", "next": here})
    assert (answer.status_code, answer["Location"]) == (303, here)
    assert rows(read(client, round_)) == [["1", "Newcomer you", "3"]]


@pytest.mark.parametrize("page", ["https://elsewhere.example/", "//elsewhere.example/", ""])
def test_joining_the_board_leads_to_no_page_but_ours(page: str) -> None:
    client = volunteer_in(make.make_open_round().run)
    answer = client.post("/me/board/", {"name": "Newcomer", "next": page})
    assert answer["Location"] == "/me/"


def test_board_counts_votes_of_this_run_that_stand_and_no_practice() -> None:
    round_, other = make.make_open_round(), make.make_open_round()
    user = make.make_volunteer(round_.run, board_name="Me")
    cast_votes(other, user.annotator, 3)
    gold = make.make_gold_pair(other.run, use="practice")
    practice = make.make_comparison(
        gold.completion_a,
        gold.completion_b,
        round_=round_,
        annotator=user.annotator,
        purpose="practice",
        gold=gold,
    )
    make.make_vote(practice)
    html = read(browser_of(user), round_)
    assert rows(html) == []
    assert "Your name, Me, appears here with your first vote" in html


def test_board_takes_as_many_queries_for_many_names_as_for_one() -> None:
    round_ = make.make_open_round()
    user = make.make_volunteer(round_.run, board_name="Me")
    cast_votes(round_, user.annotator, 1)
    client = browser_of(user)
    few = count_queries(lambda: read(client, round_))
    for number in range(5):
        cast_votes(round_, make.make_annotator(board_name=f"N{number}"), 1)
    assert count_queries(lambda: read(client, round_)) == few
