"""A real causal language model that is small enough to make on the spot."""

from __future__ import annotations

import json
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
# As Mistral's and Llama's own: the template writes BOS, and the tokenizer adds one by itself too.
BOS_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "[{{ message['role'] }}]{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
CONTEXT = 512


def make_tiny_model(
    folder: Path,
    *,
    seed: int = 0,
    architecture: str = "llama",
    n_heads: int = 4,
    tokenizer: Any = None,
) -> Path:
    """Write a float32 model of two layers (hidden 64) with random weights, and its tokenizer.

    `architecture` is llama, mistral, mistral_nemo (a head_dim of its own), phi4 (in Llama form),
    qwen2, gpt_neox or mixtral; vLLM's attention on CPU wants a head of 32 or more (`n_heads` of
    2). Without another, the tokenizer is `make_tiny_tokenizer`'s. Takes about a tenth of a
    second, imports apart.
    """
    import torch  # noqa: PLC0415 - tests without a model stay quick
    import transformers  # noqa: PLC0415 - as above

    folder.mkdir(parents=True, exist_ok=True)
    if tokenizer is None:
        tokenizer = make_tiny_tokenizer()
    tokenizer.save_pretrained(folder)
    config = transformers.AutoConfig.for_model(
        _MODEL_TYPES.get(architecture, architecture),
        **_shape(architecture, n_heads),
        vocab_size=len(tokenizer),
    )
    config.eos_token_id = tokenizer.eos_token_id
    config.bos_token_id = tokenizer.bos_token_id
    config.pad_token_id = tokenizer.pad_token_id
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.save_pretrained(folder)
    return folder


def make_tiny_tokenizer(*, vocab_size: int = 384, adds_bos: bool = False) -> Any:
    """Train a byte-level BPE on `CORPUS`; bos <s>, eos <|im_end|>, pad <|endoftext|>.

    Its template is ChatML. With `adds_bos` it puts BOS before all that it encodes, and its
    template writes one too, as Llama's and Mistral's do.
    """
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
    if adds_bos:
        bpe.post_processor = tokenizers.processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", bpe.token_to_id("<s>"))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<s>",
        eos_token="</s>" if adds_bos else "<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=BOS_TEMPLATE if adds_bos else CHATML_TEMPLATE,
    )


def make_sentencepiece_tokenizer(folder: Path, *, vocab_size: int = 350) -> Any:
    """Train a sentencepiece model as rinna's is made, and write it to the folder.

    It falls back to bytes, keeps white space, newlines and tabs, and puts no space in front.
    """
    import io  # noqa: PLC0415 - as above

    import sentencepiece  # noqa: PLC0415 - as above

    from training.tokenizing import load_tokenizer  # noqa: PLC0415 - as above

    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 3), model_writer=trained, vocab_size=vocab_size,
        byte_fallback=True, add_dummy_prefix=False, remove_extra_whitespaces=False,
        user_defined_symbols=["\n", "\t"], character_coverage=0.98, num_threads=1, minloglevel=2,
        pad_id=0, unk_id=1, bos_id=2, eos_id=3, pad_piece="[PAD]", unk_piece="[UNK]",
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spiece.model").write_bytes(trained.getvalue())
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "[UNK]", "pad_token": "[PAD]"}
    config = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return load_tokenizer(model=str(folder), use_fast=False)


_MODEL_TYPES = {"mistral_nemo": "mistral", "phi4": "llama"}


def _shape(architecture: str, n_heads: int) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": n_heads,
        "max_position_embeddings": CONTEXT,
        # Ten times the usual spread, so that what comes next depends on what was said.
        "initializer_range": 0.2,
    }
    if architecture != "gpt_neox":
        shape["num_key_value_heads"] = 2
    if architecture == "mistral_nemo":
        shape["head_dim"] = 24  # hidden 64 over 4 heads would be 16, as 5120 over 32 is not 128
    if architecture == "phi4":
        shape |= {"num_key_value_heads": 1, "rope_parameters": {"rope_theta": 250_000.0}}
    if architecture == "mixtral":
        shape |= {"num_local_experts": 4, "num_experts_per_tok": 2}
    return shape
