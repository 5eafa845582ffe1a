"""What one contestant does with one shape, in a process of its own."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.training.lengths import make_pairs
from benchmarks.training.shapes import make_config

N_PROJECTIONS = 8
REFERENCE_BATCHES = 6


@dataclass(frozen=True)
class Block:
    """A contestant (stock, tuned or packed), a shape, and for how long it is measured."""

    shape: str
    contestant: str
    lengths: list[str]
    batch: int
    parity_batch: int
    steps: int
    warmup: int


def measure_block(block: Block) -> list[dict[str, Any]]:
    """Measure every distribution of lengths; a row each."""
    import torch  # noqa: PLC0415 - the process that lets others take turns needs none

    rows = []
    model = _make_model(block)
    # Before any step: afterwards the contestants' weights are not the same.
    parities = [_compare(block, model, lengths) for lengths in block.lengths]
    for lengths, parity in zip(block.lengths, parities, strict=True):
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        rows.append(_measure(block, model, lengths) | parity)
    return rows


def _make_pairs(block: Block, model: Any, lengths: str, number: int) -> list[dict[str, Any]]:
    is_tiny = block.shape == "tiny"
    return make_pairs(lengths, number, vocabulary=model.config.vocab_size, is_tiny=is_tiny)


def _compare(block: Block, model: Any, lengths: str) -> dict[str, Any]:
    pairs = _make_pairs(block, model, lengths, block.parity_batch)
    with tempfile.TemporaryDirectory() as folder:
        return _measure_parity(_make_trainer(block, model, pairs, folder), pairs)


def _measure(block: Block, model: Any, lengths: str) -> dict[str, Any]:
    from training.memory import used_bytes  # noqa: PLC0415 - as above

    n_pairs = block.batch * (block.steps + block.warmup)
    pairs = _make_pairs(block, model, lengths, max(n_pairs, block.batch * REFERENCE_BATCHES))
    with tempfile.TemporaryDirectory() as folder:
        trainer = _make_trainer(block, model, pairs, folder)
        reference_s = _measure_reference(block, trainer, pairs)
        _give_reference(block, trainer, pairs)
        step_s = list(_time_steps(block, trainer, pairs))
    timed = pairs[block.batch * block.warmup : n_pairs]
    return {
        "shape": block.shape,
        "contestant": block.contestant,
        "lengths": lengths,
        "batch": block.batch,
        "step_s": step_s,
        "reference_s_per_pair": reference_s,
        "tokens_per_pair": sum(_n_tokens(pair) for pair in timed) / len(timed),
        "reply_tokens_per_pair": sum(_n_replies(pair) for pair in timed) / len(timed),
        "parameters": _count(model),
        "head_parameters": model.get_output_embeddings().weight.numel(),
        "peak_bytes": used_bytes(),
        "device": _device_name(),
    }


def _make_model(block: Block) -> Any:
    import torch  # noqa: PLC0415 - as above
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - as above

    torch.manual_seed(0)
    is_gpu = torch.cuda.is_available()
    # TRL as it comes keeps float32 weights.
    dtype = torch.bfloat16 if is_gpu and block.contestant != "stock" else torch.float32
    attention = "flex_attention" if is_gpu and block.contestant == "packed" else "sdpa"
    with torch.device("cuda" if is_gpu else "cpu"):
        return AutoModelForCausalLM.from_config(
            make_config(block.shape), dtype=dtype, attn_implementation=attention
        )


def _make_trainer(block: Block, model: Any, pairs: list[dict[str, Any]], folder: str) -> Any:
    import torch  # noqa: PLC0415 - as above
    from datasets import Dataset  # noqa: PLC0415 - as above
    from transformers import set_seed  # noqa: PLC0415 - as above
    from trl import DPOConfig  # noqa: PLC0415 - as above

    from benchmarks.training.stock import StockTrainer, make_tokenizer  # noqa: PLC0415 - as above
    from training.layout.trainer import PairTrainer, make_collator  # noqa: PLC0415 - as above

    set_seed(0)
    is_gpu = torch.cuda.is_available()
    is_stock = block.contestant == "stock"
    arguments = DPOConfig(
        output_dir=folder, per_device_train_batch_size=block.batch, max_length=4096,
        learning_rate=1e-7, bf16=is_gpu, use_cpu=not is_gpu, dataloader_pin_memory=False,
        gradient_checkpointing=is_stock, precompute_ref_log_probs=not is_stock,
        report_to="none", disable_tqdm=True, router_aux_loss_coef=0.0,
    )  # fmt: skip
    common = {
        "model": model,
        "args": arguments,
        "train_dataset": Dataset.from_list(pairs[:2]),
        "processing_class": make_tokenizer(),
    }
    if block.contestant == "packed":
        collator = make_collator(
            is_packed=True, pad=0, attention=model.config._attn_implementation, max_length=4096
        )
        return PairTrainer(**common, data_collator=collator, is_packed=True)
    # The reference that TRL keeps beside the policy is a copy of it.
    return StockTrainer(**common, ref_model=_copy(model) if is_stock else None)


def _copy(model: Any) -> Any:
    import copy  # noqa: PLC0415 - as above

    return copy.deepcopy(model)


def _measure_parity(trainer: Any, pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """Score a batch, and take the gradient of what is scored."""
    import torch  # noqa: PLC0415 - as above

    inputs = _to_device(trainer, trainer.data_collator(pairs))
    with trainer.accelerator.autocast():
        chosen, rejected = trainer.score_replies(trainer.model, inputs)
    (chosen.sum() - rejected.sum()).backward()
    random = torch.Generator(device=chosen.device).manual_seed(1)
    norm, projections = 0.0, torch.zeros(N_PROJECTIONS)
    for weight in trainer.model.parameters():
        gradient = weight.grad.float().reshape(-1)
        norm += float(gradient.square().sum())
        for number in range(N_PROJECTIONS):
            signs = torch.randint(
                0, 2, gradient.shape, generator=random, device=gradient.device, dtype=torch.int8
            )
            projections[number] += float((gradient * (2 * signs - 1)).sum())
    trainer.model.zero_grad(set_to_none=True)
    logps = torch.cat([chosen, rejected]).float().tolist()
    return {"logps": logps, "gradient": [norm**0.5, *projections.tolist()]}


def _measure_reference(block: Block, trainer: Any, pairs: list[dict[str, Any]]) -> float:
    """Return the seconds that a precomputed reference takes for each pair."""
    if block.contestant == "stock":
        return 0.0  # it is read in each step
    import torch  # noqa: PLC0415 - as above

    seconds = []
    for start in range(0, block.batch * REFERENCE_BATCHES, block.batch):
        began = time.perf_counter()
        inputs = _to_device(trainer, trainer.data_collator(pairs[start : start + block.batch]))
        with torch.no_grad(), trainer.accelerator.autocast():
            trainer.score_replies(trainer.model, inputs)
        _synchronise()
        seconds.append((time.perf_counter() - began) / block.batch)
    return sorted(seconds)[len(seconds) // 2]


def _give_reference(block: Block, trainer: Any, pairs: list[dict[str, Any]]) -> None:
    """Give the pairs a reference, whose values no clock looks at."""
    if block.contestant != "stock":
        for pair in pairs:
            pair |= {"ref_chosen_logps": -50.0, "ref_rejected_logps": -50.0}


def _time_steps(block: Block, trainer: Any, pairs: list[dict[str, Any]]) -> Iterator[float]:
    """Train, and yield the seconds of each step after the warm-up."""
    import torch  # noqa: PLC0415 - as above

    model = trainer.model.train()
    if trainer.args.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    trainer.create_optimizer()
    trainer.current_gradient_accumulation_steps = 1
    for step in range(block.warmup + block.steps):
        batch = pairs[step * block.batch : (step + 1) * block.batch]
        _synchronise()
        began = time.perf_counter()
        inputs = _to_device(trainer, trainer.data_collator(batch))
        trainer.training_step(model, inputs)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        trainer.optimizer.step()
        model.zero_grad(set_to_none=True)
        _synchronise()
        if step >= block.warmup:
            yield time.perf_counter() - began
    model.gradient_checkpointing_disable()


def _to_device(trainer: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: value.to(trainer.accelerator.device) for name, value in inputs.items()}


def _synchronise() -> None:
    import torch  # noqa: PLC0415 - as above

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _device_name() -> str:
    import torch  # noqa: PLC0415 - as above

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _count(model: Any) -> int:
    return sum(weight.numel() for weight in model.parameters())


def _n_tokens(pair: dict[str, Any]) -> int:
    return sum(len(pair[name]) for name in ("prompt_ids", "chosen_ids", "rejected_ids"))


def _n_replies(pair: dict[str, Any]) -> int:
    return len(pair["chosen_ids"]) + len(pair["rejected_ids"])
