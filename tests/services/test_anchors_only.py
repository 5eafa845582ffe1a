"""Newcomers meet anchors alone: in the draw, in its chances, and in what is counted as left."""

from collections import Counter

import numpy as np
import pytest

from annotate.models import DecisionRules, Round
from annotate.services import drawing, errors, estimating, pairing, voting
from tests import factories as make
from tests.services.launched import candidates_of, cast_by_truth, make_launched
from tests.services.test_estimating import settle

pytestmark = pytest.mark.django_db

ANCHORS, NEWCOMERS = 3, 2
N_DRAWS = 80


def benchmark(policy: str = "balanced", *, n_prompts: int = 6, **rules: object) -> Round:
    """Open a round of three anchors, made first, and two newcomers."""
    round_ = make_launched(
        n_candidates=ANCHORS + NEWCOMERS, n_anchors=ANCHORS, n_prompts=n_prompts, anchors_only=True
    )
    DecisionRules.objects.filter(run=round_.run).update(policy=policy, **rules)
    return round_


def allowed_pairs(round_: Round) -> set[tuple[int, int]]:
    ids = candidates_of(round_.run)
    return {(anchor, new) for anchor in ids[:ANCHORS] for new in ids[ANCHORS:]}


def draw_many(round_: Round, annotator: object = None) -> list:
    annotator = annotator or make.make_annotator()
    now, rng = pairing.look_at(round_), np.random.default_rng(5)
    return [
        drawing.draw_comparison(now=now, annotator=annotator, rng=rng)  # type: ignore[arg-type]
        for _draw in range(N_DRAWS)
    ]


def look(round_: Round) -> None:
    settle(round_)
    estimating.refresh_estimate(round_=round_)


@pytest.mark.parametrize(
    ("policy", "has_estimate"),
    [("uniform", True), ("balanced", False), ("balanced", True), ("adaptive", True)],
)
def test_every_policy_draws_pairs_of_an_anchor_and_a_newcomer(
    policy: str, has_estimate: bool
) -> None:
    round_ = benchmark(policy)
    if has_estimate:
        look(round_)
    drawn = draw_many(round_)
    pairs = Counter((each.candidate_a_id, each.candidate_b_id) for each in drawn)
    assert set(pairs) == allowed_pairs(round_)
    assert {each.propensity for each in drawn} == {1 / 6}
    assert max(pairs.values()) < 2 * N_DRAWS / 6


def test_chances_of_the_adaptive_policy_are_of_allowed_pairs_and_add_up_to_one() -> None:
    round_ = benchmark("adaptive", warm_up=0, epsilon=0.25)
    ids = candidates_of(round_.run)
    truth = dict(zip(ids, (0.0, 0.5, -0.5, 1.0, 0.8), strict=True))
    for_pairs = sorted(allowed_pairs(round_))
    people = [make.make_annotator() for _person in range(6)]
    prompts = list(round_.run.prompts())
    rng = np.random.default_rng(0)
    for number in range(60):
        a, b = for_pairs[number % len(for_pairs)]
        texts = [make_text(each, prompts[number % 6]) for each in (a, b)]
        comparison = make.make_comparison(*texts, round_=round_, annotator=people[number % 6])
        wins = rng.random() < 1 / (1 + np.exp(truth[b] - truth[a]))
        make.make_vote(comparison, "a" if wins else "b")
    look(round_)
    round_.refresh_from_db()
    chances = pairing.Estimate.of(round_.estimate).chances
    assert chances is not None
    drawn_by = {(ids[first], ids[second]) for first, second in chances.pairs.tolist()}
    assert drawn_by <= allowed_pairs(round_)
    assert chances.chances.sum() == pytest.approx(1)
    for each in draw_many(round_):
        first, second = ids.index(each.candidate_a_id), ids.index(each.candidate_b_id)
        expected = 0.25 / 6 + 0.75 * chances.of(first, second)
        assert each.propensity == pytest.approx(expected)


def make_text(candidate: int, prompt: object) -> object:
    from_prompt = prompt.completions  # type: ignore[attr-defined]
    return from_prompt.get(candidate=candidate)


def test_what_is_left_is_counted_over_allowed_pairs() -> None:
    """An annotator who has seen all of those is told so, whatever the others could meet."""
    round_, annotator = benchmark(n_prompts=2), make.make_annotator()
    look(round_)
    for _vote in range(2 * 6):
        drawn = voting.lease_comparison(round_=round_, annotator=annotator)
        assert (drawn.candidate_a_id, drawn.candidate_b_id) in allowed_pairs(round_)
        voting.record_vote(token=drawn.token, annotator=annotator, choice="tie")
    with pytest.raises(errors.AllSeen):
        voting.lease_comparison(round_=round_, annotator=annotator)
    look(round_)
    available = pairing.Estimate.of(round_.estimate).available["en"]
    ids = candidates_of(round_.run)
    counted = {(ids[a], ids[b]): int(available[a, b]) for a, b in np.argwhere(available > 0)}
    assert counted == dict.fromkeys(
        [*allowed_pairs(round_), *((b, a) for a, b in allowed_pairs(round_))], 2
    )


def test_best_of_a_round_with_anchors_is_the_best_newcomer() -> None:
    round_ = make_launched(n_candidates=5, n_anchors=3, n_prompts=12, stops_early=True, at_most=3)
    run = round_.run
    ids = candidates_of(run)
    truth = dict(zip(ids, (9.0, 0.0, -9.0, 3.0, -3.0), strict=True))
    cast_by_truth(run, [make.make_annotator() for _person in range(8)], truth, 300)
    estimate = estimating.refresh_estimate(round_=round_)
    assert estimate.evidence["leader"] == ids[3]
    assert [rival["candidate"] for rival in estimate.evidence["rivals"]] == [ids[4]]
    assert round_.stop.reason == "best"
