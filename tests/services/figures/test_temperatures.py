"""Model by temperature: cells as the ranking has them, and the means of rows and columns."""

import itertools
from typing import Any

import numpy as np
import pytest

from annotate.models import Ranking, Round
from annotate.ranking import RankingSettings
from annotate.services.figures import figure_of
from annotate.services.rankings import store_rankings
from tests import factories as make
from tests.services.casting import cast

pytestmark = pytest.mark.django_db

SETTINGS = RankingSettings(n_resamples=100)
GRID = list(itertools.product(("org/x", "org/y"), (0.1, 0.7)))


def rank_grid(cells: list[tuple[str, float | None]], *, seed: int = 0, votes: int = 80) -> Ranking:
    """Rank candidates of these models and temperatures by random votes; the first wins oftener."""
    round_ = make.make_open_round(n_candidates=0, n_prompts=1)
    add_candidates(round_, cells)
    rng = np.random.default_rng(seed)
    ballots = []
    for _vote in range(votes):
        a, b = sorted(rng.choice(len(cells), 2, replace=False).tolist())
        outcome = str(rng.choice(["a", "b", "tie"], p=[0.5, 0.3, 0.2]))
        ballots.append((a, b, outcome, int(rng.integers(8))))
    cast(round_, ballots)
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    return ranking


def add_candidates(round_: Round, cells: list[tuple[str, float | None]]) -> None:
    prompt = round_.run.prompts().get()
    for model, temperature in cells:
        sampling = {"top_p": 0.9} | ({} if temperature is None else {"temperature": temperature})
        candidate = make.make_candidate(round_.run, model=model, sampling=sampling)
        round_.candidates.add(candidate)
        make.make_completion(candidate, prompt)


def content_of(ranking: Ranking) -> dict[str, Any]:
    return figure_of(ranking=ranking, kind="temperatures").content


def rows_of(content: dict[str, Any], table: str) -> list[dict[str, Any]]:
    found = content["tables"][table]
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def test_cells_are_the_rankings_own_standings() -> None:
    ranking = rank_grid(GRID)
    standings = {row["name"]: row for row in ranking.standings}
    cells = rows_of(content_of(ranking), "cells")
    assert [(cell["model"], cell["temperature"]) for cell in cells] == GRID
    for cell in cells:
        kept = standings[cell["candidate"]]
        for field in ("strength", "low", "high", "votes", "group"):
            assert cell[field] == kept[field]


def test_margins_are_means_of_rows_and_columns() -> None:
    content = content_of(rank_grid(GRID))
    cells = rows_of(content, "cells")
    for table, name in (("models", "model"), ("temperatures", "temperature")):
        for margin in rows_of(content, table):
            of = [cell["strength"] for cell in cells if cell[name] == margin[name]]
            assert margin["candidates"] == len(of) == 2
            assert margin["strength"] == pytest.approx(np.mean(of), abs=1e-9)
    assert content["gaps"] == {}
    assert content["facts"] == {
        "n_models": 2, "n_temperatures": 2, "n_left_out": 0, "level": 0.95,
    }  # fmt: skip


def test_intervals_of_margins_know_that_strengths_err_together() -> None:
    """Two halves of a group whose mean is 0 are each other's opposite, and so are their errors.

    Errors of cells that had nothing to do with each other would give other widths.
    """
    content = content_of(rank_grid(GRID))
    one, other = rows_of(content, "models")
    assert one["strength"] == pytest.approx(-other["strength"], abs=1e-9)
    assert one["low"] == pytest.approx(-other["high"], abs=1e-9)
    assert one["low"] < one["strength"] < one["high"]
    alone = [
        (cell["high"] - cell["low"]) / 2
        for cell in rows_of(content, "cells")
        if cell["model"] == one["model"]
    ]
    apart = np.sqrt(np.square(alone).sum()) / 2
    assert abs((one["high"] - one["low"]) / 2 - apart) > 0.02 * apart


def test_a_second_candidate_in_a_cell_shares_its_weight() -> None:
    content = content_of(rank_grid([*GRID, GRID[0]]))
    cells = rows_of(content, "cells")
    assert [cell["temperature"] for cell in cells] == [0.1, 0.1, 0.7, 0.1, 0.7]
    x = rows_of(content, "models")[0]
    first, second, warm = (cell["strength"] for cell in cells[:3])
    assert x["strength"] == pytest.approx(((first + second) / 2 + warm) / 2, abs=1e-9)
    assert x["candidates"] == 3


def test_a_model_that_lacks_a_temperature_has_cells_and_no_margin() -> None:
    """Nor has a temperature that one model alone has."""
    content = content_of(rank_grid([*GRID, ("org/x-dpo", 0.1), ("org/x", 1.5)]))
    assert len(rows_of(content, "cells")) == 6
    assert [row["model"] for row in rows_of(content, "models")] == ["org/x", "org/y"]
    assert [row["temperature"] for row in rows_of(content, "temperatures")] == [0.1, 0.7]
    assert {row["candidates"] for row in rows_of(content, "models")} == {2}


def test_candidates_of_no_known_temperature_are_left_out() -> None:
    content = content_of(rank_grid([*GRID, ("org/z", None), ("", 0.1)]))
    assert len(rows_of(content, "cells")) == 4
    assert content["facts"]["n_left_out"] == 2


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ([("org/x", 0.1), ("org/y", 0.1)], "one_temperature"),
        ([("org/x", None), ("org/y", None)], "no_grid"),
        ([("org/x", 0.1), ("org/x", 0.7)], "no_grid"),
    ],
)
def test_without_a_grid_there_is_no_table(cells: list[tuple[str, float]], code: str) -> None:
    content = content_of(rank_grid(cells, votes=5))
    assert content["gaps"] == {"cells": code, "models": code, "temperatures": code}
    assert {len(table["rows"]) for table in content["tables"].values()} == {0}


def test_a_grid_with_a_hole_in_every_row_has_cells_alone() -> None:
    content = content_of(rank_grid([("x", 0.1), ("x", 0.4), ("y", 0.4), ("y", 0.7), ("z", 0.1)]))
    assert content["gaps"] == {"models": "incomplete_grid", "temperatures": "incomplete_grid"}
    assert len(rows_of(content, "cells")) == 5


def test_a_cell_that_no_vote_joins_to_the_others_is_in_no_margin() -> None:
    round_ = make.make_open_round(n_candidates=0, n_prompts=1)
    add_candidates(round_, [*GRID, ("org/z", 0.1), ("org/z", 0.7)])
    cast(round_, [(0, 1, "a", 0), (1, 2, "b", 1), (2, 3, "a", 0), (0, 3, "tie", 1),
                  (4, 5, "a", 0)])  # fmt: skip
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS)
    content = content_of(ranking)
    assert [row["model"] for row in rows_of(content, "models")] == ["org/x", "org/y"]
    assert [cell["group"] for cell in rows_of(content, "cells")] == [0, 0, 0, 0, 1, 1]


def test_weights_in_a_folder_are_named_by_the_end_of_its_path() -> None:
    cells = [("/srv/models/one/checkpoint", 0.1), ("/srv/models/two/checkpoint", 0.7)]
    content = content_of(rank_grid(cells, votes=5))
    assert [cell["model"] for cell in rows_of(content, "cells")] == [
        "one/checkpoint",
        "two/checkpoint",
    ]
