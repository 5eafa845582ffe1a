"""Rankings count the votes that stood, and can be computed again to the byte."""

import json
from typing import Any

import numpy as np
import pytest

from annotate.models import Candidate, Ranking, Round, SelectionRun, Vote
from annotate.ranking import RankingSettings, encode_outcomes, rank_candidates
from annotate.services import rounds, voting
from annotate.services.rankings import recompute, store_rankings
from tests import factories as make

pytestmark = pytest.mark.django_db

SETTINGS = RankingSettings()

# Who met whom, with which outcome, seen by which annotator; candidates by their place in the run.
BALLOTS = [
    (0, 1, "a", 0), (0, 1, "a", 1), (0, 1, "b", 2), (1, 2, "tie", 0), (1, 2, "a", 1),
    (0, 2, "both_bad", 0), (0, 2, "b", 2), (2, 3, "a", 2), (1, 3, "tie", 1),
]  # fmt: skip


def cast(round_: Round, ballots: Any, **fields: Any) -> list[Vote]:
    """Cast votes on the round's candidates, all on one prompt."""
    candidates = list(round_.candidates.order_by("id"))
    prompt = round_.run.prompts().first()
    annotators: dict[int, Any] = {}
    votes = []
    for a, b, outcome, annotator in ballots:
        if annotator not in annotators:
            annotators[annotator] = make.make_annotator()
        sides = [candidates[side].completions.get(prompt=prompt) for side in (a, b)]
        comparison = make.make_comparison(*sides, round_=round_, annotator=annotators[annotator])
        votes.append(make.make_vote(comparison, outcome, **fields))
    return votes


def as_bytes(standings: list[dict[str, Any]]) -> bytes:
    """Write standings down; the database keeps no order of the keys within one."""
    return json.dumps(standings, sort_keys=True).encode()


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
    )  # fmt: skip
    candidates = list(round_.candidates.order_by("id"))
    fields = ("group", "rank", "rank_low", "rank_high", "strength", "low", "high", "wins",
              "losses", "ties", "both_bad", "votes")  # fmt: skip
    assert ranking.standings == [
        {"name": candidates[row.candidate].name, "candidate_id": candidates[row.candidate].pk}
        | {field: getattr(row, field) for field in fields}
        for row in fit.standings
    ]
    assert (ranking.n_votes, ranking.settings["n_annotators"]) == (9, 3)
    assert ranking.settings["interval_method"] == fit.interval_method
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


@pytest.mark.parametrize("by", ["language", "category", "turn"])
def test_recompute_gives_each_slice_again(by: str) -> None:
    round_ = sliced_round()
    for ranking in store_rankings(run=round_.run, settings=SETTINGS, by=by):
        cast(round_, [(0, 1, "b", 0)])
        assert as_bytes(recompute(ranking=ranking)) == as_bytes(ranking.standings)


def sliced_round() -> Round:
    """Vote by language, category and turn in four ways that can be told apart."""
    round_ = make.make_open_round(n_candidates=2, n_prompts=0)
    prompt_set = round_.run.prompt_sets.get()
    told = [("en", "joke", ["a"]), ("ja", "joke", ["b", "b"]), ("ja", "code", ["tie"] * 3)]
    for language, category, outcomes in told:
        prompt = make.make_prompt(
            prompt_set, language=language, category=category, turns=["One?", "Two?"]
        )
        a, b = (make.make_completion(each, prompt) for each in round_.candidates.order_by("id"))
        for turn, outcome in enumerate(outcomes):
            comparison = make.make_comparison(a, b, round_=round_, annotator=make.make_annotator())
            make.make_vote(comparison, outcome, turn=turn)
    return round_


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("language", {"en": (1, 0, 0), "ja": (0, 2, 3)}),
        ("category", {"joke": (1, 2, 0), "code": (0, 0, 3)}),
        ("turn", {"overall": (1, 1, 1), "1": (0, 1, 1), "2": (0, 0, 1)}),
    ],
)
def test_store_rankings_by_slice(by: str, expected: dict[str, tuple[int, int, int]]) -> None:
    """Wins, losses and ties of the first candidate in each slice."""
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


def test_store_rankings_of_one_round() -> None:
    first = make.make_open_round(n_candidates=3, n_prompts=1)
    run = first.run
    cast(first, [(0, 1, "a", 0), (0, 2, "a", 0), (1, 2, "a", 0)])
    finalists = list(first.candidates.order_by("id")[1:])
    second = rounds.create_round(run=run, candidates=finalists)
    rounds.open_round(round_=second)
    cast(second, [(0, 1, "b", 0), (0, 1, "b", 1)])
    (whole,) = store_rankings(run=run, settings=SETTINGS)
    (late,) = store_rankings(run=run, settings=SETTINGS, round_number=2)
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
    (ranking,) = store_rankings(run=first.run, settings=SETTINGS, round_number=2)
    assert [row["votes"] for row in ranking.standings] == [2, 1, 1]


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
