"""Bring prompts, completions and votes in: all of a file, or nothing of it."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

from django.db import connection, transaction
from django.utils import timezone

from annotate.formats import CandidateRow, CompletionRow, Location, PromptRow, VoteRow
from annotate.models import (
    Annotator,
    Candidate,
    Comparison,
    Completion,
    Prompt,
    PromptSet,
    Round,
    SelectionRun,
    Vote,
)
from annotate.services import errors, ledger, rounds

BATCH_SIZE = 2_000
FLIPPED = {"a": "b", "b": "a", "left": "right", "right": "left"}

Row = TypeVar("Row")


@dataclass(kw_only=True)
class Counts:
    """How many rows were new, and how many were there already, word for word."""

    new: int = 0
    equal: int = 0

    def add(self, *, new: int, equal: int) -> None:
        """Count a batch."""
        self.new += new
        self.equal += equal

    def __str__(self) -> str:
        return f"{self.new} new, {self.equal} there already"


@dataclass(kw_only=True)
class CompletionCounts:
    """What an import of completions brought."""

    prompts: Counts = field(default_factory=Counts)
    candidates: Counts = field(default_factory=Counts)
    completions: Counts = field(default_factory=Counts)


def import_prompts(*, rows: Iterable[PromptRow], set_slug: str) -> Counts:
    """Add prompts to a set, which is made if there is none of that name.

    Raises:
        ImportRefused: a prompt is there under the same key with another text.
    """
    counts = Counts()
    with transaction.atomic():
        prompt_set, _created = PromptSet.objects.get_or_create(slug=set_slug)
        for batch in batched(rows, BATCH_SIZE):
            counts.add(**_add_prompts(prompt_set, batch))
    return counts


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
        prompt_set, _created = PromptSet.objects.get_or_create(slug=set_slug)
        run = _run_for(run_slug, prompt_set)
        writer = _CompletionWriter(run, prompt_set, counts)
        for batch in batched(rows, BATCH_SIZE):
            # A completion's prompt may stand just before it, so a batch holds both.
            prompts = [row for row in batch if isinstance(row, PromptRow)]
            counts.prompts.add(**_add_prompts(prompt_set, prompts))
            writer.add([row for row in batch if isinstance(row, CompletionRow)])
        _enter_candidates(run)
    _analyze(Prompt, Completion)
    return counts


def import_votes(*, rows: Iterable[VoteRow], run: SelectionRun) -> Counts:
    """Add votes to the run's newest round; annotators are known by their names within the run.

    Raises:
        ImportRefused: a row contradicts what is there, or names what the run does not have.
    """
    round_ = run.rounds.order_by("number").last()
    if round_ is None:
        message = f"run {run.slug} has no completions to vote on; import those first"
        raise errors.ImportRefused(message)
    counts = Counts()
    with transaction.atomic():
        ledger.hold_ledger(run_id=run.pk)
        writer = _VoteWriter(run, round_)
        for batch in batched(rows, BATCH_SIZE):
            counts.add(**writer.add(batch))
    _analyze(Comparison, Vote)
    return counts


def batched(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Yield the rows in lists of at most `size`."""
    iterator = iter(rows)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def refuse(location: Location, message: str) -> NoReturn:
    """Refuse a row, saying where it stands."""
    raise errors.ImportRefused(f"{location.path}, line {location.line}: {message}")


def _add_prompts(prompt_set: PromptSet, rows: Sequence[PromptRow]) -> dict[str, int]:
    """Store the prompts that are new; refuse those that are there with another text."""
    keys = [row.key for row in rows]
    there = {prompt.key: prompt for prompt in prompt_set.prompts.filter(key__in=keys)}
    new: dict[str, Prompt] = {}
    for row in rows:
        stored = there.get(row.key)
        if stored is None:
            new[row.key] = Prompt(
                prompt_set=prompt_set,
                key=row.key,
                system=row.system,
                turns=list(row.turns),
                language=row.language,
                category=row.category,
                is_held_out=row.is_held_out,
            )
        elif (stored.system, tuple(stored.turns)) != (row.system, row.turns):
            refuse(
                row.location,
                f"prompt {row.key!r} is in set {prompt_set.slug} with another text;"
                " give it another key, or another set",
            )
    Prompt.objects.bulk_create(new.values())
    return {"new": len(new), "equal": len(rows) - len(new)}


def _run_for(slug: str, prompt_set: PromptSet) -> SelectionRun:
    """Give the run of this name, made if there is none, with the set among its own."""
    run = SelectionRun.objects.select_for_update().filter(slug=slug).first()
    if run is None:
        return rounds.create_run(slug=slug, prompt_sets=[prompt_set])
    if run.state == SelectionRun.State.CLOSED:
        raise errors.WrongState(f"run {slug} is closed and takes no completions")
    run.prompt_sets.add(prompt_set)
    return run


