"""After a run has closed a volunteer sees the models, and how often they agreed."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotate.models import Ranking, Round, SelectionRun
from annotate.services import states
from annotate.views.results import Agreement, is_stronger, measure_agreement
from tests import factories as make
from tests.views.pages import browser_of, cast_votes, count_queries, make_ranking, make_standing

STANDINGS = {
    1: make_standing("best", strength=2.0),
    2: make_standing("second", strength=1.0),
    3: make_standing("equal to it", strength=1.0),
    4: make_standing("apart", strength=5.0, group=1),
    5: make_standing("without votes", strength=None, group=None),
}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(1, 2, True), (2, 1, False), (2, 3, None), (1, 4, None), (1, 5, None), (5, 9, None)],
)
def test_stronger_is_told_only_where_the_ranking_says_so(
    one: int, other: int, expected: bool | None
) -> None:
    assert is_stronger(STANDINGS, one, other) is expected


def test_agreement_counts_the_pairs_that_the_ranking_orders() -> None:
    pairs = [(1, 2), (1, 2), (2, 1), (2, 3), (4, 1)]
    assert measure_agreement(STANDINGS, pairs) == Agreement(agreed=2, n=3)


def close(round_: Round, state: str = "closed") -> None:
    """Close the round, and let its run come to a state."""
    states.close_round(round_=round_)
    SelectionRun.objects.filter(pk=round_.run_id).update(state=state)


def rank(round_: Round, **fields: Any) -> Ranking:
    """Rank the round's candidates, the later ones first."""
    candidates = round_.candidates.order_by("-id")
    rows = [
        make_standing(candidate.name, candidate_id=candidate.pk, rank=place, strength=1.0 / place)
        for place, candidate in enumerate(candidates, start=1)
    ]
    return make_ranking(round_.run, **{"standings": rows} | fields)


def read(client: Client, run: SelectionRun) -> str:
    answer = client.get(f"/rate/{run.slug}/results/")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "is_shown"), [("voting", False), ("decided", False), ("closed", True)]
)
def test_results_wait_until_no_round_can_open_again(state: str, is_shown: bool) -> None:
    round_ = make.make_open_round()
    user = make.make_volunteer(round_.run)
    cast_votes(round_, user.annotator, 2)
    close(round_, state)
    html = read(browser_of(user), round_.run)
    names = [candidate.name for candidate in round_.candidates.all()]
    assert [name in html for name in names] == [is_shown] * 2
    assert ("The results come after the run has closed" in html) is not is_shown


@pytest.mark.django_db
def test_decided_run_with_an_open_round_names_no_model() -> None:
    round_ = make.make_open_round()
    user = make.make_volunteer(round_.run)
    cast_votes(round_, user.annotator, 1)
    states.move_run(run=round_.run, to="decided")
    assert "The results come after" in read(browser_of(user), round_.run)


@pytest.mark.django_db
def test_results_name_the_models_by_the_sides_of_then_and_tell_the_agreement() -> None:
    round_ = make.make_open_round(n_prompts=3)
    user = make.make_volunteer(round_.run)
    first, second = round_.candidates.order_by("id")
    cast_votes(round_, user.annotator, 1, "a")
    pair = [candidate.completions.order_by("id")[1] for candidate in (first, second)]
    swapped = make.make_comparison(*pair, round_=round_, annotator=user.annotator, side_a="right")
    make.make_vote(swapped, "b")
    tied = [candidate.completions.order_by("id")[2] for candidate in (first, second)]
    make.make_vote(make.make_comparison(*tied, round_=round_, annotator=user.annotator), "tie")
    rank(round_, filters={"round": 1}, standings=[])
    rank(round_)
    close(round_)
    html = read(browser_of(user), round_.run)
    assert html.count(f"A = {first.name} · B = {second.name}") == 2
    assert html.count(f"A = {second.name} · B = {first.name}") == 1
    assert "50%" in html
    assert "You agreed with the outcome in 1 of 2 votes." in html
    assert html.count("1 of 2</td>") == 2
    assert html.count("as in the outcome") == html.count("the outcome differs") == 1


@pytest.mark.django_db
def test_results_without_a_ranking_or_without_votes_say_so() -> None:
    round_ = make.make_open_round()
    user, other = make.make_volunteer(round_.run), make.make_volunteer(round_.run)
    cast_votes(round_, user.annotator, 1)
    close(round_)
    assert "No ranking has been made" in read(browser_of(user), round_.run)
    assert "You have no votes in this run" in read(browser_of(other), round_.run)


@pytest.mark.django_db
def test_results_take_as_many_queries_for_many_votes_as_for_one() -> None:
    round_ = make.make_open_round(n_prompts=4)
    user = make.make_volunteer(round_.run)
    first, second = round_.candidates.order_by("id")
    cast_votes(round_, user.annotator, 1)
    rank(round_)
    SelectionRun.objects.update(state="closed")
    round_.run.rounds.update(closed_at=timezone.now())
    client = browser_of(user)
    few = count_queries(lambda: read(client, round_.run))
    pairs = zip(first.completions.order_by("-id"), second.completions.order_by("-id"), strict=True)
    for (one, other), _number in zip(pairs, range(3), strict=False):
        pair = make.make_comparison(one, other, round_=round_, annotator=user.annotator)
        make.make_vote(pair)
    assert count_queries(lambda: read(client, round_.run)) == few


@pytest.mark.django_db
def test_results_leave_out_known_answers_and_the_votes_of_others() -> None:
    round_ = make.make_open_round()
    user = make.make_volunteer(round_.run)
    comparison = make.make_known_comparison(round_, user.annotator)
    make.make_vote(comparison)
    cast_votes(round_, make.make_annotator(), 2)
    close(round_)
    assert "You have no votes in this run" in read(browser_of(user), round_.run)


@pytest.mark.django_db
def test_home_leads_to_the_results_of_finished_runs_with_own_votes() -> None:
    mine, others = make.make_open_round(), make.make_open_round()
    user = make.make_volunteer(mine.run)
    cast_votes(mine, user.annotator, 1)
    client = browser_of(user)
    link = f"/rate/{mine.run.slug}/results/"
    assert link not in client.get("/").content.decode()
    for round_ in (mine, others):
        close(round_)
    html = client.get("/").content.decode()
    assert link in html
    assert f"/rate/{others.run.slug}/results/" not in html
