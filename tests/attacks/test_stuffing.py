"""Votes that nobody meant: scripts that try for them, on a live server, and what comes of each."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from pytest_django.live_server_helper import LiveServer

from annotate import quotas
from annotate.models import Annotator, Comparison, Round, SelectionRun, User, Vote
from annotate.services import consent, exclusions, ledger, states, voting
from annotate.services.quality import measure_quality
from annotate.views import pace
from tests import factories as make
from tests.attacks.scripts import Script, address_of
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def uncounted() -> Iterator[None]:
    """Begin and end with nothing counted: a test's rows and numbers are another's too."""
    for _time in range(2):
        cache.clear()
        quotas.forget_blocks()
        if _time == 0:
            yield


@pytest.fixture
def round_() -> Round:
    return make.make_open_round(n_prompts=60)


@pytest.fixture
def user(round_: Round) -> User:
    return make.make_volunteer(round_.run)


Run = Callable[[User | None], Script]


@pytest.fixture
def run_as(live_server: LiveServer) -> Iterator[Run]:
    """Give what starts a script with an account's cookies, or with none."""
    with ExitStack() as scripts:
        yield lambda user: scripts.enter_context(Script(live_server.url, user))


@pytest.fixture
def script(run_as: Run, user: User) -> Script:
    return run_as(user)


def count_votes() -> int:
    return Vote.objects.standing().count()


def test_one_vote_sent_by_many_threads_at_once_counts_once(
    run_as: Run, user: User, round_: Round
) -> None:
    tabs = [run_as(user) for _tab in range(8)]
    # Each has opened the page before any votes: one that opens it after is given the next pair.
    [token] = {tab.find_token(round_) for tab in tabs}
    answers = at_once(*(lambda tab=tab: tab.vote(round_, token) for tab in tabs))
    assert {answer.status_code for answer in answers} == {303}
    assert (count_votes(), Comparison.objects.filter(answered_at=None).count()) == (1, 0)


def test_account_in_many_tabs_has_one_line_of_two_comparisons(
    run_as: Run, user: User, round_: Round
) -> None:
    tabs = [run_as(user) for _tab in range(8)]
    seen = set(at_once(*(lambda tab=tab: tab.find_token(round_) for tab in tabs)))
    assert len(seen) == 1
    ahead = f"{address_of(round_)}ahead/?shown={next(iter(seen))}"
    headers = {"HX-Request": "true"}
    at_once(*(lambda tab=tab: tab.get(ahead, headers=headers) for tab in tabs))
    assert Comparison.objects.count() == 2


def test_many_tabs_that_vote_as_they_can_judge_each_pair_once(
    run_as: Run, user: User, round_: Round
) -> None:
    def vote_on(tab: Script) -> None:
        for _vote in range(5):
            tab.vote(round_)

    tabs = [run_as(user) for _tab in range(4)]
    at_once(*(lambda tab=tab: vote_on(tab) for tab in tabs))
    votes = Vote.objects.standing().values_list("comparison", flat=True)
    assert 5 <= len(votes) == len(set(votes)) <= 20
    pairs = Comparison.objects.values_list("completion_a", "completion_b")
    assert len(pairs) == len(set(pairs))


def test_token_of_another_a_forged_and_an_old_one_are_refused_alike(
    script: Script, round_: Round
) -> None:
    other = make.make_annotator()
    given = voting.lease_comparison(round_=round_, annotator=other)
    judged = voting.lease_ahead(round_=round_, annotator=other, after=given)
    assert judged is not None
    voting.record_vote(token=judged.token, annotator=other, choice="left")
    before = set(Vote.objects.values_list("pk", flat=True))
    script.find_token(round_)
    acts: dict[str, dict[str, Any]] = {
        "": {"choice": "left"},
        "skip/": {"reason": "cannot_judge"},
        "report/": {"side": "left", "text": "x"},
    }
    for act, sent in acts.items():
        answers = [
            script.post(f"{address_of(round_)}{act}", token=str(token), **sent)
            for token in (given.token, judged.token, uuid.uuid4())
        ]
        assert [answer.status_code for answer in answers] == [404] * 3
        told = {plain(answer.text) for answer in answers}
        assert len(told) == 1
        assert "This comparison was not drawn for you." in told.pop()
    assert set(Vote.objects.values_list("pk", flat=True)) == before
    given.refresh_from_db()
    assert (given.skipped_at, given.reports.count()) == (None, 0)