def _enter_candidates(run: SelectionRun) -> None:
    """Let volunteers vote on imported candidates in the run's open round, its first if need be."""
    imported = list(run.candidates.filter(engine=Candidate.Engine.IMPORTED))
    open_round = run.rounds.open().first()
    if open_round is not None:
        open_round.candidates.add(*imported)
    elif imported and not run.rounds.exists():
        rounds.open_round(round_=rounds.create_round(run=run, candidates=imported))


def _analyze(*tables: type[Prompt | Completion | Comparison | Vote]) -> None:
    """Tell the planner of what a large import brought, before the first page asks for it."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ANALYZE {table._meta.db_table}")


class _CompletionWriter:
    """Stores completions, and the candidates that they bring along."""

    def __init__(self, run: SelectionRun, prompt_set: PromptSet, counts: CompletionCounts) -> None:
        self._run = run
        self._set = prompt_set
        self._counts = counts
        self._prompts: dict[str, tuple[int, int]] = {}
        self._candidates = {candidate.name: candidate for candidate in run.candidates.all()}
        self._checked: dict[str, CandidateRow] = {}

    def add(self, rows: Sequence[CompletionRow]) -> None:
        """Store the completions that are new; refuse those that are there with another text."""
        if not rows:
            return
        self._learn_prompts({row.prompt for row in rows})
        made = [self._completion(row) for row in rows]
        there = self._there(made)
        new = []
        for row, completion in zip(rows, made, strict=True):
            key = (completion.candidate_id, completion.prompt_id, completion.sample)
            if key not in there:
                there[key] = completion.replies
                new.append(completion)
            elif there[key] != completion.replies:
                refuse(
                    row.location,
                    f"sample {row.sample} of {row.candidate.name!r} on prompt {row.prompt!r} is"
                    " there with another text; completions are never changed",
                )
        Completion.objects.bulk_create(new, batch_size=BATCH_SIZE)
        self._counts.completions.add(new=len(new), equal=len(rows) - len(new))
        highest = max(row.sample for row in rows) + 1
        if highest > self._run.samples_per_prompt:
            self._run.samples_per_prompt = highest
            self._run.save(update_fields=["samples_per_prompt"])

    def _learn_prompts(self, keys: set[str]) -> None:
        unknown = keys - self._prompts.keys()
        stored = self._set.prompts.filter(key__in=unknown)
        self._prompts |= {
            key: (pk, len(turns)) for key, pk, turns in stored.values_list("key", "pk", "turns")
        }

    def _completion(self, row: CompletionRow) -> Completion:
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
        return Completion(
            candidate=self._candidate(row.candidate),
            prompt_id=prompt_id,
            sample=row.sample,
            replies=list(row.replies),
            finish_reason=row.finish_reason,
            seed=row.seed,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
        )

    def _there(self, made: Sequence[Completion]) -> dict[tuple[int, int, int], list[str]]:
        """Read the replies that are stored for these candidates and prompts."""
        stored = Completion.objects.filter(
            candidate__in={completion.candidate_id for completion in made},
            prompt__in={completion.prompt_id for completion in made},
        )
        return {
            (candidate, prompt, sample): replies
            for candidate, prompt, sample, replies in stored.values_list(
                "candidate", "prompt", "sample", "replies"
            )
        }

    def _candidate(self, row: CandidateRow) -> Candidate:
        """Give the candidate, made if there is none; refuse one that is there with other facts."""
        if self._checked.get(row.name) == row:
            return self._candidates[row.name]
        facts = {
            name: getattr(row, name)
            for name in ("model", "revision", "prompt_format", "sampling", "licence")
        }
        candidate = self._candidates.get(row.name)
        if row.prompt_format not in ("", *Candidate.PromptFormat.values):
            known = ", ".join(Candidate.PromptFormat.values)
            refuse(row.location, f"prompt_format: {row.prompt_format!r} is not one of {known}")
        if candidate is None:
            candidate = Candidate.objects.create(run=self._run, name=row.name, **facts)
            self._candidates[row.name] = candidate
            self._counts.candidates.add(new=1, equal=0)
        else:
            for name, value in facts.items():
                stored = getattr(candidate, name)
                if value and value != stored:
                    refuse(
                        row.location,
                        f"{name} of candidate {row.name!r} is {value!r} here and {stored!r} in run"
                        f" {self._run.slug}; give it another name",
                    )
            if row.name not in self._checked:
                self._counts.candidates.add(new=0, equal=1)
        self._checked[row.name] = row
        return candidate


class _VoteWriter:
    """Stores votes with the comparisons that they answer."""

    def __init__(self, run: SelectionRun, round_: Round) -> None:
        self._run = run
        self._round = round_
        self._now = timezone.now()
        self._candidates = dict(run.candidates.values_list("name", "id"))
        self._prompts = self._read_prompts()
        self._annotators: dict[str, Annotator] = {}
        self._completions: dict[tuple[int, int, int], int] = {}

    def add(self, rows: Sequence[VoteRow]) -> dict[str, int]:
        """Store the votes that are new; refuse those that are there with another outcome."""
        self._learn_annotators(rows)
        self._learn_completions(rows)
        made = [self._vote(row) for row in rows]
        there = self._there(made)
        new = []
        for row, vote in zip(rows, made, strict=True):
            key = (vote.comparison.annotator_id, str(vote.comparison.import_key))
            if key not in there:
                there[key] = (vote.turn, vote.outcome)
                new.append(vote)
            elif there[key] != (vote.turn, vote.outcome):
                refuse(
                    row.location,
                    f"outcome: this vote of {row.annotator!r} is there with another outcome; votes"
                    " are never changed, and a second one needs an id of its own",
                )
        Comparison.objects.bulk_create([vote.comparison for vote in new], batch_size=BATCH_SIZE)
        Vote.objects.bulk_create(new, batch_size=BATCH_SIZE)
        return {"new": len(new), "equal": len(rows) - len(new)}

    def _vote(self, row: VoteRow) -> Vote:
        prompt_id, n_turns = self._prompt(row)
        if row.turn > n_turns:
            refuse(row.location, f"turn: prompt {row.prompt!r} has {n_turns} turn(s)")
        sides = [
            self._side(row, prompt_id, row.candidate_a, row.sample_a),
            self._side(row, prompt_id, row.candidate_b, row.sample_b),
        ]
        outcome, side_a = str(row.outcome), row.side_a
        if sides[0] > sides[1]:  # a is the candidate with the lower id, here as everywhere
            sides.reverse()
            outcome, side_a = FLIPPED.get(outcome, outcome), FLIPPED.get(side_a or "")  # type: ignore[assignment]
        created_at = row.created_at or self._now
        comparison = Comparison(
            round=self._round,
            annotator=self._annotators[row.annotator],
            prompt_id=prompt_id,
            candidate_a_id=sides[0][0],
            completion_a_id=sides[0][1],
            candidate_b_id=sides[1][0],
            completion_b_id=sides[1][1],
            side_a=side_a,
            answered_at=created_at,
            import_key=row.identity,
        )
        return Vote(comparison=comparison, turn=row.turn, outcome=outcome, created_at=created_at)

    def _prompt(self, row: VoteRow) -> tuple[int, int]:
        found = self._prompts.get(row.prompt)
        if found is None:
            refuse(row.location, f"prompt: run {self._run.slug} has no prompt {row.prompt!r}")
        return found

    def _side(self, row: VoteRow, prompt_id: int, candidate: str, sample: int) -> tuple[int, int]:
        """Find (candidate, completion) of one side."""
        if candidate not in self._candidates:
            refuse(row.location, f"run {self._run.slug} has no candidate {candidate!r}")
        candidate_id = self._candidates[candidate]
        completion_id = self._completions.get((candidate_id, prompt_id, sample))
        if completion_id is None:
            refuse(
                row.location,
                f"run {self._run.slug} has no completion of {candidate!r} on prompt {row.prompt!r},"
                f" sample {sample}; import completions before votes",
            )
        return candidate_id, completion_id

    def _read_prompts(self) -> dict[str, tuple[int, int]]:
        """Read the run's prompts by key: (id, turns)."""
        return {
            key: (pk, len(turns))
            for key, pk, turns in self._run.prompts().values_list("key", "pk", "turns")
        }

    def _learn_annotators(self, rows: Sequence[VoteRow]) -> None:
        named = {row.annotator: row for row in rows if row.annotator not in self._annotators}
        Annotator.objects.bulk_create(
            [
                Annotator(source=self._run.slug, name=name, kind=row.annotator_kind)
                for name, row in named.items()
            ],
            ignore_conflicts=True,
        )
        stored = Annotator.objects.filter(source=self._run.slug, name__in=named)
        self._annotators |= {annotator.name: annotator for annotator in stored}
        for row in rows:
            kind = self._annotators[row.annotator].kind
            if kind != row.annotator_kind:
                refuse(
                    row.location,
                    f"annotator_kind: {row.annotator!r} is {row.annotator_kind} here and {kind} in"
                    f" run {self._run.slug}",
                )

    def _learn_completions(self, rows: Sequence[VoteRow]) -> None:
        prompts = {self._prompts[row.prompt][0] for row in rows if row.prompt in self._prompts}
        known = {prompt for _candidate, prompt, _sample in self._completions}
        stored = Completion.objects.of_run(self._run).filter(prompt__in=prompts - known)
        self._completions |= {
            (candidate, prompt, sample): pk
            for pk, candidate, prompt, sample in stored.values_list(
                "pk", "candidate", "prompt", "sample"
            )
        }

    def _there(self, made: Sequence[Vote]) -> dict[tuple[int, str], tuple[int, str]]:
        """Read the votes that an earlier import brought, by annotator and the key in their file."""
        stored = Vote.objects.filter(
            comparison__annotator__in={vote.comparison.annotator_id for vote in made},
            comparison__import_key__in={vote.comparison.import_key for vote in made},
        )
        return {
            (annotator, str(key)): (turn, outcome)
            for annotator, key, turn, outcome in stored.values_list(
                "comparison__annotator", "comparison__import_key", "turn", "outcome"
            )
        }
