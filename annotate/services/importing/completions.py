"""Completions into a run, with the candidates and prompts that they bring along."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.utils import timezone

from annotate.formats import STOP, CompletionRow, Faults, FormatError, PromptRow
from annotate.models import Candidate, Completion, Prompt, PromptSet, SelectionRun
from annotate.services import errors, measuring, rounds
from annotate.services.blindness import named_maker
from annotate.services.importing.batches import Batches
from annotate.services.importing.candidates import CandidateWriter
from annotate.services.importing.copying import copy_lines, escaped, escaped_array, line_of
from annotate.services.importing.counts import Counts
from annotate.services.importing.prompts import PromptWriter, lock_set
from annotate.services.importing.tables import (
    analyze,
    array_of_numbers,
)
from annotate.services.importing.whole import Conflict, all_or_nothing, conflict, tell, wrong

MAX_SAMPLE = 2**15 - 2  # a run stores how many samples there are, one more, in 15 bits
MAX_REMEMBERED = 100_000

_COLUMNS = ("candidate_id", "prompt_id", "sample", "replies", "finish_reason", "seed",
            "prompt_tokens", "completion_tokens", "engine_version", "rendered_prompt_sha256",
            "names_maker", "created_at")  # fmt: skip

Key = tuple[int, int, int]  # candidate, prompt, sample


@dataclass(kw_only=True)
class CompletionCounts:
    """What an import of completions brought."""

    prompts: Counts = field(default_factory=Counts)
    candidates: Counts = field(default_factory=Counts)
    completions: Counts = field(default_factory=Counts)
    n_naming_makers: int = 0  # of the new completions


def import_completions(
    *,
    rows: Iterable[PromptRow | CompletionRow],
    run_slug: str,
    set_slug: str,
    faults: Faults = STOP,
    dry_run: bool = False,
) -> CompletionCounts:
    """Add completions to a run, making run, candidates and prompts as needed, and open its round.

    Args:
        faults: takes what is wrong with rows; unless it gathers them, the first one is raised.
        dry_run: do everything, and keep nothing.

    Raises:
        ImportRefused: a row contradicts what is there, or names a prompt that nobody gave.
            `FaultsFound` where faults were gathered.
        WrongState: the run is closed.
    """
    counts = CompletionCounts()
    with all_or_nothing(faults=faults, dry_run=dry_run, counts=counts):
        prompt_set = lock_set(set_slug)
        run = run_for(run_slug, prompt_set)
        prompt_writer = PromptWriter(prompt_set, counts.prompts, faults)
        writer = CompletionWriter(run, prompt_set, counts, faults)
        batches = Batches(rows)
        for batch in batches:
            # A completion's prompt may stand just before it, so a batch holds both.
            prompts = [row for row in batch if isinstance(row, PromptRow)]
            if prompts:
                prompt_writer.add(prompts)
            writer.add(
                [row for row in batch if isinstance(row, CompletionRow)],
                meanwhile=batches.read_ahead,
            )
        writer.finish()
        enter_candidates(run, writer.candidates.new)
        if counts.completions.new:
            measuring.request_measures(run=run)
    if not dry_run:
        analyze({Prompt: counts.prompts.new, Completion: counts.completions.new})
    return counts


def run_for(slug: str, prompt_set: PromptSet) -> SelectionRun:
    """Give the run of this name, made if there is none, with the set among its own.

    A second import into the run waits.
    """
    run = SelectionRun.objects.select_for_update(no_key=True).filter(slug=slug).first()
    if run is None:
        return rounds.create_run(slug=slug, prompt_sets=[prompt_set])
    if run.state == SelectionRun.State.CLOSED:
        raise errors.WrongState(f"run {slug} is closed and takes no completions")
    run.prompt_sets.add(prompt_set)
    return run


def enter_candidates(run: SelectionRun, new: Sequence[Candidate]) -> None:
    """Let volunteers vote on new candidates in the run's open round, its first if need be.

    A round that has its answer would draw no pair of theirs: the next one opens, with all.
    """
    open_round = run.rounds.open().first()
    if new and open_round is not None and run.rounds.open().decided().exists():
        following = rounds.create_round(
            run=run,
            candidates=[*open_round.candidates.order_by("id"), *new],
            prompt_scope=open_round.prompt_scope,
            votes_wanted=open_round.votes_wanted,
        )
        rounds.open_round(round_=following)
    elif open_round is not None:
        open_round.candidates.add(*new)
    elif new and not run.rounds.exists():
        rounds.open_round(round_=rounds.create_round(run=run, candidates=new))


class CompletionWriter:
    """Stores completions batch by batch."""

    def __init__(
        self, run: SelectionRun, prompt_set: PromptSet, counts: CompletionCounts, faults: Faults
    ) -> None:
        self.candidates = CandidateWriter(run, counts.candidates)
        self._run = run
        self._set = prompt_set
        self._counts = counts
        self._faults = faults
        self._now = timezone.now().isoformat()
        self._n_samples = 0
        self._prompts: dict[str, tuple[int, int]] = {}

    def add(
        self, rows: Sequence[CompletionRow], *, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        """Store the completions that are new; those that are there with another text are faults.

        Args:
            meanwhile: is called while the database stores these rows, and may not ask it anything.
        """
        self._learn_prompts({row.prompt for row in rows})
        keyed = [(key, row) for row in rows if (key := self._key_or_fault(row)) is not None]
        there = _stored_replies([key for key, _row in keyed])
        new = []
        for key, row in keyed:
            if key not in there:
                there[key] = row.replies
                new.append((key, row))
            elif there[key] == row.replies:
                self._counts.completions.add(equal=1)
            else:
                self._counts.completions.add(conflict=1)
                tell(self._faults, self._other_text(row))
            self._n_samples = max(self._n_samples, row.sample + 1)
        if new:
            copy_lines(
                table=Completion,
                columns=_COLUMNS,
                lines=self._lines(new),
                meanwhile=meanwhile,
            )
        self._counts.completions.add(new=len(new))

    def finish(self) -> None:
        """Let the run know how many samples there are."""
        if self._n_samples > self._run.samples_per_prompt:
            self._run.samples_per_prompt = self._n_samples
            self._run.save(update_fields=["samples_per_prompt"])

    def _lines(self, new: Sequence[tuple[Key, CompletionRow]]) -> Iterator[str]:
        for (candidate_id, prompt_id, sample), row in new:
            candidate = self.candidates.by_name[row.candidate.name]
            names_maker = named_maker(replies=row.replies, candidate=candidate)
            self._counts.n_naming_makers += bool(names_maker)
            yield line_of(
                (candidate_id, prompt_id, sample, escaped_array(row.replies), row.finish_reason,
                 row.seed, row.prompt_tokens, row.completion_tokens, "", "",
                 escaped(names_maker), self._now)
            )  # fmt: skip

    def _learn_prompts(self, keys: set[str]) -> None:
        unknown = keys - self._prompts.keys()
        if unknown:
            if len(self._prompts) > MAX_REMEMBERED:
                self._prompts.clear()
                unknown = keys
            stored = self._set.prompts.filter(key__in=unknown)
            self._prompts |= {
                key: (pk, len(turns)) for key, pk, turns in stored.values_list("key", "pk", "turns")
            }

    def _key_or_fault(self, row: CompletionRow) -> Key | None:
        try:
            return self._key(row)
        except FormatError as fault:
            tell(self._faults, fault)
            self._counts.candidates.add(conflict=int(isinstance(fault, Conflict)))
            return None

    def _key(self, row: CompletionRow) -> Key:
        """Find what the completion is of; raise the fault of one that cannot be stored."""
        found = self._prompts.get(row.prompt)
        if found is None:
            raise wrong(
                row.location, "prompt", row.prompt,
                f"a prompt of set {self._set.slug}; import it first, or name the set that has it"
                " with --prompts",
            )  # fmt: skip
        prompt_id, n_turns = found
        if len(row.replies) != n_turns:
            raise wrong(
                row.location, "replies", list(row.replies),
                f"one reply for each of the {n_turns} turn(s) of prompt {row.prompt!r}",
            )  # fmt: skip
        if row.sample > MAX_SAMPLE:
            raise wrong(row.location, "sample", row.sample, f"a number from 0 to {MAX_SAMPLE}")
        return self.candidates.give(row.candidate).pk, prompt_id, row.sample

    def _other_text(self, row: CompletionRow) -> Conflict:
        return conflict(
            row.location, "replies", list(row.replies),
            f"the text that sample {row.sample} of {row.candidate.name!r} on prompt {row.prompt!r}"
            " has; completions are never changed",
        )  # fmt: skip


def _stored_replies(keys: Sequence[Key]) -> dict[Key, tuple[str, ...]]:
    """Read the replies that are stored for these completions."""
    if not keys:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT candidate_id, prompt_id, sample, replies"
            " FROM annotate_completion JOIN unnest(%s::bigint[], %s::bigint[], %s::smallint[])"
            " AS wanted (candidate_id, prompt_id, sample) USING (candidate_id, prompt_id, sample)",
            [array_of_numbers(column) for column in zip(*keys, strict=True)],
        )
        return {
            (candidate, prompt, sample): tuple(replies)
            for candidate, prompt, sample, replies in cursor.fetchall()
        }
