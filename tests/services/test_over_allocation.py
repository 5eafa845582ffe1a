"""However many draw at once, no pair goes to more annotators than asked, and no round to more."""

from collections import Counter
from functools import partial

import pytest
from django.db import connection

from annotate.models import Annotator, Comparison, Round
from annotate.services import errors, voting
from tests import factories as make
from tests.services.test_estimating import set_decision
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

N_VOLUNTEERS = 32
EACH = 3


def rate(round_: Round, annotator: Annotator, n: int) -> int:
    """Judge so many pairs, with the next one fetched ahead; give how many there were."""
    for n_judged in range(n):
        try:
            current = voting.lease_comparison(round_=round_, annotator=annotator)
            if n_judged + 1 < n:
                voting.lease_ahead(round_=round_, annotator=annotator, after=current)
        except errors.VotesComplete:
            return n_judged
        voting.record_vote(token=current.token, annotator=annotator, choice="left")
    return n


@pytest.mark.parametrize(("asked", "n_prompts"), [(1, N_VOLUNTEERS * EACH), (3, N_VOLUNTEERS * 2)])
def test_no_pair_goes_to_more_annotators_than_asked(asked: int, n_prompts: int) -> None:
    """With one each, all pairs are drawn in the end; with three, nobody has seen what is left."""
    round_ = make.make_open_round(n_candidates=2, n_prompts=n_prompts)
    set_decision(round_.run, votes_per_pair=asked)
    people = [make.make_annotator() for _person in range(N_VOLUNTEERS)]
    at_once(*[partial(rate, round_, person, EACH) for person in people])
    given = Counter(Comparison.objects.values_list("completion_a", "completion_b"))
    assert max(given.values()) == asked
    assert Comparison.objects.judged().count() == given.total() == N_VOLUNTEERS * EACH


def test_no_round_takes_more_votes_than_it_wants() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=20, votes_wanted=50)
    people = [make.make_annotator() for _person in range(N_VOLUNTEERS)]
    judged = at_once(*[partial(rate, round_, person, EACH) for person in people])
    assert sum(judged) == Comparison.objects.judged().count() == 50
    assert Comparison.objects.count() == 50
    assert not connection.in_atomic_block
