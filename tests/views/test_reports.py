"""Admins look at what was reported, the oldest first, and decide."""

import re

import pytest
from django.test import Client

from annotate.models import Completion, Report, Round
from tests import factories as make
from tests.views.pages import browser_as, count_queries

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    return browser_as("admin")


@pytest.fixture
def round_() -> Round:
    return make.make_open_round(n_prompts=4)


def report(round_: Round, place: int = 0, text: str = "", side: str = "a") -> Report:
    """Let a new annotator report a completion of the round's n-th prompt."""
    first, second = round_.candidates.order_by("id")
    comparison = make.make_comparison(
        first.completions.order_by("id")[place], second.completions.order_by("id")[place],
        round_=round_, annotator=make.make_annotator(),
    )  # fmt: skip
    completion = comparison.completion_a if side == "a" else comparison.completion_b
    return Report.objects.create(comparison=comparison, completion=completion, text=text)


def settle(admin: Client, report: Report, verdict: str) -> str:
    answer = admin.post("/reports/", {"report": report.pk, "verdict": verdict})
    assert (answer.status_code, answer["Location"]) == (303, "/reports/")
    return admin.get("/reports/").content.decode()


@pytest.mark.parametrize("role", ["volunteer", "researcher"])
def test_reports_are_for_admins_alone(role: str, round_: Round) -> None:
    browser = browser_as(role)
    assert browser.get("/reports/").status_code == 403
    sent = {"report": report(round_).pk, "verdict": "show"}
    assert browser.post("/reports/", sent).status_code == 403
    assert Report.objects.get().looked_at is None


def test_no_report_says_so(admin: Client) -> None:
    page = admin.get("/reports/").content.decode()
    assert "Nothing waits: no report is open." in page
    assert "Settled" not in page


def test_reports_wait_oldest_first_and_each_completion_once(admin: Client, round_: Round) -> None:
    report(round_, 1, "threatens")
    report(round_, 0, "rude")
    report(round_, 1, "and again")
    page = admin.get("/reports/").content.decode()
    assert re.findall(r"<blockquote>(.*?)</blockquote>", page) == ["threatens", "and again", "rude"]
    assert page.count('class="reported"') == 2


def test_report_shows_the_text_as_text_and_no_candidate(admin: Client, round_: Round) -> None:
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["Say <b>hi</b>?"])
    hostile = "<script>alert(1)</script> **bold**"
    candidates = round_.candidates.order_by("id")
    one, other = [
        make.make_completion(candidate, prompt, replies=[words])
        for candidate, words in zip(candidates, (hostile, "fine"), strict=True)
    ]
    comparison = make.make_comparison(one, other, round_=round_, annotator=make.make_annotator())
    Report.objects.create(comparison=comparison, completion=one, text="<i>look</i>")
    page = admin.get("/reports/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; **bold**" in page
    assert "Say &lt;b&gt;hi&lt;/b&gt;?" in page
    assert "&lt;i&gt;look&lt;/i&gt;" in page
    assert comparison.annotator.pseudonym in page
    assert comparison.annotator.name not in page
    assert not [each.name for each in candidates if each.name in page]


@pytest.mark.parametrize(
    ("verdict", "is_hidden", "word"), [("hide", True, "hidden"), ("show", False, "shown")]
)
def test_verdict_decides_and_is_listed(
    verdict: str, is_hidden: bool, word: str, admin: Client, round_: Round
) -> None:
    page = settle(admin, report(round_), verdict)
    assert Completion.objects.hidden().exists() is is_hidden
    assert "Nothing waits" in page
    assert f'<span class="badge">{word}</span>' in page
    assert Report.objects.get().looked_by.username in page


def test_verdict_can_be_turned_around(admin: Client, round_: Round) -> None:
    one = report(round_)
    page = settle(admin, one, "hide")
    assert 'value="hide"' not in page
    page = settle(admin, one, "show")
    assert not Completion.objects.hidden().exists()
    assert 'value="show"' not in page


def test_settled_completion_waits_again_when_it_is_reported_again(
    admin: Client, round_: Round
) -> None:
    settle(admin, report(round_, text="first"), "show")
    report(round_, text="second")
    page = admin.get("/reports/").content.decode()
    assert "Settled" not in page
    assert re.findall(r"<blockquote>(.*?)</blockquote>", page) == ["first", "second"]


@pytest.mark.parametrize("fields", [{}, {"verdict": "burn"}, {"report": 0, "verdict": "hide"}])
def test_verdict_that_cannot_be_read_changes_nothing(
    fields: dict[str, object], admin: Client, round_: Round
) -> None:
    one = report(round_)
    assert admin.post("/reports/", {"report": one.pk} | fields).status_code == 400
    one.refresh_from_db()
    assert one.looked_at is None


def test_navigation_counts_what_waits_for_admins_alone(admin: Client, round_: Round) -> None:
    link = '<a href="/reports/">Reports</a>'
    assert link in admin.get("/").content.decode()
    report(round_, 0)
    report(round_, 0)
    report(round_, 1)
    counted = link.replace("</a>", ' <span class="badge">2</span></a>')
    assert counted in admin.get("/").content.decode()
    assert "/reports/" not in browser_as("researcher").get("/").content.decode()


def test_page_takes_no_query_for_each_report(admin: Client, round_: Round) -> None:
    report(round_, 0)
    admin.get("/reports/")
    with_one = count_queries(lambda: admin.get("/reports/"))
    report(round_, 1)
    report(round_, 2, side="b")
    assert count_queries(lambda: admin.get("/reports/")) == with_one
