"""LLM judges' votes stand apart: a thousand of them move nothing that people's votes decide."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from annotate.models import (
    Annotator,
    Comparison,
    DecisionRules,
    Ranking,
    Round,
    RoundEstimate,
    Stop,
    Vote,
)
from annotate.ranking import RankingSettings
from annotate.services import errors, voting
from annotate.services.estimating import list_outdated, refresh_estimate
from annotate.services.exporting import export_dataset, votes_of
from annotate.services.pairing import look_at
from annotate.services.progress import progress_of
from annotate.services.quality import measure_quality
from annotate.services.rankings import recompute, store_rankings
from tests import factories as make
from tests.services.casting import BALLOTS, as_bytes, cast

pytestmark = pytest.mark.django_db

SETTINGS = RankingSettings()
MANY = 1000


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any) -> Path:
    settings.KURABE_HOME = tmp_path
    return tmp_path


def judge_often(round_: Round, *, n: int = MANY, outcome: str = "b") -> Annotator:
    """Let an LLM judge prefer the newer candidate of every pair, over and over."""
    judge = make.make_annotator(kind="judge")
    pairs = [
        (a, b)
        for prompt in round_.run.prompts()
        for a in prompt.completions.order_by("candidate")
        for b in prompt.completions.order_by("candidate")
        if a.candidate_id < b.candidate_id
    ]
    now = timezone.now()
    comparisons = Comparison.objects.bulk_create(
        Comparison(
            round=round_, annotator=judge, prompt_id=a.prompt_id, completion_a=a, completion_b=b,
            candidate_a_id=a.candidate_id, candidate_b_id=b.candidate_id, side_a="left",
            lease_expires_at=now, answered_at=now,
        )
        for a, b in (pairs[place % len(pairs)] for place in range(n))
    )  # fmt: skip
    Vote.objects.bulk_create(
        Vote(comparison=each, outcome=outcome, created_at=now) for each in comparisons
    )
    return judge


def estimate_of(round_: Round) -> dict[str, Any]:
    """Look at a round, and give what the look says of it; P(best) is drawn anew each time."""
    made = refresh_estimate(round_=round_)
    standings = [{**row, "p_best": None} for row in made.standings]
    told = {"n_votes": made.n_votes, "standings": standings, "evidence": made.evidence}
    return json.loads(json.dumps(told))


def test_judges_move_neither_the_ranking_nor_any_slice_of_people() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    cast(round_, BALLOTS)
    before = {
        by: [each.standings for each in store_rankings(run=round_.run, settings=SETTINGS, by=by)]
        for by in (None, "language", "category", "turn", "round")
    }
    judge_often(round_)
    for by, standings in before.items():
        after = store_rankings(run=round_.run, settings=SETTINGS, by=by)
        assert [each.standings for each in after] == standings, by
        assert all(each.settings["votes_by_kind"] == {"person": 9} for each in after)
    (judges,) = store_rankings(run=round_.run, settings=SETTINGS, filters={"kind": "judge"})
    (both,) = store_rankings(run=round_.run, settings=SETTINGS, filters={"kind": "together"})
    assert (judges.n_votes, both.n_votes) == (MANY, MANY + 9)
    newest = round_.candidates.latest("id").name
    assert judges.standings[0]["name"] == both.standings[0]["name"] == newest
    for ranking in (judges, both):
        assert as_bytes(recompute(ranking=ranking)) == as_bytes(ranking.standings)


def test_judges_move_neither_the_estimate_nor_the_stop() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=8)
    DecisionRules.objects.create(run=round_.run, stops_early=True)
    cast(round_, [(0, 1, "a", 0), (0, 1, "b", 1), (0, 1, "a", 2)])
    before = estimate_of(round_)
    for _judge in range(6):
        judge_often(round_, n=MANY // 6)
    after = estimate_of(round_)
    assert after["n_votes"] == before["n_votes"] == 3
    assert after["standings"] == before["standings"]
    assert after["evidence"] == before["evidence"]
    assert not Stop.objects.exists()
    assert RoundEstimate.objects.get().evidence["n_annotators"] == 3


def test_nobody_looks_at_a_round_because_a_judge_voted() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=2)
    cast(round_, [(0, 1, "a", 0)])
    assert list_outdated() == [round_]
    refresh_estimate(round_=round_)
    judge_often(round_, n=5)
    assert list_outdated() == []


def test_judges_leave_the_budget_to_people() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=4, votes_wanted=3)
    judge_often(round_, n=20)
    person = make.make_annotator()
    for _vote in range(3):
        comparison = voting.lease_comparison(round_=round_, annotator=person)
        voting.record_vote(token=comparison.token, annotator=person, choice="left")
    with pytest.raises(errors.VotesComplete):
        voting.lease_comparison(round_=round_, annotator=person)


def test_volunteers_see_the_progress_of_people() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=4, votes_wanted=10)
    (vote,) = cast(round_, [(0, 1, "a", 0)])
    judge_often(round_, n=50)
    progress = progress_of(vote.comparison.annotator, round_.run, look_at(round_))
    assert (progress.run_votes, progress.run_wanted) == (1, 10)


def test_judges_come_into_an_export_only_where_it_asks_for_them() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=2)
    cast(round_, [(0, 1, "a", 0)])
    judge_often(round_)

    def export(voters: str) -> tuple[dict[str, int], list[tuple[str, int, list[str]]]]:
        dataset = export_dataset(votes_of(round_.run.slug, voters=voters))
        with (Path(str(home_of(dataset)))).open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        told = [(row["chosen_candidate"], row["n_votes"], row["annotator_kinds"]) for row in rows]
        counts = {name: dataset.counts[name] for name in ("rows", "rows_with_judges")}
        return counts, told

    older, newer = (each.name for each in round_.candidates.order_by("id"))
    assert export("people") == ({"rows": 1, "rows_with_judges": 0}, [(older, 1, ["person"])])
    judged = {"rows": 2, "rows_with_judges": 2}
    assert export("judges") == (judged, [(newer, MANY // 2, ["judge"])] * 2)
    assert export("together") == (
        judged, [(newer, MANY // 2 + 1, ["person", "judge"]), (newer, MANY // 2, ["judge"])]
    )  # fmt: skip


def home_of(dataset: Any) -> Path:
    from django.conf import settings  # noqa: PLC0415 - the fixture has changed it

    return Path(settings.KURABE_HOME) / dataset.path


def test_judges_move_no_number_of_quality_but_their_own() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    cast(round_, BALLOTS)
    (before,) = measure_quality(run=round_.run)
    judge = judge_often(round_, n=60)
    (after,) = measure_quality(run=round_.run)
    assert (after.agreement, after.left) == (before.agreement, before.left)
    assert (after.votes, after.votes_excluded) == (69, 0)
    rows = {row.name: row for row in after.annotators}
    own = rows.pop(judge.name)
    assert list(rows.values()) == list(before.annotators)
    assert (own.votes, own.reliability) == (60, None)
    assert own.agreement is not None


def test_export_refuses_voters_that_nobody_is() -> None:
    with pytest.raises(errors.ExportRefused) as refusal:
        votes_of("run", voters="dogs")
    assert str(refusal.value) == (
        "sources.0.voters: “dogs” is not known here; right are: 'people', 'judges' or 'together'."
    )


def test_ranking_from_before_judges_stood_apart_is_computed_as_it_was() -> None:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    cast(round_, BALLOTS)
    judge_often(round_, n=30)
    (both,) = store_rankings(run=round_.run, settings=SETTINGS, filters={"kind": "together"})
    older = Ranking.objects.create(
        run=round_.run, cutoff=both.cutoff, filters={}, settings=both.settings, versions={},
        n_votes=both.n_votes, standings=both.standings,
    )  # fmt: skip
    assert as_bytes(recompute(ranking=older)) == as_bytes(both.standings)
