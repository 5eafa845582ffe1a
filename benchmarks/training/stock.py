"""TRL's trainer as it comes, but that its pairs are token ids already."""

from typing import Any

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from trl import DPOTrainer


class StockTrainer(DPOTrainer):  # type: ignore[misc] # TRL is not typed
    """DPO by TRL, in its own layout, with its own reference and losses."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset

    def _precompute_ref_logps(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset  # its cost is measured by itself

    def score_replies(
        self, model: Any, inputs: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the log-probabilities of chosen and rejected replies, each (B,)."""
        labels = inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100)
        scores = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"],
            use_cache=False, labels=labels, fused_lm_head=True,
        ).log_probs  # fmt: skip
        chosen, rejected = scores.sum(dim=1).chunk(2)
        return chosen, rejected


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Make a tokenizer that is asked for nothing but its padding."""
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 1}, unk_token="<pad>")),
        pad_token="<pad>",
        eos_token="<eos>",
    )
