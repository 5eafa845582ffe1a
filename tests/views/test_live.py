"""The run's page tells what moves: completions that are made, votes that come in, jobs' logs."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from annotate.models import GenerationShard, Round, RunEvent, SelectionRun
from annotate.services import states
from annotate.services.changes import log_event
from annotate.views import live
from tests import factories as make
from tests.views.pages import browser_as, cast_votes, count_queries

pytestmark = pytest.mark.django_db

State = GenerationShard.State


def make_generating(n_candidates: int = 2) -> Round:
    """Make a run whose first round waits for completions."""
    round_ = make.make_open_round(n_candidates=n_candidates)
    round_.opened_at = None
    round_.save()
    SelectionRun.objects.filter(pk=round_.run_id).update(state=SelectionRun.State.GENERATING)
    round_.run.refresh_from_db()
    return round_


def make_shard(round_: Round, place: int = 0, **fields: Any) -> GenerationShard:
    """Make a shard of the round's candidate at this place."""
    candidate = round_.candidates.order_by("id")[place]
    plain = {"round": round_, "candidate": candidate, "n_wanted": 400}
    return GenerationShard.objects.create(**plain | fields)


def run_shard(round_: Round, place: int = 0, **fields: Any) -> GenerationShard:
    """Make a shard that has run for ten seconds since its first completions."""
    now = timezone.now()
    plain = {
        "state": State.RUNNING, "n_stored": 120, "n_made": 100, "tokens_made": 5_000,
        "started_at": now - timedelta(seconds=60), "ready_at": now - timedelta(seconds=10),
        "seen_at": now, "worker": "node1:17", "attempt": 1, "log": "line 1\nline 2",
    }  # fmt: skip
    return make_shard(round_, place, **plain | fields)


def now_of(run: SelectionRun) -> str:
    """Give what the section says, tags and runs of spaces away."""
    found = live.tell_live(run)
    assert found is not None
    page = browser_as("admin").get(
        f"/runs/{run.slug}/?at={found.at}", headers={"HX-Request": "true"}
    )
    return " ".join(re.sub(r"<[^>]*>", " ", page.content.decode()).split())


def poll(run: SelectionRun, at: str) -> Any:
    return browser_as("researcher").get(
        f"/runs/{run.slug}/?at={at}", headers={"HX-Request": "true"}
    )


def test_candidate_says_how_far_it_is_how_fast_and_for_how_long() -> None:
    round_ = make_generating()
    run_shard(round_)
    words = now_of(round_.run)
    assert "120 of 400 · 500 tokens/s" in words
    assert "running 120 of 400 500 28 s log" in words


def test_parts_of_a_candidate_add_up_and_the_slowest_says_the_time() -> None:
    round_ = make_generating()
    run_shard(round_, n_shards=2)
    run_shard(round_, n_shards=2, number=1, n_made=10, n_stored=10)
    (maker,) = live.tell_live(round_.run).making.makers
    assert (maker.n_stored, maker.n_wanted, maker.tokens_per_s) == (130, 800, 1_000)
    assert maker.seconds_left == pytest.approx(390)


def test_speed_is_not_told_before_it_is_known() -> None:
    round_ = make_generating()
    run_shard(round_, ready_at=None)
    (maker,) = live.tell_live(round_.run).making.makers
    assert (maker.tokens_per_s, maker.seconds_left) == (None, None)


def test_worker_that_says_nothing_is_named() -> None:
    round_ = make_generating()
    run_shard(round_, seen_at=timezone.now() - timedelta(minutes=2))
    assert "its worker is silent" in now_of(round_.run)


def test_round_that_only_waits_says_how_to_start_a_worker() -> None:
    round_ = make_generating()
    make_shard(round_)
    assert "manage.py worker" in now_of(round_.run)
    run_shard(round_, 1)
    assert "manage.py worker" not in now_of(round_.run)


