"""What a training run needs to know, checked before any torch is loaded."""

import math
from dataclasses import dataclass
from typing import ClassVar

from training.fields import (
    ConfigError,
    one_of,
    require,
    require_not_negative,
    require_one_of,
    require_positive,
    require_positive_or_none,
    require_share,
)

__all__ = ["ConfigError", "DpoRun", "TinyRun"]

# TRL's losses, by its names.
LOSS_TYPES = frozenset(
    [
        *("sigmoid", "sigmoid_norm", "hinge", "ipo", "nca_pair", "robust", "bco_pair", "sft"),
        "exo_pair",
        *("sppo_hard", "aot", "aot_unpaired", "apo_zero", "apo_down", "discopop"),
    ]
)
# Those that read `label_smoothing`; to the others it says nothing.
SMOOTHED = frozenset({"robust", "exo_pair", "aot", "aot_unpaired"})
SCHEDULERS = frozenset({"linear", "cosine", "constant", "constant_with_warmup"})
DTYPES = frozenset({"auto", "float32", "bfloat16"})
OPTIMIZERS = frozenset({"adamw_torch", "adamw_torch_fused", "adamw_8bit", "adafactor"})
LAYOUTS = frozenset({"auto", "packed", "padded"})
CHECKPOINTING = frozenset({"auto", "on", "off"})
SHARDINGS = frozenset({"ddp", "fsdp", "deepspeed"})
# Columns of a pair that can weigh its loss.
WEIGHTS = frozenset({"margin", "agreement", "weight"})


@dataclass(frozen=True, kw_only=True)
class DpoRun:
    """One DPO training on TRL's trainer (Rafailov 2023).

    What goes in and out:
        model, revision: a folder or hub id; `slow_tokenizer` reads its tokenizer by sentencepiece.
        pairs: a JSONL file of preference pairs (`training.data.Pair`).
        eval_pairs: the same to evaluate on; or `eval_share` of the prompts of `pairs`, at most .5.
        output_dir: receives the trained model, its tokenizer, a card and a record.
        metrics: JSONL rows while the run goes on.
        control: a file that is looked for after each step. The word `stop` in it ends the run with
            a checkpoint, `keep` ends it with the weights as they are.
        lineage: a JSON file of what the card is to say of where the pairs came from.
        reference_cache: a folder that keeps reference log-probabilities by a hash of all that they
            depend on; None computes them anew.

    How it learns:
        epochs, learning_rate, beta: above 0; a small beta goes far from the reference.
        batch_size, gradient_accumulation: one optimizer step sees their product, in pairs, on each
            process.
        max_length: tokens of prompt and reply together; longer ones are cut at the end.
        loss_type, loss_weights: TRL's losses by name, and what each weighs.
        label_smoothing: the share of pairs whose label is taken to be wrong, 0 to below .5; None is
            0, and for `robust` alone the share that the votes behind the pairs imply.
        weight_by: a number of each pair, above 0 or 0, that weighs its loss; weights are scaled to
            a mean of 1.
        optimizer, weight_decay, max_grad_norm, warmup_ratio, scheduler: as transformers names them.
        neftune_alpha: noise on the embeddings (Jain 2023); None is none.
        lora_rank: None trains every weight, a number the adapters of LoRA (Hu 2021) on every linear
            layer but the head, scaled by `lora_alpha` / `lora_rank`; the adapter is kept beside the
            model. `merge_adapter` writes whole weights, which every engine reads.
        lisa_layers: None trains all layers at once, a number that many, drawn anew every
            `lisa_every` steps (Pan 2024); `lisa_embeddings` trains embeddings and head beside them.
        router_loss: the weight of a mixture of experts' load-balancing loss; None is the model's.

    How it runs:
        dtype: "auto" is float32 on CPU, and on CUDA float32 weights with bfloat16 arithmetic;
            "bfloat16" keeps the weights in bfloat16 too.
        layout: `packed` reads each prompt once for both replies and many pairs in one row; `padded`
            is TRL's own; `auto` packs where that is known to be exact.
        checkpointing: whether activations are computed twice to save memory; `auto` measures.
        processes: how many to expect under torchrun; a launcher that starts fewer is an error.
        sharding: how several processes share the model: `ddp` not at all, `fsdp` by FSDP2, or
            `deepspeed` as `deepspeed_config`, a JSON file of DeepSpeed's, says.
        log_every, checkpoint_every, evaluate_every: steps; None keeps a checkpoint only when the
            run is told to stop, and evaluates at the end.
        tensorboard: a folder for TensorBoard's logs; None writes none. W&B is used where its key is
            set (`WANDB_API_KEY`).
        resume: go on from the last checkpoint under `output_dir`, or begin where there is none.
    """

    method: ClassVar[str] = "dpo"

    model: str
    pairs: str
    output_dir: str
    metrics: str
    revision: str | None = None
    slow_tokenizer: bool = False
    eval_pairs: str | None = None
    eval_share: float = 0.0
    control: str | None = None
    lineage: str | None = None
    reference_cache: str | None = None

    epochs: float = 1.0
    beta: float = 0.1
    learning_rate: float = 1e-6
    batch_size: int = 8
    gradient_accumulation: int = 1
    max_length: int = 1024
    seed: int = 0
    loss_type: tuple[str, ...] = ("sigmoid",)
    loss_weights: tuple[float, ...] | None = None
    label_smoothing: float | None = None
    weight_by: str | None = None
    optimizer: str = "adamw_torch"
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    warmup_ratio: float = 0.1
    scheduler: str = "linear"
    neftune_alpha: float | None = None
    lora_rank: int | None = None
    lora_alpha: float = 32.0
    lora_dropout: float = 0.0
    merge_adapter: bool = True
    lisa_layers: int | None = None
    lisa_every: int = 13
    lisa_embeddings: bool = True
    router_loss: float | None = None

    dtype: str = "auto"
    layout: str = "auto"
    checkpointing: str = "auto"
    processes: int = 1
    sharding: str = "ddp"
    deepspeed_config: str | None = None
    log_every: int = 1
    checkpoint_every: int | None = None
    evaluate_every: int | None = None
    tensorboard: str | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        for field in ("model", "pairs", "output_dir", "metrics"):
            require(bool(getattr(self, field)), field, getattr(self, field), "a path")
        require_positive(
            self, "epochs", "beta", "learning_rate", "batch_size", "gradient_accumulation",
            "max_grad_norm", "log_every", "processes", "lora_alpha", "lisa_every",
        )  # fmt: skip
        require_positive_or_none(
            self, "checkpoint_every", "evaluate_every", "lora_rank", "lisa_layers", "neftune_alpha"
        )
        require(self.max_length > 1, "max_length", self.max_length, "2 tokens or more")
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        require_share(self, "warmup_ratio", below=1)
        require_share(self, "lora_dropout", below=1)
        require_share(self, "eval_share", below=0.5, is_allowed=True)
        if self.label_smoothing is not None:
            require_share(self, "label_smoothing", below=0.5)
        require_not_negative(self, "weight_decay")
        if self.router_loss is not None:
            require_not_negative(self, "router_loss")
        require_one_of(self, "scheduler", SCHEDULERS)
        require_one_of(self, "dtype", DTYPES)
        require_one_of(self, "optimizer", OPTIMIZERS)
        require_one_of(self, "layout", LAYOUTS)
        require_one_of(self, "checkpointing", CHECKPOINTING)
        require_one_of(self, "sharding", SHARDINGS)
        if self.weight_by is not None:
            require_one_of(self, "weight_by", WEIGHTS)
        self._check_losses()
        self._check_together()

    def _check_losses(self) -> None:
        require(bool(self.loss_type), "loss_type", self.loss_type, "one loss or more")
        for name in self.loss_type:
            require(name in LOSS_TYPES, "loss_type", name, one_of(LOSS_TYPES))
        if self.loss_weights is None:
            return
        require(
            len(self.loss_weights) == len(self.loss_type),
            "loss_weights",
            self.loss_weights,
            f"one weight for each of {list(self.loss_type)}",
        )
        require(
            all(math.isfinite(weight) for weight in self.loss_weights) and any(self.loss_weights),
            "loss_weights",
            self.loss_weights,
            "finite weights, not all 0",
        )

    def _check_together(self) -> None:
        """Refuse settings that are right alone and wrong together."""
        require(
            not self.label_smoothing or bool(SMOOTHED & set(self.loss_type)),
            "label_smoothing",
            self.label_smoothing,
            f"none but with a loss that reads it ({', '.join(sorted(SMOOTHED))})",
        )
        require(
            "exo_pair" not in self.loss_type or bool(self.label_smoothing),
            "label_smoothing",
            self.label_smoothing,
            "a share above 0 with the loss exo_pair",
        )
        sorting = {"aot", "aot_unpaired"} & set(self.loss_type)
        require(
            not (self.weight_by and sorting),
            "weight_by",
            self.weight_by,
            "none with a loss that sorts pairs (aot, aot_unpaired)",
        )
        require(
            not (self.lora_rank and self.lisa_layers),
            "lisa_layers",
            self.lisa_layers,
            "none with lora_rank: LISA trains whole layers",
        )
        require(
            not (self.eval_pairs and self.eval_share),
            "eval_share",
            self.eval_share,
            "0 where eval_pairs names a file",
        )
        require(
            (self.sharding == "deepspeed") == (self.deepspeed_config is not None),
            "deepspeed_config",
            self.deepspeed_config,
            "a path with sharding 'deepspeed', and none without",
        )
        require(
            not (self.lisa_layers and self.sharding != "ddp"),
            "lisa_layers",
            self.lisa_layers,
            "none with sharding 'fsdp' or 'deepspeed', which keep layers elsewhere",
        )


