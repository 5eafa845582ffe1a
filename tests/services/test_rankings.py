"""Rankings count the votes that stood, and can be computed again to the byte."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotate.models import Candidate, Ranking, SelectionRun
from annotate.ranking import RankingSettings, encode_outcomes, rank_candidates
from annotate.services import errors, voting
from annotate.services.ledger import take_cutoff
from annotate.services.rankings import (
    rank_again,
    rank_now,
    recompute,
    settings_of,
    store_rankings,
)
from tests import factories as make
from tests.services.casting import BALLOTS, as_bytes, cast, sliced_round

pytestmark = pytest.mark.django_db

SETTINGS = RankingSettings()


def strengths(ranking: Ranking) -> dict[str, float | None]:
    return {row["name"]: row["strength"] for row in ranking.standings}


def test_store_rankings_agrees_with_the_pure_ranking() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    cast(round_, BALLOTS)
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    a, b, outcomes, annotators = zip(*BALLOTS, strict=True)
    fit = rank_candidates(
        candidate_a=np.array(a), candidate_b=np.array(b), outcome=encode_outcomes(outcomes),
        annotator=np.array(annotators), n_candidates=4, settings=SETTINGS,
        pair=np.array(a) * 4 + np.array(b), prompt=np.zeros(9, dtype=int),
    )  # fmt: skip
    candidates = list(round_.candidates.order_by("id"))
    fields = ("group", "rank", "rank_low", "rank_high", "strength", "low", "high", "wins",
              "losses", "ties", "both_bad", "votes", "p_best")  # fmt: skip
    assert ranking.standings == [
        {"name": candidates[row.candidate].name, "candidate_id": candidates[row.candidate].pk}
        | {field: getattr(row, field) for field in fields}
        for row in fit.standings
    ]
    assert (ranking.n_votes, ranking.settings["n_annotators"]) == (9, 3)
    assert ranking.settings["interval_method"] == fit.interval_method
    assert ranking.settings["clustered_by"] == fit.clusters == "annotator_pair"
    assert ranking.versions == dict(fit.versions)


def test_store_rankings_puts_the_winner_first() -> None:
    """The pure ranking may agree with a mistake of ours; this order is plain to see."""
    round_ = make.make_open_round(n_candidates=3, n_prompts=1)
    first, second, third = (candidate.name for candidate in round_.candidates.order_by("id"))
    cast(round_, [(0, 1, "b", 0), (0, 1, "b", 1), (1, 2, "b", 0), (1, 2, "b", 1), (0, 2, "b", 0)])
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    assert [row["name"] for row in ranking.standings] == [third, second, first]
    best = ranking.standings[0]
    assert (best["wins"], best["losses"], best["ties"], best["votes"]) == (3, 0, 0, 3)


def test_store_rankings_leaves_withdrawn_votes_out() -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=1)
    votes = cast(round_, [(0, 1, "a", 0), (1, 2, "a", 0), (0, 2, "b", 1)])
    voting.withdraw_vote(vote=votes[2], by=None)
    (after,) = store_rankings(run=round_.run, settings=SETTINGS)
    assert after.n_votes == 2
    assert [row["votes"] for row in sorted(after.standings, key=lambda row: row["name"])] == [
        1,
        2,
        1,
    ]


def test_recompute_counts_a_vote_that_was_withdrawn_later() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    votes = cast(round_, BALLOTS)
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    for vote in votes[::2]:
        voting.withdraw_vote(vote=vote, by=None)
    assert as_bytes(recompute(ranking=ranking)) == as_bytes(ranking.standings)
    (after,) = store_rankings(run=round_.run, settings=SETTINGS)
    assert (ranking.n_votes, after.n_votes) == (9, 4)
    assert after.standings != ranking.standings


def test_recompute_passes_over_votes_cast_later() -> None:
    """Read from the database anew, so that nothing of it lives in Python alone."""
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    cast(round_, BALLOTS)
    seeded = RankingSettings(prior=0.25, level=0.9, n_resamples=200, seed=7)
    store_rankings(run=round_.run, settings=seeded)
    cast(round_, [(0, 3, "b", 0), (1, 3, "b", 1)])
    make.make_candidate(round_.run)
    ranking = Ranking.objects.get()
    assert as_bytes(recompute(ranking=ranking)) == as_bytes(ranking.standings)


def test_rank_again_makes_each_kind_anew() -> None:
    run = sliced_round().run
    seeded = RankingSettings(prior=0.25, seed=4)
    store_rankings(run=run, settings=SETTINGS, by="kind", filters={"language": "ja"})
    store_rankings(run=run, settings=seeded, filters={"turn": "overall"})
    again = rank_again(run=run)
    assert [each.filters for each in again] == [
        {"language": "ja", "by": "kind", "value": "judge"},
        {"language": "ja", "by": "kind", "value": "person"},
        {"turn": "overall"},
    ]
    assert settings_of(again[-1]) == seeded


def test_rank_again_takes_settings_that_an_older_ranking_did_not_have() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    cast(round_, BALLOTS)
    older = {"prior": 0.25, "level": 0.9, "n_resamples": 200, "seed": 7}
    Ranking.objects.create(run=round_.run, cutoff=1, settings=older, versions={}, n_votes=0,
                           standings=[])  # fmt: skip
    assert settings_of(Ranking.objects.get()).clusters == "annotator"
    (again,) = rank_again(run=round_.run)
    assert settings_of(again) == RankingSettings(**older)
    assert settings_of(again).clusters == "widest"


def test_rank_now_ranks_as_that_kind_was_ranked_last() -> None:
    run = sliced_round().run
    store_rankings(run=run, settings=RankingSettings(prior=0.25), by="language")
    assert {each.settings["prior"] for each in rank_now(run=run, by="language")} == {0.25}
    assert {each.settings["prior"] for each in rank_now(run=run)} == {0.5}


def test_recompute_gives_a_ranking_of_older_code_again() -> None:
    """Made before pairs and prompts were clusters, and before P(best) was stored."""
    golden = json.loads((Path(__file__).parent / "older_ranking.json").read_text())
    round_ = make.make_open_round(n_candidates=7, n_prompts=1)
    cast(round_, golden["ballots"])
    candidates = list(round_.candidates.order_by("id"))
    standings = [
        row | {"name": candidates[place].name, "candidate_id": candidates[place].pk}
        for row in golden["standings"]
        for place in [row.pop("place")]
    ]
    ranking = Ranking.objects.create(
        run=round_.run, cutoff=take_cutoff(run=round_.run), settings=golden["settings"],
        versions={}, n_votes=150, standings=standings,
    )  # fmt: skip
    ranking = Ranking.objects.get()
    assert as_bytes(recompute(ranking=ranking)) == as_bytes(ranking.standings)


def test_store_rankings_asks_as_much_of_the_database_for_more_votes(
    django_assert_num_queries: Any,
) -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    cast(round_, BALLOTS[:3])
    with CaptureQueriesContext(connection) as few:
        store_rankings(run=round_.run, settings=SETTINGS, by="kind")
    cast(round_, BALLOTS)
    with django_assert_num_queries(len(few)):
        store_rankings(run=round_.run, settings=SETTINGS, by="kind")


def test_store_rankings_gives_candidates_without_a_vote_no_strength() -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=1)
    cast(round_, [(0, 1, "a", 0)])
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    last = ranking.standings[-1]
    assert last["candidate_id"] == round_.candidates.order_by("id")[2].pk
    assert {last[field] for field in ("group", "rank", "strength", "low", "high")} == {None}
    assert last["votes"] == 0


def test_store_rankings_of_a_run_without_votes() -> None:
    round_ = make.make_open_round(n_candidates=2)
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    assert (ranking.n_votes, set(strengths(ranking).values())) == (0, {None})
    assert ranking.settings["votes_by_kind"] == {}
    assert store_rankings(run=round_.run, settings=SETTINGS, by="turn") == []


def test_store_rankings_parts_groups_that_never_met() -> None:
    round_ = make.make_open_round(n_candidates=5, n_prompts=1)
    cast(round_, [(0, 1, "a", 0), (1, 2, "b", 0), (3, 4, "a", 0)])
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    names = [candidate.name for candidate in round_.candidates.order_by("id")]
    groups = {row["name"]: row["group"] for row in ranking.standings}
    assert groups == dict(zip(names, [0, 0, 0, 1, 1], strict=True))
    for group in (0, 1):
        of_group = [row["strength"] for row in ranking.standings if row["group"] == group]
        assert sum(of_group) == pytest.approx(0, abs=1e-9)


def test_store_rankings_counts_votes_by_kind() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=1)
    a, b = (candidate.completions.get() for candidate in round_.candidates.order_by("id"))
    for kind in ("person", "simulated", "simulated", "judge"):
        annotator = make.make_annotator(kind=kind)
        make.make_vote(make.make_comparison(a, b, round_=round_, annotator=annotator))
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    assert ranking.settings["votes_by_kind"] == {"person": 1, "simulated": 2}
    everybody = {"kind": "together"}
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS, filters=everybody)
    assert ranking.settings["votes_by_kind"] == {"judge": 1, "person": 1, "simulated": 2}


def test_store_rankings_leaves_other_runs_out() -> None:
    round_, other = (make.make_open_round(n_candidates=2, n_prompts=1) for _run in range(2))
    cast(other, [(0, 1, "a", 0)])
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    assert ranking.n_votes == 0
    assert len(ranking.standings) == Candidate.objects.filter(run=round_.run).count() == 2


def test_store_rankings_says_the_settings_that_it_used() -> None:
    round_ = make.make_open_round(n_candidates=2)
    wished = RankingSettings(prior=2.0, level=0.8, n_resamples=150, seed=3)
    (ranking,) = store_rankings(run=SelectionRun.objects.get(pk=round_.run_id), settings=wished)
    assert {name: ranking.settings[name] for name in wished.to_dict()} == wished.to_dict()


def test_rank_now_refuses_votes_that_its_settings_cannot_rank() -> None:
    """A long chain of single wins, which next to no prior holds together."""
    round_ = make.make_open_round(n_candidates=80, n_prompts=1)
    cast(round_, [(place, place + 1, "a", 0) for place in range(79)])
    Ranking.objects.create(run=round_.run, cutoff=1, settings={"prior": 1e-6}, versions={},
                           n_votes=0, standings=[])  # fmt: skip
    with pytest.raises(errors.NotRanked, match="cannot be ranked by the settings"):
        rank_now(run=round_.run)
    with pytest.raises(errors.NotRankedAgain, match="the ranking was not made anew"):
        rank_again(run=round_.run)
