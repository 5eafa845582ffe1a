"""A look at a round's votes: what it stores, when it is made, and when it stops the round."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate import tasks
from annotate.models import (
    Annotator,
    Comparison,
    DecisionRules,
    Round,
    RoundEstimate,
    SelectionRun,
    Stop,
    Vote,
)
from annotate.ranking import RankingSettings
from annotate.ranking.estimate import Look
from annotate.services import errors, estimating, exclusions, pairing, states, voting
from annotate.services.rankings import store_rankings
from tests import factories as make
from tests.services.test_ledger import held_ledger
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db


def set_decision(run: SelectionRun, **fields: object) -> DecisionRules:
    return DecisionRules.objects.update_or_create(run=run, defaults=fields)[0]


def cast(
    round_: Round, annotator: Annotator, a: int, b: int, outcome: str = "a", prompt: int = 0
) -> Vote:
    """Let an annotator judge the round's candidates number a and b on one of its prompts."""
    candidates = list(round_.candidates.order_by("id"))
    asked = round_.prompts().order_by("id")[prompt]
    one, other = (candidates[n].completions.get(prompt=asked) for n in (a, b))
    comparison = make.make_comparison(one, other, round_=round_, annotator=annotator)
    return make.make_vote(comparison, outcome)


def settle(round_: Round) -> None:
    """Let the round's comparisons be older than what may not be committed yet."""
    long_ago = timezone.now() - timedelta(minutes=5)
    round_.comparisons.update(created_at=long_ago)


def favour_first(round_: Round, n_annotators: int = 12, prompts: Sequence[int] = (0, 1, 2)) -> None:
    """Let everybody prefer the first candidate to the others in four of five comparisons."""
    n = round_.candidates.count()
    for person in range(n_annotators):
        annotator = make.make_annotator()
        for prompt in prompts:
            for rival in range(1, n):
                is_against = (person + 2 * prompt + rival) % 5 == 0
                cast(round_, annotator, 0, rival, "b" if is_against else "a", prompt=prompt)


def refresh(round_: Round) -> RoundEstimate:
    return estimating.refresh_estimate(round_=round_)


def waiting_jobs() -> list[dict[str, int]]:
    jobs = ProcrastinateJob.objects.filter(
        task_name="annotate.tasks.refresh_estimate", status="todo"
    )
    return list(jobs.order_by("id").values_list("args", flat=True))


def test_a_round_without_votes() -> None:
    round_ = make.make_open_round(n_candidates=3)
    estimate = refresh(round_)
    ids = sorted(round_.candidates.values_list("id", flat=True))
    assert (estimate.version, estimate.n_votes, estimate.candidates) == (1, 0, ids)
    assert estimate.evidence == {
        "gap": "no_votes", "clusters": None, "leader": None, "rivals": [], "alpha": 0.05,
        "delta": None,
        "level": 0.95, "answer": None, "votes_by_language": {"en": 0}, "votes_per_language": 0,
        "votes_remaining": None, "n_annotators": 0, "annotators_needed": 5, "unjoined": ids,
    }  # fmt: skip
    assert estimate.standings == [
        {"candidate": pk, "group": None, "strength": None, "low": None, "high": None,
         "p_best": None, "votes": 0}
        for pk in ids
    ]  # fmt: skip
    assert pairing.Estimate.of(estimate).chances is None


def test_a_round_of_one_candidate() -> None:
    estimate = refresh(make.make_open_round(n_candidates=1))
    assert (estimate.evidence["gap"], estimate.evidence["leader"]) == ("one_candidate", None)


def test_one_annotator_alone_gives_strengths_and_no_evidence() -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    for prompt in range(3):
        cast(round_, annotator, 0, 1, prompt=prompt)
    estimate = refresh(round_)
    first, second = estimate.standings
    assert first["strength"] > second["strength"]
    assert first["low"] < first["strength"] < first["high"]
    assert (estimate.evidence["gap"], estimate.evidence["rivals"]) == ("one_annotator", [])


def test_candidates_that_no_votes_join_are_named() -> None:
    round_ = make.make_open_round(n_candidates=5)
    for _person in range(4):
        annotator = make.make_annotator()
        cast(round_, annotator, 0, 1)
        cast(round_, annotator, 2, 3)
        cast(round_, annotator, 1, 0, prompt=1)
    estimate = refresh(round_)
    ids = estimate.candidates
    assert [row["group"] for row in estimate.standings] == [0, 0, 1, 1, None]
    assert estimate.evidence["gap"] == "not_joined"
    assert estimate.evidence["unjoined"] == ids[2:]
    chances = pairing.Estimate.of(estimate).chances
    assert chances is not None
    assert 4 in chances.pairs  # somebody nothing is known of may be the best


