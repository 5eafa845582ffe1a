"""Adjusted views beside the ranking: the same votes, with something else held even.

`side`: at equal sides. `style`: at equal length and Markdown. `annotators`: with each annotator's
own reliability, side bias and ties. `propensity`: as if pairs had been drawn evenly. The ranking
itself stands first, as it was stored, and none of these takes its place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from annotate.ranking import StrengthsDidNotConverge
from annotate.ranking.adjusted import AdjustedGroup, rank_adjusted
from annotate.ranking.annotator_view import AnnotatorView, rank_by_annotators
from annotate.ranking.annotators import AnnotatorsDidNotConverge
from annotate.ranking.arrays import BoolArray, FloatArray, IntArray
from annotate.ranking.contextual import contrast_styles
from annotate.ranking.methods import Clustering
from annotate.ranking.votes import keep_votes
from annotate.ranking.weights import weigh_by_design
from annotate.services.figures.content import table
from annotate.services.figures.replies import STYLE_FEATURES, read_styles
from annotate.services.figures.source import FigureSource
from annotate.services.numbers import json_number
from annotate.services.vote_columns import number_pairs

STRENGTHS = ("view", "candidate", "strength", "low", "high", "rank", "group")
COEFFICIENTS = ("view", "term", "estimate", "low", "high", "group")
ANNOTATORS = ("annotator", "kind", "votes", "reliability", "low", "high", "bias")


class _Gap(Exception):
    """A view that these votes do not give; its message is the code that says why."""


@dataclass
class _Content:
    """What is gathered view by view."""

    strengths: list[tuple[Any, ...]] = field(default_factory=list)
    coefficients: list[tuple[Any, ...]] = field(default_factory=list)
    annotators: list[tuple[Any, ...]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    gaps: dict[str, str] = field(default_factory=dict)


def compute(source: FigureSource) -> dict[str, Any]:
    """Rank by each view; a view that the votes do not give is a gap with its reason."""
    content = _Content(facts={"level": source.settings.level})
    for row in source.ranking.standings:
        told = (row[key] for key in ("name", "strength", "low", "high", "rank", "group"))
        content.strengths.append(("primary", *told))
    views: dict[str, Callable[[FigureSource, _Content], None]] = {
        "side": _add_side,
        "style": _add_style,
        "annotators": _add_annotators,
        "propensity": _add_propensity,
    }
    for view, add in views.items():
        try:
            if len(source.ballots.outcome) == 0:
                raise _Gap("no_votes")
            add(source, content)
        except _Gap as gap:
            content.gaps[f"strengths.{view}"] = str(gap)
        except (StrengthsDidNotConverge, AnnotatorsDidNotConverge):
            content.gaps[f"strengths.{view}"] = "not_settled"
    tables = {
        "strengths": table(STRENGTHS, content.strengths),
        "coefficients": table(COEFFICIENTS, content.coefficients),
        "annotators": table(ANNOTATORS, content.annotators),
    }
    return {"tables": tables, "facts": content.facts, "gaps": content.gaps}


def _add_side(source: FigureSource, content: _Content) -> None:
    """Fit how much the left gains by itself; a vote of unknown side tells nothing of it."""
    side = source.ballots.side.astype(np.float64)[:, None]
    if not side.any():
        raise _Gap("no_sides")
    groups = _rank(source, side)
    _add_groups("side", ("side",), groups, source, content)


def _add_style(source: FigureSource, content: _Content) -> None:
    """Fit what length and Markdown gain by themselves, for one standard deviation of each."""
    a, b = read_styles(source.ballots)
    contrasts = contrast_styles(a, b)
    if not contrasts.any():
        raise _Gap("no_variation")
    _add_groups("style", STYLE_FEATURES, _rank(source, contrasts), source, content)


def _add_annotators(source: FigureSource, content: _Content) -> None:
    view = rank_by_annotators(
        source.columns,
        side=source.ballots.side,
        settings=source.settings,
        others=_clusters_of(source),
    )
    if view is None:
        raise _Gap("one_annotator")
    content.facts["annotators_scale"] = json_number(view.scale)
    _add_groups("annotators", (), view.groups, source, content)
    content.annotators.extend(_describe_annotators(source, view))


def _add_propensity(source: FigureSource, content: _Content) -> None:
    """Weigh votes on drawn pairs; a vote whose pair no policy drew has no weight, and is left out.

    To give such votes (imported ones, and those cast before chances were stored) a weight of 1
    would be to say that their pairs were drawn evenly, which nobody knows.
    """
    ballots = source.ballots
    known = ~np.isnan(ballots.propensity) & (ballots.n_pairs > 0)
    content.facts["votes_without_propensity"] = int((~known).sum())
    if not known.any():
        raise _Gap("no_propensities")
    found = weigh_by_design(propensity=ballots.propensity[known], n_pairs=ballots.n_pairs[known])
    content.facts |= {
        "votes_weighed": int(known.sum()),
        "effective_votes": json_number(found.effective_votes),
        "largest_weight": json_number(found.largest),
        "truncated_votes": found.n_truncated,
    }
    covariates = np.empty((int(known.sum()), 0))
    groups = _rank(source, covariates, kept=known, weights=found.weights)
    _add_groups("propensity", (), groups, source, content)


def _rank(
    source: FigureSource,
    covariates: FloatArray,
    *,
    kept: BoolArray | None = None,
    weights: FloatArray | None = None,
) -> list[AdjustedGroup]:
    """Rank by the kept votes, clustered as the ranking's are.

    Args:
        covariates, weights: (kept votes, ...).
    """
    kept = np.ones(len(source.ballots.outcome), dtype=np.bool_) if kept is None else kept
    return rank_adjusted(
        keep_votes(source.columns, kept),
        covariates=covariates,
        weights=weights,
        settings=source.settings,
        others={by: cluster[kept] for by, cluster in _clusters_of(source).items()},
    )


def _clusters_of(source: FigureSource) -> dict[Clustering, IntArray]:
    """Return (votes,) what votes are clustered by beside the annotator, as the ranking's are."""
    return {
        Clustering.ANNOTATOR_PAIR: number_pairs(source.votes),
        Clustering.ANNOTATOR_PROMPT: source.ballots.prompt,
    }


