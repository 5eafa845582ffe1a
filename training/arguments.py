"""A run in TRL's words."""

from pathlib import Path
from typing import Any

import torch
from trl import DPOConfig

from training.config import DpoRun
from training.distributed import sharding_arguments

OPTIMIZERS = {"adamw_8bit": "adamw_bnb_8bit"}


def make_arguments(
    run: DpoRun,
    *,
    folder: str,
    label_smoothing: float | None,
    router_loss: float,
    **others: Any,
) -> DPOConfig:
    """Spell the run in TRL's words, with the settings that TRL would choose ill.

    Args:
        folder: receives checkpoints.
        label_smoothing: the run's, or what its votes imply.
        others: arguments that depend on what is launched.
    """
    has_cuda = torch.cuda.is_available()
    return DPOConfig(
        output_dir=folder,
        num_train_epochs=run.epochs,
        beta=run.beta,
        learning_rate=run.learning_rate,
        per_device_train_batch_size=run.batch_size,
        per_device_eval_batch_size=run.batch_size,
        gradient_accumulation_steps=run.gradient_accumulation,
        max_length=run.max_length,
        seed=run.seed,
        loss_type=list(run.loss_type),
        loss_weights=None if run.loss_weights is None else list(run.loss_weights),
        label_smoothing=label_smoothing or 0.0,
        use_weighting=run.weight_by is not None,
        router_aux_loss_coef=router_loss,
        optim=OPTIMIZERS.get(run.optimizer, run.optimizer),
        weight_decay=run.weight_decay,
        max_grad_norm=run.max_grad_norm,
        # Below 1, TRL reads the number of steps as a share of them.
        warmup_steps=run.warmup_ratio,
        lr_scheduler_type=run.scheduler,
        # Done when the model is loaded; here it would take that of adapters, too.
        disable_dropout=False,
        precompute_ref_log_probs=True,
        # The reference, where one has to be loaded, is of the same revision.
        model_init_kwargs=None if run.revision is None else {"revision": run.revision},
        bf16=has_cuda and run.dtype != "float32",
        gradient_checkpointing=False,  # decided when memory has been measured
        dataloader_pin_memory=has_cuda,
        logging_steps=run.log_every,
        eval_strategy="no" if run.evaluate_every is None else "steps",
        eval_steps=run.evaluate_every,
        save_strategy="no" if run.checkpoint_every is None else "steps",
        save_steps=run.checkpoint_every or 500,
        save_total_limit=None,  # `CheckpointCallback` removes those that are not wanted
        disable_tqdm=True,
        **{"report_to": "none"} | sharding_arguments(run) | others,
    )


def checkpoints_of(run: DpoRun) -> Path:
    """Return the folder of a run's checkpoints."""
    return Path(run.output_dir) / "checkpoints"
