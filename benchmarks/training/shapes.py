"""Shapes of models with random weights: a tiny Llama, and those of Qwen2.5 and Llama 3.1."""

from typing import Any

SHAPES: dict[str, dict[str, Any]] = {
    "tiny": {
        "model_type": "llama", "vocab_size": 1536, "hidden_size": 256, "intermediate_size": 704,
        "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 8,
        "tie_word_embeddings": True,
    },
    "0.5b": {
        "model_type": "qwen2", "vocab_size": 151_936, "hidden_size": 896,
        "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
        "num_key_value_heads": 2, "tie_word_embeddings": True,
    },
    "1.5b": {
        "model_type": "qwen2", "vocab_size": 151_936, "hidden_size": 1536,
        "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12,
        "num_key_value_heads": 2, "tie_word_embeddings": True,
    },
    "8b": {
        "model_type": "llama", "vocab_size": 128_256, "hidden_size": 4096,
        "intermediate_size": 14_336, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "tie_word_embeddings": False,
    },
}  # fmt: skip


def make_config(shape: str) -> Any:
    """Make the configuration of a shape, with positions for 8192 tokens."""
    from transformers import AutoConfig  # noqa: PLC0415 - the process that measures needs it alone

    fields = dict(SHAPES[shape])
    kind = fields.pop("model_type")
    return AutoConfig.for_model(kind, **fields, max_position_embeddings=8192, pad_token_id=0)
