"""Measure completions in the background: what can be counted in them without a reader."""

from collections.abc import Iterator
from dataclasses import asdict

from django.conf import settings
from django.db.models import Q

from annotate.generation.language_id import forget_models
from annotate.generation.measures import LOAN_TOKENS, VERSION, measure_completion
from annotate.models import Completion, CompletionMeasure, SelectionRun
from annotate.services import queue
from annotate.services.shards import choose_system

# A batch is one statement to read and one to write; at 2,000 characters each it holds 4 MB.
BATCH_SIZE = 500
_COUNTED = ("n_characters", "leakage", "other_language", "languages", "repetition", "is_empty",
            "refusal")  # fmt: skip


def request_measures(*, run: SelectionRun) -> None:
    """Have a worker measure what the run has unmeasured; a second wish meanwhile changes nothing.

    Inside a transaction it is asked for when that commits.
    """
    queue.defer_once("measure_missing", queue="default", run_id=run.pk)


def measure_missing(*, run: SelectionRun, again: bool = False) -> int:
    """Measure the run's completions that have no measures, or those of older code; say how many.

    A call that was killed leaves what it measured. It is to be called outside of a transaction.

    Args:
        again: measure every completion, as after a change of the words that are at home anywhere.
    """
    loan_tokens = LOAN_TOKENS | {word.casefold() for word in settings.LOAN_TOKENS}
    n_measured = 0
    for batch in _batches(run, again=again):
        CompletionMeasure.objects.bulk_create(
            [_measure(completion, loan_tokens) for completion in batch],
            update_conflicts=True,
            unique_fields=["completion"],
            update_fields=["version", *_COUNTED],
        )
        n_measured += len(batch)
    forget_models()  # a worker does other things for hours, and they are a quarter of a gigabyte
    return n_measured


def _batches(run: SelectionRun, *, again: bool) -> Iterator[list[Completion]]:
    """Yield the completions to measure in the order of their ids."""
    wanted = Completion.objects.of_run(run).select_related("prompt", "candidate").order_by("pk")
    if not again:
        wanted = wanted.filter(Q(measure__isnull=True) | Q(measure__version__lt=VERSION))
    last = 0
    while batch := list(wanted.filter(pk__gt=last)[:BATCH_SIZE]):
        yield batch
        last = batch[-1].pk


def _measure(completion: Completion, loan_tokens: frozenset[str]) -> CompletionMeasure:
    prompt = completion.prompt
    system = choose_system(prompt, completion.candidate.system_prompts) or ""
    measures = measure_completion(
        turns=prompt.turns,
        replies=completion.replies,
        language=prompt.language,
        system=system,
        category=prompt.category,
        loan_tokens=loan_tokens,
    )
    counted = asdict(measures) | {"languages": list(measures.languages)}
    return CompletionMeasure(completion=completion, version=VERSION, **counted)
