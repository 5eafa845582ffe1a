"""LoRA (Hu 2021): which weights get an adapter, and how an adapted model is kept."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import AutoModelForCausalLM

from training.config import ConfigError, DpoRun

ADAPTER_NAME = "adapter"


def make_lora_config(run: DpoRun, model: Any) -> LoraConfig:
    """Describe adapters on every linear layer of a model but its head.

    The head has none, since the loss reads its weights past any adapter. Of a mixture of experts,
    whose experts are one parameter a layer in transformers 5, the experts have adapters and the
    router has none: what it learnt of sharing out tokens stays. PEFT adds such an adapter to the
    whole parameter, so it knows no dropout there, and the change to all experts of a layer stands
    in memory at once.

    Raises ConfigError for dropout on such a model.
    """
    experts = _find_fused_experts(model)
    if experts and run.lora_dropout:
        raise ConfigError(
            f"field 'lora_dropout': {run.lora_dropout} is not valid; expected 0 for a mixture of"
            " experts, whose adapters have no dropout"
        )
    return LoraConfig(
        r=run.lora_rank,
        lora_alpha=run.lora_alpha,
        lora_dropout=run.lora_dropout,
        # Told "all-linear", PEFT looks for a mixture's experts by the names of transformers 4.
        target_modules=_name_linear_layers(model) if experts else "all-linear",
        target_parameters=experts or None,
        revision=run.revision,
        task_type="CAUSAL_LM",
    )


def save_adapted(model: PeftModel, folder: str | Path, *, merge: bool) -> None:
    """Write whole weights to a folder and the adapter to `adapter` in it, or the adapter alone.

    Merging spends the model: it cannot be used afterwards. It needs the whole of it here; where it
    lies in pieces on several devices, see `merge_saved_adapter`.
    """
    folder = Path(folder)
    model.save_pretrained(folder / ADAPTER_NAME if merge else folder)
    if merge:
        _merge(model).save_pretrained(folder)


def merge_saved_adapter(run: DpoRun, folder: str | Path, *, dtype: Any) -> None:
    """Write whole weights to a folder that holds an `adapter`, from the run's model, on the CPU.

    For adapters whose model lies in pieces on several devices, where nothing can be merged.
    """
    base = AutoModelForCausalLM.from_pretrained(
        run.model,
        revision=run.revision,
        dtype=dtype,
        trust_remote_code=False,
        use_safetensors=True,
    )
    adapted = PeftModel.from_pretrained(base, str(Path(folder) / ADAPTER_NAME))
    _merge(adapted).save_pretrained(folder)


def _merge(model: PeftModel) -> Any:
    """Add each adapter to its weights in float32, and round the sum once to the dtype it has.

    PEFT alone rounds a change to bfloat16 before it adds it, and then the sum.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, BaseTunerLayer)]
    for layer in layers:
        base = layer.get_base_layer()
        dtypes = {name: parameter.dtype for name, parameter in base.named_parameters()}
        base.to(torch.float32)
        layer.merge(safe_merge=True)
        for name, dtype in dtypes.items():
            parameter = base.get_parameter(name)
            parameter.data = parameter.data.to(dtype)
    return model.unload()


def _find_fused_experts(model: Any) -> list[str]:
    """Name the parameters that hold all experts of a layer, as `experts.down_proj`."""
    names = set()
    for path, module in model.named_modules():
        if type(module).__module__.startswith("torch.nn"):
            continue  # a convolution's weight has three dimensions, too
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.ndim == 3:
                names.add(f"{path.rpartition('.')[2]}.{name}")
    return sorted(names)


def _name_linear_layers(model: Any) -> list[str]:
    head = model.get_output_embeddings()
    names = {
        path.rpartition(".")[2]
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }
    return sorted(names)
