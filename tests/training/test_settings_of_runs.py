"""Each setting of a run, trained for real on a tiny model, in this process."""

import json
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.tiny import make_sentencepiece_tokenizer, make_tiny_model, make_tiny_tokenizer
from tests.training.conftest import make_pair, make_run, read_rows, say, write_rows
from training.config import DpoRun
from training.data import DatasetError
from training.dpo import train_dpo
from training.fields import ConfigError
from training.layout.trainer import PairTrainer

N_PAIRS = 16


def train(
    model: Path, folder: Path, *, pairs: list[dict[str, Any]] | None = None, **fields: Any
) -> DpoRun:
    """Train to the end and return the run."""
    folder.mkdir(exist_ok=True)
    write_rows(folder / "pairs.jsonl", pairs or [make_pair(number) for number in range(N_PAIRS)])
    run = make_run(model, folder, **fields)
    assert train_dpo(run)
    return run


def rows_of(run: DpoRun) -> list[dict[str, Any]]:
    return read_rows(Path(run.metrics))


def losses(run: DpoRun) -> list[float]:
    return [row["loss"] for row in rows_of(run) if "loss" in row and "finished" not in row]


def weights_of(run: DpoRun) -> dict[str, torch.Tensor]:
    return dict(load_file(Path(run.output_dir) / "model.safetensors"))


def test_lora_leaves_an_adapter_and_whole_weights(tiny_model: Path, tmp_path: Path) -> None:
    run = train(tiny_model, tmp_path, lora_rank=4, epochs=3)
    first = rows_of(run)[0]
    assert first["trained_parameters"] < first["parameters"] / 4
    assert losses(run)[-1] < losses(run)[0]
    folder = Path(run.output_dir)
    assert (folder / "adapter" / "adapter_model.safetensors").is_file()
    before = load_file(tiny_model / "model.safetensors")
    after = weights_of(run)
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "_proj" in name}


def test_lora_alone_is_read_with_its_base(tiny_model: Path, tmp_path: Path) -> None:
    run = train(tiny_model, tmp_path, lora_rank=4, merge_adapter=False)
    assert not (Path(run.output_dir) / "model.safetensors").exists()
    model = AutoModelForCausalLM.from_pretrained(run.output_dir)
    assert any("lora_" in name for name, _ in model.named_parameters())


def test_lisa_moves_the_layers_that_it_draws(tiny_model: Path, tmp_path: Path) -> None:
    run = train(tiny_model, tmp_path, lisa_layers=1, lisa_every=100, lisa_embeddings=False)
    before, after = load_file(tiny_model / "model.safetensors"), weights_of(run)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert len({name.split(".")[2] for name in changed}) == 1
    assert all(name.startswith("model.layers.") for name in changed)


def test_noise_changes_what_is_learned_and_not_the_reference(
    tiny_model: Path, tmp_path: Path
) -> None:
    quiet = train(tiny_model, tmp_path / "quiet", epochs=1)
    noisy = train(tiny_model, tmp_path / "noisy", epochs=1, neftune_alpha=5.0)
    # Without noise the first step's margin is 0, so that the loss is log 2.
    assert losses(quiet)[0] == pytest.approx(0.6931, abs=1e-4)
    assert losses(noisy)[0] != pytest.approx(0.6931, abs=1e-4)


def test_robust_takes_its_flips_from_the_votes(tiny_model: Path, tmp_path: Path) -> None:
    pairs = [
        make_pair(
            number, votes_chosen=3 if number % 4 else 2, votes_rejected=0 if number % 4 else 1
        )
        for number in range(N_PAIRS)
    ]
    run = train(tiny_model, tmp_path, pairs=pairs, loss_type=("robust",))
    assert 0 < rows_of(run)[0]["label_smoothing"] < 0.5


def test_robust_without_votes_asks_for_the_share(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="label_smoothing"):
        train(tiny_model, tmp_path, loss_type=("robust",))


@pytest.mark.slow
def test_a_pair_of_no_weight_teaches_nothing(tiny_model: Path, tmp_path: Path) -> None:
    """Half the pairs say the opposite and weigh nothing: only the others are learned."""
    pairs = []
    for number in range(N_PAIRS):
        pair = make_pair(number, weight=1.0)
        if number % 2:
            pair |= {"chosen": pair["rejected"], "rejected": pair["chosen"], "weight": 0.0}
        pairs.append(pair)
    run = train(tiny_model, tmp_path, pairs=pairs, weight_by="weight", epochs=6, layout="padded")
    packed = train(tiny_model, tmp_path / "packed", pairs=pairs, weight_by="weight", epochs=6)
    # The unweighted accuracy of a batch of 8 is then a half.
    assert rows_of(run)[-1]["reward_accuracy"] == pytest.approx(0.5, abs=0.13)
    assert losses(run)[-1] < 0.35
    assert losses(packed) == pytest.approx(losses(run), abs=1e-3)


