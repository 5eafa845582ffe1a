"""A tiny Llama and its tokenizer, both trained from scratch on one corpus of conversations."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers import get_cosine_schedule_with_warmup as make_schedule

from training.config import ConfigError, TinyRun
from training.data import Message, hash_file, read_conversations
from training.metrics import Clock, MetricsFile
from training.run_files import describe_run

PAD, TURN_BEGINS, TURN_ENDS = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
# Longer tokens would hold whole phrases of a corpus that is made of few, and leave nothing to
# learn: six bytes are two Japanese characters.
MAX_TOKEN_BYTES = 6
JAPANESE_RUN = r"[\p{Han}々]+|[\p{Katakana}ー]+|\p{Hiragana}+"
HEAD_SIZE = 32
IGNORED = -100
# Batches are of rows of about the same length, drawn from this many batches' rows at a time.
BATCHES_SORTED = 16


@dataclass(frozen=True)
class Example:
    """Token ids of a conversation, and the same with all but the replies ignored."""

    ids: list[int]
    labels: list[int]

    @property
    def n_learned(self) -> int:
        """Return how many tokens are learned."""
        return len(self.labels) - self.labels.count(IGNORED)


def train_tiny(run: TinyRun) -> None:
    """Train tokenizer and model, and save both with a record. Raises ConfigError, DatasetError."""
    conversations = read_conversations(run.corpus)
    torch.manual_seed(run.seed)
    tokenizer = train_tokenizer(conversations, vocabulary_size=run.vocabulary_size)
    examples = [encode_conversation(messages, tokenizer) for messages in conversations]
    kept = [example for example in examples if len(example.ids) <= run.max_length]
    if not kept:
        raise ConfigError(
            f"field 'max_length': {run.max_length} is shorter than each conversation of "
            f"{run.corpus}; the shortest has {min(len(example.ids) for example in examples)} tokens"
        )
    model = make_model(run, tokenizer)
    metrics = MetricsFile(run.metrics)
    counts = {
        "conversations": len(kept),
        "dropped_conversations": len(examples) - len(kept),
        "tokens": sum(len(example.ids) for example in kept),
        "parameters": model.num_parameters(),
    }
    final = _fit(run, model, kept, metrics, counts)
    _save(run, model, tokenizer, counts | final)
    metrics.write({"finished": True} | final)
    metrics.close()


def train_tokenizer(
    conversations: list[list[Message]], *, vocabulary_size: int
) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE, which can spell any text, with ChatML's marks and template."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            # A digit is a token, so that sums can be learned place by place.
            pre_tokenizers.Digits(individual_digits=True),
            # Kanji, katakana and hiragana apart, so that a name has the same tokens wherever it
            # stands, and the model can copy it from question to answer.
            pre_tokenizers.Split(Regex(JAPANESE_RUN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[PAD, TURN_BEGINS, TURN_ENDS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=MAX_TOKEN_BYTES,
        show_progress=False,
    )
    texts = (
        text
        for messages in conversations
        for message in messages
        for text in (message["role"], message["content"])
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=PAD,
        eos_token=TURN_ENDS,
        additional_special_tokens=[TURN_BEGINS],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHATML
    return tokenizer


def encode_conversation(messages: list[Message], tokenizer: Any) -> Example:
    """Encode turn by turn; labels are the replies' tokens and the mark that ends each."""
    ids: list[int] = []
    labels: list[int] = []
    for message in messages:
        opening = tokenizer.encode(f"{TURN_BEGINS}{message['role']}\n", add_special_tokens=False)
        body = tokenizer.encode(f"{message['content']}{TURN_ENDS}", add_special_tokens=False)
        closing = tokenizer.encode("\n", add_special_tokens=False)
        is_reply = message["role"] == "assistant"
        ids += opening + body + closing
        labels += [IGNORED] * len(opening)
        labels += body if is_reply else [IGNORED] * len(body)
        labels += [IGNORED] * len(closing)
    return Example(ids, labels)


