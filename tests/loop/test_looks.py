"""A worker looks at a round after ten votes, and the next pairs are drawn by what it found."""

from collections.abc import Callable

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate import tasks
from annotate.models import DecisionRules, Stop
from annotate.services import errors, estimating, pairing, voting
from annotate.services.fields import read_field
from tests import factories as make


@pytest.mark.django_db(transaction=True)
def test_ten_votes_bring_a_look_by_a_worker(work_off: Callable[[], None]) -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=4)
    people = [make.make_annotator() for _person in range(10)]
    for person in people:
        drawn = voting.lease_comparison(round_=round_, annotator=person)
        voting.record_vote(token=drawn.token, annotator=person, choice="left")
    work_off()
    assert 1 <= round_.estimate.n_votes <= 10
    now = pairing.look_at(round_)
    assert now.stamp is not None
    field = read_field(now, people[0])
    assert (field.n_taken, field.chances is None) == (10, False)


@pytest.mark.django_db(transaction=True)
def test_a_look_whose_worker_was_killed_does_not_keep_the_next_from_beginning(
    work_off: Callable[[], None],
) -> None:
    round_ = make.make_open_round(n_prompts=1)
    a, b = (each.completions.get() for each in round_.candidates.order_by("id"))
    make.make_vote(make.make_comparison(a, b, round_=round_, annotator=make.make_annotator()))
    estimating.request_refresh(round_=round_)
    looks = ProcrastinateJob.objects.filter(args={"round_id": round_.pk}).order_by("id")
    with connection.cursor() as cursor:
        update = "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s"
        cursor.execute(update, [looks.get().pk])
    estimating.request_refresh(round_=round_)
    tasks.revive_stalled_jobs.defer(timestamp=0)
    work_off()
    assert [job.status for job in looks.all()] == ["failed", "succeeded"]
    assert round_.estimate.n_votes == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_a_worker_stops_a_round_that_has_its_answer(work_off: Callable[[], None]) -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=12)
    DecisionRules.objects.create(run=round_.run, stops_early=True)
    best = round_.candidates.order_by("id").first()
    for number in range(8):
        person = make.make_annotator()
        for vote in range(12):
            drawn = voting.lease_comparison(round_=round_, annotator=person)
            is_left = (drawn.side_a == "left") == (drawn.candidate_a == best)
            is_against = (number + vote) % 5 == 0
            choice = "left" if is_left != is_against else "right"
            voting.record_vote(token=drawn.token, annotator=person, choice=choice)
    work_off()
    assert Stop.objects.get().reason == "best"
    with pytest.raises(errors.RoundDecided):
        voting.lease_comparison(round_=round_, annotator=make.make_annotator())
