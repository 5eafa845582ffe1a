"""A run's judges, as researchers see them and admins ask them."""

from functools import partial
from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.models import JudgeSitting, Ranking, Round, RunEvent
from annotate.services.rounds import close_round
from tests import factories as make
from tests.views.judged import let_judge, make_judge
from tests.views.pages import browser_as, cast_votes, count_queries
from tests.views.test_runs import words_of

pytestmark = pytest.mark.django_db


def judges_page(round_: Round, role: str = "researcher", path: str = "") -> str:
    answer = browser_as(role).get(f"/runs/{round_.run.slug}/judges/{path}")
    assert answer.status_code == 200
    return words_of(answer.content.decode())


def make_judged_round(n_prompts: int = 6) -> Round:
    """Let a person and two judges vote; one judge contradicts itself, and fails to say once."""
    round_ = make.make_open_round(n_prompts=n_prompts)
    cast_votes(round_, make.make_annotator(), 4)
    let_judge(make_judge("steady"), round_, "aaab", n_wanted=9)
    let_judge(make_judge("torn"), round_, "attx")
    return round_


def test_judges_page_of_a_run_without_judges_says_how_to_make_one() -> None:
    page = judges_page(make.make_open_round())
    assert "No judge judges in this run. Make one with manage.py make_judge SLUG" in page
    assert "Agreement" not in page


def test_judges_page_tells_how_far_each_is() -> None:
    page = judges_page(make_judged_round())
    assert (
        "steady org/judge-7b vLLM · the tokenizer&#x27;s own chat template pair v1 4 of 9 0" in page
    )
    assert "pair v1 3 of 4 1 round 1: done" in page
    assert "nothing is left to compare after 4" in page


def test_judges_page_tells_agreement_and_leanings() -> None:
    """People prefer a four times. steady: a a a b; torn: a, two draws, and one unread."""
    page = judges_page(make_judged_round())
    assert "steady – people 4 " in page
    assert "torn – people 3 " in page
    assert "the panel of judges – people 3 " in page
    assert "steady – torn 3 " in page
    assert "steady 4 50% " in page
    assert "torn 3 86% " in page, "of 7 readings that could be read, 4 + 2 prefer the first"
    assert "people 4 – – " in page


def test_judges_page_says_that_judges_alone_decide_nothing() -> None:
    round_ = make.make_open_round()
    let_judge(make_judge("one"), round_, "ab")
    assert "Nobody but judges has voted." in judges_page(round_)
    cast_votes(round_, make.make_annotator(), 1)
    assert "Nobody but judges has voted." not in judges_page(round_)


def test_judges_page_names_imported_judges() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(kind="judge", name="gpt-4"), 2)
    assert "gpt-4 imported: its votes came from elsewhere" in judges_page(round_)


def test_rankings_stand_side_by_side_once_they_are_made() -> None:
    round_ = make_judged_round()
    assert "No ranking of the whole run has been made yet." in judges_page(round_)
    address = f"/runs/{round_.run.slug}/judges/"
    answer = browser_as("researcher").post(f"{address}rank/")
    assert (answer.status_code, answer["Location"]) == (303, f"{address}#rankings")
    stored = {str(each.filters): each.n_votes for each in Ranking.objects.all()}
    assert stored == {"{}": 4, "{'kind': 'judge'}": 7, "{'kind': 'together'}": 11}
    page = judges_page(round_)
    assert "By people 4 votes By LLM judges 7 votes By both together 11 votes" in page
    assert "Kendall’s τ between people’s order and the judges’ is 1.00." in page


def post(round_: Round, path: str, role: str = "admin", **fields: Any) -> Any:
    return browser_as(role).post(f"/runs/{round_.run.slug}/judges/{path}", fields)


def test_admin_adds_asks_and_removes_a_judge() -> None:
    round_ = make.make_open_round()
    judge = make_judge("one")
    assert post(round_, "add/", judge="one").status_code == 303
    assert list(round_.run.judges.all()) == [judge]
    post(round_, "one/ask/", comparisons=25)
    sitting = JudgeSitting.objects.get()
    assert (sitting.judge, sitting.round, sitting.n_wanted) == (judge, round_, 25)
    jobs = ProcrastinateJob.objects.filter(task_name="annotate.tasks.judge_round")
    assert [job.args for job in jobs] == [{"sitting_id": sitting.pk}]
    post(round_, "one/remove/")
    assert not round_.run.judges.exists()
    assert "one removed" in judges_page(round_)
    assert RunEvent.objects.filter(kind="judges").count() == 3


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        ("add/", {"judge": "nobody"}, "Choose a judge that the run does not have yet."),
        ("one/ask/", {"comparisons": "many"}, "Say how many comparisons: a whole number from 1."),
        ("one/ask/", {"comparisons": "0"}, "Say how many comparisons: a whole number from 1."),
        ("two/ask/", {"comparisons": "5"}, "two is none of the run's judges; add it first."),
    ],
)
def test_admin_is_told_what_cannot_be(path: str, fields: dict[str, str], said: str) -> None:
    round_ = make.make_open_round()
    round_.run.judges.add(make_judge("one"))
    make_judge("two")
    browser = browser_as("admin")
    address = f"/runs/{round_.run.slug}/judges/"
    page = browser.post(address + path, fields, follow=True).content.decode()
    assert said in words_of(page).replace("&#x27;", "'")
    assert not JudgeSitting.objects.exists()


