"""Stored standings on another scale than the log strengths that they were computed on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from annotate.ranking.scales import Scale, put_on_scale
from annotate.services import errors
from annotate.services.numbers import json_number

__all__ = ["Scale", "scale_standings", "unit_of"]

ENDS = ("strength", "low", "high")


def unit_of(scale: Scale) -> str:
    """Name what a strength is counted in on a scale, in the reader's language."""
    return {
        Scale.LOG: _("log odds"),
        Scale.ELO: _("Elo points"),
        Scale.LOGISTIC: _("points out of 10"),
    }[scale]


def scale_standings(
    standings: Iterable[dict[str, Any]], *, scale: Scale, anchors: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Put strengths and both ends of their intervals on a scale, group by group.

    Args:
        anchors: names of candidates whose mean strength is the middle of the logistic scale in
            their group; without any there it is the mean of the group, which is 0 on the log scale.

    Raises:
        ScaleRefused: an anchor has no strength in these standings, or the scale knows no anchors.
    """
    rows = list(standings)
    anchored = set(anchors)
    _check_anchors(rows, scale, anchored)
    scaled: dict[int, dict[str, Any]] = {}
    for group in {row["group"] for row in rows}:
        places = [place for place, row in enumerate(rows) if row["group"] == group]
        members = _scale_group([rows[place] for place in places], scale, anchored)
        scaled |= dict(zip(places, members, strict=True))
    return [scaled[place] for place in range(len(rows))]


def _scale_group(
    rows: Sequence[dict[str, Any]], scale: Scale, anchors: set[str]
) -> list[dict[str, Any]]:
    # None becomes nan.
    columns = {name: np.array([row[name] for row in rows], dtype=np.float64) for name in ENDS}
    places = [place for place, row in enumerate(rows) if row["name"] in anchors]
    scaled = put_on_scale(scale=scale, anchors=np.array(places, dtype=np.int64), **columns)
    return [
        row | {name: json_number(getattr(scaled, name)[place]) for name in ENDS}
        for place, row in enumerate(rows)
    ]


def _check_anchors(rows: Sequence[dict[str, Any]], scale: Scale, anchors: set[str]) -> None:
    if anchors and scale != Scale.LOGISTIC:
        raise errors.ScaleRefused(_("anchors belong to the logistic scale alone"))
    strengths: Mapping[str, float | None] = {row["name"]: row["strength"] for row in rows}
    for name in sorted(anchors):
        if name not in strengths:
            said = _("no candidate of this ranking is called %(name)s; there is %(known)s")
            known = errors.names_like(name, strengths)
            raise errors.ScaleRefused(said % {"name": repr(name), "known": known})
        if strengths[name] is None:
            said = _("%(name)s has no votes here, so it cannot anchor a scale")
            raise errors.ScaleRefused(said % {"name": repr(name)})
