"""How long engines will run."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import F, Q

from annotate.generation.presets import PRESETS
from annotate.models import GenerationShard
from annotate.services.forecasting.amounts import Amount, Basis, Reason, Span
from annotate.services.launching import CandidateDraft

# A rule for one H100 SXM, by its data sheet: 3.35 TB/s of memory and 989 TFLOP/s dense bfloat16.
# A step reads every weight once, 2 bytes each, for one token of each sequence in the batch, and
# a token takes 2 operations a weight. Engines reach this share of whichever binds, reckoned and
# not measured: low, likely, high.
BYTES_PER_S = 3.35e12
OPERATIONS_PER_S = 989e12
SHARE_REACHED = (0.1, 0.3, 0.6)
VLLM_SEQUENCES = 256  # in a batch, where the plan leaves it to vLLM
TRANSFORMERS_SEQUENCES = 32
LOOKED_AT = 200
LEAST_S = 1.0  # shorter shards tell nothing of speed


def foretell_minutes(
    draft: CandidateDraft, tokens: Amount, *, n_completions: int, n_shards: int
) -> Amount:
    """Foretell the minutes that one candidate keeps GPUs busy, each GPU of a process counted."""
    if draft.engine == "openai":
        return Amount.unsaid(Reason.ENDPOINTS)
    if tokens.span is None:
        return tokens
    low, some, high = tokens.span
    found = _measure(draft) or _rule(draft, at_once=max(n_completions / n_shards, 1))
    if isinstance(found, Reason):
        return Amount.unsaid(found)
    slow, likely, fast = found.tokens_per_s
    start_s = found.start_s * n_shards
    per_s = n_gpus(draft.engine_options) / 60
    span = ((low / fast + start_s) * per_s, (some / likely + start_s) * per_s,
            (high / slow + start_s) * per_s)  # fmt: skip
    return Amount.of(span, found.basis, found.n)


def n_gpus(options: dict[str, Any]) -> int:
    """Count the GPUs that one process of an engine takes."""
    return int(options.get("tensor_parallel_size", 1) * options.get("pipeline_parallel_size", 1))


@dataclass(frozen=True)
class Speed:
    """Tokens/s of one process (slowest, likely, fastest) and the seconds until its first ones."""

    tokens_per_s: Span
    start_s: float
    basis: Basis
    n: int


def _measure(draft: CandidateDraft) -> Speed | None:
    """Measure finished shards of the same model, engine and options; None where there are none."""
    done = GenerationShard.objects.filter(
        state=GenerationShard.State.DONE,
        candidate__model=draft.model,
        candidate__engine=draft.engine,
        candidate__engine_options=draft.engine_options,
        tokens_made__gt=0,
    ).exclude(Q(started_at=None) | Q(ready_at=None) | Q(seen_at=None))
    took = done.annotate(
        took=F("seen_at") - F("ready_at"), start=F("ready_at") - F("started_at")
    ).filter(took__gte=timedelta(seconds=LEAST_S))
    rows = list(took.order_by("-pk").values_list("tokens_made", "took", "start")[:LOOKED_AT])
    if not rows:
        return None
    rates = [tokens / took.total_seconds() for tokens, took, _start in rows]
    together = sum(row[0] for row in rows) / sum(row[1].total_seconds() for row in rows)
    start_s = sum(row[2].total_seconds() for row in rows) / len(rows)
    return Speed((min(rates), together, max(rates)), start_s, Basis.MODEL, len(rows))


def _rule(draft: CandidateDraft, *, at_once: float) -> Speed | Reason:
    """Reckon with the number of parameters; or say why that cannot be.

    Args:
        at_once: completions of one process, more than which are never in a batch.
    """
    if draft.engine_options.get("device") == "cpu":
        return Reason.CPU
    preset = PRESETS.get(draft.preset)
    # Another model under a preset's settings need not be of its size.
    if preset is None or preset.model != draft.model:
        return Reason.SIZE_UNKNOWN
    n_weights = preset.parameters * 1e9
    by_memory = min(_sequences(draft), at_once) * BYTES_PER_S / (2 * n_weights)
    by_arithmetic = OPERATIONS_PER_S / (2 * n_weights)
    most = min(by_memory, by_arithmetic) * n_gpus(draft.engine_options)
    low, likely, high = SHARE_REACHED
    return Speed((most * low, most * likely, most * high), 0.0, Basis.RULE, 0)


def _sequences(draft: CandidateDraft) -> int:
    if draft.engine == "vllm":
        return int(draft.engine_options.get("max_num_seqs") or VLLM_SEQUENCES)
    return int(draft.engine_options.get("batch_size") or TRANSFORMERS_SEQUENCES)
