"""A tiny model that is trained from scratch, in a process of its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import read_rows, say, train, write_rows
from training.__main__ import main
from training.config import TinyRun
from training.run_files import write_run

ANSWERS = {"空は何色ですか。": "空は青いです。", "What is 2 plus 3?": "2 plus 3 is 5."}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    folder = tmp_path_factory.mktemp("tiny")
    rows = [
        {"messages": say("user", question) + say("assistant", answer)}
        for question, answer in ANSWERS.items()
    ] * 40
    run = TinyRun(
        corpus=str(write_rows(folder / "corpus.jsonl", rows)),
        output_dir=str(folder / "model"),
        metrics=str(folder / "metrics.jsonl"),
        vocabulary_size=320,
        hidden_size=64,
        layers=2,
        epochs=4,
        batch_size=8,
        learning_rate=1e-2,
        log_every=1,
    )
    process = train(run, folder)
    assert process.returncode == 0, process.stderr
    return run


def load(run: TinyRun) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - waits for torch

    return (
        AutoModelForCausalLM.from_pretrained(run.output_dir),
        AutoTokenizer.from_pretrained(run.output_dir),
    )


@pytest.mark.parametrize("question", list(ANSWERS))
def test_tiny_model_answers_and_ends_its_turn(trained: TinyRun, question: str) -> None:
    model, tokenizer = load(trained)
    prompt = tokenizer.apply_chat_template(
        say("user", question), add_generation_prompt=True, return_tensors="pt", return_dict=False
    )
    reply = model.generate(
        prompt, attention_mask=prompt.new_ones(prompt.shape), do_sample=False, max_new_tokens=60
    )[0, prompt.shape[1] :]
    assert tokenizer.decode(reply) == ANSWERS[question] + "<|im_end|>"


def test_tiny_tokenizer_spells_what_it_never_saw(trained: TinyRun) -> None:
    _, tokenizer = load(trained)
    text = "雪国 — naïve 🙂\n\tend"
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_tiny_tokenizer_writes_chatml(trained: TinyRun) -> None:
    _, tokenizer = load(trained)
    messages = say("system", "S") + say("user", "U") + say("assistant", "A") + say("user", "V")
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert text == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n"
        "<|im_start|>assistant\nA<|im_end|>\n<|im_start|>user\nV<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_tiny_tokens_are_at_most_six_bytes(trained: TinyRun) -> None:
    _, tokenizer = load(trained)
    special = set(tokenizer.all_special_tokens)
    assert max(len(token) for token in tokenizer.get_vocab() if token not in special) <= 6


def test_tiny_encoding_is_that_of_the_chat_template_and_learns_replies_alone(
    trained: TinyRun,
) -> None:
    from training.tiny import IGNORED, encode_conversation  # noqa: PLC0415 - waits for torch

    _, tokenizer = load(trained)
    messages = say("user", "空は何色ですか。") + say("assistant", "空は青いです。")
    messages += say("user", "What is 2 plus 3?") + say("assistant", "5")
    example = encode_conversation(messages, tokenizer)
    assert example.ids == tokenizer.apply_chat_template(messages, return_dict=False)
    learned = [label for label in example.labels if label != IGNORED]
    assert tokenizer.decode(learned) == "空は青いです。<|im_end|>5<|im_end|>"
    assert example.n_learned == len(learned)


def test_tiny_metrics_announce_steps_and_finish(trained: TinyRun) -> None:
    first, *steps, last = read_rows(Path(trained.metrics))
    assert (first["started"], first["step"], first["total_steps"]) == (True, 0, 40)
    assert (first["conversations"], first["dropped_conversations"]) == (80, 0)
    assert [row["step"] for row in steps] == list(range(1, 41))
    assert steps[-1]["loss"] < steps[0]["loss"] / 10
    assert (last["finished"], last["step"]) == (True, 40)


def test_tiny_records_how_the_model_came_to_be(trained: TinyRun) -> None:
    record = json.loads((Path(trained.output_dir) / "training.json").read_text())
    assert record["run"]["method"] == "tiny"
    assert len(record["corpus_sha256"]) == 64


def test_tiny_refuses_a_corpus_that_is_all_too_long(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"messages": say("user", "a b c") + say("assistant", "d e f")}]
    run = TinyRun(
        corpus=str(write_rows(tmp_path / "corpus.jsonl", rows)),
        output_dir=str(tmp_path / "model"),
        metrics=str(tmp_path / "metrics.jsonl"),
        vocabulary_size=300,
        max_length=4,
    )
    write_run(run, tmp_path / "run.json")
    assert main([str(tmp_path / "run.json")]) == 1
    assert "field 'max_length': 4 is shorter than each conversation" in capsys.readouterr().err
