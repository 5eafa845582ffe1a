"""What votes of a file are about: a run's prompts, candidates, completions and annotators."""

from collections.abc import Collection, Sequence

from django.db import connection
from django.db.models import Exists, OuterRef

from annotate.formats import VoteRow
from annotate.models import Annotator, Completion, PromptSet, SelectionRun
from annotate.services import errors
from annotate.services.importing.tables import array_of_numbers
from annotate.services.importing.whole import conflict, wrong

MAX_REMEMBERED = 100_000

Named = tuple[int, int, int]  # candidate, prompt, sample


class Voted:
    """Finds what votes name; `learn` has to see the rows first.

    Args:
        prompt_set: where the prompts are; None is any of the run's sets.
    """

    def __init__(self, run: SelectionRun, prompt_set: PromptSet | None = None) -> None:
        self._run = run
        self._set = prompt_set
        self._candidates: dict[str, int] = {}
        self._prompts: dict[str, list[tuple[int, int]]] = {}
        self._annotators: dict[str, tuple[int, str]] = {}
        self._completions: dict[Named, int] = {}

    def learn(self, rows: Sequence[VoteRow]) -> None:
        """Read what these rows name; annotators are made where there are none."""
        if any(each not in self._candidates for row in rows
               for each in (row.candidate_a, row.candidate_b)):  # fmt: skip
            self._candidates = dict(self._run.candidates.values_list("name", "id"))
        self._learn_prompts({row.prompt for row in rows})
        self._learn_annotators(rows)
        self._learn_completions(rows)

    def annotator(self, row: VoteRow) -> int:
        """Give the annotator's id; raise the fault of one that is of another kind."""
        pk, kind = self._annotators[row.annotator]
        if kind != row.annotator_kind:
            raise conflict(
                row.location, "annotator_kind", row.annotator_kind,
                f"{kind!r}, which {row.annotator!r} is in run {self._run.slug}",
            )  # fmt: skip
        return pk

    def prompt(self, row: VoteRow) -> tuple[int, int]:
        """Give (id, turns) of the prompt."""
        found = self._prompts.get(row.prompt, [])
        if not found:
            raise wrong(
                row.location, "prompt", row.prompt,
                f"a prompt on which run {self._run.slug} has completions; import completions"
                " before votes",
            )  # fmt: skip
        if len(found) > 1:
            raise wrong(
                row.location, "prompt", row.prompt,
                f"the key of one prompt: run {self._run.slug} has {len(found)}, from sets of their"
                " own each, and a vote cannot say which; keys must differ between them",
            )  # fmt: skip
        return found[0]

    def side(self, row: VoteRow, letter: str, prompt_id: int) -> tuple[int, int]:
        """Give (candidate, completion) of one side."""
        candidate, sample = (
            (row.candidate_a, row.sample_a) if letter == "a" else (row.candidate_b, row.sample_b)
        )
        candidate_id = self._candidates.get(candidate)
        if candidate_id is None:
            raise wrong(
                row.location, f"candidate_{letter}", candidate,
                f"a candidate of run {self._run.slug}; it has:"
                f" {errors.names_like(candidate, self._candidates)}",
            )  # fmt: skip
        completion_id = self._completions.get((candidate_id, prompt_id, sample))
        if completion_id is None:
            raise wrong(
                row.location, f"sample_{letter}", sample,
                f"a sample of {candidate!r} on prompt {row.prompt!r} in run {self._run.slug};"
                " import completions before votes",
            )  # fmt: skip
        return candidate_id, completion_id

    def is_first(self, row: VoteRow, candidate_id: int) -> bool:
        """Tell whether the row calls this candidate a."""
        return self._candidates[row.candidate_a] == candidate_id

    def _learn_prompts(self, keys: Collection[str]) -> None:
        """Learn the prompts on which the run has completions, in each of its sets."""
        if len(self._prompts) > MAX_REMEMBERED:
            self._prompts.clear()
        answered = Completion.objects.of_run(self._run).filter(prompt=OuterRef("pk"))
        prompts = self._run.prompts() if self._set is None else self._set.prompts.all()
        unknown = [key for key in keys if key not in self._prompts]
        if unknown:
            stored = prompts.filter(Exists(answered), key__in=unknown)
            for key, pk, turns in stored.values_list("key", "pk", "turns"):
                self._prompts.setdefault(key, []).append((pk, len(turns)))

    def _learn_annotators(self, rows: Sequence[VoteRow]) -> None:
        if len(self._annotators) > MAX_REMEMBERED:
            self._annotators.clear()
        kinds: dict[str, str] = {}
        for row in rows:
            if row.annotator not in self._annotators:
                kinds.setdefault(row.annotator, row.annotator_kind)
        if not kinds:
            return
        Annotator.objects.bulk_create(
            [
                Annotator(source=self._run.slug, name=name, kind=kind)
                for name, kind in kinds.items()
            ],
            ignore_conflicts=True,
        )
        stored = Annotator.objects.filter(source=self._run.slug, name__in=kinds)
        self._annotators |= {
            name: (pk, kind) for name, pk, kind in stored.values_list("name", "pk", "kind")
        }

    def _learn_completions(self, rows: Sequence[VoteRow]) -> None:
        named = {
            (self._candidates[candidate], prompt, sample)
            for row in rows
            for candidate, sample in (
                (row.candidate_a, row.sample_a), (row.candidate_b, row.sample_b)
            )
            if candidate in self._candidates
            for prompt, _n_turns in self._prompts.get(row.prompt, [])
        }  # fmt: skip
        self._completions = _completion_ids(sorted(named))


def _completion_ids(named: Sequence[Named]) -> dict[Named, int]:
    if not named:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, candidate_id, prompt_id, sample"
            " FROM annotate_completion JOIN unnest(%s::bigint[], %s::bigint[], %s::smallint[])"
            " AS wanted (candidate_id, prompt_id, sample) USING (candidate_id, prompt_id, sample)",
            [array_of_numbers(column) for column in zip(*named, strict=True)],
        )
        return {(candidate, prompt, sample): pk
                for pk, candidate, prompt, sample in cursor.fetchall()}  # fmt: skip
