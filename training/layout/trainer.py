"""TRL's DPO trainer, reading its pairs in packed rows; the losses are TRL's own."""

from contextlib import nullcontext
from typing import Any

import torch
from datasets import Dataset
from trl import DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference
from trl.trainer.utils import FusedCausalLMOutput, use_adapter

from training.layout.attention import block_mask, dense_mask
from training.layout.collating import REFERENCE, PackedCollator, numbers_of
from training.layout.packing import PARTS
from training.layout.scoring import add_packed_forward, spread
from training.layout.support import sliding_window

FLEX = "flex_attention"
SMALLEST_WEIGHT = 1e-30  # a weight of 0, whose logarithm would be no number


class PaddedCollator(DataCollatorForPreference):  # type: ignore[misc] # TRL is not typed
    """TRL's own, which keeps the weight of each pair, too."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Collate a batch of pairs."""
        batch: dict[str, Any] = super().torch_call(examples)
        return batch | numbers_of(examples)


class PairTrainer(DPOTrainer):  # type: ignore[misc] # as above
    """DPO on encoded pairs, each with a weight and the reference's log-probabilities.

    Its datasets have the columns of `EncodedPair` (all but `number`). Before training they need
    those of REFERENCE, too (`training.reference`): TRL would compute them in a layout of its own,
    and before anybody was told what the training takes.
    """

    ref_model: Any
    _sharded_reference: Any = None

    def __init__(self, *args: Any, is_packed: bool, noise: Any = None, **kwargs: Any) -> None:
        self.is_packed = is_packed
        self.noise = noise
        super().__init__(*args, **kwargs)
        # Under FSDP, TRL lets go of it when it thinks that it has read all it needs.
        if self._sharded_reference is not None:
            self.ref_model = self._sharded_reference
        for model in filter(None, [self.model, self.ref_model] if is_packed else []):
            add_packed_forward(causal_model(model))

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset  # is encoded already

    def _precompute_ref_logps(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        self._sharded_reference = self.ref_model
        return dataset  # `training.reference` does it later

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = [*PARTS, *REFERENCE, "weight"]

    def _compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool) -> Any:
        inputs = dict(inputs)
        weights = inputs.pop("weight")
        if self.noise is not None:
            self.noise.lengths = lengths_of(inputs)

        def read(**given: Any) -> FusedCausalLMOutput:
            outputs = read_packed(model, given) if self.is_packed else model(**given)
            return _weigh(outputs, weights)

        return super()._compute_loss(read, inputs, return_outputs)

    def score_replies(
        self, model: Any, inputs: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the log-probabilities of chosen and rejected replies, each (B,), in nats."""
        if self.is_packed:
            scores = read_packed(model, inputs).log_probs
        else:
            ids, masked = inputs["input_ids"], inputs["completion_mask"] == 0
            scores = model(
                input_ids=ids,
                attention_mask=inputs["attention_mask"],
                use_cache=False,
                labels=ids.masked_fill(masked, -100),
                fused_lm_head=True,
            ).log_probs
        chosen, rejected = scores.sum(dim=1).chunk(2)
        return chosen, rejected

    def use_checkpointing(self, wanted: bool) -> None:
        """Compute activations twice from now on, or not."""
        self.args.gradient_checkpointing = wanted
        if wanted and hasattr(self.model, "disable_adapter"):
            # With all weights frozen but the adapters', a layer's input has to ask for a gradient.
            self.model.enable_input_require_grads()

    def as_reference(self) -> Any:
        """Return a context in which the model is what it was before training."""
        if self.ref_model is None and hasattr(self.model, "disable_adapter"):
            return use_adapter(self.accelerator.unwrap_model(self.model), adapter_name=None)
        return nullcontext()


def make_collator(*, is_packed: bool, pad: int, attention: str, max_length: int) -> Any:
    """Make the collator of a layout, for a model that attends by `attention`."""
    if is_packed:
        return PackedCollator(pad=pad, is_one_row=attention == FLEX)
    return PaddedCollator(pad_token_id=pad, max_length=max_length)


def read_packed(model: Any, given: dict[str, Any]) -> FusedCausalLMOutput:
    """Score the replies of a collated batch; every field is (2B, T), zero beside the replies."""
    base = causal_model(model)
    log_probs, entropy, is_top1 = model(
        input_ids=given["packed_ids"],
        position_ids=given["packed_positions"],
        attention_mask=_mask(base.config.get_text_config(), given),
        packed_sources=given["packed_sources"],
        packed_labels=given["packed_labels"],
    )
    n_rows, length = given["input_ids"].shape
    shape, targets = (n_rows, length - 1), given["packed_targets"].to(log_probs.device)
    scores = spread(log_probs, targets, shape)
    return FusedCausalLMOutput(
        log_probs=scores,
        entropy=spread(entropy, targets, shape),
        is_top1=spread(is_top1, targets, shape),
        mean_logits=torch.zeros_like(scores),  # nobody reads it, and it costs a pass over logits
    )


def lengths_of(inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the length of each token's conversation, for noise that is scaled by it."""
    if "packed_lengths" in inputs:
        return inputs["packed_lengths"]
    mask = inputs["attention_mask"]
    return mask.sum(dim=1, keepdim=True).expand_as(mask)


def _mask(config: Any, given: dict[str, Any]) -> Any:
    make = block_mask if config._attn_implementation == FLEX else dense_mask
    return make(
        given["packed_documents"],
        given["packed_branches"],
        given["packed_positions"],
        window=sliding_window(config),
    )


def _weigh(outputs: FusedCausalLMOutput, weights: torch.Tensor) -> FusedCausalLMOutput:
    """Weigh each pair's loss.

    TRL multiplies the loss of a pair by exp(mean over a reply's tokens of log-probability less
    `log_sum_sq_probs`), of both replies (WPO). With `log_sum_sq_probs` as here that is the weight
    for the chosen one and 1 for the rejected one, whatever the loss.
    """
    scores = outputs.log_probs.detach()
    logs = weights.to(scores).clamp(min=SMALLEST_WEIGHT).log()
    outputs.log_sum_sq_probs = scores - torch.cat([logs, torch.zeros_like(logs)])[:, None]
    return outputs


def causal_model(model: Any) -> Any:
    """Return the causal model within wrappers for several processes and for adapters."""
    while hasattr(model, "module"):
        model = model.module
    return model.get_base_model() if hasattr(model, "get_base_model") else model
