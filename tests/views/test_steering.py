"""Admins steer a run from its page, and volunteers see what became of it."""

import pytest
from django.test import Client

from annotate.models import GenerationShard, Round, SelectionRun
from annotate.services import advancing, generating, rounds, states
from tests import factories as make
from tests.services.launched import candidates_of, cast_by_truth, make_launched
from tests.views.pages import HTMX, browser_as, browser_of, cast_votes, volunteer_in

pytestmark = pytest.mark.django_db

VERBS = ["pause", "resume", "cancel", "end-round", "jobs/retry"]


@pytest.fixture
def round_() -> Round:
    return make.make_open_round(n_prompts=6)


@pytest.fixture
def admin() -> Client:
    return browser_of(make.make_user("admin", username="aiko"))


def send(client: Client, run: SelectionRun, verb: str) -> str:
    """Press a button, and give the page that it leads to."""
    answer = client.post(f"/runs/{run.slug}/{verb}/", follow=True)
    assert answer.redirect_chain == [(f"/runs/{run.slug}/", 303)]
    run.refresh_from_db()
    return answer.content.decode()


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("role", "status"), [("volunteer", 403), ("researcher", 403)])
def test_only_admins_steer(verb: str, role: str, status: int, round_: Round) -> None:
    address = f"/runs/{round_.run.slug}/{verb}/"
    assert browser_as(role).post(address).status_code == status
    assert Client().post(address).status_code == 302
    assert browser_as("admin").get(address).status_code == 405
    assert not round_.run.events.exists()
    assert "Pause" not in browser_as("researcher").get(f"/runs/{round_.run.slug}/").content.decode()


def test_buttons_are_those_that_the_state_allows(admin: Client, round_: Round) -> None:
    run = round_.run
    page = admin.get(f"/runs/{run.slug}/").content.decode()
    offered = {verb: f'action="/runs/{run.slug}/{verb}/"' in page for verb in VERBS}
    assert offered == {
        "pause": True, "resume": False, "cancel": True, "end-round": True, "jobs/retry": False,
    }  # fmt: skip
    page = send(admin, run, "pause")
    assert "The run is paused" in page
    assert "Paused since" in page
    offered = {verb: f'action="/runs/{run.slug}/{verb}/"' in page for verb in VERBS}
    assert (offered["pause"], offered["resume"], offered["end-round"]) == (False, True, False)
    assert "The run goes on where it was." in send(admin, run, "resume")
    page = send(admin, run, "cancel")
    assert "It decides nothing, and keeps its completions and votes." in page
    assert not any(f'action="/runs/{run.slug}/{verb}/"' in page for verb in VERBS)
    assert {event.by.username for event in run.events.all() if event.by} == {"aiko"}


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "end-round"])
def test_what_comes_too_late_is_refused_with_words(verb: str, admin: Client, round_: Round) -> None:
    states.cancel_run(run=round_.run)
    page = send(admin, round_.run, verb)
    assert 'role="alert"' in page
    assert round_.run.events.count() == 3


def test_ended_round_of_a_launched_run_is_followed_by_the_next(admin: Client) -> None:
    round_ = make_launched(n_candidates=3, at_most=2, leave="none")
    run = round_.run
    people = [make.make_annotator() for _person in range(5)]
    cast_by_truth(run, people, dict.fromkeys(candidates_of(run), 0.0), 30)
    assert "The round has ended." in send(admin, run, "end-round")
    assert [each.is_open for each in run.rounds.order_by("number")] == [False, True]
    cast_by_truth(run, people, dict.fromkeys(candidates_of(run), 0.0), 30)
    send(admin, run, "end-round")
    assert run.state == "decided"


def test_last_round_without_votes_is_not_decided_and_says_why(admin: Client) -> None:
    run = make_launched(n_candidates=2, at_most=1).run
    page = send(admin, run, "end-round")
    assert 'role="alert"' in page
    assert (run.state, run.rounds.get().is_open) == ("voting", True)
    assert not advancing.list_ready()


