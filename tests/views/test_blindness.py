"""Nothing that reaches a volunteer's browser before the vote tells which candidate is which."""

import re
import uuid
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver

from annotate.models import Annotator, Comparison, Round, SelectionRun, User
from annotate.models.comparisons import Purpose
from annotate.services import drawing, states
from annotate.services.pairing import look_at
from annotate.services.simulating import read_page
from tests import factories as make
from tests.views.pages import HTMX, browser_as, browser_of, cast_votes, make_ranking
from tests.views.recognisable import (
    FIRST_ID,
    MARKS,
    Reader,
    ReadingClient,
    make_recognisable_round,
    secrets,
)
from tests.views.test_doors import press_start

pytestmark = pytest.mark.django_db

VIEWS = ("rendered", "plain", "differences")
ADDRESS = re.compile(r'(?:href|src|action|hx-get|hx-post|data-[a-z-]+)="(/[^"#]*)')
N_ADDRESSES = 200  # far more than one session names


def test_no_byte_of_a_session_tells_a_candidate() -> None:
    """All that a volunteer can ask for, before each vote, after it, and once nothing is left."""
    round_ = make_recognisable_round()
    make_ranking(round_.run)
    reader = Reader()
    user = make.make_volunteer(round_.run)
    client = ReadingClient(reader)
    client.force_login(user)
    shown = rate_everything(client, round_.run)
    states.close_round(round_=round_)
    states.move_run(run=round_.run, to="decided")  # it may yet open another round
    crawl(client, "/", f"/rate/{round_.run.slug}/", f"/rate/{round_.run.slug}/votes/")
    ask_for_every_address(client, round_.run, pk=round_.run.rankings.get().pk)
    assert_blind(reader, round_.run)
    # The session was one: every kind of comparison was shown and every candidate was read.
    kinds = set(user.annotator.comparisons.values_list("purpose", flat=True))
    assert kinds == {Purpose.RANKING, Purpose.GOLD, Purpose.REPEAT}
    assert {mark for mark in MARKS.values() if any(mark in text for text in shown)} == {
        *MARKS.values()
    }
    assert len(shown) >= 14


def test_no_address_of_a_run_is_for_volunteers() -> None:
    """Neither to read nor to write to, whatever stands there."""
    run = make_recognisable_round().run
    ranking = make_ranking(run)
    client = browser_as("volunteer")
    addresses = [each for each in every_address(run, pk=ranking.pk) if each.startswith("/runs/")]
    answers = {
        each: {client.get(each).status_code, client.post(each).status_code} for each in addresses
    }
    assert len(answers) > 10
    assert {each: codes for each, codes in answers.items() if codes - {403, 405}} == {}
    assert {each for each, codes in answers.items() if 403 not in codes} == set()


def test_api_lets_no_browser_of_a_volunteer_in() -> None:
    """Neither to read nor to write: a cookie opens none of its addresses."""
    run = make_recognisable_round().run
    client = browser_as("volunteer")
    addresses = [each for each in every_address(run, pk=1) if each.startswith("/api/")]
    assert len(addresses) > 10
    answers = {
        each: {client.get(each).status_code, client.post(each).status_code} for each in addresses
    }
    assert {each: codes for each, codes in answers.items() if codes != {401}} == {}


def test_no_byte_tells_a_stranger() -> None:
    """Somebody without an account, who may rate once the run's door is open."""
    round_ = make_recognisable_round()
    reader = Reader()
    client = ReadingClient(reader)
    crawl(client, "/", f"/rate/{round_.run.slug}/")
    ask_for_every_address(client, round_.run, pk=1)
    assert_blind(reader, round_.run)


def test_no_byte_on_the_way_in_tells_which_practice_answer_is_right() -> None:
    """From the open door by way of consent to practice; what was to be said is said afterwards."""
    round_ = make_recognisable_round(practice_needed=1)
    pair = make.make_gold_pair(round_.run, use="practice", explanation_en="secret explanation")
    reader, address = Reader(), f"/rate/{round_.run.slug}/"
    client = ReadingClient(reader)
    assert press_start(client, f"{address}welcome/").status_code == 302
    crawl(client, address, f"{address}practice/")
    page = client.get(f"{address}practice/").content.decode()
    token = re.findall(r'name="token" value="([^"]+)"', page)[0]
    ask_for_every_address(client, round_.run, pk=1, token=token)
    client.post(f"{address}practice/", {"token": token, "choice": "?"})
    assert Comparison.objects.get(token=token).gold == pair
    assert_blind(reader, round_.run)
    answer = {"token": token, "choice": "left"}
    client.post(f"{address}practice/", answer, follow=True)
    assert "secret explanation" in {word for word, _what in reader.find(secrets(round_.run))}


