"""What can be refused in Kurabe, each with one line that a person can act on."""

from collections.abc import Iterable
from difflib import get_close_matches


class Refused(Exception):
    """A wish that cannot be granted; its text says why and what would be right."""


class NotShown(Refused):
    """Another comparison stands before the annotator than the one that was meant."""


class RoundClosed(Refused):
    """The round takes no votes."""


class ComparisonUnknown(Refused):
    """The comparison was never drawn for this annotator."""


class VoteRefused(Refused):
    """What was sent is not what the run asks for; the text says what would be right."""


class TooFast(Refused):
    """A vote came before both texts can have been read; sent again in `seconds_left`, it counts."""

    def __init__(self, message: str, *, seconds_left: int) -> None:
        super().__init__(message)
        self.seconds_left = seconds_left


class NothingLeft(Refused):
    """There is no comparison to give; the subclass says why."""


class AllSeen(NothingLeft):
    """The annotator has judged every pair of completions in the round."""


class VotesComplete(NothingLeft):
    """The round has, or is about to have, all the votes that it wanted."""


class NothingToCompare(NothingLeft):
    """No two candidates of the round have completions of one prompt."""


class NotYourLanguage(NothingLeft):
    """What the annotator has not seen is in languages that they did not declare."""


class DailyLimitReached(NothingLeft):
    """The annotator has given all the votes that the run takes from one person in a day."""


class RunClosed(NothingLeft):
    """The run has ended, and will not take votes again."""


class NoLanguage(Refused):
    """An annotator has to read at least one language."""


class NameRefused(Refused):
    """The name cannot stand on the board of volunteers."""


class ConsentOutdated(Refused):
    """The consent text that was agreed to is not the newest."""


class InvitationUnknown(Refused):
    """No invitation has this link."""


class InvitationRefused(Refused):
    """The invitation lets nobody in any more; the text says why."""


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


class RulesRefused(Refused):
    """What an admin set for a run cannot hold; `field` is where they wrote it."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class GoldRefused(Refused):
    """Two completions cannot become a pair with a known answer."""


class ExclusionRefused(Refused):
    """The annotator cannot be excluded, or the exclusion not be undone; the text says why."""


class NotRankedAgain(Refused):
    """What was asked for is written, but the ranking could not be made anew."""


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
