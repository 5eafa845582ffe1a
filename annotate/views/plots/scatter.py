"""What was predicted against what was observed."""

import math
from collections.abc import Sequence

from django.utils.translation import gettext as _

from annotate.views.plots.parts import Row, Spec, figure, tooltip


def calibration(bins: Sequence[Row]) -> Spec:
    """Draw observed over predicted shares with intervals; the diagonal is a perfect prediction.

    Args:
        bins: `predicted`, `observed`, `low`, `high`, `votes`; shares from 0 to 1.
    """
    ends = _reach(bins)
    x = _share("predicted", _("Predicted share won by the favourite"), ends)
    y = _share("observed", _("Observed share"), ends)
    line = {
        "data": {"values": [{"predicted": end, "observed": end} for end in ends]},
        "mark": {"type": "line", "color": "var(--edge)", "strokeDash": [4, 4]},
        "encoding": {"x": x, "y": y},
    }
    whisker = {
        "mark": {"type": "rule", "strokeWidth": 2, "color": "var(--ink-soft)"},
        "encoding": {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}},
    }
    tips = tooltip(
        ("predicted", _("Predicted")),
        ("observed", _("Observed")),
        ("low", _("Low")),
        ("high", _("High")),
        ("votes", _("Votes")),
        places=".1%",
    )
    dot = {
        "mark": {
            "type": "point",
            "filled": True,
            "size": 90,
            "opacity": 1,
            "color": "var(--plot-1)",
        },
        "encoding": {"x": x, "y": y, "tooltip": tips},
    }
    return figure([line, whisker, dot], bins, shape="square")


def _reach(bins: Sequence[Row]) -> list[float]:
    """Give the ends of both axes, the same for both: 5 per cent around all that is drawn."""
    drawn = [
        bin_[name] for bin_ in bins for name in ("predicted", "observed", "low", "high")
        if bin_[name] is not None
    ]  # fmt: skip
    return [max(0.0, math.floor(20 * min(drawn)) / 20), min(1.0, math.ceil(20 * max(drawn)) / 20)]


def _share(field: str, title: str, domain: Sequence[float]) -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"domain": list(domain), "nice": False},
        "axis": {"format": ".0%", "tickCount": 6},
    }