def test_a_planted_leak_is_found() -> None:
    """The tests above can fail: researchers' pages name candidates, and headers are read too."""
    round_ = make_recognisable_round()
    words, reader = secrets(round_.run), Reader()
    client = ReadingClient(reader)
    client.force_login(make.make_user("researcher"))
    client.get(f"/runs/{round_.run.slug}/")
    assert ("codename-otter", f"GET /runs/{round_.run.slug}/?") in reader.find(words)
    answer = browser_as("volunteer").get("/")
    answer["ETag"] = f'"{round_.candidates.first().pk}"'
    answer.set_cookie("seen", "%2Fmodels%2Fpath-of-codename-lynx")
    planted = Reader()
    planted.hear_response("header", answer)
    assert {word for word, _what in planted.find(words)} == {
        str(round_.candidates.first().pk),
        "codename-lynx",
        "/models/path-of-codename-lynx",
    }


def test_candidates_are_named_once_the_run_is_closed() -> None:
    """What was kept from a volunteer is told in the end, and by the same reader heard."""
    round_ = make_recognisable_round(gold_rate=0, repeat_rate=0)
    address, reader = f"/rate/{round_.run.slug}/", Reader()
    client = ReadingClient(reader)
    user = make.make_volunteer(round_.run)
    client.force_login(user)
    cast_votes(round_, Annotator.objects.get(user=user), 1)
    client.get(f"{address}results/")
    assert_blind(reader, round_.run)
    states.close_round(round_=round_)
    SelectionRun.objects.filter(pk=round_.run_id).update(state="closed")
    client.get(f"{address}results/")
    shown = round_.candidates.order_by("id")[0].name
    assert (shown, f"GET {address}results/?") in reader.find(secrets(round_.run))


def test_rating_pages_stay_out_of_every_cache() -> None:
    round_ = make_recognisable_round()
    client, address = browser_of(make.make_volunteer(round_.run)), f"/rate/{round_.run.slug}/"
    token = read_page(client.get(address).content.decode()).form["token"]
    answers = [
        client.get(address),
        client.get(address, headers=HTMX),
        client.get(f"{address}ahead/", {"shown": token}, headers=HTMX),
        client.post(address, {"token": token, "choice": "tie"}, headers=HTMX),
        client.post(address, {}),
    ]
    told = ("ETag", "Last-Modified", "Server-Timing", "Expires", "Age")
    assert [answer["Cache-Control"] for answer in answers] == ["no-store"] * len(answers)
    assert [name for answer in answers for name in told if name in answer] == []


@pytest.mark.parametrize("view", VIEWS)
def test_swapped_candidates_look_alike_to_the_byte(view: str) -> None:
    """The same texts on the same sides make the same answers, whoever wrote which."""
    texts = ["**this** one\n\n`a`", "**that** one\n\n$x$"]
    assert session_of(texts, side_a="left", view=view) == session_of(
        texts[::-1], side_a="right", view=view
    )


@pytest.mark.parametrize("purpose", [Purpose.GOLD, Purpose.REPEAT])
def test_what_a_comparison_is_for_cannot_be_seen(purpose: Purpose) -> None:
    texts = ["**this** one", "**that** one"]
    assert session_of(texts, side_a="left", purpose=purpose) == session_of(texts, side_a="left")


@pytest.mark.parametrize("purpose", [Purpose.RANKING, Purpose.GOLD, Purpose.REPEAT])
def test_no_number_on_the_page_tells_which_votes_count(purpose: Purpose) -> None:
    """Else one could undo the votes that are checked, and take more care with them alone."""
    run, user = make_pair(["one", "two"], side_a="left", purpose=purpose)
    address = f"/rate/{run.slug}/"
    client = browser_of(user)
    token = read_page(client.get(address).content.decode()).form["token"]
    page = client.post(address, {"token": token, "choice": "tie"}, headers=HTMX).content.decode()
    assert words_of(page).startswith("1 vote today · 1 in all · this run: 1 vote ")


def test_session_of_other_texts_looks_different() -> None:
    """The two tests above can fail."""
    assert session_of(["one", "two"], side_a="left") != session_of(["one", "two"], side_a="right")


def test_sides_are_a_fair_coin_whoever_the_candidates_are() -> None:
    """The generator is seeded: 4 standard errors are exceeded by a fair coin in 1 of 16,000."""
    round_ = make.make_open_round(n_candidates=3, n_prompts=2)
    annotator, now = make.make_annotator(), look_at(round_)
    rng = np.random.default_rng(1)
    n = 200
    drawn = [drawing.draw_comparison(now=now, annotator=annotator, rng=rng) for _draw in range(n)]
    left: dict[int, list[bool]] = {}
    for each in drawn:
        left.setdefault(each.candidate_a_id, []).append(each.side_a == "left")
        left.setdefault(each.candidate_b_id, []).append(each.side_a == "right")
    assert len(left) == 3
    for sides in left.values():
        assert abs(np.mean(sides) - 0.5) < 4 * 0.5 / len(sides) ** 0.5
    swaps = sum(one.side_a != next_.side_a for one, next_ in pairwise(drawn))
    assert abs(swaps / (n - 1) - 0.5) < 4 * 0.5 / (n - 1) ** 0.5