def test_closed_round_and_run_take_no_judging() -> None:
    round_ = make.make_open_round()
    round_.run.judges.add(make_judge("one"))
    close_round(round_=round_)
    browser = browser_as("admin")
    address = f"/runs/{round_.run.slug}/judges/"
    said = browser.post(f"{address}one/ask/", {"comparisons": 1}, follow=True).content.decode()
    assert "No round is open, so there is nothing to judge." in said
    assert "Judge now</button>" not in said


def test_failure_is_shown_with_its_words_and_tried_again() -> None:
    round_ = make.make_open_round()
    judge = make_judge("one")
    round_.run.judges.add(judge)
    sitting = JudgeSitting.objects.create(
        judge=judge, round=round_, n_wanted=5, state="failed", failure="out of <memory>"
    )
    page = browser_as("researcher").get(f"/runs/{round_.run.slug}/judges/").content.decode()
    assert "out of &lt;memory&gt;" in page
    assert "Try again" not in page
    assert "Try again" in judges_page(round_, "admin")
    post(round_, f"retry/{sitting.pk}/")
    sitting.refresh_from_db()
    assert (sitting.state, sitting.failure) == ("waiting", "")


@pytest.mark.parametrize("path", ["add/", "one/ask/", "one/remove/", "retry/1/"])
def test_only_admins_change_judges(path: str) -> None:
    round_ = make.make_open_round()
    assert post(round_, path, "researcher").status_code == 403
    assert browser_as("admin").get(f"/runs/{round_.run.slug}/judges/{path}").status_code == 405


@pytest.mark.parametrize("path", ["", "readings/"])
def test_judges_are_researchers_business(path: str) -> None:
    round_ = make_judged_round()
    address = f"/runs/{round_.run.slug}/judges/{path}"
    assert browser_as("volunteer").get(address).status_code == 403


def test_readings_are_shown_in_both_orders_with_the_others_verdicts() -> None:
    round_ = make_judged_round()
    first, second = (each.name for each in round_.candidates.order_by("id"))
    page = judges_page(round_, path="readings/?judge=steady")
    assert page.count(f"With {first} as A: {first}") == 3
    assert page.count(f"With {second} as A: {first}") == 3
    assert f"With {second} as A: {second}" in page
    assert f"Its vote {first} The panel {first} People {first}" in page
    assert "A answers the question, and B does not. [[A]]" in page


def test_readings_are_chosen_by_what_is_wrong_with_them() -> None:
    round_ = make_judged_round()
    differing = judges_page(round_, path="readings/?show=inconsistent")
    assert (differing.count("Its vote Draw"), differing.count("Its vote")) == (2, 2)
    unread = judges_page(round_, path="readings/?show=unreadable")
    assert (unread.count("Its vote –"), unread.count("could not be read")) == (1, 1)
    assert "No judge has read such a pair." in judges_page(
        round_, path="readings/?judge=steady&show=unreadable"
    )
    for path in ("?show=nice", "?judge=nobody"):
        answer = browser_as("researcher").get(f"/runs/{round_.run.slug}/judges/readings/{path}")
        assert answer.status_code == 404


def test_words_of_a_judge_are_text_and_nothing_else() -> None:
    round_ = make.make_open_round()
    judge = make_judge("one")
    let_judge(judge, round_, "a")
    hostile = make_judge("two", model="<script>alert(1)</script>")
    let_judge(hostile, round_, "b")
    for path in ("", "readings/"):
        page = browser_as("researcher").get(f"/runs/{round_.run.slug}/judges/{path}")
        assert b"<script>alert" not in page.content


@pytest.mark.parametrize("path", ["", "readings/"])
def test_judges_pages_ask_as_much_of_the_database_for_more(path: str) -> None:
    browser = browser_as("researcher")
    asked = []
    for n in (1, 3):
        round_ = make.make_open_round(n_prompts=4 * n)
        cast_votes(round_, make.make_annotator(), 2 * n)
        for number in range(1 + n):
            let_judge(make_judge(f"judge-{n}-{number}"), round_, "abtx"[:n] * n)
        address = f"/runs/{round_.run.slug}/judges/{path}"
        asked.append(count_queries(partial(browser.get, address)))
    assert asked[0] == asked[1]
