from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from tests.tiny import make_tiny_model
from tests.training.conftest import make_run
from training.adapters import make_lora_config, merge_saved_adapter, save_adapted
from training.config import ConfigError, DpoRun

IDS = torch.arange(5, 29).reshape(2, 12)  # (B, T)
ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
ADAPTED = {
    "llama": ATTENTION | {"gate_proj", "up_proj", "down_proj"},
    "gpt_neox": {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"},
    "mixtral": ATTENTION | {"gate_up_proj", "down_proj"},
}


@pytest.fixture(scope="module", params=list(ADAPTED))
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DpoRun:
    folder = tmp_path_factory.mktemp(request.param)
    model = make_tiny_model(folder / request.param, architecture=request.param)
    return make_run(model, folder, lora_rank=4, lora_alpha=8)


def adapt(run: DpoRun) -> Any:
    """Load the run's model with adapters that are not zero, as trained ones are not."""
    model = AutoModelForCausalLM.from_pretrained(run.model)
    adapted = get_peft_model(model, make_lora_config(run, model)).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.normal_(0, 0.02)
    return adapted


def read_logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(IDS).logits


def assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Fail where logits differ by more than 1e-5 of the largest."""
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_adapters_are_on_every_linear_layer_but_the_head(run: DpoRun) -> None:
    """What differs after merging is what was adapted: nothing more, nothing less."""
    before = dict(AutoModelForCausalLM.from_pretrained(run.model).named_parameters())
    after = dict(adapt(run).merge_and_unload().named_parameters())
    assert set(after) == set(before)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    in_words = {name.removesuffix(".weight").rpartition(".")[2] for name in changed}
    assert in_words == ADAPTED[Path(run.model).name]
    assert all("layers." in name for name in changed)


def test_merged_model_speaks_as_the_adapted_one(run: DpoRun, tmp_path: Path) -> None:
    adapted = adapt(run)
    expected = read_logits(adapted)
    base = AutoModelForCausalLM.from_pretrained(run.model)
    assert (read_logits(base) - expected).abs().max() > 0.05
    save_adapted(adapted, tmp_path, merge=True)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert_close(read_logits(merged), expected)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").exists()


def test_adapter_can_be_merged_from_its_folder(run: DpoRun, tmp_path: Path) -> None:
    adapted = adapt(run)
    expected = read_logits(adapted)
    adapted.save_pretrained(tmp_path / "adapter")
    merge_saved_adapter(run, tmp_path, dtype=torch.float32)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert_close(read_logits(merged), expected)


def test_adapter_alone_is_loaded_with_its_base(run: DpoRun, tmp_path: Path) -> None:
    adapted = adapt(run)
    expected = read_logits(adapted)
    save_adapted(adapted, tmp_path, merge=False)
    assert {path.name for path in tmp_path.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "README.md",
    }
    torch.testing.assert_close(
        read_logits(AutoModelForCausalLM.from_pretrained(tmp_path)), expected, rtol=0, atol=0
    )


def test_merged_bfloat16_weights_are_rounded_once(tmp_path: Path) -> None:
    run = make_run(make_tiny_model(tmp_path / "llama"), tmp_path, lora_rank=4, lora_alpha=8)
    exact = adapt(run).to(torch.float32)
    base = {name: weight.to(torch.bfloat16) for name, weight in exact.state_dict().items()
            if "lora_" not in name}  # fmt: skip
    rounded = adapt(run)
    for name, weight in rounded.named_parameters():
        if "lora_" not in name:
            weight.data = base[name]
    exact.load_state_dict({name: weight.float() for name, weight in base.items()}, strict=False)
    save_adapted(rounded, tmp_path / "merged", merge=True)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="auto")
    for name, weight in exact.merge_and_unload().state_dict().items():
        assert torch.equal(merged.state_dict()[name], weight.to(torch.bfloat16)), name


def test_dropout_is_refused_where_adapters_have_none(run: DpoRun) -> None:
    dropping = replace(run, lora_dropout=0.1)
    model = AutoModelForCausalLM.from_pretrained(run.model)
    if Path(run.model).name == "mixtral":
        with pytest.raises(ConfigError, match="field 'lora_dropout'"):
            make_lora_config(dropping, model)
    else:
        get_peft_model(model, make_lora_config(dropping, model))


def test_convolutions_are_no_experts() -> None:
    """LFM2's layers are convolutions for the most part, and their weights have three dimensions."""
    config = AutoConfig.for_model(
        "lfm2",
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        layer_types=["conv", "full_attention"],
    )
    model = AutoModelForCausalLM.from_config(config)
    assert any(parameter.ndim == 3 for parameter in model.parameters())
    run = DpoRun(model="m", pairs="p", output_dir="o", metrics="j", lora_rank=4)
    assert make_lora_config(run, model).target_modules == "all-linear"
