"""A simulated annotator: which of two replies a reader would prefer, as far as can be counted.

It sees what a person sees, the prompt and the two replies, and knows nothing of where they came
from or of what was planted in them.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from annotate.generation.metrics import measure_reply

ScreenOutcome = Literal["left", "right", "tie", "both_bad"]

# One plain fault costs this much, so that two faults are worse than one.
FAULT_COST = 3.0
EMPTY_COST = 3 * FAULT_COST
# From these shares on a fault is plain to any reader, and below them it counts in proportion: one
# kanji word in an English sentence is a thirtieth of its letters, a loop fills a third of a text.
PLAIN_LEAKAGE = 0.02
PLAIN_REPETITION = 0.25
# A reply to the question takes up about this share of its terms; more of them is no better.
PLAIN_OVERLAP = 0.3
# Closer than this, a reader sees no difference.
TIE_WIDTH = 0.75
# At this utility or below, a reader calls a reply bad: one plain fault, less a little.
BAD_UTILITY = -2.0


def reply_utility(*, prompt: str, reply: str, language: str) -> float:
    """Return how free of faults a reply looks: 0 has none that can be counted, lower is worse.

    Counts foreign words, loops and missing the question; a reply of nothing is worst.
    """
    metrics = measure_reply(prompt=prompt, reply=reply, language=language)
    if metrics.is_empty:
        return -EMPTY_COST
    faults = (
        min(1.0, metrics.leakage / PLAIN_LEAKAGE)
        + min(1.0, metrics.repetition / PLAIN_REPETITION)
        + 1.0
        - min(1.0, metrics.overlap / PLAIN_OVERLAP)
    )
    return -FAULT_COST * faults


def simulate_outcome(
    *, utility_left: float, utility_right: float, rng: np.random.Generator, noise: float
) -> ScreenOutcome:
    """Draw what an annotator says of two replies, each seen with Gumbel noise of scale `noise`.

    With noise the difference is logistic, as in the Bradley-Terry model (Yellott 1977). One too
    small to see is a tie, or `both_bad` where both replies look bad.
    """
    if noise < 0:
        raise ValueError(f"noise: {noise} is not valid; expected 0 or more")
    # Centred, so that noise alone makes no reply look better or worse than it is.
    seen = np.array([utility_left, utility_right]) - noise * np.euler_gamma
    seen += noise * rng.gumbel(size=2)
    difference = float(seen[0] - seen[1])
    if abs(difference) < TIE_WIDTH:
        return "both_bad" if seen.max() <= BAD_UTILITY else "tie"
    return "left" if difference > 0 else "right"
