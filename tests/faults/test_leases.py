"""A lease that runs out while its holder judges, and another holds the pair by then."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotate.models import Annotator, Comparison, Round, Vote
from annotate.services import advancing, errors, voting
from tests import factories as make
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

TIMES = 5


def one_pair() -> Round:
    """Make a round that wants one vote, and has one pair."""
    round_ = make.make_open_round(n_prompts=1, votes_wanted=1)
    make.make_rules(round_.run, max_characters_per_s=None)
    return round_


def lease(round_: Round, annotator: Annotator) -> Comparison:
    return voting.lease_comparison(round_=round_, annotator=annotator)


def judge(comparison: Comparison) -> Vote:
    return voting.record_vote(token=comparison.token, annotator=comparison.annotator, choice="left")


def run_out(comparison: Comparison) -> None:
    """Let the time of a lease pass."""
    Comparison.objects.filter(pk=comparison.pk).update(
        lease_expires_at=timezone.now() - timedelta(seconds=1)
    )


def test_pair_goes_to_another_only_when_its_lease_has_run_out() -> None:
    round_, first, second = one_pair(), make.make_annotator(), make.make_annotator()
    held = lease(round_, first)
    with pytest.raises(errors.VotesComplete):
        lease(round_, second)
    run_out(held)
    assert lease(round_, second).completion_a == held.completion_a


@pytest.mark.parametrize("number", range(TIMES))
def test_both_holders_votes_are_kept_once_whoever_comes_first(number: int) -> None:
    round_, first, second = one_pair(), make.make_annotator(), make.make_annotator()
    held = lease(round_, first)
    run_out(held)
    taken = lease(round_, second)
    votes = at_once(*[lambda: judge(held)] * 2, *[lambda: judge(taken)] * 2)
    assert len({vote.pk for vote in votes}) == 2
    assert set(Vote.objects.standing().values_list("comparison", flat=True)) == {held.pk, taken.pk}
    assert Vote.objects.count() == 2
    assert list(advancing.list_ready()) in ([], [round_.run])


def test_lease_that_runs_out_during_the_vote_costs_neither_vote_nor_turn() -> None:
    """What was fetched ahead is before its holder all the same."""
    round_ = make.make_open_round(n_prompts=4)
    make.make_rules(round_.run, max_characters_per_s=None)
    first, second = make.make_annotator(), make.make_annotator()
    held = lease(round_, first)
    ahead = voting.lease_ahead(round_=round_, annotator=first, after=held)
    assert ahead is not None
    run_out(held)
    run_out(ahead)
    others = lease(round_, second)
    at_once(lambda: judge(held), lambda: judge(others))
    assert lease(round_, first) == ahead
    assert judge(ahead).comparison == ahead
    assert Vote.objects.standing().count() == 3