def test_evidence_of_a_leader() -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=6)
    favour_first(round_, prompts=range(6))
    estimate = refresh(round_)
    evidence, ids = estimate.evidence, estimate.candidates
    assert (evidence["gap"], evidence["leader"], evidence["answer"]) == (None, ids[0], "best")
    assert (evidence["votes_remaining"], evidence["unjoined"]) == (0, [])
    assert {row["candidate"] for row in evidence["rivals"]} == set(ids[1:])
    e_values = [row["e_value"] for row in evidence["rivals"]]
    assert e_values == sorted(e_values)
    assert all(row["is_beaten"] and row["e_value"] >= 20 for row in evidence["rivals"])
    assert all(row["low"] < row["difference"] < row["high"] for row in evidence["rivals"])
    assert (evidence["n_annotators"], evidence["votes_by_language"]) == (12, {"en": 144})
    assert estimate.standings[0]["candidate"] == ids[0]
    assert estimate.standings[0]["p_best"] > 0.95
    assert estimate.n_votes == 144 == sum(row["votes"] for row in estimate.standings) // 2


def test_an_answer_that_hangs_on_a_few_prompts_is_none() -> None:
    """Everybody agrees on each prompt, and prompts do not: more annotators tell nothing more."""
    round_ = make.make_open_round(n_prompts=6)
    set_decision(round_.run, stops_early=True)
    for _person in range(30):
        annotator = make.make_annotator()
        for prompt in range(6):
            cast(round_, annotator, 0, 1, "b" if prompt < 2 else "a", prompt=prompt)
    evidence = refresh(round_).evidence
    # A prompt has one pair of completions here, so that the two are the same.
    assert evidence["clusters"] in ("annotator_prompt", "annotator_pair")
    assert evidence["answer"] is None
    assert evidence["rivals"][0]["e_value"] < 2
    assert evidence["votes_remaining"] != 0
    assert not Stop.objects.exists()


def test_an_answer_is_by_prompts_as_a_ranking_is() -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=6)
    favour_first(round_, prompts=range(6))
    estimate = refresh(round_)
    (ranking,) = store_rankings(run=round_.run, settings=RankingSettings())
    assert estimate.evidence["clusters"] == ranking.settings["clustered_by"]
    told = [(row["strength"], row["low"], row["high"]) for row in estimate.standings]
    ranked = [(row["strength"], row["low"], row["high"]) for row in ranking.standings]
    assert np.array(told) == pytest.approx(np.array(ranked), abs=1e-9)


def test_votes_that_do_not_count_are_not_in_it() -> None:
    round_ = make.make_open_round()
    annotators = [make.make_annotator() for _person in range(3)]
    votes = [cast(round_, annotator, 0, 1) for annotator in annotators]
    first = refresh(round_)
    voting.withdraw_vote(vote=votes[0], by=None)
    exclusions.exclude(run=round_.run, annotator=annotators[1], reason="careless")
    make.make_vote(make.make_known_comparison(round_, annotators[2]))
    second = refresh(round_)
    assert [first.n_votes, second.n_votes] == [3, 1]
    assert [first.version, second.version] == [1, 2]
    assert second.through > first.through
    assert RoundEstimate.objects.count() == 1


def test_votes_on_candidates_of_another_round_are_not_in_it() -> None:
    round_ = make.make_open_round(n_candidates=3)
    for _person in range(3):
        annotator = make.make_annotator()
        cast(round_, annotator, 0, 1)
        cast(round_, annotator, 1, 2)
    round_.candidates.remove(round_.candidates.order_by("id").last())
    estimate = refresh(round_)
    assert (estimate.n_votes, len(estimate.standings)) == (3, 2)
    assert estimate.evidence["votes_by_language"] == {"en": 3}


def test_the_stored_arrays_are_what_pairs_are_drawn_by() -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=6)
    favour_first(round_, prompts=range(6))
    settle(round_)
    held = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
    estimate = pairing.Estimate.of(refresh(round_))
    assert estimate.last_comparison == held.pk - 1
    assert estimate.met.tolist() == [[0, 72, 72], [72, 0, 0], [72, 0, 0]]
    assert estimate.cells == {("en", ""): 144}
    assert estimate.available["en"].tolist() == [[0, 6, 6], [6, 0, 6], [6, 6, 0]]
    assert estimate.chances is not None
    assert estimate.chances.chances.sum() == pytest.approx(1)


def test_stops_once_it_has_its_answer() -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=6)
    set_decision(round_.run, stops_early=True)
    favour_first(round_, prompts=range(6))
    estimate = refresh(round_)
    stop = Stop.objects.get()
    assert (stop.round, stop.reason, stop.n_votes) == (round_, "best", 144)
    assert (stop.cutoff, stop.evidence) == (estimate.through, estimate.evidence)
    cast(round_, make.make_annotator(), 1, 2)
    refresh(round_)
    assert Stop.objects.get() == stop