def _add_groups(
    view: str,
    terms: Sequence[str],
    groups: Sequence[AdjustedGroup],
    source: FigureSource,
    content: _Content,
) -> None:
    """Write the standings of a view, group by group and the strongest first, then the voteless."""
    names = source.names
    for number_, each in enumerate(groups):
        for k in np.lexsort((each.members, each.ranks)).tolist():
            name, strength = names[each.members[k]], float(each.strengths[k])
            width = np.nan if each.half_widths is None else float(each.half_widths[k])
            ends = strength - width, strength + width
            content.strengths.append((view, name, strength, *ends, each.ranks[k], number_))
        for k, term in enumerate(terms):
            estimate = float(each.coefficients[k])
            width = float(each.coefficient_half_widths[k])
            ends = estimate - width, estimate + width
            content.coefficients.append((view, term, estimate, *ends, number_))
            if np.isnan(estimate):
                content.gaps[f"coefficients.{view}.{term}"] = "no_variation"
    ranked = {int(member) for each in groups for member in each.members}
    for place, name in enumerate(names):
        if place not in ranked:
            content.strengths.append((view, name, None, None, None, None, None))


def _describe_annotators(source: FigureSource, view: AnnotatorView) -> list[tuple[Any, ...]]:
    """Give each annotator's reliability, those with most votes first."""
    votes = np.bincount(source.ballots.annotator, minlength=len(source.annotators))
    rows = []
    for k, place in enumerate(view.annotators.tolist()):
        who = source.annotators[place]
        rows.append(
            (who.pseudonym, who.kind, int(votes[place]), float(view.reliability[k]),
             float(view.low[k]), float(view.high[k]), float(view.bias[k]))
        )  # fmt: skip
    return sorted(rows, key=lambda row: (-row[2], row[0]))
