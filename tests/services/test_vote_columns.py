"""Votes come as columns just as they were cast."""

import numpy as np
import pytest
from django.db import DatabaseError, transaction

from annotate.models import Vote
from annotate.ranking import OUTCOMES
from annotate.services import vote_columns
from annotate.services.vote_columns import number_pairs, read_votes
from tests import factories as make
from tests.services.casting import BALLOTS, cast

pytestmark = pytest.mark.django_db


def test_read_votes_gives_each_vote_as_it_was_cast() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=1)
    a, b = (candidate.completions.get() for candidate in round_.candidates.order_by("id"))
    cast_votes = [("left", "a", 0.25), ("right", "both_bad", None), (None, "b", None)]
    for side, outcome, propensity in cast_votes:
        fields = {"import_key": outcome} if side is None else {}
        comparison = make.make_comparison(
            b, a, round_=round_, annotator=make.make_annotator(), side_a=side,
            propensity=propensity, **fields,
        )  # fmt: skip
        make.make_vote(comparison, outcome, turn=1)
    votes = read_votes(run=round_.run, cutoff=2**62, filters={})
    stored = list(Vote.objects.order_by("id"))
    assert votes["number"].tolist() == [vote.pk for vote in stored]
    assert votes["annotator"].tolist() == [vote.comparison.annotator_id for vote in stored]
    assert [OUTCOMES[code] for code in votes["outcome"]] == ["a", "both_bad", "b"]
    assert votes["side"].tolist() == [1, -1, 0]
    assert votes["turn"].tolist() == [1, 1, 1]
    assert votes["propensity"].tolist() == pytest.approx([0.25, np.nan, np.nan], nan_ok=True)
    for name, value in [("completion_a", a.pk), ("completion_b", b.pk), ("prompt", a.prompt_id),
                        ("candidate_a", a.candidate_id), ("candidate_b", b.candidate_id),
                        ("round", round_.pk)]:  # fmt: skip
        assert set(votes[name].tolist()) == {value}


@pytest.mark.parametrize("piece_bytes", [1, 20, 300, 10**6])
def test_read_votes_comes_to_the_same_in_any_pieces(
    piece_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    cast(round_, BALLOTS)
    whole = read_votes(run=round_.run, cutoff=2**62, filters={})
    monkeypatch.setattr(vote_columns, "PIECE_BYTES", piece_bytes)
    pieces = read_votes(run=round_.run, cutoff=2**62, filters={})
    assert len(whole) == len(BALLOTS)
    for name in whole.dtype.names:
        np.testing.assert_array_equal(pieces[name], whole[name])


@pytest.mark.parametrize("category", ["50 % off", "it's", 'a "quote"', "{x} %s", "日本語"])
def test_read_votes_takes_filters_as_they_are_written(category: str) -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=0)
    for each in (category, "other"):
        prompt = make.make_prompt(round_.run.prompt_sets.get(), category=each)
        for candidate in round_.candidates.all():
            make.make_completion(candidate, prompt)
        cast(round_, [(0, 1, "a", 0)], prompt=prompt)
    votes = read_votes(run=round_.run, cutoff=2**62, filters={"category": category})
    kept = round_.run.prompts().get(category=category)
    assert votes["prompt"].tolist() == [kept.pk]


def test_number_pairs_tells_pairs_of_completions_apart() -> None:
    votes = np.zeros(5, dtype=[("completion_a", "i8"), ("completion_b", "i8")])
    votes["completion_a"] = [7, 9, 7, 2**40, 9]
    votes["completion_b"] = [8, 8, 8, 2**41, 12]
    assert number_pairs(votes).tolist() == [0, 1, 0, 3, 2]


def test_read_votes_gives_no_vote_of_a_run_without_any() -> None:
    assert len(read_votes(run=make.make_open_round().run, cutoff=2**62, filters={})) == 0


def test_a_copy_that_the_database_ends_early_is_no_shorter_read() -> None:
    broken = "SELECT 1 / (1000 - n) FROM generate_series(1, 2000) AS n"
    with pytest.raises(DatabaseError), transaction.atomic():
        list(vote_columns.copy_statement(broken, (), np.dtype([("n", "i8")])))
    assert Vote.objects.count() == 0  # the connection is as good as before
