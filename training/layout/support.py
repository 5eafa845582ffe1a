"""For which models packed rows are known to give the numbers of separate ones."""

from typing import Any

# Families whose layers see a token's neighbours through the attention mask and its place through
# `position_ids` alone. Each is compared with TRL's own layout in tests/training/test_parity.py.
EXACT = frozenset({"gpt_neox", "llama", "mistral", "mixtral", "phi", "phi3", "qwen2", "qwen3"})
# Rotations of positions that do not depend on how long a row is.
STATIC_ROTATIONS = frozenset({"default", "linear", "llama3", "yarn"})
FULL, SLIDING = "full_attention", "sliding_attention"


def why_not_packed(config: Any, *, router_loss: float) -> str | None:
    """Say why a model's pairs cannot be packed, or None where that is known to be exact.

    Args:
        config: the model's, of its text part.
        router_loss: the weight of the load-balancing loss of a mixture of experts.
    """
    if config.model_type not in EXACT:
        return f"packed rows are not known to be exact for {config.model_type!r}"
    rotation = _rotation(config)
    if rotation not in STATIC_ROTATIONS:
        return f"its positions are rotated by {rotation!r}, which depends on the length of a row"
    if len(_kinds_of_attention(config)) > 1:
        return "its layers attend in different ways"
    if router_loss:
        return "its router's loss depends on the layout (router_loss 0 leaves that loss out)"
    return None


def sliding_window(config: Any) -> int | None:
    """Return how many tokens each layer attends to, None for all that come before."""
    window = getattr(config, "sliding_window", None)
    if not getattr(config, "use_sliding_window", True):
        return None
    if _kinds_of_attention(config) == {FULL}:
        return None
    return None if window is None else int(window)


def _kinds_of_attention(config: Any) -> set[str]:
    return set(getattr(config, "layer_types", None) or [])


def _rotation(config: Any) -> str:
    parameters = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None)
    kind = (parameters or {}).get("rope_type", (parameters or {}).get("type", "default"))
    return str(kind)
