"""How intervals were reckoned, in words that are stored beside them."""

from enum import StrEnum


class IntervalMethod(StrEnum):
    """How the strengths' intervals of one group were reckoned."""

    CR3 = "cr3"
    """Jackknife over annotators (2 to 199), t with the effective number of them."""
    CR1 = "cr1"
    """Sandwich clustered by annotator (200 and more), t likewise."""
    FISHER = "fisher"
    """Fisher information, normal: votes of a single annotator are taken as independent."""


class Clustering(StrEnum):
    """Which votes of one group were taken to hang together."""

    ANNOTATOR = "annotator"
    ANNOTATOR_PAIR = "annotator_pair"
    """Two ways: those of one annotator, and those on one pair of completions."""
    ANNOTATOR_PROMPT = "annotator_prompt"
    """Two ways: those of one annotator, and those under one prompt."""
    PAIR = "pair"
    """A single annotator: those on one pair of completions."""
    PROMPT = "prompt"
    """A single annotator: those under one prompt."""
    NONE = "none"
    """A single annotator: votes are taken as independent."""
