"""What can be refused in Kurabe, each with one line that a person can act on."""

from collections.abc import Iterable
from difflib import get_close_matches


class Refused(Exception):
    """A wish that cannot be granted; its text says why and what would be right."""


class RoundClosed(Refused):
    """The round takes no votes."""


class ComparisonUnknown(Refused):
    """The comparison was never drawn for this annotator."""


class NothingLeft(Refused):
    """There is no comparison to give; the subclass says why."""


class AllSeen(NothingLeft):
    """The annotator has judged every pair of completions in the round."""


class VotesComplete(NothingLeft):
    """The round has, or is about to have, all the votes that it wanted."""


class NothingToCompare(NothingLeft):
    """No two candidates of the round have completions of one prompt."""


class ImportRefused(Refused):
    """A file contradicts what is there, or lacks what it needs."""


class WrongState(Refused):
    """The run is not in a state that allows this."""


class LedgerBusy(Refused):
    """Votes are being imported into the run, so no cut-off can be taken now."""


class ExportRefused(Refused):
    """The export would be empty, or its choices contradict each other."""


class TrainingRefused(Refused):
    """The training run cannot start as it was asked for."""


class GenerationFailed(Exception):
    """The engine's process ended with an error."""


class TrainingFailed(Exception):
    """The trainer's process ended with an error."""


def names_like(name: str, names: Iterable[str]) -> str:
    """List for a message the names that somebody who wrote `name` may have meant."""
    known = sorted(names)
    listed = get_close_matches(name, known, n=3) or known[:8]
    more = len(known) - len(listed)
    return ", ".join(map(repr, listed)) + (f" and {more} more" if more else "")
