"""A real causal language model that is small enough to make on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "</s>")
CHATML_TEMPLATE = (
    "{% for message in messages %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CORPUS = (
    "What is the capital of Japan? The capital of Japan is Tokyo.",
    "Write a short poem about the sea. The sea is wide and blue and never still.",
    "日本の首都はどこですか。日本の首都は東京です。",
    "海についての短い詩を書いてください。海は広く、青く、いつも動いている。",
    "### 指示:\n犬と猫の違いは何ですか。\n\n### 応答:犬は吠え、猫は鳴きます。",
    "[INST] Which one is better? [/INST] The first one is better than the second one.",
)
CONTEXT = 512


def make_tiny_model(folder: Path, *, seed: int = 0, architecture: str = "llama") -> Path:
    """Write a float32 model of two layers (hidden 64) with random weights, and its tokenizer.

    `architecture` is llama, mistral, qwen2, gpt_neox or mixtral. The tokenizer is a byte-level
    BPE with a ChatML template whose end token is <|im_end|>. Takes about a tenth of a second,
    imports apart.
    """
    import torch  # noqa: PLC0415 - tests without a model stay quick
    import transformers  # noqa: PLC0415 - as above

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tiny_tokenizer()
    tokenizer.save_pretrained(folder)
    config = transformers.AutoConfig.for_model(
        architecture, **_shape(architecture), vocab_size=len(tokenizer)
    )
    config.eos_token_id = tokenizer.eos_token_id
    config.bos_token_id = tokenizer.bos_token_id
    config.pad_token_id = tokenizer.pad_token_id
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.save_pretrained(folder)
    return folder


def make_tiny_tokenizer(*, vocab_size: int = 384) -> Any:
    """Train a byte-level BPE on `CORPUS`; bos <s>, eos <|im_end|>, pad <|endoftext|>."""
    import tokenizers  # noqa: PLC0415 - as above
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415 - as above

    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(CORPUS, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<s>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHATML_TEMPLATE,
    )


def _shape(architecture: str) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": CONTEXT,
        # Ten times the usual spread, so that what comes next depends on what was said.
        "initializer_range": 0.2,
    }
    if architecture != "gpt_neox":
        shape["num_key_value_heads"] = 2
    if architecture == "mixtral":
        shape |= {"num_local_experts": 4, "num_experts_per_tok": 2}
    return shape
