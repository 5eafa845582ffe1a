"""Penalties, warpers and the draw itself, on tensors that can be reckoned by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from annotate.generation.engines.draws import SeededDraws, warp_scores
from annotate.generation.sampling import Sampling

INF = float("inf")


def make_draws(sampling: Sampling, *, seeds: list[int], prompts: Any = None) -> SeededDraws:
    prompts = prompts or [[0] for _ in seeds]
    return SeededDraws(
        sampling=sampling, prompts=prompts, seeds=seeds, width=max(len(ids) for ids in prompts)
    )


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, [0, 1, 2, 3]),
        ({"top_k": 2}, [0, 1]),
        ({"top_k": 9}, [0, 1, 2, 3]),
        ({"top_p": 0.49}, [0]),
        ({"top_p": 0.51}, [0, 1]),
        ({"top_p": 0.91}, [0, 1, 2, 3]),
        ({"top_p": 1e-9}, [0]),
        ({"min_p": 0.25}, [0, 1, 2]),
        ({"min_p": 0.4}, [0, 1]),
        ({"min_p": 1.0}, [0]),
        ({"top_k": 3, "top_p": 0.8}, [0, 1]),  # of what top-k left: .556, .278, .167
        ({"min_p": 0.25, "top_k": 2, "top_p": 0.9}, [0, 1]),
    ],
)
def test_warp_scores_keeps_the_likely_tokens(settings: Any, kept: list[int]) -> None:
    scores = torch.tensor([[0.5, 0.25, 0.15, 0.1], [0.15, 0.5, 0.1, 0.25]]).log()
    warped = warp_scores(scores, Sampling(**settings))
    expected = torch.full((4,), -INF)
    expected[kept] = scores[0, kept]
    assert torch.equal(warped[0], expected)
    assert torch.equal(warped[1], expected[[2, 0, 3, 1]])


def test_draws_follow_the_probabilities() -> None:
    probabilities = torch.tensor([0.5, 0.0, 0.3, 0.2])
    rows = 4000
    draws = make_draws(Sampling(), seeds=list(range(rows)))
    scores = draws(torch.zeros(rows, 1, dtype=torch.long), probabilities.log().repeat(rows, 1))
    assert torch.equal(torch.isfinite(scores).sum(dim=1), torch.ones(rows, dtype=torch.long))
    shares = torch.bincount(scores.argmax(dim=1), minlength=4) / rows
    assert shares[1] == 0
    assert torch.allclose(shares, probabilities, atol=0.03)  # four standard errors


def test_draws_apply_the_temperature() -> None:
    scores = torch.tensor([0.8, 0.2]).log().repeat(4000, 1)
    ids = torch.zeros(4000, 1, dtype=torch.long)
    seeds = list(range(4000))
    hot = make_draws(Sampling(temperature=2.0), seeds=seeds)(ids, scores).argmax(dim=1)
    # p**(1/2): .8944 and .4472, hence two thirds and a third.
    assert hot.float().mean().item() == pytest.approx(1 / 3, abs=0.03)


def test_draws_of_a_row_do_not_depend_on_the_others() -> None:
    scores = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))
    ids = torch.zeros(3, 1, dtype=torch.long)
    together = make_draws(Sampling(), seeds=[5, 6, 7])
    alone = make_draws(Sampling(), seeds=[7])
    for _ in range(20):
        assert torch.equal(together(ids, scores)[2:], alone(ids[:1], scores[2:]))


def test_draws_use_all_bits_of_the_seed() -> None:
    seeds = [3, 3 + 2**32, 3 + 2**62]
    draws = make_draws(Sampling(), seeds=seeds)
    scores = draws(torch.zeros(3, 1, dtype=torch.long), torch.zeros(3, 10_000))
    assert len(set(scores.argmax(dim=1).tolist())) == 3


def test_greedy_draws_leave_the_scores() -> None:
    scores = torch.tensor([[1.0, 3.0, 2.0]])
    draws = make_draws(Sampling(temperature=0), seeds=[1])
    assert torch.equal(draws(torch.zeros(1, 1, dtype=torch.long), scores), scores)


def test_repetition_penalty_sees_prompt_and_reply_but_no_padding() -> None:
    sampling = Sampling(temperature=0, repetition_penalty=2.0)
    draws = make_draws(sampling, seeds=[1, 2], prompts=[[1, 2], [3]])
    ids = torch.tensor([[1, 2, 4], [0, 3, 4]])  # 0 pads the second row
    scores = torch.tensor([[4.0, 4.0, -4.0, 4.0, 4.0, 4.0]]).repeat(2, 1)
    expected = torch.tensor([[4.0, 2.0, -8.0, 4.0, 2.0, 4.0], [4.0, 4.0, -4.0, 2.0, 2.0, 4.0]])
    assert torch.equal(draws(ids, scores), expected)


def test_frequency_penalty_counts_the_reply_alone() -> None:
    draws = make_draws(Sampling(temperature=0, frequency_penalty=0.5), seeds=[1], prompts=[[1, 2]])
    ids = torch.tensor([[1, 2, 3, 3, 1]])
    expected = torch.tensor([[0.0, -0.5, 0.0, -1.0]])
    assert torch.equal(draws(ids, torch.zeros(1, 4)), expected)
