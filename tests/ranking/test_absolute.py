"""Absolute scores are averaged by category and turn, and their spread is that of the repeats."""

import statistics

import numpy as np
import pytest

from annotate.ranking.absolute import OVERALL, MeanScore, average_scores


def average(*rows: tuple[int, str, int, int, int, float | None]) -> list[MeanScore]:
    """Average rows of candidate, category, question, turn, repeat, score."""
    columns = ("candidate", "category", "question", "turn", "repeat", "score")
    return average_scores(**dict(zip(columns, zip(*rows, strict=True), strict=True)))


def find(means: list[MeanScore], category: str | None = None, turn: int = OVERALL) -> MeanScore:
    (found,) = (mean for mean in means if (mean.category, mean.turn) == (category, turn))
    return found


def test_average_gives_overall_categories_and_turns_in_order() -> None:
    rows = [(1, cat, q, t, 0, 5.0) for q, cat in ((1, "math"), (2, "coding")) for t in (1, 2)]
    found = [
        (mean.candidate, mean.category, mean.turn) for mean in average(*rows, (2, *rows[0][1:]))
    ]
    assert found == [
        *((1, category, turn) for category in (None, "coding", "math") for turn in (0, 1, 2)),
        *((2, category, turn) for category in (None, "math") for turn in (0, 1)),
    ]


def test_average_is_that_of_questions_whatever_the_number_of_their_scores() -> None:
    found = average((1, "", 1, 1, 0, 10), (1, "", 1, 1, 1, 10), (1, "", 1, 1, 2, 10),
                    (1, "", 2, 1, 0, 4))  # fmt: skip
    assert find(found).mean == 7


def test_average_of_turns() -> None:
    found = average(
        (1, "", 1, 1, 0, 8), (1, "", 1, 2, 0, 4), (1, "", 2, 1, 0, 6), (1, "", 2, 2, 0, 2)
    )
    assert [find(found, turn=turn).mean for turn in (0, 1, 2)] == [5, 7, 3]


def test_spread_is_the_deviation_of_what_each_repeat_alone_would_give() -> None:
    rows = [(1, "", q, 1, r, s) for r, scores in enumerate([(6, 8), (5, 5), (9, 9)])
            for q, s in enumerate(scores)]  # fmt: skip
    assert find(average(*rows)).spread == pytest.approx(statistics.stdev([7, 5, 9]))
    assert find(average(*rows[:2])).spread is None


def test_several_scores_of_one_reply_are_averaged_first() -> None:
    found = average((1, "", 1, 1, 0, 4), (1, "", 1, 1, 0, 8), (1, "", 1, 1, 1, 9))
    assert find(found).mean == 7.5
    assert find(found).spread == pytest.approx(statistics.stdev([6, 9]))


def test_scores_that_could_not_be_read_are_counted_and_count_nowhere() -> None:
    found = find(average((1, "", 1, 1, 0, None), (1, "", 2, 1, 0, 6)))
    assert (found.mean, found.n_questions, found.n_unread) == (6, 1, 1)
    nothing = find(average((1, "", 1, 1, 0, None)))
    assert (nothing.mean, nothing.low, nothing.n_questions, nothing.n_unread) == (None, None, 0, 1)


@pytest.mark.slow
def test_interval_holds_the_mean_of_all_questions_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _time in range(200):
        scores = rng.normal(6, 1, 20) + rng.normal(0, 0.5, (3, 20))
        rows = [(1, "", q, 1, r, float(scores[r, q])) for r in range(3) for q in range(20)]
        found = find(average(*rows))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 6 <= found.high
    assert 0.90 <= held / 200 <= 0.99
