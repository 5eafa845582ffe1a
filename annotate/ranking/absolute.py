"""Absolute scores by a judge, as in MT-Bench: means by category and turn, and their spread."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

OVERALL = 0
WHOLE = 0
LEVEL = 0.95
SLICE = ("candidate", "category", "turn")


@dataclass(frozen=True, kw_only=True)
class MeanScore:
    """The mean score of a candidate, of one category (None: of all) and turn (0: of all).

    Attributes:
        mean: of its questions, each counting the same; None where no score could be read.
        low, high: ends of Student's interval at `LEVEL` over questions; None below two of them.
        spread: standard deviation, over the repeats, of the mean that each alone would give; None
            below two repeats.
        n_unread: scores that could not be read; they count nowhere.
    """

    candidate: int
    category: str | None
    turn: int
    mean: float | None
    low: float | None
    high: float | None
    spread: float | None
    n_questions: int
    n_repeats: int
    n_unread: int


def average_scores(
    *,
    candidate: Sequence[int],
    category: Sequence[str],
    question: Sequence[int],
    turn: Sequence[int],
    repeat: Sequence[int],
    score: Sequence[float | None],
) -> list[MeanScore]:
    """Average scores; all arrays are (scores,), None where a judge's words could not be read.

    A repeat is one completion of a candidate to a question (sample 0, 1, ...); several scores of
    one reply are averaged first. Candidates come in their order, each overall first and then by
    category; of each turn 0 (all together) first. Source of the layout: Zheng et al. 2023
    (MT-Bench).
    """
    names = sorted(set(category))
    places = {name: place for place, name in enumerate(names, start=1)}
    scores = pd.DataFrame(
        {
            "candidate": np.asarray(candidate, dtype=np.int64),
            "category": np.array([places[name] for name in category], dtype=np.int64),
            "question": np.asarray(question, dtype=np.int64),
            "turn": np.asarray(turn, dtype=np.int64),
            "part": np.asarray(turn, dtype=np.int64),
            "repeat": np.asarray(repeat, dtype=np.int64),
            "score": np.asarray([np.nan if s is None else s for s in score], dtype=np.float64),
        }
    )
    return [_mean_score(row, names) for row in _average(_slice(scores)).itertuples()]


def _slice(scores: pd.DataFrame) -> pd.DataFrame:
    """Let each score stand in every slice that it belongs to; the whole has number 0."""
    n_turns = scores["turn"].nunique()
    by_turn = [scores.assign(turn=OVERALL), *([scores] if n_turns > 1 else [])]
    turns = pd.concat(by_turn)
    return pd.concat([turns.assign(category=WHOLE), turns])


def _average(scores: pd.DataFrame) -> pd.DataFrame:
    """Average every slice at once: a page may show those of a hundred candidates."""
    read = scores.dropna(subset="score")
    replies = read.groupby([*SLICE, "question", "repeat", "part"])["score"].mean()
    # A question's turns count the same, then its repeats; and a repeat's questions likewise.
    of_questions = replies.groupby([*SLICE, "question", "part"]).mean()
    questions = of_questions.groupby([*SLICE, "question"]).mean().groupby(list(SLICE))
    of_repeats = replies.groupby([*SLICE, "repeat", "question"]).mean()
    repeats = of_repeats.groupby([*SLICE, "repeat"]).mean().groupby(list(SLICE))
    counted = scores.groupby(list(SLICE))["score"].agg(["size", "count"])
    found = pd.DataFrame(
        {
            "mean": questions.mean(),
            "deviation": questions.std(ddof=1),
            "n_questions": questions.size(),
            "spread": repeats.std(ddof=1),
            "n_repeats": repeats.size(),
            "n_unread": counted["size"] - counted["count"],
        },
        index=counted.index,
    )
    return found.fillna({"n_questions": 0, "n_repeats": 0}).reset_index()


def _mean_score(row: Any, names: Sequence[str]) -> MeanScore:
    """Give a slice's row its interval: Student's, of the mean over questions, taken as drawn."""
    n = int(row.n_questions)
    half = None
    if n > 1:
        half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * row.deviation / math.sqrt(n)
    return MeanScore(
        candidate=int(row.candidate),
        category=names[row.category - 1] if row.category else None,
        turn=int(row.turn),
        mean=float(row.mean) if n else None,
        low=None if half is None else float(row.mean - half),
        high=None if half is None else float(row.mean + half),
        spread=float(row.spread) if row.n_repeats > 1 else None,
        n_questions=n,
        n_repeats=int(row.n_repeats),
        n_unread=int(row.n_unread),
    )
