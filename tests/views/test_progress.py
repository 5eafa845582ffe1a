"""Progress counts what was judged, day by day, and the run's way."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from annotate.models import Annotator, Comparison, Round
from annotate.services import estimating
from annotate.services.decisions import set_decision_rules
from annotate.services.pairing import look_at
from annotate.services.progress import Progress, progress_of
from tests import factories as make
from tests.views.estimates import make_evidence, make_stop
from tests.views.pages import cast_votes, count_queries


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days_ago", "streak"),
    [([], 0), ([0], 1), ([1], 1), ([2], 0), ([0, 1, 2, 4], 3), ([1, 2], 2), ([0, 2], 1)],
)
def test_streak_is_kept_until_the_day_is_over(days_ago: list[int], streak: int) -> None:
    round_, annotator = make.make_open_round(n_prompts=4), make.make_annotator()
    cast_votes(round_, annotator, len(days_ago))
    noon = timezone.localtime().replace(hour=12)
    set_times([noon - timedelta(days=n) for n in days_ago])
    today = days_ago.count(0)
    assert progress_of(annotator) == Progress(today=today, total=len(days_ago), streak=streak)


@pytest.mark.django_db
def test_progress_counts_days_in_the_local_time_zone() -> None:
    round_, annotator = make.make_open_round(n_prompts=3), make.make_annotator()
    cast_votes(round_, annotator, 3)
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    times = [midnight, midnight - timedelta(seconds=1), midnight - timedelta(days=1, seconds=1)]
    set_times(times)
    assert progress_of(annotator) == Progress(today=1, total=3, streak=3)


def progress_in(annotator: Annotator, round_: Round) -> Progress:
    return progress_of(annotator, round_.run, look_at(round_))


def set_times(times: list[datetime]) -> None:
    for comparison, time in zip(Comparison.objects.order_by("id"), times, strict=True):
        Comparison.objects.filter(pk=comparison.pk).update(answered_at=time)


@pytest.mark.django_db
def test_progress_leaves_out_practice_and_says_how_far_the_run_is() -> None:
    round_ = make.make_open_round(n_prompts=3, votes_wanted=20)
    annotator, other = make.make_annotator(), make.make_annotator()
    cast_votes(round_, annotator, 2)
    cast_votes(round_, other, 3)
    practice = make.make_known_comparison(round_, annotator, "practice")
    make.make_vote(practice)
    assert progress_in(annotator, round_) == Progress(
        today=2, total=2, streak=1, run_votes=5, run_wanted=20
    )


@pytest.mark.django_db
def test_progress_names_no_goal_once_the_round_has_its_answer() -> None:
    round_, annotator = make.make_open_round(n_prompts=3, votes_wanted=20), make.make_annotator()
    cast_votes(round_, annotator, 2)
    set_decision_rules(run=round_.run, by=None, stops_early=True)
    make_stop(round_, make_evidence(None))
    assert progress_in(annotator, round_) == Progress(
        today=2, total=2, streak=1, run_votes=2, run_wanted=None
    )


@pytest.mark.django_db
def test_progress_takes_two_queries_whatever_was_judged() -> None:
    round_, annotator = make.make_open_round(n_prompts=6), make.make_annotator()
    now = look_at(round_)
    assert count_queries(lambda: progress_of(annotator, round_.run, now)) == 2
    cast_votes(round_, annotator, 6)
    assert count_queries(lambda: progress_of(annotator, round_.run, now)) == 2


@pytest.mark.django_db
def test_progress_adds_what_came_since_a_look_at_the_round() -> None:
    round_ = make.make_open_round(n_prompts=6)
    annotator, other = make.make_annotator(), make.make_annotator()
    cast_votes(round_, annotator, 3)
    long_ago = timezone.now() - timedelta(minutes=5)
    set_times([long_ago] * 3)
    Comparison.objects.update(created_at=long_ago)
    assert estimating.refresh_estimate(round_=round_).n_judged == 3
    cast_votes(round_, other, 2)
    assert progress_in(annotator, round_).run_votes == 5
    judge = make.make_judge()
    cast_votes(round_, judge.annotator, 4)
    assert progress_in(annotator, round_).run_votes == 5
    assert estimating.refresh_estimate(round_=round_).n_judged == 3
    assert progress_in(annotator, round_).run_votes == 5
