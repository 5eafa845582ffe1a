"""The rating page shows one comparison, whole and safe."""

import pytest
from django.test import Client

from annotate.models import Comparison, Completion, Round
from annotate.services import states
from annotate.services.annotators import annotator_of
from annotate.services.simulating import read_page
from tests import factories as make
from tests.views.pages import HTMX, browser_as, browser_of, cast_votes, count_queries, volunteer_in

pytestmark = pytest.mark.django_db


def open_page(client: Client, round_: Round, **options: object) -> str:
    answer = client.get(f"/rate/{round_.run.slug}/", **options)
    assert answer.status_code == 200
    return answer.content.decode()


def one_pair(replies_a: list[str], replies_b: list[str], **prompt: object) -> Round:
    """Make an open round in which there is one pair to judge."""
    round_ = make.make_open_round(n_prompts=0)
    asked = make.make_prompt(round_.run.prompt_sets.get(), **prompt)
    for candidate, replies in zip(
        round_.candidates.order_by("id"), (replies_a, replies_b), strict=True
    ):
        make.make_completion(candidate, asked, replies=replies)
    return round_


def test_rating_page_keeps_its_contract() -> None:
    round_ = one_pair(["one"], ["two"], turns=["Which?"], language="ja", system="Be brief.")
    html = open_page(volunteer_in(round_.run, enforce_csrf_checks=True), round_)
    page = read_page(html)
    comparison = Comparison.objects.get()
    assert (page.turns, sorted(page.left + page.right)) == (["Which?"], ["one", "two"])
    assert page.language == "ja"
    assert page.form["token"] == str(comparison.token)
    assert len(page.form["csrfmiddlewaretoken"]) == 64
    assert html.count("data-comparison") == 1
    for choice in ("left", "right", "tie", "both_bad"):
        assert html.count(f'<button type="submit" name="choice" value="{choice}"') == 1
    assert html.count('name="choice"') == 4
    assert html.count('data-turn-number="1"') == 2
    assert '<article class="conversation" lang="ja" data-language="ja"' in html
    assert "data-system>Be brief.</div>" in html


@pytest.mark.parametrize(("side_a", "left"), [("left", "of a"), ("right", "of b")])
def test_rating_page_shows_sides_as_they_were_drawn(side_a: str, left: str) -> None:
    round_ = one_pair(["of a"], ["of b"])
    user = make.make_volunteer(round_.run)
    first, second = Completion.objects.order_by("candidate")
    make.make_comparison(
        first, second, round_=round_, annotator=annotator_of(user=user), side_a=side_a
    )
    assert read_page(open_page(browser_of(user), round_)).left == [left]


def test_rating_page_shows_a_whole_conversation_in_order() -> None:
    round_ = one_pair(["a1", "a2"], ["b1", "b2"], turns=["First?", "And then?"])
    html = open_page(volunteer_in(round_.run), round_)
    page = read_page(html)
    assert page.turns == ["First?", "And then?"]
    assert sorted([page.left, page.right]) == [["a1", "a2"], ["b1", "b2"]]
    texts = ["First?", page.left[0], page.right[0], "And then?", page.left[1], page.right[1]]
    places = [html.index(f">{text}<") for text in texts]
    assert places == sorted(places)


def test_rating_page_shows_an_early_end_as_empty_replies() -> None:
    round_ = one_pair(["a1"], ["b1", "b2"], turns=["?", "?"])
    page = read_page(open_page(volunteer_in(round_.run), round_))
    assert sorted([page.left, page.right]) == [["a1", ""], ["b1", "b2"]]


def test_rating_page_escapes_and_keeps_every_character() -> None:
    text = "\n <script>alert('&amp;')</script>\n\n  indented\t& \"quoted\" 漢字 👩‍👩‍👧 "
    round_ = one_pair([text], ["plain"], turns=["<b>bold?</b>"])
    client = volunteer_in(round_.run)
    html = open_page(client, round_) + open_page(client, round_, query_params={"view": "plain"})
    page = read_page(html)
    assert text in page.left + page.right
    assert page.turns == ["<b>bold?</b>"] * 2
    assert "<script>alert" not in html
    assert "<b>bold" not in html


def test_rating_page_renders_markdown_and_remembers_another_view() -> None:
    round_ = one_pair(["the *same* cat"], ["the *same* dog"], turns=["*Which?*"])
    client = volunteer_in(round_.run)
    rendered = "<p>the <em>same</em> cat</p></div>"
    assert rendered in open_page(client, round_)
    for view, shown in {
        "plain": ">the *same* cat<",
        "differences": "<mark>cat</mark></div>",
    }.items():
        assert shown in open_page(client, round_, query_params={"view": view})
        html = open_page(client, round_)
        assert shown in html
        assert html.count('aria-current="true">' + view.capitalize()) == 1
        assert "data-turn>*Which?*</div>" in html
    assert rendered in open_page(client, round_, query_params={"view": "rendered"})