@pytest.mark.parametrize("why", ["never", "language", "closed", "few annotators"])
def test_does_not_stop(why: str) -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=18)
    n_annotators, n_prompts = (4, 18) if why == "few annotators" else (12, 6)
    set_decision(
        round_.run,
        stops_early=why != "never",
        votes_per_language=73 if why == "language" else 72,
    )
    favour_first(round_, n_annotators, range(n_prompts))
    if why == "closed":
        states.close_round(round_=round_)
    evidence = refresh(round_).evidence
    assert evidence["answer"] == (None if why == "few annotators" else "best")
    assert not Stop.objects.exists()


@pytest.mark.parametrize("meanwhile", ["closed", "never", "alpha"])
def test_a_look_does_not_stop_what_has_changed_meanwhile(
    meanwhile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=6)
    set_decision(round_.run, stops_early=True)
    favour_first(round_, prompts=range(6))
    look_at_votes = estimating.look_at_votes

    def look_slowly(*told: Any, **fields: Any) -> Look:
        if meanwhile == "closed":
            states.close_round(round_=Round.objects.get())
        elif meanwhile == "never":
            set_decision(round_.run, stops_early=False)
        else:
            set_decision(round_.run, alpha=1e-30)
        return look_at_votes(*told, **fields)

    monkeypatch.setattr(estimating, "look_at_votes", look_slowly)
    assert refresh(round_).evidence["answer"] == "best"
    assert not Stop.objects.exists()


def test_stops_when_the_last_language_has_its_votes() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=6)
    japanese = make.make_prompt(round_.run.prompt_sets.get(), language="ja")
    for candidate in round_.candidates.all():
        make.make_completion(candidate, japanese)
    set_decision(round_.run, stops_early=True, votes_per_language=12)
    favour_first(round_, prompts=range(6))
    evidence = refresh(round_).evidence
    assert (evidence["answer"], evidence["votes_by_language"]) == ("best", {"en": 72, "ja": 0})
    assert not Stop.objects.exists()
    favour_first(round_, prompts=[6])
    refresh(round_)
    assert Stop.objects.get().evidence["votes_by_language"] == {"en": 72, "ja": 12}


def test_stops_for_equivalence_where_the_run_says_what_does_not_matter() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=1)
    set_decision(round_.run, stops_early=True, delta=2.5)
    for person in range(40):
        cast(round_, make.make_annotator(), 0, 1, "ab"[person % 2])
    assert refresh(round_).evidence["rivals"][0]["is_equivalent"]
    assert Stop.objects.get().reason == "equivalent"


def test_a_stopped_round_draws_no_more_and_takes_what_is_under_way() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=6)
    rules = set_decision(round_.run, stops_early=True)
    waits = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
    favour_first(round_, prompts=range(6))
    refresh(round_)
    newcomer = make.make_annotator()
    with pytest.raises(errors.RoundDecided, match="no more votes are needed"):
        voting.lease_comparison(round_=round_, annotator=newcomer)
    assert voting.lease_comparison(round_=round_, annotator=waits.annotator) == waits
    voting.record_vote(token=waits.token, annotator=waits.annotator, choice="left")
    with pytest.raises(errors.RoundDecided):
        voting.lease_comparison(round_=round_, annotator=waits.annotator)
    assert refresh(round_).n_votes == 73
    rules.stops_early = False
    rules.save()
    assert voting.lease_comparison(round_=round_, annotator=newcomer).purpose == "ranking"


def test_every_tenth_vote_asks_for_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    round_ = make.make_open_round(n_prompts=6)
    asked = []
    for _vote in range(45):
        before = len(waiting_jobs())
        comparison = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
        vote = voting.record_vote(
            token=comparison.token, annotator=comparison.annotator, choice="left"
        )
        if len(waiting_jobs()) > before:
            asked.append(vote.pk)
            ProcrastinateJob.objects.filter(status="todo").update(status="succeeded")
    assert all(pk % 10 == 0 for pk in asked)
    assert len(asked) >= 4


def test_a_wish_that_waits_is_not_made_twice() -> None:
    round_, other = make.make_open_round(), make.make_open_round()
    for _time in range(3):
        estimating.request_refresh(round_=round_)
    estimating.request_refresh(round_=other)
    assert waiting_jobs() == [{"round_id": round_.pk}, {"round_id": other.pk}]


