"""Shards: how a round's completions are dealt to processes, and how far each process has come."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Count, F
from django.db.models.expressions import CombinedExpression
from django.utils import timezone

from annotate.generation.presets import choose_text
from annotate.generation.rows import GenerationRequest
from annotate.generation.seeds import completion_seed
from annotate.models import (
    Candidate,
    Completion,
    GenerationShard,
    Prompt,
    Round,
    RunPlan,
    SelectionRun,
)
from annotate.models.candidates import CompletionQuerySet
from annotate.models.prompts import PromptQuerySet

State = GenerationShard.State
Key = tuple[int, int]  # prompt, sample
CHUNK_SIZE = 1_000
MAX_FAILURE = 2_000  # characters


def plan_shards(*, round_: Round) -> None:
    """Make the shards of every candidate that has none yet; a shard that lacks nothing is done.

    Candidates whose completions come from elsewhere have none.
    """
    planned = set(round_.shards.values_list("candidate", flat=True))
    candidates = round_.candidates.exclude(engine=Candidate.Engine.IMPORTED)
    new = [candidate for candidate in candidates.order_by("pk") if candidate.pk not in planned]
    n_shards = _number_of_shards(round_.run)
    wanted = _count_wanted(round_, n_shards)
    stored = _count_stored(round_, n_shards)
    GenerationShard.objects.bulk_create(
        _shard(round_, candidate, number, n_shards, wanted.get(number, 0),
               stored.get((candidate.pk, number), 0))
        for candidate in new
        for number in range(n_shards)
    )  # fmt: skip


def move_shard(
    *, shard: GenerationShard, to: str, of_attempt: int | None = None, **fields: Any
) -> bool:
    """Change a shard's state and what goes with it: the only place that does.

    Args:
        of_attempt: who changes it; where another attempt has begun or all is done, nothing does.

    Returns:
        Whether it changed.
    """
    row = GenerationShard.objects.filter(pk=shard.pk)
    if of_attempt is not None:
        row = row.filter(attempt=of_attempt).exclude(state=State.DONE)
    has_ended = to in (State.DONE, State.FAILED, State.STOPPED)
    fields["finished_at"] = timezone.now() if has_ended else None
    fields["failure"] = fields.get("failure", "")[:MAX_FAILURE]
    has_changed = row.update(state=to, **fields) > 0
    shard.refresh_from_db()
    return has_changed


def prompts_of(shard: GenerationShard) -> PromptQuerySet:
    """Give the prompts of a shard, in the order of their ids.

    A prompt's id alone says to which shard it belongs: whatever is imported or held out while
    shards are made, none moves from one that is still to come to one that is done.
    """
    dealt = shard.round.prompts().alias(deal=_remainder("pk", shard.n_shards))
    return dealt.filter(deal=shard.number).order_by("pk")


def completions_of(shard: GenerationShard) -> CompletionQuerySet:
    """Give the completions of a shard that stand."""
    return Completion.objects.filter(
        candidate=shard.candidate_id,
        prompt__in=prompts_of(shard).order_by(),
        sample__lt=shard.round.run.samples_per_prompt,
    )


def find_missing(shard: GenerationShard) -> set[Key]:
    """Find the prompts and samples that the shard's candidate has not answered."""
    samples = range(shard.round.run.samples_per_prompt)
    missing = {
        (prompt, sample)
        for prompt in prompts_of(shard).values_list("pk", flat=True).iterator(CHUNK_SIZE)
        for sample in samples
    }
    missing.difference_update(
        completions_of(shard).values_list("prompt", "sample").iterator(CHUNK_SIZE)
    )
    return missing


def make_requests(shard: GenerationShard, keys: set[Key]) -> Iterator[GenerationRequest]:
    """Yield the requests for these prompts and samples, whose seeds depend on nothing else.

    All samples of a prompt stand together, so that an engine may read the prompt once.
    """
    run, candidate = shard.round.run, shard.candidate
    prompts = prompts_of(shard).select_related("prompt_set").iterator(CHUNK_SIZE)
    for prompt in prompts:
        for sample in range(run.samples_per_prompt):
            if (prompt.pk, sample) in keys:
                yield _request(run, candidate, prompt, sample)


def read_key(key: str) -> Key:
    """Read the key of a request: the prompt's id, and which sample it is.

    Raises:
        ValueError: it is not one of `make_requests`.
    """
    prompt, _slash, sample = key.partition("/")
    return int(prompt), int(sample)


def choose_system(prompt: Prompt, system_prompts: Mapping[str, str]) -> str | None:
    """Give the prompt's own system text, else the candidate's for its language, if any."""
    return prompt.system or choose_text(system_prompts, prompt.language) or None


def _request(
    run: SelectionRun, candidate: Candidate, prompt: Prompt, sample: int
) -> GenerationRequest:
    return GenerationRequest(
        key=f"{prompt.pk}/{sample}",
        turns=tuple(prompt.turns),
        system=choose_system(prompt, candidate.system_prompts),
        seed=completion_seed(
            run_seed=run.seed,
            candidate=candidate.name,
            prompt=f"{prompt.prompt_set.slug}/{prompt.key}",
            sample=sample,
        ),
    )


def _shard(
    round_: Round, candidate: Candidate, number: int, n_shards: int, n_wanted: int, n_stored: int
) -> GenerationShard:
    is_done = n_stored >= n_wanted
    return GenerationShard(
        round=round_,
        candidate=candidate,
        number=number,
        n_shards=n_shards,
        state=State.DONE if is_done else State.WAITING,
        n_wanted=n_wanted,
        n_stored=n_stored,
        finished_at=timezone.now() if is_done else None,
    )


def _number_of_shards(run: SelectionRun) -> int:
    """Read from the run's plan into how many parts a candidate's work is cut; without one, 1."""
    config = RunPlan.objects.filter(run=run).values_list("config", flat=True).first() or {}
    return int(config.get("generation", {}).get("shards", 1))


def _count_wanted(round_: Round, n_shards: int) -> dict[int, int]:
    """Count the completions that a candidate's shards want, by their number."""
    dealt = round_.prompts().order_by().annotate(deal=_remainder("pk", n_shards))
    counts = dealt.values_list("deal").annotate(n=Count("pk"))
    return {deal: n * round_.run.samples_per_prompt for deal, n in counts}


def _count_stored(round_: Round, n_shards: int) -> dict[tuple[int, int], int]:
    """Count the wanted completions that stand, by candidate and number of the shard."""
    stored = Completion.objects.filter(
        candidate__rounds=round_,
        prompt__in=round_.prompts(),
        sample__lt=round_.run.samples_per_prompt,
    ).annotate(deal=_remainder("prompt_id", n_shards))
    counts = stored.values_list("candidate", "deal").annotate(n=Count("pk"))
    return {(candidate, deal): n for candidate, deal, n in counts}


def _remainder(field: str, n_shards: int) -> CombinedExpression:
    return F(field) % n_shards
