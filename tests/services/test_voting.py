"""Comparisons are drawn fairly, and a vote is kept once."""

import threading
import uuid
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from annotate.models import Comparison, Completion, Round, Vote
from annotate.services import errors, states, voting
from annotate.services.annotators import annotator_of
from tests import factories as make
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db


def test_lease_comparison_gives_the_open_one_again() -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    first = voting.lease_comparison(round_=round_, annotator=annotator)
    assert voting.lease_comparison(round_=round_, annotator=annotator) == first
    assert first.lease_expires_at > timezone.now()


def test_lease_comparison_gives_every_pair_once_then_says_so() -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=2, n_samples=2)
    annotator = make.make_annotator()
    pairs = Counter()
    for _pair in range(3 * 2 * 4):  # pairs of candidates × prompts × pairs of samples
        comparison = voting.lease_comparison(round_=round_, annotator=annotator)
        pairs[comparison.completion_a_id, comparison.completion_b_id] += 1
        voting.record_vote(token=comparison.token, annotator=annotator, choice="tie")
    assert set(pairs.values()) == {1}
    with pytest.raises(errors.AllSeen):
        voting.lease_comparison(round_=round_, annotator=annotator)


def test_lease_comparison_keeps_candidates_and_prompts_in_balance() -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=4)
    for _annotator in range(12):
        comparison = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
        voting.record_vote(token=comparison.token, annotator=comparison.annotator, choice="left")
    pairs = Counter(round_.comparisons.values_list("candidate_a", "candidate_b", "prompt"))
    assert sorted(pairs.values()) == [1] * 12


def test_lease_comparison_shows_each_candidate_on_both_sides() -> None:
    round_ = make.make_open_round(n_prompts=1)
    sides = {
        voting.lease_comparison(round_=round_, annotator=make.make_annotator()).side_a
        for _annotator in range(40)  # one side only: 2 in 10^12
    }
    assert sides == {"left", "right"}


def test_lease_comparison_stays_within_held_out_prompts() -> None:
    round_ = make.make_open_round(n_prompts=2, prompt_scope=Round.Scope.HELD_OUT)
    held_out = round_.run.prompts().first()
    held_out.is_held_out = True
    held_out.save()
    annotator = make.make_annotator()
    comparison = voting.lease_comparison(round_=round_, annotator=annotator)
    assert comparison.prompt == held_out
    voting.record_vote(token=comparison.token, annotator=annotator, choice="left")
    with pytest.raises(errors.AllSeen):
        voting.lease_comparison(round_=round_, annotator=annotator)


def test_lease_comparison_stops_at_the_votes_wanted() -> None:
    round_ = make.make_open_round(votes_wanted=2)
    for _annotator in range(2):
        voting.lease_comparison(round_=round_, annotator=make.make_annotator())
    with pytest.raises(errors.VotesComplete):
        voting.lease_comparison(round_=round_, annotator=make.make_annotator())


def test_lease_that_ran_out_goes_to_another() -> None:
    round_ = make.make_open_round(n_prompts=1, votes_wanted=1)
    lost = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
    past = timezone.now() - timedelta(seconds=1)
    Comparison.objects.filter(pk=lost.pk).update(lease_expires_at=past)
    found = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
    assert found.completion_a == lost.completion_a


def test_vote_on_a_lease_that_ran_out_counts() -> None:
    round_ = make.make_open_round()
    comparison = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
    past = timezone.now() - timedelta(seconds=1)
    Comparison.objects.filter(pk=comparison.pk).update(lease_expires_at=past)
    vote = voting.record_vote(
        token=comparison.token, annotator=comparison.annotator, choice="both_bad"
    )
    assert (vote.outcome, vote.comparison) == ("both_bad", comparison)


def test_lease_comparison_refuses_a_closed_round() -> None:
    round_ = make.make_open_round()
    states.close_round(round_=round_)
    with pytest.raises(errors.RoundClosed):
        voting.lease_comparison(round_=round_, annotator=make.make_annotator())


