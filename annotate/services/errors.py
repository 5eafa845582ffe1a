"""What can be refused in Kurabe, each with one line that a person can act on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any


class Refused(Exception):
    """A wish that cannot be granted; its text says why and what would be right."""


class ModelRefused(Refused):
    """A model is to be loaded from where none may be loaded."""


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


class RoundDecided(NothingLeft):
    """The round has its answer, and the run stops early."""


class RunPaused(NothingLeft):
    """An admin has paused the run: nothing is drawn until it goes on."""


class NothingToCompare(NothingLeft):
    """No two candidates of the round have completions of one prompt."""


class NotYourLanguage(NothingLeft):
    """What the annotator has not seen is in languages that they did not declare."""


class DailyLimitReached(NothingLeft):
    """The annotator has given all the votes that the run takes from one person in a day."""


class RunClosed(NothingLeft):
    """The run has ended, and will not take votes again."""


class RunCancelled(NothingLeft):
    """The run was given up, and will not take votes again."""


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


class FaultsFound(ImportRefused):
    """Faults of a file were gathered, so nothing of it was kept; `counts` says what was read."""

    def __init__(self, message: str, *, counts: Any) -> None:
        super().__init__(message)
        self.counts = counts


class WrongState(Refused):
    """The run is not in a state that allows this."""


class DraftChanged(WrongState):
    """Somebody else changed the draft after it was looked at."""


class BackupFailed(Refused):
    """No backup could be written; what is wrong is said, and no file looks like one."""


class ArchiveRefused(Refused):
    """A file is not a whole backup, or not one for this version of Kurabe."""


class PlaceTaken(Refused):
    """A backup is restored into an empty place only, and this one has rows or files."""


class RestoreFailed(Refused):
    """The backup is good, and could not be restored here."""


class LedgerBusy(Refused):
    """Votes are being imported into the run, so no cut-off can be taken now."""


class ExportRefused(Refused):
    """The export would be empty, or its choices contradict each other."""


class NothingToExport(ExportRefused):
    """No row to train on comes of it; `left_out` are pairs by reason, for words in any language."""

    def __init__(self, message: str, *, left_out: Mapping[str, int]) -> None:
        super().__init__(message)
        self.left_out = dict(left_out)


class TrainingRefused(Refused):
    """The training run cannot start as it was asked for; `field` is what it is about, if one is."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class JudgeRefused(Refused):
    """An LLM judge, or its template, cannot be as it was asked for."""


class RulesRefused(Refused):
    """What an admin set for a run cannot hold; `field` is where they wrote it."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in a plan.

    Attributes:
        path: where, as in `models.0.sampling.temperature`; empty: the plan as a whole.
        message: what is wrong and what would be right, in the reader's language.
        kind: pydantic's name of the error; `plan` where the rule is ours.
        context: pydantic's numbers of it, such as `ge`.
    """

    path: str
    message: str
    kind: str = "plan"
    context: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class PlanRefused(Refused):
    """A plan cannot be launched; `faults` are all that is wrong in it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = list(faults)


class RecipeRefused(ExportRefused):
    """A dataset cannot be made so; `faults` are all that is wrong in its recipe."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = list(faults)


class PreviewFailed(Refused):
    """What a model would read cannot be shown; the text says why."""


class TokenRefused(Refused):
    """An account cannot have the token that was asked for."""


class GoldRefused(Refused):
    """Two completions cannot become a pair with a known answer."""


class ExclusionRefused(Refused):
    """The annotator cannot be excluded, or the exclusion not be undone; the text says why."""


class NoSuchSlice(Refused):
    """A run has no votes of that kind, and can have none; the text says what there is."""


class ScaleRefused(Refused):
    """A ranking cannot be shown on that scale."""


class NotRanked(Refused):
    """The votes could not be ranked by these settings."""


class NothingToDecide(Refused):
    """No vote counts in the run, so no candidate can be chosen."""


class NotRankedAgain(Refused):
    """What was asked for is written, but the ranking could not be made anew."""


class GenerationFailed(Exception):
    """The engine's process ended with an error."""


class GenerationInterrupted(Exception):
    """The engine's process was killed, or its worker is about to end; another try may do."""


class ExportInterrupted(Exception):
    """The export's worker is about to end, or something is in its way; another try may do."""


class TrainingFailed(Exception):
    """The trainer's process ended with an error."""


class TrainingInterrupted(Exception):
    """The trainer's process was killed, or its worker is about to end; another try may do."""


def names_like(name: str, names: Iterable[str]) -> str:
    """List for a message the names that somebody who wrote `name` may have meant."""
    known = sorted(names)
    listed = get_close_matches(name, known, n=3) or known[:8]
    more = len(known) - len(listed)
    return ", ".join(map(repr, listed)) + (f" and {more} more" if more else "")