def test_token_tells_nothing_of_the_rows_behind_it() -> None:
    """A random UUID: no time in it, as in versions 1, 6 and 7, and no hash of what it names."""
    tokens = [Comparison(pk=FIRST_ID).token for _comparison in range(200)]
    assert {token.version for token in tokens} == {4}
    ascents = sum(one < next_ for one, next_ in pairwise(tokens))
    assert 60 < ascents < 140


def test_equal_texts_are_recorded_and_never_served() -> None:
    """Two candidates agree but for white space: there is nothing to compare, and it is counted."""
    round_ = make.make_open_round(n_prompts=0)
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    for candidate, text in zip(round_.candidates.all(), ("a  b\n", " a b"), strict=True):
        make.make_completion(candidate, prompt, replies=[text])
    client = browser_of(make.make_volunteer(round_.run))
    page = read_page(client.get(f"/rate/{round_.run.slug}/").content.decode())
    assert (page.has_comparison, page.nothing_left) == (False, True)
    run_page = browser_as("researcher").get(f"/runs/{round_.run.slug}/").content.decode()
    assert '<td class="number">1</td>\n    </tr>' in run_page


def test_texts_that_name_their_maker_are_served_unless_the_run_leaves_them_out() -> None:
    round_ = make.make_open_round(n_prompts=0)
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    for candidate, words in zip(round_.candidates.all(), ("I am ChatGPT", ""), strict=True):
        make.make_completion(candidate, prompt, names_maker=words)
    client, address = browser_of(make.make_volunteer(round_.run)), f"/rate/{round_.run.slug}/"
    assert read_page(client.get(address).content.decode()).has_comparison
    make.make_rules(round_.run, leaves_out_maker_names=True)
    assert read_page(client.get(address).content.decode()).nothing_left


def assert_blind(reader: Reader, run: SelectionRun) -> None:
    """Nothing that was heard holds a secret; asked at the end, when every row is there."""
    words = secrets(run)
    assert len(words) > 100
    assert reader.find(words) == []


def rate_everything(client: ReadingClient, run: SelectionRun) -> list[str]:
    """Rate until nothing is left, asking for everything on the way; give the texts seen."""
    address, shown = f"/rate/{run.slug}/", []
    crawl(client, "/", address)
    for number in range(40):
        page = client.get(address, {"view": VIEWS[number % 3]}).content.decode()
        form = read_page(page).form
        if "token" not in form:
            crawl(client, address)
            break
        shown += read_page(page).left + read_page(page).right
        token = form["token"]
        client.get(address, headers=HTMX)
        client.get(f"{address}ahead/", {"shown": token}, headers=HTMX)
        if number in (1, 2):
            ask_for_every_address(client, run, pk=run.rankings.get().pk, token=token)
            refuse_all(client, address, token)
        act(client, address, token, number)
        if number == 5:
            crawl(client, f"{address}votes/")
    return shown


def act(client: ReadingClient, address: str, token: str, number: int) -> None:
    """Vote with htmx and without; now and then skip, undo, or report nothing."""
    vote = {"token": token, "choice": ("left", "right", "tie", "both_bad")[number % 4]}
    if number == 4:
        client.post(f"{address}skip/", {"token": token, "reason": "cannot_judge"})
        client.post(f"{address}undo/", {"token": token})
    elif number % 2:
        client.post(f"{address}?shown={token}", vote, headers=HTMX)
    else:
        client.post(address, vote, follow=True)
    if number == 6:
        client.post(f"{address}undo/", headers=HTMX)
    client.post(address, vote)  # once more: the first stands


def refuse_all(client: ReadingClient, address: str, token: str) -> None:
    """Send what is refused: errors are read as well."""
    for headers in ({}, HTMX):
        client.post(address, {"token": token}, headers=headers)
        client.post(address, {"token": str(uuid.uuid4()), "choice": "left"}, headers=headers)
        client.post(f"{address}skip/", {"token": token, "reason": "?"}, headers=headers)
        client.post(f"{address}report/", {"token": token, "side": "?"}, headers=headers)


