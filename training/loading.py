"""A run's model and tokenizer, and the layout that its pairs are read in."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from trl.trainer.utils import disable_dropout_in_model

from training.config import DpoRun
from training.fields import ConfigError
from training.layout.support import why_not_packed
from training.layout.trainer import FLEX
from training.lisa import refuse_too_many
from training.tokenizing import load_tokenizer


@dataclass(frozen=True)
class Loaded:
    """What a run trains.

    Attributes:
        is_packed: whether pairs are read in packed rows.
        layout_reason: why not, where the run would have them packed if that were exact.
        attention: the implementation by which the model attends.
    """

    model: Any
    tokenizer: Any
    is_packed: bool
    layout_reason: str
    attention: str


def load(run: DpoRun) -> Loaded:
    """Load model and tokenizer; raises ConfigError, in one line, where that does not work."""
    if run.dtype == "bfloat16" and not torch.cuda.is_available():
        raise ConfigError("field 'dtype': 'bfloat16' needs a CUDA device; expected 'auto' here")
    try:
        tokenizer = load_tokenizer(
            model=run.model, revision=run.revision or "", use_fast=not run.slow_tokenizer
        )
        config = AutoConfig.from_pretrained(
            run.model, revision=run.revision, trust_remote_code=False
        )
        reason = _choose_layout(run, config.get_text_config())
        model = _load_model(run, is_packed=reason is None)
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        reason = " ".join(str(error).split())
        raise ConfigError(f"field 'model': {run.model!r} cannot be loaded: {reason}") from error
    if tokenizer.pad_token is None:  # as TRL does
        tokenizer.pad_token = tokenizer.eos_token
    if run.lisa_layers is not None:
        refuse_too_many(run.lisa_layers, model)
    disable_dropout_in_model(model)  # the reference reads before the trainer would do it
    return Loaded(
        model=model,
        tokenizer=tokenizer,
        is_packed=reason is None,
        layout_reason=reason or "",
        attention=model.config.get_text_config()._attn_implementation,
    )


def router_loss(run: DpoRun, config: Any) -> float:
    """Return the weight of the load-balancing loss, 0 where a model has no router."""
    if not hasattr(config, "output_router_logits"):
        return 0.0
    own = getattr(config, "router_aux_loss_coef", 0.0)
    return float(own if run.router_loss is None else run.router_loss)


def _choose_layout(run: DpoRun, config: Any) -> str | None:
    """Say why pairs are padded, None where they are packed; raises ConfigError."""
    if run.layout == "padded":
        return "asked for"
    reason = why_not_packed(config, router_loss=router_loss(run, config))
    if reason and run.layout == "packed":
        raise ConfigError(f"field 'layout': 'packed' is not valid here: {reason}; expected 'auto'")
    return reason


def _load_model(run: DpoRun, *, is_packed: bool) -> Any:
    dtype = torch.bfloat16 if run.dtype == "bfloat16" else torch.float32
    where = {
        "revision": run.revision,
        "dtype": dtype,
        "trust_remote_code": False,
        "use_safetensors": True,  # a pickle could run anything as it is read
    }
    if not (is_packed and torch.cuda.is_available()):
        return AutoModelForCausalLM.from_pretrained(run.model, **where)
    try:
        return AutoModelForCausalLM.from_pretrained(run.model, **where, attn_implementation=FLEX)
    except ValueError:  # the family has none; SDPA reads a dense mask
        return AutoModelForCausalLM.from_pretrained(run.model, **where)
