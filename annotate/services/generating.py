"""Make the completions that a round lacks, and open it."""

from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.db.models import Count

from annotate.generation.jobs import (
    GeneratedCompletion,
    GenerationJob,
    GenerationRequest,
    TokenizerOptions,
    read_completions,
    write_job,
    write_requests,
)
from annotate.generation.sampling import Sampling
from annotate.generation.seeds import completion_seed
from annotate.models import Candidate, Completion, Prompt, Round
from annotate.services import errors, rounds
from annotate.services.processes import ProcessFailed, run_module
from annotate.services.queue import defer

BATCH_SIZE = 32


def ask_for_completions(*, round_: Round) -> None:
    """Queue the making of all that the round lacks; it opens when everything is there."""
    defer("generate", queue="gpu", round_id=round_.pk)


def generate_round(*, round_: Round) -> None:
    """Make the missing completions of every candidate, then open the round.

    A call that was killed leaves what it made; the next makes the rest, and no completion twice.

    Raises:
        GenerationFailed: an engine ended with an error.
    """
    if round_.closed_at is not None:
        return
    for candidate in round_.candidates.exclude(engine=Candidate.Engine.IMPORTED):
        missing = dict(missing_requests(round_=round_, candidate=candidate))
        if missing:
            _generate(round_, candidate, missing)
    rounds.open_round(round_=round_)


def count_completions(*, round_: Round) -> dict[int, tuple[int, int]]:
    """Count, for each candidate's id, the completions that are there and those that are wanted."""
    wanted = round_.prompts().count() * round_.run.samples_per_prompt
    made = dict(
        Completion.objects.filter(candidate__rounds=round_, prompt__in=round_.prompts())
        .values_list("candidate")
        .annotate(n=Count("id"))
    )
    return {
        candidate.pk: (made.get(candidate.pk, 0), wanted) for candidate in round_.candidates.all()
    }


def missing_requests(
    *, round_: Round, candidate: Candidate
) -> Iterator[tuple[str, tuple[Prompt, int, GenerationRequest]]]:
    """Yield, by a key, the prompts and samples that the candidate has not answered yet."""
    made = set(candidate.completions.values_list("prompt", "sample"))
    for prompt in round_.prompts().order_by("prompt_set", "key"):
        for sample in range(round_.run.samples_per_prompt):
            if (prompt.pk, sample) not in made:
                key = f"{prompt.pk}/{sample}"
                request = GenerationRequest(
                    key=key,
                    turns=tuple(prompt.turns),
                    system=prompt.system or None,
                    seed=completion_seed(
                        run_seed=round_.run.seed,
                        candidate=candidate.name,
                        prompt=f"{prompt.prompt_set_id}/{prompt.key}",
                        sample=sample,
                    ),
                )
                yield key, (prompt, sample, request)


def _generate(
    round_: Round, candidate: Candidate, missing: dict[str, tuple[Prompt, int, GenerationRequest]]
) -> None:
    """Run the candidate's engine, and store each completion as soon as it is made."""
    folder = settings.KURABE_HOME / "generation" / f"round-{round_.pk}-candidate-{candidate.pk}"
    folder.mkdir(parents=True, exist_ok=True)
    completions = folder / "completions.jsonl"
    # What an earlier call made is stored first, so that its requests are not written again.
    _store_new(candidate, completions, missing)
    if not missing:
        return
    completions.unlink(missing_ok=True)
    job = folder / "job.json"
    write_requests(
        (request for _prompt, _sample, request in missing.values()), folder / "requests.jsonl"
    )
    write_job(_job(candidate, folder), job)
    try:
        run_module(
            module="annotate.generation",
            config=job,
            on_tick=_storer(candidate, completions, missing),
        )
    except ProcessFailed as error:
        raise errors.GenerationFailed(f"{candidate.name}: {error}") from error


def _job(candidate: Candidate, folder: Path) -> GenerationJob:
    return GenerationJob(
        engine=candidate.engine,
        model=candidate.model,
        revision=candidate.revision,
        prompt_format=candidate.prompt_format,
        sampling=Sampling.from_dict({**candidate.sampling, "stop": candidate.stop}),
        tokenizer=TokenizerOptions(**candidate.tokenizer),
        batch_size=BATCH_SIZE,
        requests=folder / "requests.jsonl",
        completions=folder / "completions.jsonl",
    )


def _storer(
    candidate: Candidate,
    completions: Path,
    missing: dict[str, tuple[Prompt, int, GenerationRequest]],
) -> Callable[[], None]:
    return lambda: _store_new(candidate, completions, missing)


def _store_new(
    candidate: Candidate,
    completions: Path,
    missing: dict[str, tuple[Prompt, int, GenerationRequest]],
) -> None:
    """Store the file's completions that are still missing, and strike them from the list."""
    rows = [
        _completion(candidate, *missing.pop(made.key), made)
        for made in read_completions(completions)
        if made.key in missing
    ]
    # Another worker may have made the same one, by the same seed: the first stands.
    Completion.objects.bulk_create(rows, batch_size=1_000, ignore_conflicts=True)


def _completion(
    candidate: Candidate,
    prompt: Prompt,
    sample: int,
    request: GenerationRequest,
    made: GeneratedCompletion,
) -> Completion:
    return Completion(
        candidate=candidate,
        prompt=prompt,
        sample=sample,
        replies=list(made.replies),
        finish_reason=made.finish_reason,
        seed=request.seed,
        prompt_tokens=made.prompt_tokens,
        completion_tokens=made.completion_tokens,
        engine_version=f"{made.engine} {made.engine_version}",
        rendered_prompt_sha256=made.rendered_prompt_sha256,
    )
