from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from training.noise import EmbeddingNoise

SIZE, ALPHA = 256, 5.0


def make_embeddings(dtype: torch.dtype = torch.float32) -> tuple[Any, nn.Embedding]:
    embeddings = nn.Embedding(10, SIZE, dtype=dtype)
    return SimpleNamespace(get_input_embeddings=lambda: embeddings), embeddings


def measure_noise(embeddings: nn.Embedding, ids: torch.Tensor) -> torch.Tensor:
    return (embeddings(ids) - embeddings.weight[ids]).detach()


def test_noise_is_uniform_and_as_large_as_each_conversation_asks() -> None:
    model, embeddings = make_embeddings()
    ids = torch.arange(400).reshape(2, 200) % 10
    with EmbeddingNoise(model, ALPHA) as noise:
        noise.lengths = torch.tensor([[40] * 100 + [160] * 100, [200] * 200])
        added = measure_noise(embeddings, ids)
    for part, length in ((added[0, :100], 40), (added[0, 100:], 160), (added[1], 200)):
        bound = ALPHA / (length * SIZE) ** 0.5
        assert part.abs().max() <= bound * 1.001
        assert part.abs().max() > bound * 0.999
        # Uniform on ±bound has a standard deviation of bound / √3, here known to a hundredth.
        assert part.std() == pytest.approx(bound / 3**0.5, rel=0.02)
        assert abs(part.mean()) < bound * 0.02


def test_noise_without_lengths_goes_by_the_row() -> None:
    model, embeddings = make_embeddings()
    ids = torch.arange(100).reshape(1, 100) % 10
    with EmbeddingNoise(model, ALPHA):
        added = measure_noise(embeddings, ids)
    bound = ALPHA / (100 * SIZE) ** 0.5
    assert bound * 0.999 < added.abs().max() <= bound * 1.001


def test_evaluation_is_exact() -> None:
    model, embeddings = make_embeddings()
    ids = torch.arange(10).reshape(1, 10)
    embeddings.eval()
    with EmbeddingNoise(model, ALPHA):
        assert torch.equal(embeddings(ids), embeddings.weight[ids])


def test_noise_ends_with_its_context() -> None:
    model, embeddings = make_embeddings()
    ids = torch.arange(10).reshape(1, 10)
    with EmbeddingNoise(model, ALPHA):
        assert measure_noise(embeddings, ids).any()
    assert torch.equal(embeddings(ids), embeddings.weight[ids])


def test_noise_repeats_with_torch_own_generator() -> None:
    model, embeddings = make_embeddings()
    ids = torch.arange(10).reshape(1, 10)
    with EmbeddingNoise(model, ALPHA):
        state = torch.get_rng_state()
        first, second = embeddings(ids), embeddings(ids)
        torch.set_rng_state(state)
        assert torch.equal(embeddings(ids), first)
        assert not torch.equal(first, second)


def test_noise_keeps_the_dtype_and_bears_padding() -> None:
    model, embeddings = make_embeddings(torch.bfloat16)
    ids = torch.arange(10).reshape(1, 10)
    with EmbeddingNoise(model, ALPHA) as noise:
        noise.lengths = torch.tensor([[8] * 8 + [0, 0]])
        output = embeddings(ids)
    assert output.dtype == torch.bfloat16
    assert output.isfinite().all()


def test_noise_refuses_lengths_of_another_batch() -> None:
    model, embeddings = make_embeddings()
    with EmbeddingNoise(model, ALPHA) as noise:
        noise.lengths = torch.ones(1, 9)
        with pytest.raises(ValueError, match=r"shape \(1, 9\); the batch is \(1, 10\)"):
            embeddings(torch.arange(10).reshape(1, 10))
