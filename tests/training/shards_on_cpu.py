"""`python -m training` as a rank of torchrun, where accelerate shards without a GPU too.

On CPU accelerate makes DDP of FSDP and one process of DeepSpeed's two, though both shard over gloo
as over NCCL. Here accelerate is told that gloo joins GPUs; all else is as it comes. Each rank
writes what it holds of the model at the first step to `PARTS.RANK`, and of the reference to
`PARTS.reference.RANK`.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from accelerate.state import DistributedType, PartialState
from torch import distributed
from torch.distributed.tensor import DTensor
from transformers import Trainer

from training.__main__ import main
from training.layout.trainer import PairTrainer


def shard_on_cpu() -> None:
    """Make the group, and let accelerate take it for one of GPUs."""
    distributed.init_process_group("gloo")

    def prepare_backend(self: PartialState, *args: Any) -> tuple[str, DistributedType]:
        self.device = torch.device("cpu")
        return "gloo", DistributedType.MULTI_GPU

    PartialState._prepare_backend = prepare_backend
    if importlib.util.find_spec("deepspeed") is not None:
        import deepspeed.ops  # noqa: PLC0415 - where it is installed

        # A kernel for ranks that share memory: it takes a minute to compile, and gloo does as well.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def note_parts(path: Path) -> None:
    """Write at the first step what this rank holds."""
    take_step = Trainer.training_step

    def training_step(self: Trainer, model: Any, *args: Any, **kwargs: Any) -> Any:
        if not path.exists():
            has_stages = hasattr(model, "zero_optimization_stage")
            parts = describe_stages(model) if has_stages else describe_parameters(model)
            path.write_text(json.dumps(parts), encoding="utf-8")
        return take_step(self, model, *args, **kwargs)

    Trainer.training_step = training_step


def note_reference(path: Path) -> None:
    """Write at the first batch of the reference what this rank holds of it."""
    score = PairTrainer.score_replies

    def score_replies(self: PairTrainer, model: Any, *args: Any) -> Any:
        if not path.exists() and not self.is_deepspeed_enabled:
            path.write_text(json.dumps(describe_parameters(model)), encoding="utf-8")
        return score(self, model, *args)

    PairTrainer.score_replies = score_replies


def describe_parameters(model: Any) -> dict[str, dict[str, Any]]:
    """Say how FSDP cut each parameter, and how many of its elements are here."""
    return {
        name: {
            "placements": str(parameter.placements),
            "ranks": parameter.device_mesh.size(),
            "elements": parameter.numel(),
            "here": parameter.to_local().numel(),
        }
        if isinstance(parameter, DTensor)
        else {"placements": "whole"}
        for name, parameter in model.named_parameters()
    }


def describe_stages(engine: Any) -> dict[str, int]:
    """Say what DeepSpeed cuts, and for how many parameters the optimizer's state is here."""
    return {
        "stage": engine.zero_optimization_stage(),
        "elements": sum(parameter.numel() for parameter in engine.module.parameters()),
        "here": sum(part.numel() for part in engine.optimizer.single_partition_of_fp32_groups),
    }


if __name__ == "__main__":
    shard_on_cpu()
    note_parts(Path(f"{sys.argv[2]}.{os.environ['RANK']}"))
    note_reference(Path(f"{sys.argv[2]}.reference.{os.environ['RANK']}"))
    sys.exit(main([sys.argv[1]]))