def make_model(run: TinyRun, tokenizer: Any) -> LlamaForCausalLM:
    """Make a Llama of random weights in float32."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=run.hidden_size,
        # Llama's 8/3 of the hidden size, in whole blocks of 64.
        intermediate_size=-(-run.hidden_size * 8 // 3 // 64) * 64,
        num_hidden_layers=run.layers,
        num_attention_heads=run.hidden_size // HEAD_SIZE,
        num_key_value_heads=run.hidden_size // HEAD_SIZE,
        max_position_embeddings=run.max_length,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def _fit(
    run: TinyRun,
    model: LlamaForCausalLM,
    examples: list[Example],
    metrics: MetricsFile,
    counts: dict[str, int],
) -> dict[str, Any]:
    """Train with AdamW, warm-up and cosine decay; return the last measurements."""
    batches_per_epoch = -(-len(examples) // run.batch_size)
    total_steps = max(1, round(run.epochs * batches_per_epoch))
    learned_per_batch = sum(example.n_learned for example in examples) / batches_per_epoch
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device).train()
    optimizers = _make_optimizers(model, learning_rate=run.learning_rate)
    schedules = [
        make_schedule(optimizer, round(run.warmup_ratio * total_steps), total_steps)
        for optimizer in optimizers
    ]
    started = {"started": True, "method": run.method, "step": 0, "total_steps": total_steps}
    metrics.write(started | counts)
    clock = Clock(first_step=0, total_steps=total_steps)
    row: dict[str, Any] = {}
    batches = _iterate_batches(examples, batch_size=run.batch_size, seed=run.seed)
    for step in range(1, total_steps + 1):
        loss, n_learned = _measure_loss(model, next(batches), pad=model.config.pad_token_id)
        # By the same number for each batch, so that a token weighs no less in a long reply.
        (loss / learned_per_batch).backward()
        grad_norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        learning_rate = schedules[0].get_last_lr()[0]
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
        model.zero_grad(set_to_none=True)
        if step % run.log_every == 0 or step == total_steps:
            row = {
                "step": step,
                "total_steps": total_steps,
                "epoch": round(step / batches_per_epoch, 4),
                "loss": loss.item() / n_learned,
                "grad_norm": grad_norm.item(),
                "learning_rate": learning_rate,
                **clock.times(step),
            }
            metrics.write(row)
    return row


def _make_optimizers(
    model: LlamaForCausalLM, *, learning_rate: float
) -> list[torch.optim.Optimizer]:
    """Return Muon for the layers' matrices (Jordan 2024), which learns in far fewer steps than
    AdamW, and AdamW for what Muon is not made for: embeddings and norms.
    """
    matrices = [weight for weight in model.model.layers.parameters() if weight.ndim == 2]
    in_matrices = {id(weight) for weight in matrices}
    others = [weight for weight in model.parameters() if id(weight) not in in_matrices]
    return [
        torch.optim.Muon(
            matrices, lr=learning_rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def _iterate_batches(
    examples: list[Example], *, batch_size: int, seed: int
) -> Iterator[list[Example]]:
    """Yield batches without end, each epoch in a new order."""
    rng = random.Random(seed)  # noqa: S311 - drawn by a seed
    while True:
        order = rng.sample(examples, len(examples))
        batches = []
        for start in range(0, len(order), batch_size * BATCHES_SORTED):
            rows = sorted(
                order[start : start + batch_size * BATCHES_SORTED], key=lambda row: len(row.ids)
            )
            batches += [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]
        rng.shuffle(batches)
        yield from batches


def _measure_loss(
    model: LlamaForCausalLM, batch: list[Example], *, pad: int
) -> tuple[torch.Tensor, int]:
    """Return the cross-entropy summed over the labels that are not ignored, and their number."""
    longest = max(len(row.ids) for row in batch)
    # Padding stands at the end, where causal attention never looks, so no mask is needed. (B, T)
    ids = torch.tensor([row.ids + [pad] * (longest - len(row.ids)) for row in batch])
    labels = torch.tensor([row.labels + [IGNORED] * (longest - len(row.ids)) for row in batch])
    ids, labels = ids.to(model.device), labels.to(model.device)
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]  # (B, T-1, H)
    targets = labels[:, 1:]
    is_learned = targets != IGNORED
    # The head is a third of the work, and most tokens are prompt: only replies pass it.
    logits = model.lm_head(hidden[is_learned])  # (learned, V)
    return cross_entropy(logits, targets[is_learned], reduction="sum"), len(logits)


def _save(
    run: TinyRun, model: LlamaForCausalLM, tokenizer: Any, measurements: dict[str, Any]
) -> None:
    model.eval()
    model.save_pretrained(run.output_dir)
    tokenizer.save_pretrained(run.output_dir)
    record = {
        "run": describe_run(run),
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers")},
        "corpus_sha256": hash_file(run.corpus),
        "final": measurements,
    }
    text = json.dumps(record, indent=2, ensure_ascii=False)
    (Path(run.output_dir) / "training.json").write_text(text + "\n", encoding="utf-8")