def test_failed_generation_is_tried_again(admin: Client) -> None:
    run = make.make_run()
    make.make_prompt(run.prompt_sets.get())
    candidate = make.make_candidate(
        run, engine="transformers", model="nowhere", prompt_format="chatml"
    )
    round_ = rounds.create_round(run=run, candidates=[candidate])
    generating.ask_for_completions(round_=round_)
    shards = GenerationShard.objects.filter(round=round_)
    for address in ("jobs/retry", f"jobs/{shards.get().pk}/retry"):
        shards.update(state="failed", failure="out of memory")
        assert "tried again" in send(admin, run, address)
        assert (shards.get().state, shards.get().failure) == ("waiting", "")
    assert "has not failed" in send(admin, run, address)
    assert "0 parts" in send(admin, run, "jobs/retry")
    assert run.events.filter(kind="retried").count() == 2


def test_shard_of_another_run_is_not_found(admin: Client, round_: Round) -> None:
    shard = GenerationShard.objects.create(
        round=round_, candidate=round_.candidates.first(), n_wanted=1
    )
    other = make.make_run()
    assert admin.post(f"/runs/{other.slug}/jobs/{shard.pk}/retry/").status_code == 404


def test_volunteer_of_a_paused_run_is_told_and_kept_up_to_date(round_: Round) -> None:
    browser = volunteer_in(round_.run)
    states.pause_run(run=round_.run)
    rate = f"/rate/{round_.run.slug}/"
    page = browser.get(rate).content.decode()
    assert "This run is paused. It goes on soon; your votes are kept." in page
    assert f'hx-get="{rate}after-pause/"' in page
    assert browser.get(f"{rate}after-pause/", headers=HTMX).status_code == 204
    assert browser.get(f"{rate}after-pause/").headers["Location"] == rate
    states.resume_run(run=round_.run)
    answer = browser.get(f"{rate}after-pause/", headers=HTMX)
    assert answer.status_code == 286
    assert str(round_.comparisons.get().token) in answer.content.decode()


def test_paused_run_asks_nobody_at_home_and_on_other_runs_pages(round_: Round) -> None:
    browser, link = volunteer_in(round_.run), f'href="/rate/{round_.run.slug}/"'
    assert link in browser.get("/").content.decode()
    states.pause_run(run=round_.run)
    assert link not in browser.get("/").content.decode()


def test_paused_run_between_two_rounds_says_so_too() -> None:
    run = make.make_run(state="generating")
    browser = volunteer_in(run)
    states.pause_run(run=run)
    assert "A short pause" in browser.get(f"/rate/{run.slug}/").content.decode()
    states.resume_run(run=run)
    answer = browser.get(f"/rate/{run.slug}/after-pause/", headers=HTMX)
    assert (answer.status_code, "takes no votes at the moment" in answer.content.decode()) == (
        286, True,
    )  # fmt: skip


def test_volunteer_of_a_cancelled_run_is_thanked_and_sees_the_models(round_: Round) -> None:
    user = make.make_volunteer(round_.run)
    cast_votes(round_, user.annotator, 2)
    states.cancel_run(run=round_.run)
    browser = browser_of(user)
    page = browser.get(f"/rate/{round_.run.slug}/").content.decode()
    assert "This run was ended before it came to a decision. Your votes are kept." in page
    assert f'href="/rate/{round_.run.slug}/results/"' in page
    assert "Look again" not in page
    page = browser.get(f"/rate/{round_.run.slug}/results/").content.decode()
    assert "There is no outcome that they could agree with." in page
    assert all(name in page for name in round_.candidates.values_list("name", flat=True))


def test_newcomer_to_a_cancelled_run_is_sent_home(round_: Round) -> None:
    make.make_rules(round_.run, door="open")
    states.cancel_run(run=round_.run)
    page = Client().get(f"/rate/{round_.run.slug}/", follow=True).content.decode()
    assert "This run has ended." in page
