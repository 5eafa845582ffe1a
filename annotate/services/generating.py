"""Make the completions that a round lacks, and open it."""

from dataclasses import dataclass
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
from annotate.services.blindness import named_maker
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
        _generate(round_, candidate)
    round_.refresh_from_db()
    if round_.closed_at is None:  # somebody may have closed it meanwhile
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


@dataclass(frozen=True)
class Wanted:
    """A completion that a round wants of a candidate, and the request that makes it."""

    prompt: Prompt
    sample: int
    request: GenerationRequest


def wanted_completions(*, round_: Round, candidate: Candidate) -> dict[str, Wanted]:
    """Give all completions that the round wants of the candidate, by the key of their request."""
    run = round_.run
    wanted = {}
    for prompt in round_.prompts().select_related("prompt_set").order_by("prompt_set", "key"):
        for sample in range(run.samples_per_prompt):
            request = GenerationRequest(
                key=f"{prompt.pk}/{sample}",
                turns=tuple(prompt.turns),
                system=prompt.system or None,
                seed=completion_seed(
                    run_seed=run.seed,
                    candidate=candidate.name,
                    prompt=f"{prompt.prompt_set.slug}/{prompt.key}",
                    sample=sample,
                ),
            )
            wanted[request.key] = Wanted(prompt, sample, request)
    return wanted


def _generate(round_: Round, candidate: Candidate) -> None:
    """Run the candidate's engine on what is missing, and store each completion as it is made."""
    wanted = wanted_completions(round_=round_, candidate=candidate)
    stored = set(candidate.completions.values_list("prompt", "sample"))
    missing = {
        key: each for key, each in wanted.items() if (each.prompt.pk, each.sample) not in stored
    }
    folder = settings.KURABE_HOME / "generation" / f"round-{round_.pk}-candidate-{candidate.pk}"
    folder.mkdir(parents=True, exist_ok=True)
    completions = folder / "completions.jsonl"
    # An earlier call may have been killed before it stored all that it made. Its requests stay
    # in the job, whose completions the engine then keeps.
    made_before = {made.key for made in read_completions(completions)}
    _store_new(candidate, completions, missing)
    if not missing:
        return
    job = folder / "job.json"
    write_requests(
        (each.request for key, each in wanted.items() if key in missing or key in made_before),
        folder / "requests.jsonl",
    )
    write_job(_job(candidate, folder), job)
    try:
        run_module(
            module="annotate.generation",
            config=job,
            on_tick=lambda: _store_new(candidate, completions, missing),
        )
    except ProcessFailed as error:
        raise errors.GenerationFailed(f"{candidate.name}: {error}") from error
    if missing:
        message = f"{candidate.name}: the engine was stopped with {len(missing)} completions to go"
        raise errors.GenerationFailed(message)


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


def _store_new(candidate: Candidate, completions: Path, missing: dict[str, Wanted]) -> None:
    """Store the file's completions that are still missing, and strike them from the list."""
    rows = [
        _completion(candidate, missing.pop(made.key), made)
        for made in read_completions(completions)
        if made.key in missing
    ]
    # Another worker may have made the same one, by the same seed: the first stands.
    Completion.objects.bulk_create(rows, batch_size=1_000, ignore_conflicts=True)


def _completion(candidate: Candidate, wanted: Wanted, made: GeneratedCompletion) -> Completion:
    return Completion(
        candidate=candidate,
        prompt=wanted.prompt,
        sample=wanted.sample,
        replies=list(made.replies),
        finish_reason=made.finish_reason,
        seed=wanted.request.seed,
        prompt_tokens=made.prompt_tokens,
        completion_tokens=made.completion_tokens,
        engine_version=f"{made.engine} {made.engine_version}",
        rendered_prompt_sha256=made.rendered_prompt_sha256,
        names_maker=named_maker(replies=made.replies, candidate=candidate),
    )