@pytest.mark.parametrize("view", ["", "nosuch", "<b>"])
def test_rating_page_ignores_a_view_that_there_is_not(view: str) -> None:
    round_ = one_pair(["*one*"], ["two"])
    client = volunteer_in(round_.run)
    assert "<em>one</em>" in open_page(client, round_, query_params={"view": view})
    client.cookies["view"] = view
    assert "<em>one</em>" in open_page(client, round_)


def test_rating_page_shows_the_same_comparison_in_every_view() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    views = ["rendered", "plain", "differences"]
    pages = [open_page(client, round_, query_params={"view": view}) for view in views]
    assert len({read_page(html).form["token"] for html in pages}) == 1
    assert Comparison.objects.count() == 1


@pytest.mark.parametrize(("lines", "is_long"), [(10, False), (30, True)])
def test_rating_page_folds_both_answers_where_one_is_long(lines: int, is_long: bool) -> None:
    round_ = one_pair(["a line\n" * lines], ["short"])
    html = open_page(volunteer_in(round_.run), round_)
    assert ('<div class="replies is-long">' in html) == is_long
    assert html.count('id="whole"') == is_long


def test_rating_page_says_that_a_reply_is_empty_outside_of_its_text() -> None:
    round_ = one_pair([""], ["full"])
    html = open_page(volunteer_in(round_.run), round_)
    page = read_page(html)
    assert sorted(page.left + page.right) == ["", "full"]
    assert html.count('data-empty-label="(empty reply)"') == 1


def test_rating_page_says_that_a_reply_was_cut_off() -> None:
    round_ = one_pair(["whole"], ["other"])
    candidate = make.make_candidate(round_.run)
    round_.candidates.set([candidate, round_.candidates.first()])
    prompt = round_.run.prompts().get()
    make.make_completion(candidate, prompt, replies=["cut of"], finish_reason="length")
    html = open_page(volunteer_in(round_.run), round_)
    assert html.count("the answer reached the length limit") == 1
    assert "cut of</p></div>\n        <p" in html


def test_rating_page_is_never_cached_and_varies_by_htmx() -> None:
    run = make.make_open_round().run
    answer = volunteer_in(run).get(f"/rate/{run.slug}/")
    assert answer["Cache-Control"] == "no-store"
    assert "HX-Request" in answer["Vary"]


def test_rating_page_gives_htmx_the_comparison_alone() -> None:
    round_ = make.make_open_round()
    html = open_page(volunteer_in(round_.run), round_, headers=HTMX)
    assert read_page(html).has_comparison
    assert "<html" not in html
    assert '<span id="progress" hx-swap-oob="innerHTML">' in html


def test_rating_page_gives_the_same_comparison_on_reload() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    first, second = (read_page(open_page(client, round_)).form["token"] for _visit in range(2))
    assert first == second
    assert Comparison.objects.count() == 1


def test_rating_page_says_that_all_is_seen_and_where_to_go_on() -> None:
    round_, other = make.make_open_round(n_prompts=1), make.make_open_round()
    user = make.make_volunteer(round_.run)
    cast_votes(round_, annotator_of(user=user), 1)
    html = open_page(browser_of(user), round_)
    assert "data-nothing-left" in html
    assert "You have judged every pair of this round." in html
    assert f'href="/rate/{other.run.slug}/"' in html


def test_rating_page_says_that_no_round_is_open() -> None:
    round_ = make.make_open_round()
    states.close_round(round_=round_)
    html = open_page(volunteer_in(round_.run), round_)
    assert read_page(html).nothing_left
    assert "This run takes no votes at the moment." in html


def test_rating_page_of_an_unknown_run_is_not_found() -> None:
    assert browser_as("volunteer").get("/rate/never-made/").status_code == 404


def test_rating_page_speaks_japanese() -> None:
    round_ = make.make_open_round()
    client = volunteer_in(round_.run)
    html = open_page(client, round_, headers={"Accept-Language": "ja"})
    assert "引き分け" in html
    assert "どちらも悪い" in html
    assert 'lang="en" data-language="en"' in html


def test_rating_queries_do_not_grow_with_candidates_and_votes() -> None:
    counts = []
    for n in (2, 6):
        round_ = make.make_open_round(n_candidates=n, n_prompts=n)
        cast_votes(round_, make.make_annotator(), n)
        client = volunteer_in(round_.run)
        open_page(client, round_)
        counts.append(count_queries(lambda: open_page(client, round_)))  # noqa: B023  called at once
    assert counts[0] == counts[1]
