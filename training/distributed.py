"""How the processes of a run share the model, and the proof that they really do.

Launchers fall back without a word: `accelerate launch --cpu --num_processes 2` starts one process,
and accelerate makes DDP of FSDP where there is no GPU. So what a run asks for is looked at where it
has to be true: in the environment (`ranks.check_world`), in accelerate, in the parameters.
"""

import importlib.util
import json
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.config import ConfigError, DpoRun
from training.ranks import check_world, is_rank


def sharding_arguments(run: DpoRun) -> dict[str, Any]:
    """Spell in TrainingArguments' words how the processes share the model.

    `use_cpu` is among them, since accelerate passes DeepSpeed over where it is set. A process that
    no launcher started shares nothing: it makes a forecast, or `check_sharding` refuses it.
    Raises ConfigError for a DeepSpeed that is not there, or a configuration that is no JSON object.
    """
    arguments: dict[str, Any] = {"use_cpu": not torch.cuda.is_available()}
    if not is_rank():
        return arguments
    if run.sharding == "fsdp":
        return arguments | {"fsdp": True, "fsdp_config": _fsdp_config(run)}
    if run.sharding == "deepspeed":
        return arguments | {"use_cpu": False, "deepspeed": _read_deepspeed(run)}
    # Layers that LISA froze get no gradient, and DDP would wait for it.
    return arguments | {"ddp_find_unused_parameters": run.lisa_layers is not None}


def check_sharding(run: DpoRun, accelerator: Any) -> None:
    """Raise ConfigError unless accelerate came to what the run asks for."""
    check_world(run.processes)
    joined, found = accelerator.num_processes, str(accelerator.distributed_type.value)
    if joined != run.processes:
        raise ConfigError(
            f"field 'processes': {run.processes} were started, and accelerate joined {joined}"
        )
    if found not in _expected_types(run):
        reason = " without a GPU" if found == "MULTI_CPU" else ""
        raise ConfigError(
            f"field 'sharding': {run.sharding!r} came to {found}{reason}; expected accelerate's "
            f"{' or '.join(_expected_types(run))}"
        )
    if run.sharding == "fsdp" and not accelerator.is_fsdp2:
        raise ConfigError("field 'sharding': accelerate took FSDP 1; expected version 2")


class ShardingCallback(TrainerCallback):  # type: ignore[misc] # transformers is not typed
    """Refuses to train where FSDP has left a trained parameter whole; accelerate cuts them last.

    Raises ConfigError when the training begins.
    """

    def __init__(self, run: DpoRun) -> None:
        self._run = run

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Look at every parameter."""
        if self._run.sharding != "fsdp":
            return
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and not _is_cut(parameter, self._run.processes):
                raise ConfigError(
                    f"field 'sharding': 'fsdp' left {name} whole; expected a part of it on each "
                    f"of {self._run.processes} processes"
                )


def leave_group() -> None:
    """Wait until every process has come here, and part; a launcher ends all when one is gone."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


def _is_cut(parameter: Any, processes: int) -> bool:
    return (
        isinstance(parameter, DTensor)
        and parameter.device_mesh.size() == processes
        and any(placement.is_shard() for placement in parameter.placements)
    )


def _expected_types(run: DpoRun) -> tuple[str, ...]:
    if run.sharding == "fsdp":
        return ("FSDP",)
    if run.sharding == "deepspeed":
        return ("DEEPSPEED",)
    # torchrun with one process makes a group of one.
    return ("MULTI_GPU", "MULTI_CPU") if run.processes > 1 else ("NO", "MULTI_GPU", "MULTI_CPU")


def _fsdp_config(run: DpoRun) -> dict[str, Any]:
    if run.processes == 1:
        raise ConfigError("field 'sharding': 'fsdp' with 1 process; expected 2 processes or more")
    return {
        "version": 2,
        "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "reshard_after_forward": True,
        # What is saved is gathered first, so that `from_pretrained` reads it.
        "state_dict_type": "FULL_STATE_DICT",
    }


def _read_deepspeed(run: DpoRun) -> dict[str, Any]:
    path = Path(run.deepspeed_config or "")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = f"{path} cannot be read: {error.strerror}"
        raise ConfigError(f"field 'deepspeed_config': {reason}") from error
    except ValueError as error:
        raise ConfigError(f"field 'deepspeed_config': {path} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise ConfigError(f"field 'deepspeed_config': {path} is not a JSON object")
    if importlib.util.find_spec("deepspeed") is None:
        raise ConfigError("field 'sharding': DeepSpeed is missing; expected the extra [deepspeed]")
    return config
