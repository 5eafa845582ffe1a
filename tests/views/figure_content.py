"""A small stored content of each kind of figure."""

from typing import Any

from annotate.models.rankings import FigureKind


def make_table(columns: list[str], *rows: list[Any]) -> dict[str, Any]:
    """Give a table as it is stored."""
    return {"columns": list(columns), "rows": [list(row) for row in rows]}


def _content(facts: dict[str, Any] | None = None, **tables: dict[str, Any]) -> dict[str, Any]:
    return {"tables": tables, "facts": facts or {}, "gaps": {}}


CONTENT: dict[str, dict[str, Any]] = {
    FigureKind.HEAD_TO_HEAD: _content(
        {"scale": 1.1, "tie_weight": 0.6, "n_votes": 9},
        pairs=make_table(
            [
                "candidate",
                "rival",
                "wins",
                "losses",
                "ties",
                "both_bad",
                "votes",
                "rate",
                "predicted_win",
                "predicted_tie",
                "predicted_loss",
                "group",
            ],
            ["alpha", "beta", 2, 0, 2, 0, 4, 0.75, 0.5, 0.2, 0.3, 0],
            ["alpha", "gamma", 0, 0, 0, 0, 0, None, 0.6, 0.2, 0.2, 0],
            ["beta", "gamma", 3, 2, 0, 0, 5, 0.6, 0.55, 0.2, 0.25, 0],
        ),
    ),
    FigureKind.CATEGORIES: _content(
        {"n_categories": 3, "level": 0.95},
        strengths=make_table(
            ["category", "candidate", "group", "strength", "low", "high", "votes"],
            *(
                [category, name, 0, strength, strength - 0.4, strength + 0.4, 20]
                for category, shift in (("code", 0.3), ("joke", 0.0), ("letter", -0.2))
                for name, strength in (("alpha", 0.5 + shift), ("beta", -0.5 - shift))
            ),
        ),
    ),
    FigureKind.GROWTH: _content(
        {"n_votes": 20, "level": 0.95},
        points=make_table(
            ["votes", "candidate", "strength", "low", "high", "group"],
            *(
                [votes, name, strength, strength - 4 / votes, strength + 4 / votes, 0]
                for votes in (10, 20)
                for name, strength in (("alpha", 0.5), ("beta", -0.5))
            ),
        ),
    ),
    FigureKind.CALIBRATION: _content(
        {"log_loss": 1.02, "log_loss_base": 1.09, "n_folds": 10},
        bins=make_table(
            ["predicted", "observed", "low", "high", "votes"],
            [0.52, 0.5, 0.45, 0.55, 40],
            [0.61, 0.64, 0.6, 0.7, 40],
            [0.8, 0.7, 0.66, 0.78, 39],
        ),
    ),
    FigureKind.TEMPERATURES: _content(
        {"n_models": 2, "n_temperatures": 2, "n_left_out": 0, "level": 0.95},
        cells=make_table(
            ["model", "temperature", "candidate", "strength", "low", "high", "votes", "group"],
            ["m1", 0.2, "m1 cold", 0.5, 0.2, 0.8, 20, 0],
            ["m1", 1.0, "m1 hot", 0.1, -0.2, 0.4, 20, 0],
            ["m2", 0.2, "m2 cold", -0.2, -0.5, 0.1, 20, 0],
            ["m2", 1.0, "m2 hot", -0.4, -0.7, -0.1, 20, 0],
        ),
        models=make_table(
            ["model", "strength", "low", "high", "candidates"],
            ["m1", 0.3, 0.1, 0.5, 2],
            ["m2", -0.3, -0.5, -0.1, 2],
        ),
        temperatures=make_table(
            ["temperature", "strength", "low", "high", "candidates"],
            [0.2, 0.15, -0.05, 0.35, 2],
            [1.0, -0.15, -0.35, 0.05, 2],
        ),
    ),
    FigureKind.JUDGES: _content(
        {"n_kinds": 2, "level": 0.95},
        strengths=make_table(
            ["candidate", "kind", "strength", "low", "high", "votes", "group"],
            ["alpha", "person", 0.5, 0.2, 0.8, 20, 0],
            ["beta", "person", -0.5, -0.8, -0.2, 20, 0],
            ["alpha", "judge", -0.1, -0.4, 0.2, 20, 0],
            ["beta", "judge", 0.1, -0.2, 0.4, 20, 0],
        ),
        agreement=make_table(
            ["kind", "other_kind", "tau", "agreeing", "shared", "low", "high", "candidates"],
            ["person", "judge", -1.0, 0.4, 18, 0.3, 0.5, 2],
        ),
    ),
    FigureKind.SIDES: _content(
        {"share": 0.55, "low": 0.5, "high": 0.6, "left": 55, "right": 45},
        annotators=make_table(
            ["annotator", "kind", "left", "right", "share", "low", "high"],
            ["annotator-1", "person", 30, 20, 0.6, 0.46, 0.72],
            ["annotator-2", "judge", 25, 25, 0.5, 0.37, 0.63],
        ),
    ),
    FigureKind.ADJUSTED: _content(
        {"votes_weighed": 40, "effective_votes": 33.3, "largest_weight": 2.5},
        strengths=make_table(
            ["view", "candidate", "strength", "low", "high", "rank", "group"],
            *(
                [view, name, strength, strength - 0.3, strength + 0.3, rank, 0]
                for view in ("primary", "side", "style")
                for rank, (name, strength) in enumerate((("alpha", 0.5), ("beta", -0.5)), 1)
            ),
        ),
        coefficients=make_table(
            ["view", "term", "estimate", "low", "high", "group"],
            ["side", "side", 0.1, -0.1, 0.3, 0],
            ["style", "length", 0.4, 0.2, 0.6, 0],
        ),
        annotators=make_table(
            ["annotator", "kind", "votes", "reliability", "low", "high", "bias"],
            ["annotator-1", "person", 20, 1.1, 0.8, 1.4, 0.05],
        ),
    ),
}
