"""Parts of a run's votes are ranked apart, and together where filters meet."""

from typing import Any

import pytest

from annotate.models import Ranking, Stop
from annotate.ranking import RankingSettings
from annotate.services import errors, rounds
from annotate.services.rankings import recompute, store_rankings
from tests import factories as make
from tests.services.casting import BALLOTS, as_bytes, cast, sliced_round

pytestmark = pytest.mark.django_db

SETTINGS = RankingSettings()


@pytest.mark.parametrize("by", ["language", "category", "turn", "kind", "round"])
def test_recompute_gives_each_slice_again(by: str) -> None:
    round_ = sliced_round()
    for ranking in store_rankings(run=round_.run, settings=SETTINGS, by=by):
        cast(round_, [(0, 1, "b", 0)])
        assert as_bytes(recompute(ranking=ranking)) == as_bytes(ranking.standings)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("language", {"en": (1, 0, 0), "ja": (0, 0, 3)}),
        ("category", {"joke": (1, 0, 0), "code": (0, 0, 3)}),
        ("turn", {"overall": (1, 0, 1), "1": (0, 0, 1), "2": (0, 0, 1)}),
        ("kind", {"judge": (0, 2, 0), "person": (1, 0, 3)}),
        ("round", {"1": (1, 0, 3)}),
    ],
)
def test_store_rankings_by_slice(by: str, expected: dict[str, tuple[int, int, int]]) -> None:
    """Wins, losses and ties of the first candidate in each slice; judges count in their own."""
    round_ = sliced_round()
    rankings = store_rankings(run=round_.run, settings=SETTINGS, by=by)
    first = round_.candidates.order_by("id")[0].pk
    found = {}
    for ranking in rankings:
        assert ranking.filters["by"] == by
        (row,) = (row for row in ranking.standings if row["candidate_id"] == first)
        found[ranking.filters["value"]] = row["wins"], row["losses"], row["ties"]
    assert found == expected
    assert len({ranking.cutoff for ranking in rankings}) == 1


@pytest.mark.parametrize("by", ["language", "category", "turn", "kind", "round"])
def test_store_rankings_of_one_value_agrees_with_the_slice(by: str) -> None:
    """A filter and the slice of the same value read the same votes."""
    run = sliced_round().run
    for ranking in store_rankings(run=run, settings=SETTINGS, by=by):
        value = ranking.filters["value"]
        filters = {by: int(value) if by == "round" else value}
        (alone,) = store_rankings(run=run, settings=SETTINGS, filters=filters)
        assert alone.filters == filters
        assert alone.standings == ranking.standings
        assert as_bytes(recompute(ranking=alone)) == as_bytes(alone.standings)


def test_store_rankings_of_filters_together() -> None:
    run = sliced_round().run
    filters = {"language": "ja", "kind": "person", "round": 1}
    (ranking,) = store_rankings(run=run, settings=SETTINGS, filters=filters)
    assert (ranking.n_votes, ranking.filters) == (3, filters)
    by_turn = store_rankings(run=run, settings=SETTINGS, by="turn", filters=filters)
    assert [(each.filters["value"], each.n_votes) for each in by_turn] == [
        ("1", 1),
        ("2", 1),
        ("overall", 1),
    ]
    assert by_turn[0].filters == filters | {"by": "turn", "value": "1"}
    assert as_bytes(recompute(ranking=by_turn[0])) == as_bytes(by_turn[0].standings)


@pytest.mark.parametrize(
    ("by", "filters", "message"),
    [
        (None, {"language": "de"}, "has no language de; there is en, ja"),
        (None, {"category": "poem"}, "has no category poem; there is code, joke"),
        (None, {"turn": "3"}, "has no turn 3; there is overall, 1, 2"),
        (None, {"kind": "people"}, "has no kind people; there is person, judge, simulated"),
        (None, {"round": 2}, "has no round 2; there is 1"),
        ("kind", {"kind": "person"}, "by kind and of one kind are two different wishes"),
    ],
)
def test_store_rankings_refuses_filters_that_keep_nothing(
    by: str | None, filters: dict[str, Any], message: str
) -> None:
    run = sliced_round().run
    with pytest.raises(errors.NoSuchSlice, match=message):
        store_rankings(run=run, settings=SETTINGS, by=by, filters=filters)
    assert not Ranking.objects.exists()


