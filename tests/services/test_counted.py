"""What a process knows of what others draw, where it does not ask with each draw."""

import threading
import time
from collections import Counter
from contextlib import closing
from datetime import timedelta
from functools import partial

import numpy as np
import pytest
from django.db import connection, transaction
from django.utils import timezone

from annotate.models import Comparison, Report, Round
from annotate.services import (
    counted,
    estimating,
    exclusions,
    fields,
    matches,
    pairing,
    texts,
    voting,
)
from annotate.services.fields import Field
from tests import factories as make
from tests.services.test_drawing import lease
from tests.services.test_estimating import set_decision
from tests.services.test_over_allocation import N_VOLUNTEERS, rate
from tests.services.threads import at_once

HOUR = timedelta(hours=1)
pytestmark = [pytest.mark.django_db, pytest.mark.counts_later]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the seconds that the process's clock is ahead, for a test to move."""
    ahead, monotonic = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + ahead[0])
    return ahead


def field_of(round_: Round) -> Field:
    """Give what a newcomer's next pair is drawn by."""
    return fields.read_field(pairing.look_at(round_), make.make_annotator())


def give_elsewhere(round_: Round, n: int = 1) -> list[Comparison]:
    """Have another process of the site give comparisons of the first two candidates."""
    a, b = (each.completions.order_by("id") for each in round_.candidates.order_by("id")[:2])
    return [
        make.make_comparison(
            a[place],
            b[place],
            round_=round_,
            annotator=make.make_annotator(),
            lease_expires_at=timezone.now() + timedelta(minutes=30),
        )
        for place in range(n)
    ]


def test_own_draws_count_at_once_and_others_half_a_second_later(clock: list[float]) -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=8)
    assert field_of(round_).n_taken == 0
    lease(round_, make.make_annotator())
    assert field_of(round_).n_taken == 1
    give_elsewhere(round_, 3)
    assert field_of(round_).n_taken == 1
    clock[0] += counted.FRESH_S
    field = field_of(round_)
    assert (field.n_taken, field.n_lately, field.met[0, 1] >= 3) == (4, 4, True)
    clock[0] += counted.FRESH_S
    assert field_of(round_).n_taken == 4  # what was read before is read again, and not counted


@pytest.mark.django_db(transaction=True)
def test_a_comparison_that_is_committed_late_is_found(clock: list[float]) -> None:
    """It has a lower id than another that was read before."""
    round_ = make.make_open_round(n_prompts=8)
    was_given, may_commit = threading.Event(), threading.Event()

    def give_slowly() -> None:
        with closing(connection), transaction.atomic():
            give_elsewhere(round_)
            was_given.set()
            assert may_commit.wait(timeout=30)

    slow = threading.Thread(target=give_slowly)
    slow.start()
    assert was_given.wait(timeout=30)
    give_elsewhere(round_, 2)
    assert field_of(round_).n_taken == 2
    may_commit.set()
    slow.join()
    clock[0] += counted.FRESH_S
    assert field_of(round_).n_taken == 3


def test_what_was_read_long_ago_is_not_read_again(clock: list[float]) -> None:
    """Nor are other rounds' comparisons, which are in between, read again and again."""
    round_ = make.make_open_round(n_prompts=8)
    known = counted.count_drawn(pairing.look_at(round_))
    give_elsewhere(round_, 2)
    elsewhere = give_elsewhere(make.make_open_round(), 3)
    clock[0] += 1
    assert field_of(round_).n_taken == 2
    assert known._through < elsewhere[0].pk
    clock[0] += 2
    newer = give_elsewhere(round_, 4)[3:]
    assert field_of(round_).n_taken == 6
    assert known._through < elsewhere[0].pk  # of the first reading, in which there was none
    clock[0] += 2
    assert field_of(round_).n_taken == 6
    assert elsewhere[-1].pk <= known._through
    clock[0] += 2
    assert field_of(round_).n_taken == 6
    assert (known._through >= newer[0].pk, known._ids) == (True, set())


def test_a_look_takes_over_what_was_counted(clock: list[float]) -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=8)
    for _vote in range(4):
        drawn = lease(round_, make.make_annotator())
        voting.record_vote(token=drawn.token, annotator=drawn.annotator, choice="left")
    give_elsewhere(round_, 2)
    before = field_of(round_)
    estimating.refresh_estimate(round_=round_)
    after = field_of(round_)
    assert (before.n_taken, after.n_taken) == (4, 6)
    assert after.met.sum() == 12
    clock[0] += counted.FRESH_S
    assert field_of(round_).met.tolist() == after.met.tolist()