def test_failure_is_told_with_its_text_and_a_button_for_admins() -> None:
    round_ = make_generating()
    shard = make_shard(round_, state=State.FAILED, failure="CUDA <out> of memory")
    address = f"/runs/{round_.run.slug}/jobs/{shard.pk}/retry/"
    admin = browser_as("admin").get(f"/runs/{round_.run.slug}/").content.decode()
    researcher = browser_as("researcher").get(f"/runs/{round_.run.slug}/").content.decode()
    assert "CUDA &lt;out&gt; of memory" in admin
    assert "CUDA &lt;out&gt; of memory" in researcher
    assert address in admin
    assert address not in researcher


def test_closed_round_offers_no_second_try_and_cancelled_run_says_so() -> None:
    round_ = make_generating()
    shard = make_shard(round_, state=State.FAILED, failure="CUDA <out> of memory")
    states.cancel_run(run=round_.run, by=None)
    for address in (f"/runs/{round_.run.slug}/", f"/runs/{round_.run.slug}/jobs/{shard.pk}/"):
        page = browser_as("admin").get(address).content.decode()
        assert "CUDA &lt;out&gt; of memory" in page
        assert "/retry/" not in page
    assert "This run was cancelled." in now_of(round_.run)


def test_what_needs_a_hand_comes_first_and_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "SHOWN", 2)
    round_ = make_generating(n_candidates=4)
    for place, state in enumerate((State.DONE, State.WAITING, State.RUNNING, State.FAILED)):
        make_shard(round_, place, state=state, failure="x" if state == State.FAILED else "")
    making = live.tell_live(round_.run).making
    assert [maker.state for maker in making.shown] == [State.FAILED, State.RUNNING]
    assert "2 of 4 candidates" in now_of(round_.run)


def test_votes_are_counted_by_hour_and_voters_named_by_pseudonym() -> None:
    round_ = make.make_open_round(n_prompts=4)
    person = make.make_annotator(name="Hanako")
    judge = make.make_annotator(kind="judge")
    cast_votes(round_, person, 3)
    cast_votes(round_, judge, 1)
    voting = live.tell_live(round_.run).voting
    assert (voting.n_last_hour, voting.n_last_day, voting.n_voters) == (3, 3, 2)
    assert voting.n_by_judges == 1
    assert [hour.n_votes for hour in voting.hours] == [0] * 23 + [3]
    assert voting.hours[-1].height == live.BAR_HEIGHT
    words = now_of(round_.run)
    assert person.pseudonym in words
    assert "Hanako" not in words
    assert f"{judge.pseudonym} LLM judge · 1 vote" in words
    assert "In the last 24 hours 3 By LLM judges, beside these 1" in words


def test_who_stopped_voting_is_not_at_it() -> None:
    round_ = make.make_open_round()
    long_ago = timezone.now() - timedelta(hours=2)
    first, second = (candidate.completions.first() for candidate in round_.candidates.all())
    comparison = make.make_comparison(first, second, round_=round_, annotator=make.make_annotator())
    make.make_vote(comparison, created_at=long_ago)
    voting = live.tell_live(round_.run).voting
    assert (voting.n_last_hour, voting.n_last_day, voting.voters) == (0, 1, ())


@pytest.mark.parametrize(
    ("state", "paused", "status"),
    [("generating", False, 200), ("generating", True, 286), ("closed", False, 286)],
)
def test_polling_stops_by_itself(state: str, paused: bool, status: int) -> None:
    round_ = make_generating()
    run_shard(round_)
    run = round_.run
    run.state, run.paused_at = state, timezone.now() if paused else None
    run.save()
    at = live.tell_live(run).at
    answer = poll(run, at)
    assert answer.status_code == status
    assert answer.content.decode().lstrip().startswith('<div id="live-now"')


def test_page_of_another_state_comes_anew() -> None:
    round_ = make_generating()
    at = live.tell_live(round_.run).at
    SelectionRun.objects.filter(pk=round_.run_id).update(state="voting")
    assert poll(round_.run, at).headers["HX-Refresh"] == "true"


def test_page_that_does_not_move_loads_no_script() -> None:
    round_ = make.make_open_round()
    address = f"/runs/{round_.run.slug}/"
    assert b"htmx" in browser_as("researcher").get(address).content
    SelectionRun.objects.filter(pk=round_.run_id).update(state="closed")
    assert b"htmx" not in browser_as("researcher").get(address).content