def test_store_rankings_by_round_ranks_the_candidates_of_each() -> None:
    first = make.make_open_round(n_candidates=3, n_prompts=1)
    cast(first, [(0, 1, "a", 0), (0, 2, "a", 0)])
    second = rounds.create_round(
        run=first.run, candidates=list(first.candidates.order_by("id")[1:])
    )
    rounds.open_round(round_=second)
    cast(second, [(0, 1, "b", 0)])
    one, two = store_rankings(run=first.run, settings=SETTINGS, by="round")
    assert [each.filters for each in (one, two)] == [
        {"by": "round", "value": "1"},
        {"by": "round", "value": "2"},
    ]
    assert [len(each.standings) for each in (one, two)] == [3, 2]
    assert [each.n_votes for each in (one, two)] == [2, 1]


def test_store_rankings_of_one_round() -> None:
    first = make.make_open_round(n_candidates=3, n_prompts=1)
    run = first.run
    cast(first, [(0, 1, "a", 0), (0, 2, "a", 0), (1, 2, "a", 0)])
    finalists = list(first.candidates.order_by("id")[1:])
    second = rounds.create_round(run=run, candidates=finalists)
    rounds.open_round(round_=second)
    cast(second, [(0, 1, "b", 0), (0, 1, "b", 1)])
    (whole,) = store_rankings(run=run, settings=SETTINGS)
    (late,) = store_rankings(run=run, settings=SETTINGS, filters={"round": 2})
    assert (whole.n_votes, late.n_votes) == (5, 2)
    assert [row["name"] for row in late.standings] == [finalists[1].name, finalists[0].name]
    assert late.filters == {"round": 2}
    assert as_bytes(recompute(ranking=late)) == as_bytes(late.standings)


def test_store_rankings_of_one_round_takes_imported_votes_on_others() -> None:
    """An import brings votes into the newest round, whoever meets there."""
    first = make.make_open_round(n_candidates=3, n_prompts=1)
    second = rounds.create_round(run=first.run, candidates=list(first.candidates.all()))
    rounds.open_round(round_=second)
    cast(second, [(0, 2, "a", 0), (0, 1, "a", 0)])
    second.candidates.remove(*second.candidates.order_by("id")[1:])
    (ranking,) = store_rankings(run=first.run, settings=SETTINGS, filters={"round": 2})
    assert [row["votes"] for row in ranking.standings] == [2, 1, 1]


def test_store_rankings_after_an_early_stop_hold_at_every_moment() -> None:
    first = make.make_open_round(n_candidates=3, n_prompts=1)
    run = first.run
    cast(first, BALLOTS[:7])
    (before,) = store_rankings(run=run, settings=SETTINGS)
    Stop.objects.create(round=first, reason="best", cutoff=before.cutoff, n_votes=7, evidence={})
    second = rounds.create_round(run=run, candidates=list(first.candidates.all()))
    rounds.open_round(round_=second)
    cast(second, BALLOTS[:7])
    (after,) = store_rankings(run=run, settings=SETTINGS)
    (of_first,) = store_rankings(run=run, settings=SETTINGS, filters={"round": 1})
    (of_second,) = store_rankings(run=run, settings=SETTINGS, filters={"round": 2})
    each_round = store_rankings(run=run, settings=SETTINGS, by="round")
    rankings = [before, after, of_first, of_second, *each_round]
    assert [each.settings["anytime"] for each in rankings] == [
        False, True, True, False, True, False,
    ]  # fmt: skip
    wider = {row["name"]: row["high"] - row["low"] for row in of_first.standings}
    for row in of_second.standings:
        assert wider[row["name"]] > row["high"] - row["low"]
    for each in rankings:
        assert as_bytes(recompute(ranking=each)) == as_bytes(each.standings)