@pytest.mark.parametrize("how", ["skipped", "run out"])
def test_what_became_free_is_noticed_within_half_a_minute(how: str, clock: list[float]) -> None:
    round_ = make.make_open_round(n_prompts=8)
    given = give_elsewhere(round_, 3)
    assert field_of(round_).n_taken == 3
    changed = (
        {"skipped_at": timezone.now(), "skip_reason": "broken_text"} if how == "skipped" else {}
    )
    changed |= {"lease_expires_at": timezone.now()} if how == "run out" else {}
    Comparison.objects.filter(pk=given[0].pk).update(**changed)
    clock[0] += counted.FRESH_S
    assert field_of(round_).n_taken == 3
    clock[0] += counted.ANEW_S
    assert field_of(round_).n_taken == 2


def test_an_exclusion_counts_at_once() -> None:
    round_ = make.make_open_round(n_prompts=8)
    drawn = [lease(round_, make.make_annotator()) for _pair in range(3)]
    for each in drawn:
        voting.record_vote(token=each.token, annotator=each.annotator, choice="left")
    assert field_of(round_).n_taken == 3
    exclusions.exclude(run=round_.run, annotator=drawn[0].annotator, reason="Careless.")
    assert field_of(round_).n_taken == 2


def test_a_candidate_that_joins_an_open_round_is_drawn_at_once() -> None:
    round_ = make.make_open_round(n_prompts=3)
    assert field_of(round_).met.shape == (2, 2)
    newcomer = make.make_candidate(round_.run)
    for prompt in round_.prompts():
        make.make_completion(newcomer, prompt)
    round_.candidates.add(newcomer)
    field = field_of(round_)
    assert (field.met.shape, field.n_texts[newcomer.pk]) == ((3, 3), 3)


def test_new_texts_and_reports_are_known_within_half_a_second(clock: list[float]) -> None:
    round_ = make.make_open_round(n_prompts=2)
    given = lease(round_, make.make_annotator())
    assert field_of(round_).hidden == ()
    voting.report_completion(token=given.token, annotator=given.annotator, side="left")
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    for candidate in round_.candidates.all():
        make.make_completion(candidate, prompt)
    clock[0] += counted.FRESH_S
    field = field_of(round_)
    assert set(field.n_texts.values()) == {3}
    assert len(field.hidden) == 1


def test_a_text_that_was_reported_a_moment_ago_is_given_to_nobody() -> None:
    """The process that draws has not heard of it; taking the text finds out."""
    round_ = make.make_open_round(n_prompts=3)
    field_of(round_)
    reported = round_.candidates.order_by("id")[0].completions.order_by("id")[0]
    comparison = give_elsewhere(round_)[0]
    Report.objects.create(comparison=comparison, completion=reported)
    rng = np.random.default_rng(0)
    for _person in range(6):
        drawn = voting.lease_comparison(round_=round_, annotator=make.make_annotator(), rng=rng)
        assert drawn.completion_a != reported


def test_a_pair_that_was_given_elsewhere_a_moment_ago_is_not_given_again() -> None:
    """Storing it finds out, and what is known of the two candidates is read again."""
    round_ = make.make_open_round(n_prompts=4)
    first = lease(round_, make.make_annotator())  # reads how often they have met: once, by itself
    a, b = first.completion_a.candidate, first.completion_b.candidate
    others = Comparison.objects.none()
    for one in a.completions.exclude(pk=first.completion_a_id).order_by("id")[:2]:
        two = b.completions.get(prompt=one.prompt)
        given = make.make_comparison(
            one, two, round_=round_, annotator=make.make_annotator(),
            lease_expires_at=timezone.now() + timedelta(minutes=30),
        )  # fmt: skip
        others |= Comparison.objects.filter(pk=given.pk)
    drawn = lease(round_, make.make_annotator())
    given_before = others.values_list("completion_a", "completion_b")
    assert (drawn.completion_a_id, drawn.completion_b_id) not in {
        *given_before, (first.completion_a_id, first.completion_b_id),
    }  # fmt: skip


def test_a_pair_that_was_skipped_is_given_before_any_is_given_twice() -> None:
    round_ = make.make_open_round(n_prompts=3)
    drawn = [lease(round_, make.make_annotator()) for _pair in range(3)]
    voting.skip_comparison(
        token=drawn[1].token, annotator=drawn[1].annotator, reason="cannot_judge"
    )
    again = lease(round_, make.make_annotator())
    assert again.prompt == drawn[1].prompt


