"""The whole ranking: golden cases, and properties that hold for any votes."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.ranking import RankingFit, RankingSettings, Standing, rank_candidates
from tests.ranking.columns import Vote, by_candidate, columns, rank, strengths, votes

N = 5
PRIORS = st.sampled_from([0.0, 0.5])


@st.composite
def casts(draw: Callable[..., int], max_votes: int = 40, n: int = N) -> list[Vote]:
    """Draw votes on n candidates by up to four annotators."""
    size = draw(st.integers(1, max_votes))
    seats = []
    for _ in range(size):
        a = draw(st.integers(0, n - 1))
        b = (a + draw(st.integers(1, n - 1))) % n
        seats.append((a, b, draw(st.integers(0, 3)), draw(st.integers(0, 3))))
    return seats


def _near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)


def partition(fit: RankingFit) -> set[frozenset[int]]:
    numbers = {row.group for row in fit.standings if row.group is not None}
    return {
        frozenset(row.candidate for row in fit.standings if row.group == number)
        for number in numbers
    }


def test_ranking_two_candidates_reads_as_worked_by_hand() -> None:
    fit = rank(votes(1, 0, a=3, b=1) + votes(0, 1, both_bad=2), 3, prior=0)
    top, bottom, unvoted = fit.standings
    strength = round(math.log(4 / 2) / 2, 10)  # 3 + 1 half-wins against 1 + 1
    reach = 1.959963985 * math.sqrt(1 / (6 * 2 / 9)) / 2
    assert top == Standing(
        candidate=1, group=0, strength=strength, low=_near(strength - reach),
        high=_near(strength + reach), rank=1, rank_low=1, rank_high=2,
        wins=3, losses=1, ties=0, both_bad=2, votes=6,
        p_best=top.p_best,
    )  # fmt: skip
    # P(N(ln 2, 1 / (6 * 2 / 9)) > 0), from 100 resamples.
    assert top.p_best == pytest.approx(0.788, abs=0.12)
    assert (bottom.candidate, bottom.strength, bottom.rank) == (0, -strength, 2)
    assert unvoted == Standing(2, None, None, None, None, None, None, None, 0, 0, 0, 0, 0)
    assert (fit.n_votes, fit.n_annotators, fit.interval_method) == (6, 1, "fisher")


def test_ranking_no_votes_lists_every_candidate_without_a_strength() -> None:
    fit = rank([], 2)
    assert (fit.n_votes, fit.n_annotators, fit.interval_method) == (0, 0, "none")
    assert [(row.candidate, row.strength, row.group) for row in fit.standings] == [
        (0, None, None),
        (1, None, None),
    ]


def test_without_a_prior_a_candidate_alone_in_its_group_has_no_scale() -> None:
    fit = rank(votes(0, 1, a=1, b=1) + votes(2, 0, a=3), 3, prior=0)
    alone = fit.standings[-1]
    assert (alone.candidate, alone.group, alone.strength) == (2, 1, 0.0)
    assert (alone.low, alone.high) == (None, None)
    assert (alone.rank, alone.rank_low, alone.rank_high, alone.wins) == (1, 1, 1, 3)


def test_ranking_records_the_versions_it_used() -> None:
    assert rank([], 0).versions == {name: version(name) for name in ("choix", "numpy", "scipy")}


def test_ranking_becomes_json() -> None:
    fit = rank(votes(0, 1, a=3, tie=1), 3)
    kept = asdict(replace(fit, groups=()))  # arrays, to reckon with and not to be stored
    stored = json.loads(json.dumps(kept))
    assert RankingSettings.from_dict(stored["settings"]) == fit.settings
    assert [Standing(**row) for row in stored["standings"]] == list(fit.standings)


def test_ranking_refuses_an_unknown_outcome() -> None:
    with pytest.raises(ValueError, match="outcome at position 0 is 4: it must be one of"):
        rank([(0, 1, 4, 0)], 2)


def close_race() -> list[Vote]:
    """Return votes on candidates so near each other that rank intervals hang on the draws."""
    rng = np.random.default_rng(4)
    a = rng.integers(0, 12, 3000)
    b = (a + rng.integers(1, 12, 3000)) % 12
    outcome = (rng.random(3000) < 1 / (1 + np.exp((b - a) * -0.1))).astype(int)
    table = (a, b, outcome, rng.integers(0, 30, 3000))
    return list(zip(*(column.tolist() for column in table), strict=True))


def test_equal_votes_and_settings_give_the_same_bits_and_another_seed_does_not() -> None:
    cast = close_race()
    first, again = ([rank(cast, 12, seed=seed) for seed in range(8)] for _ in range(2))
    assert first == again
    assert len({tuple(row.rank_high for row in fit.standings) for fit in first}) > 1


@given(cast=casts(), prior=PRIORS, shuffle=st.randoms(use_true_random=False))
def test_the_order_of_votes_changes_nothing(
    cast: list[Vote], prior: float, shuffle: Random
) -> None:
    shuffled = list(cast)
    shuffle.shuffle(shuffled)
    assert rank(shuffled, N, prior=prior) == rank(cast, N, prior=prior)


@given(cast=casts(), prior=PRIORS, swaps=st.integers(0, 2**40 - 1))
def test_swapping_sides_changes_nothing(cast: list[Vote], prior: float, swaps: int) -> None:
    mirrored = {0: 1, 1: 0, 2: 2, 3: 3}
    swapped = [
        (b, a, mirrored[outcome], annotator) if swaps >> k & 1 else (a, b, outcome, annotator)
        for k, (a, b, outcome, annotator) in enumerate(cast)
    ]
    assert rank(swapped, N, prior=prior) == rank(cast, N, prior=prior)


@given(cast=casts(), prior=PRIORS, places=st.permutations(range(N)))
def test_relabelling_candidates_relabels_the_ranking(
    cast: list[Vote], prior: float, places: list[int]
) -> None:
    moved = [(places[a], places[b], outcome, annotator) for a, b, outcome, annotator in cast]
    before, after = rank(cast, N, prior=prior), rank(moved, N, prior=prior)
    assert partition(after) == {
        frozenset(places[candidate] for candidate in group) for group in partition(before)
    }
    found = by_candidate(after)
    for row in before.standings:
        same = found[places[row.candidate]]
        assert (same.rank, same.wins, same.losses, same.votes) == (
            row.rank,
            row.wins,
            row.losses,
            row.votes,
        )
        for name in ("strength", "low", "high"):
            assert getattr(same, name) == _near(getattr(row, name))


@given(cast=casts())
def test_doubling_every_vote_leaves_strengths_without_a_prior(cast: list[Vote]) -> None:
    once, twice = rank(cast, N, prior=0), rank(cast + cast, N, prior=0)
    assert strengths(twice) == pytest.approx(strengths(once), abs=1e-9)


@given(cast=casts())
def test_doubling_votes_and_prior_leaves_strengths(cast: list[Vote]) -> None:
    once, twice = rank(cast, N, prior=0.5), rank(cast + cast, N, prior=1.0)
    assert strengths(twice) == pytest.approx(strengths(once), abs=1e-9)


@given(cast=casts(max_votes=60), prior=PRIORS)
def test_as_many_annotators_again_who_vote_alike_narrow_every_interval(
    cast: list[Vote], prior: float
) -> None:
    others = [(a, b, outcome, annotator + 4) for a, b, outcome, annotator in cast]
    once, twice = rank(cast, N, prior=prior), rank(cast + others, N, prior=2 * prior)
    wide = {row.candidate: row for row in once.standings}
    for row in twice.standings:
        before = wide[row.candidate]
        assert (row.low is None) == (before.low is None)
        if row.low is not None:
            assert row.high - row.low < before.high - before.low  # type: ignore[operator]


@given(seed=st.integers(0, 1000), n_annotators=st.sampled_from([10, 250]))
def test_annotators_who_repeat_all_their_votes_say_nothing_new(
    seed: int, n_annotators: int
) -> None:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 3, 1500)
    b = (a + rng.integers(1, 3, 1500)) % 3
    table = (a, b, rng.integers(0, 3, 1500), rng.integers(0, n_annotators, 1500))
    cast: list[Vote] = list(zip(*(column.tolist() for column in table), strict=True))
    once, twice = rank(cast, 3, prior=0), rank(cast + cast, 3, prior=0)
    for before, row in zip(once.standings, twice.standings, strict=True):
        assert (row.candidate, row.low, row.high) == (
            before.candidate,
            _near(before.low),
            _near(before.high),
        )


@given(cast=casts(), wins=st.booleans(), times=st.integers(1, 3))
def test_without_a_prior_who_won_or_lost_everything_stands_alone_and_moves_nobody(
    cast: list[Vote], wins: bool, times: int
) -> None:
    outcome = {"a": times} if wins else {"b": times}
    met = [vote for other in range(N) for vote in votes(N, other, annotator=2, **outcome)]
    before, after = rank(cast, N, prior=0), rank(cast + met, N + 1, prior=0)
    assert frozenset([N]) in partition(after)
    voted = {row.candidate for row in before.standings if row.votes}
    assert partition(after) - {frozenset([N])} >= partition(before)
    found = by_candidate(after)
    for row in by_candidate(before):
        same = found[row.candidate]
        if row.candidate in voted:
            assert (same.strength, same.low, same.high) == (row.strength, row.low, row.high)


@given(cast=casts(), prior=PRIORS)
def test_chances_to_be_best_add_up_in_each_group(cast: list[Vote], prior: float) -> None:
    fit = rank(cast, N, prior=prior)
    for number, members in enumerate(fit.groups):
        chances = [row.p_best for row in fit.standings if row.group == number]
        if len(members.members) == 1:
            assert chances == [None]
        else:
            assert sum(chance or 0 for chance in chances) == pytest.approx(1, abs=1e-12)


@given(cast=casts(), prior=PRIORS)
def test_intervals_of_every_moment_are_wider_and_their_ranks_no_narrower(
    cast: list[Vote], prior: float
) -> None:
    fixed, always = (rank(cast, N, prior=prior, anytime=anytime) for anytime in (False, True))
    for row, same in zip(fixed.standings, always.standings, strict=True):
        assert (row.candidate, row.strength) == (same.candidate, same.strength)
        if row.low is not None:
            assert same.low < row.low  # type: ignore[operator]
            assert same.rank_low <= row.rank_low  # type: ignore[operator]
            assert same.rank_high >= row.rank_high  # type: ignore[operator]


@given(cast=casts(), prior=PRIORS)
def test_both_bad_counts_as_a_tie(cast: list[Vote], prior: float) -> None:
    tied = [(a, b, min(outcome, 2), annotator) for a, b, outcome, annotator in cast]
    assert strengths(rank(tied, N, prior=prior)) == strengths(rank(cast, N, prior=prior))


@given(cast=casts(), times=st.integers(1, 3), wins=st.booleans())
def test_who_beat_or_lost_to_everybody_is_ranked_first_or_last(
    cast: list[Vote], times: int, wins: bool
) -> None:
    # With prior .5 a win over each is enough: at the strength of the best of the others the slope
    # of the newcomer's own likelihood is above times / 2 - prior >= 0.
    outcome = {"a": times} if wins else {"b": times}
    met = [vote for other in range(N) for vote in votes(N, other, annotator=9, **outcome)]
    fit = rank(cast + met, N + 1, prior=0.5)
    newcomer = fit.standings[0 if wins else -1]
    assert (newcomer.candidate, newcomer.group) == (N, 0)
    assert newcomer.rank == (1 if wins else N + 1)
    assert all(row.strength is not None and math.isfinite(row.strength) for row in fit.standings)


@given(first=casts(n=4), second=casts(n=3), prior=PRIORS)
def test_separate_votes_are_ranked_as_if_alone(
    first: list[Vote], second: list[Vote], prior: float
) -> None:
    moved = [(a + 4, b + 4, outcome, annotator + 2) for a, b, outcome, annotator in second]
    both = rank(first + moved, 7, prior=prior)
    alone = {
        **{row.candidate: row for row in rank(first, 4, prior=prior).standings},
        **{row.candidate + 4: row for row in rank(second, 3, prior=prior).standings},
    }
    for group in partition(both):
        assert max(group) < 4 or min(group) >= 4
    for row in both.standings:
        same = alone[row.candidate]
        assert (row.strength, row.low, row.high, row.rank) == (
            same.strength,
            same.low,
            same.high,
            same.rank,
        )


@given(cast=casts(), prior=PRIORS)
def test_standings_hold_together(cast: list[Vote], prior: float) -> None:
    fit = rank(cast, N, prior=prior)
    assert sorted(row.candidate for row in fit.standings) == list(range(N))
    assert sum(row.votes for row in fit.standings) == 2 * fit.n_votes == 2 * len(cast)
    assert sum(row.wins for row in fit.standings) == sum(row.losses for row in fit.standings)
    sizes = []
    for number in range(len(partition(fit))):
        group = [row for row in fit.standings if row.group == number]
        placed = [(row.strength, -row.candidate) for row in group]
        assert placed == sorted(placed, reverse=True)
        assert sum(strength or 0 for strength, _ in placed) == pytest.approx(0, abs=1e-8)
        for row in group:
            assert row.rank_low <= row.rank <= row.rank_high  # type: ignore[operator]
            if len(group) > 1:
                assert row.low < row.strength < row.high  # type: ignore[operator]
        sizes.append(len(group))
    assert sizes == sorted(sizes, reverse=True)
    assert [row.strength for row in fit.standings[sum(sizes) :]] == [None] * (N - sum(sizes))


def test_columns_may_be_lists_or_narrow_integers() -> None:
    table = columns(votes(0, 1, a=2, b=1))
    settings = RankingSettings(n_resamples=100)
    fits = [
        rank_candidates(n_candidates=2, settings=settings, **cast)
        for cast in (
            table,
            {name: column.tolist() for name, column in table.items()},
            {name: column.astype(np.uint8) for name, column in table.items()},
        )
    ]
    assert fits[0] == fits[1] == fits[2]