def crawl(client: ReadingClient, *addresses: str) -> None:
    """Ask for these, and for every address of the site that any answer names."""
    waiting, asked = list(addresses), set(addresses)
    while waiting:
        answer = client.get(waiting.pop(0))
        found = {answer.get("Location", "")} if 300 <= answer.status_code < 400 else set()
        if not answer.streaming:
            found |= {
                each.replace("&amp;", "&") for each in ADDRESS.findall(answer.content.decode())
            }
        new = {each for each in found if each.startswith("/")} - asked - {"/sign-out/"}
        waiting += sorted(new)
        asked |= new
    assert len(asked) < N_ADDRESSES


def every_address(run: SelectionRun, *, pk: int, token: str = str(uuid.UUID(int=4))) -> list[str]:
    """List all that the site has addresses for, with these values in their places."""
    known = {
        "run": run.slug, "slug": run.slug, "pk": str(pk), "annotator": str(pk), "token": token,
        "kind": "growth", "table": "points", "number": "1", "judge": "judge",
        "address": "no/such", "form": "dpo", "ending": "jsonl", "split": "train",
    }  # fmt: skip
    return [
        "/" + re.sub(r"<\w+:(\w+)>", lambda found: known[found[1]], pattern)
        for pattern in every_pattern(get_resolver())
    ]


def every_pattern(resolver: URLResolver, before: str = "") -> Iterator[str]:
    """Yield the pattern of each address, of the API's too; Django's admin has its own tests."""
    for each in resolver.url_patterns:
        pattern = f"{before}{each.pattern}"
        if isinstance(each, URLPattern):
            yield pattern
        elif pattern == "api/v1/":
            yield from every_pattern(each, pattern)


def ask_for_every_address(
    client: ReadingClient, run: SelectionRun, *, pk: int, **token: str
) -> None:
    """Ask for all that the site has addresses for, allowed or not."""
    for address in every_address(run, pk=pk, **token):
        if address != "/sign-out/":
            client.get(address)
    client.get("/no/such/page/")
    client.get("/admin/annotate/completion/")


def session_of(texts: list[str], **fields: Any) -> list[bytes]:
    """Give all bytes of a short session with one pair, but for what is drawn at random anew."""
    view = fields.pop("view", "rendered")
    with transaction.atomic():
        run, user = make_pair(texts, **fields)
        reader = Reader()
        client = ReadingClient(reader)
        client.force_login(user)
        address = f"/rate/{run.slug}/"
        page = client.get(address, {"view": view})
        client.get(address, {"view": view}, headers=HTMX)
        token = read_page(page.content.decode()).form["token"]
        client.get(f"{address}ahead/", {"shown": token}, headers=HTMX)
        client.post(address, {"token": token}, headers=HTMX)
        client.get("/")
        transaction.set_rollback(True)
    return [without_chance(said) for _what, said in reader.heard]


def make_pair(texts: list[str], *, side_a: str, purpose: Purpose = Purpose.RANKING) -> Any:
    """Draw two texts for a volunteer; all but their ids is the same each time."""
    round_: Round = make.make_open_round(n_candidates=2, n_prompts=0)
    run = round_.run
    SelectionRun.objects.filter(pk=run.pk).update(slug="the-run")
    prompt = make.make_prompt(run.prompt_sets.get(), turns=["Which?"])
    a, b = (
        make.make_completion(candidate, prompt, replies=[text])
        for candidate, text in zip(round_.candidates.order_by("id"), texts, strict=True)
    )
    user: User = make.make_volunteer(run)
    User.objects.filter(pk=user.pk).update(username="the-volunteer")
    gold = repeats = None
    if purpose == Purpose.GOLD:
        gold = make.make_gold_pair(run)
    if purpose == Purpose.REPEAT:
        repeats = make.make_comparison(a, b, round_=round_, annotator=make.make_annotator())
    make.make_comparison(
        a, b, round_=round_, annotator=user.annotator, side_a=side_a, purpose=purpose, gold=gold,
        repeats=repeats,
    )  # fmt: skip
    run.slug = "the-run"
    return run, user


def words_of(page: str) -> str:
    """Give what a reader sees, tags and runs of spaces away."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def without_chance(said: bytes) -> bytes:
    """Take out tokens of comparisons, of forms and of cookies, and dates."""
    said = re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"TOKEN", said)
    said = re.sub(rb'(csrfmiddlewaretoken" value=|"X-CSRFToken": )"\w{64}"', b"CSRF", said)
    said = re.sub(rb"(X-CSRFToken\W{1,12})\w{32,64}", b"CSRF", said)
    said = re.sub(rb"(Set-Cookie: (csrftoken|sessionid)=)[^;]*", rb"\1VALUE", said)
    said = re.sub(rb"expires=[^;]*", b"", said)
    said = re.sub(rb'("X-Request-ID": )"[0-9a-f]{16}"', rb'\1"ID"', said)
    return re.sub(rb'data-owner="\w{16}"', b"OWNER", said)