@pytest.mark.parametrize(
    "act", ["change", "undo", "withdraw", "withdraw_all", "exclude", "include"]
)
def test_what_changes_votes_asks_for_a_look(act: str) -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    vote = cast(round_, annotator, 0, 1)
    if act == "include":
        exclusion = exclusions.exclude(run=round_.run, annotator=annotator, reason="careless")
    ProcrastinateJob.objects.all().delete()
    if act == "change":
        voting.change_vote(token=vote.comparison.token, annotator=annotator, choice="tie")
    elif act == "undo":
        voting.undo_vote(run=round_.run, annotator=annotator)
    elif act == "withdraw":
        voting.withdraw_vote(vote=vote, by=None)
    elif act == "withdraw_all":
        voting.withdraw_all(annotator=annotator, by=None)
    elif act == "exclude":
        exclusions.exclude(run=round_.run, annotator=annotator, reason="careless")
    else:
        exclusions.undo_exclusion(exclusion=exclusion, reason="a mistake")
    assert waiting_jobs() == [{"round_id": round_.pk}]


def test_list_outdated_finds_rounds_with_votes_since_their_last_look() -> None:
    looked_at, fresh, silent, closed = (make.make_open_round() for _round in range(4))
    for round_ in (looked_at, fresh, closed):
        cast(round_, make.make_annotator(), 0, 1)
    states.close_round(round_=closed)
    assert estimating.list_outdated() == [looked_at, fresh, closed]
    refresh(looked_at)
    refresh(silent)
    Round.objects.filter(pk=closed.pk).update(
        opened_at=timezone.now() - timedelta(days=2), closed_at=timezone.now() - timedelta(days=1)
    )
    assert estimating.list_outdated() == [fresh]
    cast(looked_at, make.make_annotator(), 0, 1)
    assert estimating.list_outdated() == [looked_at, fresh]


def test_the_tasks_look_at_what_is_outdated() -> None:
    round_ = make.make_open_round()
    cast(round_, make.make_annotator(), 0, 1)
    tasks.refresh_estimates(timestamp=0)
    assert waiting_jobs() == [{"round_id": round_.pk}]
    tasks.refresh_estimate(round_id=round_.pk)
    assert RoundEstimate.objects.get().n_votes == 1
    assert estimating.list_outdated() == []


def test_looks_are_made_by_the_queue_that_workers_run() -> None:
    assert app.tasks["annotate.tasks.refresh_estimate"].queue == "default"
    assert app.tasks["annotate.tasks.refresh_estimates"].queue == "default"


@pytest.mark.django_db(transaction=True)
def test_wishes_at_once_come_to_one() -> None:
    round_ = make.make_open_round()

    def ask() -> None:
        with transaction.atomic():
            estimating.request_refresh(round_=round_)
            Round.objects.get()  # the transaction goes on

    at_once(*[ask] * 6)
    # The queue's tables are not emptied between tests that commit, so others may wait there.
    assert waiting_jobs().count({"round_id": round_.pk}) == 1


@pytest.mark.django_db(transaction=True)
def test_looks_at_once_leave_the_newest() -> None:
    round_ = make.make_open_round(n_prompts=8)
    for _person in range(6):
        cast(round_, make.make_annotator(), 0, 1)
    at_once(*[lambda: refresh(round_)] * 5)
    estimate = RoundEstimate.objects.get()
    assert estimate.n_votes == 6
    assert 1 <= estimate.version <= 5
    assert refresh(round_).version == estimate.version + 1


@pytest.mark.django_db(transaction=True)
def test_a_look_gives_way_to_an_import() -> None:
    round_ = make.make_open_round()
    with held_ledger(round_.run_id), pytest.raises(errors.LedgerBusy):
        refresh(round_)
    assert not RoundEstimate.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_look_that_gave_way_is_wished_for_again() -> None:
    round_ = make.make_open_round()
    with held_ledger(round_.run_id):
        tasks.refresh_estimate(round_id=round_.pk)
        tasks.refresh_estimate(round_id=round_.pk)
    (job,) = ProcrastinateJob.objects.filter(args={"round_id": round_.pk})
    assert job.status == "todo"
    assert job.scheduled_at > timezone.now()


def test_the_look_is_the_same_for_the_same_votes() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=4)
    rng = np.random.default_rng(0)
    for _person in range(8):
        annotator = make.make_annotator()
        for prompt in range(4):
            a, b = sorted(rng.choice(4, 2, replace=False).tolist())
            cast(round_, annotator, a, b, str(rng.choice(Vote.Outcome.values)), prompt=prompt)
    first, second = refresh(round_), refresh(round_)
    strengths = [[row["strength"] for row in look.standings] for look in (first, second)]
    assert strengths[0] == strengths[1]
    assert Comparison.objects.count() == first.n_votes == 32