def test_a_share_of_the_prompts_is_set_aside(tiny_model: Path, tmp_path: Path) -> None:
    pairs = [
        make_pair(number // 2, chosen=say("assistant", f"ok {number}")) for number in range(16)
    ]
    run = train(tiny_model, tmp_path, pairs=pairs, eval_share=0.25, evaluate_every=1)
    first, *rows = rows_of(run)
    assert (first["pairs"], first["eval_pairs"]) == (12, 4)
    assert any("eval_loss" in row for row in rows)


@pytest.mark.slow
def test_the_reference_is_computed_once_and_kept(tiny_model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "reference"
    first = train(tiny_model, tmp_path / "first", reference_cache=str(cache))
    (kept,) = cache.iterdir()
    written = kept.stat().st_mtime_ns
    second = train(tiny_model, tmp_path / "second", reference_cache=str(cache), beta=0.1)
    assert [path.stat().st_mtime_ns for path in cache.iterdir()] == [written]
    assert losses(first) == losses(second)
    others = [make_pair(number + 1) for number in range(N_PAIRS)]
    train(tiny_model, tmp_path / "third", pairs=others, reference_cache=str(cache))
    assert len(list(cache.iterdir())) == 2


@pytest.mark.slow
def test_a_reference_of_other_arithmetic_is_not_taken_for_this_one(
    tiny_model: Path, tmp_path: Path
) -> None:
    """The same weights turn positions by other angles; the same model elsewhere is the same."""
    cache = tmp_path / "reference"
    train(tiny_model, tmp_path / "first", reference_cache=str(cache))
    moved = shutil.copytree(tiny_model, tmp_path / "moved")
    train(moved, tmp_path / "second", reference_cache=str(cache))
    assert len(list(cache.iterdir())) == 1
    config = json.loads((moved / "config.json").read_text())
    config["rope_parameters"]["rope_theta"] = 123.0
    (moved / "config.json").write_text(json.dumps(config))
    train(moved, tmp_path / "third", reference_cache=str(cache))
    assert len(list(cache.iterdir())) == 2


def test_a_family_that_is_not_known_is_padded_and_says_so(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "model", architecture="olmo")
    run = train(model, tmp_path)
    first = rows_of(run)[0]
    assert first["layout"] == "padded"
    assert first["layout_reason"] == "packed rows are not known to be exact for 'olmo'"
    with pytest.raises(ConfigError, match="'packed' is not valid here: packed rows are not known"):
        train(model, tmp_path / "again", layout="packed")


def test_a_router_that_learns_is_padded_and_one_that_does_not_is_packed(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "model", architecture="mixtral")
    padded = train(model, tmp_path / "padded", router_loss=0.01)
    packed = train(model, tmp_path / "packed", router_loss=0.0)
    assert rows_of(padded)[0]["layout_reason"].startswith("its router's loss depends on the layout")
    assert rows_of(packed)[0]["layout"] == "packed"


def test_a_format_without_a_template_is_fed_as_it_is_rendered(tmp_path: Path) -> None:
    """Swallow's and Llama 2's way: BOS once, though the tokenizer would add one, and EOS."""
    tokenizer = make_tiny_tokenizer(adds_bos=True)
    tokenizer.chat_template = None
    model = make_tiny_model(tmp_path / "model", architecture="mistral", tokenizer=tokenizer)
    run = train(model, tmp_path, pairs=[render(number, bos="<s>") for number in range(8)])
    example = rows_of(run)[0]["examples"][0]
    assert example["text"] == "<s>[INST] The sea is wide 0. [/INST] Thank you 0.</s>"
    assert (example["begins_with_bos"], example["ends_with_eos"]) == (True, True)
    assert example["ids"].count(tokenizer.bos_token_id) == 1


def test_a_bos_that_the_tokenizer_was_told_to_add_is_fed_as_well(tmp_path: Path) -> None:
    """The format writes none, and the candidate's completions were made with one."""
    tokenizer = make_tiny_tokenizer(adds_bos=True)
    model = make_tiny_model(tmp_path / "model", architecture="mistral", tokenizer=tokenizer)
    run = train(model, tmp_path, pairs=[render(number, bos="") for number in range(8)])
    example = rows_of(run)[0]["examples"][0]
    assert example["text"].startswith("<s>[INST] The sea")
    assert example["ids"].count(tokenizer.bos_token_id) == 1


def test_a_format_that_begins_with_a_wrong_bos_is_refused(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "model")
    pairs = [render(number, bos="<s><s>") for number in range(2)]
    with pytest.raises(DatasetError, match=r"pair 1, field 'rendered': .* BOS stands 2 times"):
        train(model, tmp_path, pairs=pairs)


def test_a_sentencepiece_model_is_trained_on_what_it_reads(tmp_path: Path) -> None:
    """As rinna's: bytes, newlines and a trailing space come back from the ids unharmed."""
    (tmp_path / "model").mkdir()
    tokenizer = make_sentencepiece_tokenizer(tmp_path / "model")
    model = make_tiny_model(tmp_path / "model", architecture="gpt_neox", tokenizer=tokenizer)
    pairs = [
        make_pair(
            number,
            rendered={
                "prompt": f"ユーザー: 海は\n広い{number}。\nシステム: ",
                "chosen": f"ありがとう{number}。",
                "rejected": f"いいえ{number}。",
                "begins_with_bos": False,
                "appends_eos": True,
            },
        )
        for number in range(8)
    ]
    run = train(model, tmp_path, pairs=pairs, slow_tokenizer=True)
    text = rows_of(run)[0]["examples"][0]["text"]
    assert text.startswith(pairs[0]["rendered"]["prompt"] + "ありがとう0。")
    assert (Path(run.output_dir) / "spiece.model").is_file() or (
        Path(run.output_dir) / "tokenizer.model"
    ).is_file()


def test_a_model_without_a_template_needs_rendered_pairs(tmp_path: Path) -> None:
    tokenizer = make_tiny_tokenizer()
    tokenizer.chat_template = None
    model = make_tiny_model(tmp_path / "model", tokenizer=tokenizer)
    with pytest.raises(ConfigError, match=r"no field 'rendered'.*has no chat template"):
        train(model, tmp_path)


def test_one_sided_pairs_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    pairs = [make_pair(number, chosen=say("assistant", "Yes.")) for number in range(4)]
    with pytest.raises(DatasetError, match="each of its 4 pairs has the same 'chosen' reply"):
        train(tiny_model, tmp_path, pairs=pairs)


def test_too_little_memory_is_refused_in_one_line(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.memory.available_bytes", lambda: 1_000_000)
    with pytest.raises(ConfigError, match=r"too little memory: training takes about .* are free"):
        train(tiny_model, tmp_path)


def test_checkpointing_is_chosen_where_memory_is_short(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plenty = train(tiny_model, tmp_path / "plenty")
    needed = rows_of(plenty)[0]["memory_bytes"]
    monkeypatch.setattr("training.memory.available_bytes", lambda: int(needed * 0.95))
    short = train(tiny_model, tmp_path / "short")
    assert rows_of(short)[0]["checkpointing"]
    assert losses(short) == pytest.approx(losses(plenty), abs=1e-5)


def test_keep_ends_the_run_and_saves_what_there_is(tiny_model: Path, tmp_path: Path) -> None:
    control = tmp_path / "control"
    metrics = tmp_path / "metrics.jsonl"

    def ask() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if metrics.exists() and '{"step": 2,' in metrics.read_text():
                control.write_text("keep")
                return
            time.sleep(0.02)

    asking = threading.Thread(target=ask)
    asking.start()
    run = train(tiny_model, tmp_path, control=str(control), epochs=200)
    asking.join()
    record = json.loads((Path(run.output_dir) / "training.json").read_text())
    assert 2 <= record["final"]["step"] < record["final"]["total_steps"]
    assert AutoModelForCausalLM.from_pretrained(run.output_dir) is not None
    card = (Path(run.output_dir) / "README.md").read_text(encoding="utf-8")
    assert f"It was ended early, at step {record['final']['step']} of" in card


def test_the_child_reads_as_its_parent_does(tiny_model: Path, tmp_path: Path) -> None:
    run = train(tiny_model, tmp_path)
    parent, child = (AutoTokenizer.from_pretrained(each) for each in (tiny_model, run.output_dir))
    messages = say("user", "海は広い。")
    assert child.apply_chat_template(messages) == parent.apply_chat_template(messages)


def render(number: int, *, bos: str) -> dict[str, Any]:
    return make_pair(
        number,
        rendered={
            "prompt": f"{bos}[INST] The sea is wide {number}. [/INST]",
            "chosen": f" Thank you {number}.",
            "rejected": f" No no no {number}.",
            "begins_with_bos": True,
            "appends_eos": True,
        },
    )


def test_a_run_told_to_end_while_the_reference_reads_trains_nothing(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SIGTERM does at any moment before the first step; it can begin again."""
    write_rows(tmp_path / "pairs.jsonl", [make_pair(number) for number in range(N_PAIRS)])
    run = make_run(tiny_model, tmp_path)
    reads = PairTrainer.score_replies

    def read(self: PairTrainer, model: Any, inputs: Any) -> Any:
        if not torch.is_grad_enabled():
            signal.raise_signal(signal.SIGTERM)
        return reads(self, model, inputs)

    monkeypatch.setattr(PairTrainer, "score_replies", read)
    assert not train_dpo(run)
    first, last = rows_of(run)
    assert (first["started"], first["step"], first["total_steps"]) == (True, 0, 2)
    assert (last["finished"], last["step"], last["stopped"]) == (False, 0, "SIGTERM")
    monkeypatch.undo()
    assert train_dpo(run)
