"""A ranking that was stored before clusters could be chosen comes out as it was, to the bit."""

from dataclasses import astuple

from annotate.ranking import RankingFit, RankingSettings, rank_candidates
from tests.ranking.columns import Vote, columns

# The settings as they were stored then, and the standings that were stored beside them: candidate,
# group, strength, low, high, rank, best and worst rank, wins, losses, ties, both bad, votes.
SETTINGS: dict[str, float | int | str] = {
    "prior": 0.5,
    "level": 0.95,
    "n_resamples": 1000,
    "seed": 0,
}
STANDINGS = [
    (0, 0, 1.4467953965, 1.0980370798, 1.7955537132, 1, 1, 1, 93, 12, 6, 9, 120),
    (1, 0, 0.6127640708, 0.3446489252, 0.8808792164, 2, 2, 3, 72, 35, 5, 8, 120),
    (2, 0, 0.0787758323, -0.1608682684, 0.318419933, 3, 2, 3, 57, 52, 4, 7, 120),
    (3, 0, -0.7747134688, -0.9663270812, -0.5830998564, 4, 4, 5, 29, 75, 6, 10, 120),
    (4, 0, -1.3636218308, -1.827530714, -0.8997129476, 5, 4, 5, 14, 91, 7, 8, 120),
]


def cast() -> list[Vote]:
    """Return 300 votes on five candidates by nine annotators, of whom one cast a third."""
    votes = []
    for k in range(300):
        a, b = k % 5, (k % 5 + 1 + k % 4) % 5
        outcome = int(a > b) if k % 3 else (k * k // 7) % 4
        votes.append((a, b, outcome, min(k // 3 % 13, 8)))
    return votes


def rank_again(settings: RankingSettings) -> RankingFit:
    prompt = [k // 20 for k in range(300)]
    return rank_candidates(
        **columns(cast()), n_candidates=5, settings=settings, pair=prompt, prompt=prompt
    )


def test_a_ranking_stored_with_older_settings_is_recomputed_to_the_bit() -> None:
    fit = rank_again(RankingSettings.from_dict(SETTINGS))
    assert [astuple(row)[:-1] for row in fit.standings] == STANDINGS  # but for p_best
    assert (fit.interval_method, fit.clusters) == ("cr3", "annotator")


def test_the_same_votes_are_ranked_with_other_intervals_now() -> None:
    fit = rank_again(RankingSettings())
    for row, stored in zip(fit.standings, STANDINGS, strict=True):
        assert (row.candidate, row.strength) == (stored[0], stored[2])
        assert row.low != stored[3]