def test_live_part_takes_as_many_queries_for_three_candidates_as_for_one() -> None:
    counts = []
    for n in (1, 3):
        round_ = make_generating(n_candidates=n)
        for place in range(n):
            run_shard(round_, place)
        counts.append(count_queries(lambda run=round_.run: live.tell_live(run)))
    assert counts[0] == counts[1]


def test_job_shows_the_end_of_its_log_and_stops_when_it_is_done() -> None:
    shard = run_shard(make_generating())
    address = f"/runs/{shard.round.run.slug}/jobs/{shard.pk}/"
    client = browser_as("researcher")
    page = client.get(address).content.decode()
    assert "line 1\nline 2</pre>" in page
    assert 'hx-trigger="every 2s"' in page
    GenerationShard.objects.update(state=State.DONE)
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 286
    assert "hx-trigger" not in client.get(address).content.decode()


def test_job_of_another_run_is_not_found() -> None:
    shard = run_shard(make_generating())
    other = make.make_run()
    assert browser_as("researcher").get(f"/runs/{other.slug}/jobs/{shard.pk}/").status_code == 404


def test_jobs_are_listed_and_can_be_those_of_one_candidate() -> None:
    round_ = make_generating()
    first, second = run_shard(round_), run_shard(round_, 1)
    client, address = browser_as("researcher"), f"/runs/{round_.run.slug}/jobs/"
    page = client.get(address).content.decode()
    assert f"jobs/{first.pk}/" in page
    assert f"jobs/{second.pk}/" in page
    page = client.get(f"{address}?candidate={first.candidate_id}").content.decode()
    assert f"jobs/{second.pk}/" not in page
    assert "No job yet" in client.get(f"/runs/{make.make_run().slug}/jobs/").content.decode()


def test_log_says_who_did_what_and_when() -> None:
    run, admin = make.make_run(), make.make_user("admin", username="aoi")
    log_event(run=run, kind=RunEvent.Kind.STATE, by=admin, **{"from": "draft", "to": "voting"})
    cut = {"rule": "beaten", "left": [f"c{n}" for n in range(20)], "error": 0.0512}
    log_event(run=run, kind=RunEvent.Kind.CUT, **cut)
    page = browser_as("researcher").get(f"/runs/{run.slug}/log/").content.decode()
    words = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert "aoi state changed from: draft · to: voting" in words
    assert "c11 … +8 · chance that the best one left: 0.0512" in words
    assert "rule: beaten by proof" in words
    assert words.index("candidates left") < words.index("aoi")
    page = browser_as("researcher").get(f"/runs/{run.slug}/log/?kind=cut").content.decode()
    assert "aoi" not in page


def test_log_has_pages_that_keep_the_kind() -> None:
    run = make.make_run()
    for _line in range(101):
        log_event(run=run, kind=RunEvent.Kind.PAUSED)
    page = browser_as("researcher").get(f"/runs/{run.slug}/log/?kind=paused").content.decode()
    assert "?page=2&amp;kind=paused" in page


@pytest.mark.parametrize("page", ["jobs", "log"])
def test_volunteers_see_none_of_it(page: str) -> None:
    assert browser_as("volunteer").get(f"/runs/{make.make_run().slug}/{page}/").status_code == 403


def test_paused_run_says_so_and_offers_no_rating() -> None:
    round_ = make.make_open_round()
    address, link = f"/runs/{round_.run.slug}/", f'href="/rate/{round_.run.slug}/"'
    assert link in browser_as("admin").get(address).content.decode()
    SelectionRun.objects.filter(pk=round_.run_id).update(paused_at=timezone.now())
    page = browser_as("researcher").get(address).content.decode()
    assert link not in page
    assert "Paused since" in page


def test_decided_run_says_who_was_chosen_near_its_top() -> None:
    round_ = make.make_open_round()
    told = {"number": 2, "chosen": "otter <7b>", "verdict": "best"}
    log_event(run=round_.run, kind=RunEvent.Kind.DECIDED, **told)
    page = browser_as("researcher").get(f"/runs/{round_.run.slug}/").content.decode()
    assert "<strong>otter &lt;7b&gt;</strong> was chosen by decision 2." in page
    assert f'href="/runs/{round_.run.slug}/decided/2/"' in page
