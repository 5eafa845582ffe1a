"""Sampling settings and their ranges."""

from __future__ import annotations

import json
from typing import Any

import pytest

from annotate.generation.sampling import Sampling


def test_sampling_survives_json() -> None:
    sampling = Sampling(temperature=0.7, top_p=0.95, top_k=40, max_tokens=16, stop=("###", "\n"))
    assert Sampling.from_dict(json.loads(json.dumps(sampling.to_dict()))) == sampling


def test_sampling_from_nothing_has_the_defaults() -> None:
    assert Sampling.from_dict({}) == Sampling()


def test_sampling_equals_for_equal_numbers() -> None:
    assert Sampling(temperature=1).to_dict() == Sampling(temperature=1.0).to_dict()
    assert json.dumps(Sampling(temperature=1).to_dict()["temperature"]) == "1.0"


def test_sampling_at_temperature_zero_is_greedy() -> None:
    assert Sampling(temperature=0).is_greedy
    assert not Sampling(temperature=0.01).is_greedy


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("temperature", -0.1, "from 0 to 10"),
        ("temperature", float("nan"), "from 0 to 10"),
        ("temperature", "1.0", "from 0 to 10"),
        ("temperature", True, "from 0 to 10"),
        ("top_p", 0, "above 0 to 1"),
        ("top_p", 1.01, "above 0 to 1"),
        ("min_p", 1.5, "from 0 to 1"),
        ("repetition_penalty", 0.0, "above 0 to 10"),
        ("frequency_penalty", -2.5, "from -2 to 2"),
        ("top_k", -1, "of 0 or more"),
        ("top_k", 1.0, "of 0 or more"),
        ("max_tokens", 0, "of 1 or more"),
        ("max_tokens", True, "of 1 or more"),
        ("stop", "###", "a list of texts"),
        ("stop", [""], "a list of texts"),
        ("stop", [3], "a list of texts"),
    ],
)
def test_sampling_out_of_range_names_field_and_range(name: str, value: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=rf"sampling {name} is .*{expected}"):
        Sampling.from_dict({name: value})


def test_sampling_refuses_unknown_keys() -> None:
    with pytest.raises(ValueError, match=r"unknown keys best_of, topp; known: temperature, top_p,"):
        Sampling.from_dict({"topp": 0.9, "best_of": 2})
