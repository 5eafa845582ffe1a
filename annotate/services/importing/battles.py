"""Battles into a run: prompts, completions and the votes on them, at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from annotate.formats import STOP, BattleRow, CompletionRow, Faults, PromptRow
from annotate.formats.seen import SeenRows
from annotate.models import Comparison, Completion, Prompt, Vote
from annotate.services import measuring
from annotate.services.importing.batches import Batches
from annotate.services.importing.completions import (
    CompletionCounts,
    CompletionWriter,
    enter_candidates,
    run_for,
)
from annotate.services.importing.counts import Counts
from annotate.services.importing.prompts import PromptWriter, lock_set
from annotate.services.importing.tables import analyze
from annotate.services.importing.votes import VoteWriter
from annotate.services.importing.whole import all_or_nothing


@dataclass(kw_only=True)
class BattleCounts(CompletionCounts):
    """What an import of battles brought; what comes again in one file is counted once."""

    votes: Counts = field(default_factory=Counts)


def import_battles(
    *,
    rows: Iterable[BattleRow],
    run_slug: str,
    set_slug: str,
    faults: Faults = STOP,
    dry_run: bool = False,
) -> BattleCounts:
    """Add battles to a run: what was asked, both answers, and the votes, to its newest round.

    Args:
        faults: takes what is wrong with rows; unless it gathers them, the first one is raised.
        dry_run: do everything, and keep nothing.

    Raises:
        ImportRefused: a row contradicts what is there. `FaultsFound` where faults were gathered.
        WrongState: the run is closed.
    """
    counts = BattleCounts()
    with all_or_nothing(faults=faults, dry_run=dry_run, counts=counts):
        prompt_set = lock_set(set_slug)
        run = run_for(run_slug, prompt_set)
        prompts = PromptWriter(prompt_set, counts.prompts, faults)
        completions = CompletionWriter(run, prompt_set, counts, faults)
        votes = VoteWriter(run, counts.votes, faults, prompt_set)
        repeats = _Repeats()
        n_entered = 0
        batches = Batches(rows)
        for batch in batches:
            prompts.add(repeats.new_prompts(batch))
            completions.add(repeats.new_completions(batch), meanwhile=batches.read_ahead)
            # Votes go to the newest round, which the first candidates open.
            new = completions.candidates.new[n_entered:]
            n_entered += len(new)
            enter_candidates(run, new)
            votes.add([vote for battle in batch for vote in battle.votes])
        completions.finish()
        votes.finish()
        if counts.completions.new:
            measuring.request_measures(run=run)
    if not dry_run:
        analyze(
            {
                Prompt: counts.prompts.new,
                Completion: counts.completions.new,
                Comparison: counts.votes.new,
                Vote: counts.votes.new,
            }
        )
    return counts


class _Repeats:
    """Leaves out prompts and completions that came before in this import, word by word."""

    def __init__(self) -> None:
        self._seen = SeenRows()

    def new_prompts(self, battles: Sequence[BattleRow]) -> list[PromptRow]:
        """List the prompts that have not come yet."""
        prompts = [battle.prompt for battle in battles]
        return [row for row in prompts if self._is_new(row, row.key, row.turns, row.system)]

    def new_completions(self, battles: Sequence[BattleRow]) -> list[CompletionRow]:
        """List the completions that have not come yet."""
        rows = [row for battle in battles for row in (battle.a, battle.b)]
        return [
            row
            for row in rows
            if self._is_new(row, row.prompt, row.candidate.name, row.sample, row.replies)
        ]

    def _is_new(self, row: PromptRow | CompletionRow, *identity: object) -> bool:
        return self._seen.note(row.location, *identity) is None
