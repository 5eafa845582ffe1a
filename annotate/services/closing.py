"""End a run: no more votes, a last ranking, and the candidates' names for those who voted."""

from annotate.models import SelectionRun, User
from annotate.services.rankings import rank_again
from annotate.services.states import move_run


def close_run(*, run: SelectionRun, by: User | None = None) -> None:
    """End the run for good, and rank by all of its votes; closed again, it stays as it is.

    Raises:
        WrongState: the run has not begun.
        NotRankedAgain: the run is closed, but the ranking could not be made.
    """
    if run.state == SelectionRun.State.CLOSED:
        return
    move_run(run=run, to=SelectionRun.State.CLOSED, by=by)
    rank_again(run=run, at_least_once=True)
