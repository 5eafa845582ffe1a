"""Completions into a run, with the candidates and prompts that they bring along."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from annotate.formats import CandidateRow, CompletionRow, PromptRow
from annotate.models import Candidate, Completion, Prompt, PromptSet, SelectionRun
from annotate.services import errors, measuring, rounds
from annotate.services.blindness import named_maker
from annotate.services.importing.counts import Counts, batched, refuse
from annotate.services.importing.prompts import add_prompts, lock_set
from annotate.services.importing.tables import analyze, copy_rows

MAX_SAMPLE = 2**15 - 2  # a run stores how many samples there are, one more, in 15 bits

_COLUMNS = ("candidate_id", "prompt_id", "sample", "replies", "finish_reason", "seed",
            "prompt_tokens", "completion_tokens", "engine_version", "rendered_prompt_sha256",
            "names_maker", "created_at")  # fmt: skip
_FACTS = ("model", "revision", "prompt_format", "sampling", "licence")

Key = tuple[int, int, int]  # candidate, prompt, sample


@dataclass(kw_only=True)
class CompletionCounts:
    """What an import of completions brought."""

    prompts: Counts = field(default_factory=Counts)
    candidates: Counts = field(default_factory=Counts)
    completions: Counts = field(default_factory=Counts)
    n_naming_makers: int = 0  # of the new completions


def import_completions(
    *, rows: Iterable[PromptRow | CompletionRow], run_slug: str, set_slug: str
) -> CompletionCounts:
    """Add completions to a run, making run, candidates and prompts as needed, and open its round.

    Raises:
        ImportRefused: a row contradicts what is there, or names a prompt that nobody gave.
        WrongState: the run is closed.
    """
    counts = CompletionCounts()
    with transaction.atomic():
        prompt_set = lock_set(set_slug)
        run = _run_for(run_slug, prompt_set)
        writer = _Writer(run, prompt_set, counts)
        for batch in batched(rows):
            # A completion's prompt may stand just before it, so a batch holds both.
            prompts = [row for row in batch if isinstance(row, PromptRow)]
            counts.prompts.add(**add_prompts(prompt_set, prompts))
            writer.add([row for row in batch if isinstance(row, CompletionRow)])
        if writer.n_samples > run.samples_per_prompt:
            run.samples_per_prompt = writer.n_samples
            run.save(update_fields=["samples_per_prompt"])
        _enter_candidates(run, writer.new_candidates)
        if counts.completions.new:
            measuring.request_measures(run=run)
    analyze({Prompt: counts.prompts.new, Completion: counts.completions.new})
    return counts


def _run_for(slug: str, prompt_set: PromptSet) -> SelectionRun:
    """Give the run of this name, made if there is none, with the set among its own."""
    run = SelectionRun.objects.select_for_update(no_key=True).filter(slug=slug).first()
    if run is None:
        return rounds.create_run(slug=slug, prompt_sets=[prompt_set])
    if run.state == SelectionRun.State.CLOSED:
        raise errors.WrongState(f"run {slug} is closed and takes no completions")
    run.prompt_sets.add(prompt_set)
    return run


def _enter_candidates(run: SelectionRun, new: Sequence[Candidate]) -> None:
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


class _Writer:
    """Stores completions batch by batch."""

    def __init__(self, run: SelectionRun, prompt_set: PromptSet, counts: CompletionCounts) -> None:
        self.new_candidates: list[Candidate] = []
        self.n_samples = 0
        self._run = run
        self._set = prompt_set
        self._counts = counts
        self._now = timezone.now()
        self._prompts: dict[str, tuple[int, int]] = {}
        self._candidates = {candidate.name: candidate for candidate in run.candidates.all()}
        self._checked: dict[str, CandidateRow] = {}

    def add(self, rows: Sequence[CompletionRow]) -> None:
        """Store the completions that are new; refuse those that are there with another text."""
        self._learn_prompts({row.prompt for row in rows})
        keys = [self._key(row) for row in rows]
        there = _stored_replies(keys)
        new: list[tuple[Any, ...]] = []
        for row, key in zip(rows, keys, strict=True):
            if key not in there:
                there[key] = list(row.replies)
                candidate = self._candidates[row.candidate.name]
                names_maker = named_maker(replies=row.replies, candidate=candidate)
                self._counts.n_naming_makers += bool(names_maker)
                new.append(
                    (*key, list(row.replies), row.finish_reason, row.seed, row.prompt_tokens,
                     row.completion_tokens, "", "", names_maker, self._now)
                )  # fmt: skip
            elif there[key] != list(row.replies):
                refuse(
                    row.location,
                    f"sample {row.sample} of {row.candidate.name!r} on prompt {row.prompt!r} is"
                    " there with another text; completions are never changed",
                )
        copy_rows(table=Completion, columns=_COLUMNS, rows=new)
        self._counts.completions.add(new=len(new), equal=len(rows) - len(new))
        self.n_samples = max([self.n_samples, *(row.sample + 1 for row in rows)])

    def _learn_prompts(self, keys: set[str]) -> None:
        unknown = keys - self._prompts.keys()
        if unknown:
            stored = self._set.prompts.filter(key__in=unknown)
            self._prompts |= {
                key: (pk, len(turns)) for key, pk, turns in stored.values_list("key", "pk", "turns")
            }

    def _key(self, row: CompletionRow) -> Key:
        """Find what the completion is of; refuse one that cannot be stored."""
        if row.prompt not in self._prompts:
            refuse(
                row.location,
                f"prompt: set {self._set.slug} has no prompt {row.prompt!r}; import it first, or"
                " name the set that has it with --prompts",
            )
        prompt_id, n_turns = self._prompts[row.prompt]
        if len(row.replies) != n_turns:
            refuse(
                row.location,
                f"replies: {len(row.replies)} stand against the {n_turns} turn(s) of prompt"
                f" {row.prompt!r}; there must be one for each turn",
            )
        if row.sample > MAX_SAMPLE:
            refuse(row.location, f"sample: {row.sample} is above {MAX_SAMPLE}; count from 0")
        return self._candidate(row.candidate).pk, prompt_id, row.sample

    def _candidate(self, row: CandidateRow) -> Candidate:
        """Give the candidate, made if there is none; refuse one that is there with other facts."""
        if self._checked.get(row.name) == row:
            return self._candidates[row.name]
        candidate = self._candidates.get(row.name)
        if candidate is None:
            candidate = self._new_candidate(row)
        else:
            self._refuse_other_facts(candidate, row)
            if row.name not in self._checked:
                self._counts.candidates.add(new=0, equal=1)
        self._checked[row.name] = row
        return candidate

    def _new_candidate(self, row: CandidateRow) -> Candidate:
        if row.prompt_format not in ("", *Candidate.PromptFormat.values):
            known = ", ".join(Candidate.PromptFormat.values)
            refuse(row.location, f"prompt_format: {row.prompt_format!r} is not one of {known}")
        facts = {fact: getattr(row, fact) for fact in _FACTS}
        candidate = Candidate.objects.create(run=self._run, name=row.name, **facts)
        self._candidates[row.name] = candidate
        self.new_candidates.append(candidate)
        self._counts.candidates.add(new=1, equal=0)
        return candidate

    def _refuse_other_facts(self, candidate: Candidate, row: CandidateRow) -> None:
        for fact in _FACTS:
            here, stored = getattr(row, fact), getattr(candidate, fact)
            if here and here != stored:
                refuse(
                    row.location,
                    f"{fact}: that of candidate {row.name!r} is {here!r} here and {stored!r} in"
                    f" run {self._run.slug}; give it another name",
                )


def _stored_replies(keys: Sequence[Key]) -> dict[Key, list[str]]:
    """Read the replies that are stored for these completions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT candidate_id, prompt_id, sample, replies"
            " FROM annotate_completion JOIN unnest(%s::bigint[], %s::bigint[], %s::smallint[])"
            " AS wanted (candidate_id, prompt_id, sample) USING (candidate_id, prompt_id, sample)",
            [list(column) for column in zip(*keys, strict=True)] or [[], [], []],
        )
        return {
            (candidate, prompt, sample): replies
            for candidate, prompt, sample, replies in cursor.fetchall()
        }