def test_lease_comparison_says_when_nothing_was_answered() -> None:
    round_ = make.make_open_round(n_prompts=0)
    with pytest.raises(errors.NothingToCompare):
        voting.lease_comparison(round_=round_, annotator=make.make_annotator())


@pytest.mark.parametrize(
    ("side_a", "choice", "outcome"),
    [
        ("left", "left", "a"),
        ("left", "right", "b"),
        ("right", "left", "b"),
        ("right", "right", "a"),
        ("left", "tie", "tie"),
        ("right", "both_bad", "both_bad"),
    ],
)
def test_record_vote_translates_sides_to_a_and_b(side_a: str, choice: str, outcome: str) -> None:
    round_ = make.make_open_round(n_prompts=1)
    first, second = Completion.objects.filter(candidate__run=round_.run)
    annotator = make.make_annotator()
    comparison = make.make_comparison(
        first, second, round_=round_, annotator=annotator, side_a=side_a
    )
    vote = voting.record_vote(token=comparison.token, annotator=annotator, choice=choice)
    assert vote.outcome == outcome


def test_record_vote_again_returns_the_vote_that_stands() -> None:
    round_ = make.make_open_round()
    comparison = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
    first = voting.record_vote(token=comparison.token, annotator=comparison.annotator, choice="tie")
    states.close_round(round_=round_)
    again = voting.record_vote(
        token=comparison.token, annotator=comparison.annotator, choice="left"
    )
    assert (again, again.outcome) == (first, "tie")
    assert Vote.objects.count() == 1


def test_record_vote_refuses_a_stranger_and_an_unknown_token() -> None:
    round_ = make.make_open_round()
    comparison = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
    for token in (comparison.token, uuid.uuid4()):
        with pytest.raises(errors.ComparisonUnknown):
            voting.record_vote(token=token, annotator=make.make_annotator(), choice="tie")


def test_record_vote_refuses_an_unknown_choice() -> None:
    round_ = make.make_open_round()
    comparison = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
    with pytest.raises(ValueError, match="choice is 'a'; it must be one of left, right"):
        voting.record_vote(token=comparison.token, annotator=comparison.annotator, choice="a")


def test_record_vote_refuses_after_the_round_closed() -> None:
    round_ = make.make_open_round()
    comparison = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
    states.close_round(round_=round_)
    with pytest.raises(errors.RoundClosed):
        voting.record_vote(token=comparison.token, annotator=comparison.annotator, choice="tie")


def test_withdraw_vote_keeps_it_and_shows_the_pair_again() -> None:
    round_, user = make.make_open_round(), make.make_user()
    annotator = annotator_of(user=user)
    comparison = voting.lease_comparison(round_=round_, annotator=annotator)
    vote = voting.record_vote(token=comparison.token, annotator=annotator, choice="tie")
    withdrawn = voting.withdraw_vote(vote=vote, by=user)
    assert withdrawn.withdrawn_by == user
    assert withdrawn.withdrawn_number > vote.pk
    assert voting.lease_comparison(round_=round_, annotator=annotator) == comparison
    second = voting.record_vote(token=comparison.token, annotator=annotator, choice="left")
    assert list(Vote.objects.standing()) == [second]
    assert Vote.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_many_threads_of_one_annotator_cast_one_vote() -> None:
    """Double clicks and tabs at the same instant: one comparison, one vote."""
    round_, annotator = make.make_open_round(n_prompts=10), make.make_annotator()
    leased = threading.Barrier(6, timeout=30)

    def click() -> tuple[uuid.UUID, int]:
        comparison = voting.lease_comparison(round_=round_, annotator=annotator)
        leased.wait()
        vote = voting.record_vote(token=comparison.token, annotator=annotator, choice="left")
        return comparison.token, vote.pk

    clicks = at_once(*[click] * 6)
    assert (len(clicks), len(set(clicks)), Vote.objects.count()) == (6, 1, 1)