def plain(page: str) -> str:
    """Give a page without what differs from one answer to the next."""
    return re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken": ")[^"]+', "", page)


@pytest.mark.parametrize(
    "sent",
    [
        {"token": "x", "choice": "left"},
        {"token": "' OR 1=1 --", "choice": "left"},
        {"choice": "left"},
        {"token": "MINE", "choice": "a"},
        {"token": "MINE", "choice": ""},
        {"token": "MINE", "choice": "left", "turn": "-1"},
        {"token": "MINE", "choice": "left", "turn": str(2**70)},
        {"token": "MINE", "choice": "left", "comment": "\x00"},
        {"token": "MINE", "choice": "left", "reasons_a": "not-a-reason"},
        {"token": "MINE", "choice": "left", "marks": "[" * 9_000},
    ],
)
def test_vote_that_no_form_would_send_is_refused_or_loses_what_is_not_asked(
    script: Script, round_: Round, sent: dict[str, str]
) -> None:
    token = script.find_token(round_)
    filled = {name: token if value == "MINE" else value for name, value in sent.items()}
    answer = script.post(address_of(round_), **filled)
    assert answer.status_code in (303, 400, 422)
    assert count_votes() == (answer.status_code == 303)


def close(round_: Round, _annotator: Annotator) -> None:
    states.close_round(round_=round_)


def take_consent_back(_round: Round, annotator: Annotator) -> None:
    consent.take_back(annotator=annotator)


def lock_out(_round: Round, annotator: Annotator) -> None:
    User.objects.filter(annotator=annotator).update(is_active=False)


def cancel(round_: Round, _annotator: Annotator) -> None:
    states.cancel_run(run=round_.run, by=make.make_user("admin"))


@pytest.mark.parametrize("end", [close, take_consent_back, lock_out, cancel])
def test_vote_after_the_end_is_not_taken(
    script: Script, user: User, round_: Round, end: Callable[[Round, Annotator], None]
) -> None:
    token = script.find_token(round_)
    end(round_, Annotator.objects.get(user=user))
    for _time in range(3):
        answer = script.vote(round_, token)
        assert answer.status_code in (302, 404, 409, 422)
    assert count_votes() == 0


def test_votes_of_who_was_excluded_count_nowhere_though_they_go_on(
    script: Script, user: User, round_: Round
) -> None:
    """They are not told: who is left out for stuffing is to spend the time on that."""
    script.vote(round_)
    annotator = Annotator.objects.get(user=user)
    exclusions.exclude(
        run=round_.run, annotator=annotator, reason="A script.", by=make.make_user("admin")
    )
    for _vote in range(3):
        assert script.vote(round_).status_code == 303
    cutoff = ledger.take_cutoff(run=round_.run)
    assert count_votes() == 4
    assert Vote.objects.counting_at(cutoff).count() == 0


def test_answers_beyond_the_pace_are_refused_and_count_when_sent_again(
    run_as: Run, script: Script, round_: Round, settings: Any
) -> None:
    settings.ANSWERS_PER_MINUTE = pace.BLOCK
    statuses = [script.vote(round_).status_code for _vote in range(pace.BLOCK)]
    assert set(statuses) == {303}
    token = script.find_token(round_)
    for words, language in (("A moment, please", "en"), ("少し", "ja")):
        script.http.headers["Accept-Language"] = language
        refused = script.vote(round_, token)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= quotas.WINDOW_S
        assert words in refused.text or language == "ja"
        assert f'lang="{language}"' in refused.text
    assert count_votes() == pace.BLOCK
    # Another act is no way around, and another account is not kept waiting.
    assert script.post(f"{address_of(round_)}undo/").status_code == 429
    assert script.post(f"{address_of(round_)}skip/", token=token).status_code == 429
    other = run_as(make.make_volunteer(round_.run))
    assert other.vote(round_).status_code == 303
    # A minute later.
    cache.clear()
    quotas.forget_blocks()
    assert script.vote(round_, token).status_code == 303
    assert count_votes() == pace.BLOCK + 2


def test_accounts_at_one_address_have_a_pace_together(
    run_as: Run, round_: Round, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "BLOCK_OF_ADDRESS", 5)
    settings.ANSWERS_PER_MINUTE_FROM_ADDRESS = 10
    scripts = [run_as(make.make_volunteer(round_.run)) for _one in range(4)]
    statuses = [each.vote(round_).status_code for _time in range(3) for each in scripts]
    assert statuses == [303] * 10 + [429] * 2
    # An address is not what somebody says of theirs.
    scripts[0].http.headers["X-Forwarded-For"] = "10.1.2.3"
    assert scripts[0].vote(round_).status_code == 429


def test_classroom_behind_one_address_is_never_kept_waiting(rf: Any, settings: Any) -> None:
    """Sixty people, each with an answer every two seconds, under the site's own numbers."""
    settings.ANSWERS_PER_MINUTE, settings.ANSWERS_PER_MINUTE_FROM_ADDRESS = 120, 3_000
    people = [Annotator(pk=number) for number in range(60)]
    request = rf.post("/")
    run = make.make_run()
    for _answer in range(30):
        for person in people:
            assert pace.refuse_haste(request, run, person) is None


def test_answer_at_a_persons_pace_asks_the_database_nothing_more(
    rf: Any, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.ANSWERS_PER_MINUTE, settings.ANSWERS_PER_MINUTE_FROM_ADDRESS = 120, 3_000
    with django_assert_num_queries(0):
        for _answer in range(pace.BLOCK):
            assert pace.refuse_haste(rf.post("/"), SelectionRun(), Annotator(pk=1)) is None


def test_site_that_lets_far_more_through_counts_by_the_hundredth(
    rf: Any, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.ANSWERS_PER_MINUTE = settings.ANSWERS_PER_MINUTE_FROM_ADDRESS = 100 * 300
    with django_assert_num_queries(0):
        for _answer in range(300):
            assert pace.refuse_haste(rf.post("/"), SelectionRun(), Annotator(pk=1)) is None


@pytest.mark.slow
def test_stranger_who_makes_newcomers_is_stopped_and_cannot_forge_one(
    run_as: Run, live_server: LiveServer, round_: Round
) -> None:
    make.make_rules(round_.run, door="open")
    make.make_consent_text()
    welcome = f"{address_of(round_)}welcome/"
    statuses = []
    for _newcomer in range(125):
        with Script(live_server.url) as newcomer:
            statuses.append(start(newcomer, welcome))
        if statuses[-1] == 429:
            break
    assert statuses == [302] * 120 + [429]
    assert Annotator.objects.count() == 120
    forged = run_as(None)
    first = Annotator.objects.order_by("pk")[0]
    for cookie in (str(first.pk), f"{first.pk}:forged", f"{first.pk}:1tXyz:{'A' * 43}"):
        forged.http.cookies.set("annotator", cookie)
        assert forged.get(address_of(round_)).headers["Location"] == welcome


def start(newcomer: Script, welcome: str) -> int:
    """Press Start as somebody new."""
    page = newcomer.get(welcome).text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    return newcomer.post(welcome, **hidden, languages="en").status_code


def test_quality_shows_a_script_that_always_chooses_left(script: Script, round_: Round) -> None:
    rng = np.random.default_rng(1)  # which side is left is tossed
    for annotator in [make.make_annotator() for _one in range(3)]:
        for _vote in range(15):
            comparison = voting.lease_comparison(round_=round_, annotator=annotator, rng=rng)
            # Candidate a is the better one, wherever it stands.
            voting.record_vote(
                token=comparison.token, annotator=annotator, choice=comparison.side_a
            )
    for _vote in range(25):
        script.vote(round_, choice="left")
    (measured,) = measure_quality(run=round_.run)
    signs = {row.pk: row.signs for row in measured.annotators}
    robot = Annotator.objects.get(user=script.user).pk
    assert "one_side" in signs.pop(robot)
    assert all("one_side" not in each for each in signs.values())


def test_simulated_annotators_have_no_pace(settings: Any, rf: Any) -> None:
    """A demo's voters are as quick as the site, which may be quicker than a person ever is."""
    settings.ANSWERS_PER_MINUTE = settings.ANSWERS_PER_MINUTE_FROM_ADDRESS = 1
    run = make.make_open_round().run
    refused = {}
    for kind in (Annotator.Kind.PERSON, Annotator.Kind.SIMULATED):
        annotator = make.make_annotator(kind=kind)
        request = rf.post("/", REMOTE_ADDR="192.0.2.9")
        request.user = AnonymousUser()
        answers = [pace.refuse_haste(request, run, annotator) for _answer in range(3 * pace.BLOCK)]
        refused[kind] = any(answers)
    assert refused == {Annotator.Kind.PERSON: True, Annotator.Kind.SIMULATED: False}
