"""How long the compared replies are, and how much Markdown they use."""

import numpy as np
from numpy.typing import NDArray

from annotate.generation.style import STYLE_FEATURES, add_styles, measure_style
from annotate.models import Completion, Vote
from annotate.services.figures.source import BallotColumns

__all__ = ["STYLE_FEATURES", "read_styles"]


def read_styles(ballots: BallotColumns) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (votes, features) of completion a and of b: of the turn that was judged, or of all."""
    ids = np.unique(np.concatenate([ballots.completion_a, ballots.completion_b]))
    n_turns = int(ballots.turn.max(initial=0)) + 1
    styles = np.zeros((len(ids), n_turns, len(STYLE_FEATURES)))
    stored = Completion.objects.filter(pk__in=ids.tolist()).values_list("pk", "replies")
    for pk, replies in stored.iterator(chunk_size=2000):
        counted = [measure_style(reply) for reply in replies]
        place = int(np.searchsorted(ids, pk))
        styles[place, Vote.WHOLE_CONVERSATION] = add_styles(counted)
        for turn, style in enumerate(counted[: n_turns - 1], start=1):
            styles[place, turn] = add_styles([style])
    a, b = (np.searchsorted(ids, side) for side in (ballots.completion_a, ballots.completion_b))
    return styles[a, ballots.turn], styles[b, ballots.turn]