@dataclass(frozen=True, kw_only=True)
class TinyRun:
    """A tiny Llama with a tokenizer of its own, both trained from scratch on one corpus.

    `corpus` is JSONL of conversations (`{"messages": [{"role": ..., "content": ...}, ...]}`).
    `vocabulary_size` counts all tokens, `hidden_size` is a multiple of 32 (one head each),
    `max_length` in tokens bounds a conversation and the model's positions.
    """

    method: ClassVar[str] = "tiny"

    corpus: str
    output_dir: str
    metrics: str
    vocabulary_size: int = 1536
    hidden_size: int = 192
    layers: int = 4
    epochs: float = 2.0
    batch_size: int = 16
    learning_rate: float = 2e-3
    warmup_ratio: float = 0.05
    max_length: int = 256
    seed: int = 0
    log_every: int = 10

    def __post_init__(self) -> None:
        for field in ("corpus", "output_dir", "metrics"):
            require(bool(getattr(self, field)), field, getattr(self, field), "a path")
        require_positive(self, "layers", "epochs", "batch_size", "learning_rate", "log_every")
        # 256 bytes and the special tokens are always there.
        require(self.vocabulary_size >= 300, "vocabulary_size", self.vocabulary_size, "300 or more")
        require(
            self.hidden_size > 0 and self.hidden_size % 32 == 0,
            "hidden_size",
            self.hidden_size,
            "a multiple of 32",
        )
        require(self.max_length > 1, "max_length", self.max_length, "2 tokens or more")
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        require(0 <= self.warmup_ratio < 1, "warmup_ratio", self.warmup_ratio, "0 <= ratio < 1")