def test_a_pair_that_was_skipped_elsewhere_comes_first_half_a_minute_later(
    clock: list[float],
) -> None:
    round_ = make.make_open_round(n_prompts=3)
    drawn = [lease(round_, make.make_annotator()) for _pair in range(3)]
    assert lease(round_, make.make_annotator())  # given twice, by what was read just now
    free = drawn[1].prompt
    Comparison.objects.filter(round=round_, prompt=free).update(
        skipped_at=timezone.now(), skip_reason="cannot_judge"
    )
    clock[0] += counted.ANEW_S
    assert lease(round_, make.make_annotator()).prompt == free


def test_the_end_of_a_round_is_met_though_others_draw_unheard_of() -> None:
    round_ = make.make_open_round(n_prompts=20, votes_wanted=5)
    assert field_of(round_).n_taken == 0
    give_elsewhere(round_, 4)
    lease(round_, make.make_annotator())
    with pytest.raises(voting.errors.VotesComplete):
        lease(round_, make.make_annotator())


def test_what_is_known_of_two_candidates_is_read_again_now_and_then(clock: list[float]) -> None:
    round_ = make.make_open_round(n_prompts=5)
    now = pairing.look_at(round_)
    a, b = now.candidates
    field = field_of(round_)
    known = texts._match(now, (a, b), field, matches.FRESH_S)
    given = give_elsewhere(round_, 2)
    assert texts._match(now, (a, b), field, matches.FRESH_S) is known
    matches.note((round_.pk, a, b), given[0].pk, given[0].completion_a_id, given[0].completion_b_id)
    assert known.n.sum() == 1
    clock[0] += matches.FRESH_S
    read = texts._match(now, (a, b), field, matches.FRESH_S)
    assert (read is known, read.n.sum()) == (False, 2)
    Comparison.objects.update(answered_at=timezone.now(), created_at=timezone.now() - HOUR)
    settled = texts._match(now, (a, b), field, 0.0)
    assert (settled.settled.sum(), settled.open, settled.n.sum()) == (2, (), 2)
    Comparison.objects.filter(pk=given[0].pk).update(answered_at=None, dropped_at=timezone.now())
    assert texts._match(now, (a, b), field, 0.0).n.sum() == 2
    clock[0] += matches.ANEW_S
    assert texts._match(now, (a, b), field, matches.FRESH_S).n.sum() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("asked", "n_prompts"), [(1, 96), (3, 64)])
def test_no_pair_goes_to_more_annotators_than_asked(asked: int, n_prompts: int) -> None:
    """As where all is counted anew, with threads that know of each other's draws alone."""
    round_ = make.make_open_round(n_candidates=2, n_prompts=n_prompts)
    set_decision(round_.run, votes_per_pair=asked)
    people = [make.make_annotator() for _person in range(N_VOLUNTEERS)]
    at_once(*[partial(rate, round_, person, 3) for person in people])
    given = Counter(Comparison.objects.values_list("completion_a", "completion_b"))
    assert max(given.values()) == asked
    assert given.total() == N_VOLUNTEERS * 3


@pytest.mark.django_db(transaction=True)
def test_no_round_takes_more_votes_than_it_wants() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=20, votes_wanted=50)
    people = [make.make_annotator() for _person in range(N_VOLUNTEERS)]
    judged = at_once(*[partial(rate, round_, person, 3) for person in people])
    assert sum(judged) == Comparison.objects.judged().count() == 50


@pytest.mark.django_db(transaction=True)
def test_threads_that_read_and_draw_count_each_comparison_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However their readings and draws fall between each other, with all read all the time."""
    monkeypatch.setattr(counted, "FRESH_S", 0.0)
    round_ = make.make_open_round(n_candidates=4, n_prompts=60)
    people = [make.make_annotator() for _person in range(N_VOLUNTEERS)]
    at_once(*[partial(rate, round_, person, 3) for person in people])
    field = field_of(round_)
    drawn = Counter(Comparison.objects.values_list("candidate_a", "candidate_b"))
    place = {candidate: place for place, candidate in enumerate(field.candidates)}
    assert {pair: field.met[place[pair[0]], place[pair[1]]] for pair in drawn} == drawn
    assert field.n_taken == drawn.total() == N_VOLUNTEERS * 3
