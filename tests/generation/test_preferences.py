import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.generation.preferences import (
    BAD_UTILITY,
    TIE_WIDTH,
    reply_utility,
    simulate_outcome,
)

PROMPT = "京都のおすすめの季節を教えてください。"
GOOD = "京都は秋の紅葉の季節がおすすめです。"


def utility(reply: str) -> float:
    return reply_utility(prompt=PROMPT, reply=reply, language="ja")


def outcomes(left: float, right: float, *, noise: float, n: int = 20_000) -> Counter[str]:
    rng = np.random.default_rng(0)
    return Counter(
        simulate_outcome(utility_left=left, utility_right=right, rng=rng, noise=noise)
        for _ in range(n)
    )


def test_utility_of_a_reply_without_faults_is_zero() -> None:
    assert utility(GOOD) == 0.0


@pytest.mark.parametrize(
    "faulty",
    [
        "京都はautumnの紅葉の季節がおすすめです。",
        GOOD * 3,
        "トマトは赤い野菜です。",
        "",
    ],
    ids=["leakage", "repetition", "another question", "empty"],
)
def test_utility_of_a_plain_fault_is_bad(faulty: str) -> None:
    assert utility(faulty) <= BAD_UTILITY


def test_utility_of_two_faults_is_worse_than_of_either() -> None:
    leaking = "京都はautumnの紅葉の季節がおすすめです。"
    assert utility(leaking * 3) < min(utility(leaking), utility(GOOD * 3))


def test_utility_of_nothing_is_worst() -> None:
    everything = "Tomatoes are red. " * 5
    assert utility(" \n") <= utility(everything)


@given(st.text(), st.text(), st.sampled_from(["ja", "en", "de", "xx"]))
def test_utility_of_any_reply_is_finite_and_at_most_zero(
    prompt: str, reply: str, language: str
) -> None:
    found = reply_utility(prompt=prompt, reply=reply, language=language)
    assert math.isfinite(found)
    assert found <= 0


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (0.0, -3.0, "left"),
        (-6.0, -3.0, "right"),
        (0.0, 0.0, "tie"),
        (0.0, -TIE_WIDTH / 2, "tie"),
        (-3.0, -3.0, "both_bad"),
    ],
)
def test_outcome_without_noise_is_what_anyone_sees(
    left: float, right: float, expected: str
) -> None:
    assert outcomes(left, right, noise=0.0, n=20) == {expected: 20}


def test_outcome_share_follows_the_logistic_curve() -> None:
    found = outcomes(0.0, -1.0, noise=1.0)
    expected_left = 1 / (1 + math.exp(TIE_WIDTH - 1.0))
    expected_right = 1 / (1 + math.exp(TIE_WIDTH + 1.0))
    assert found["left"] / 20_000 == pytest.approx(expected_left, abs=0.015)
    assert found["right"] / 20_000 == pytest.approx(expected_right, abs=0.015)


def test_outcome_does_not_depend_on_the_side() -> None:
    found = outcomes(-1.0, -1.0, noise=1.0)
    assert found["left"] / 20_000 == pytest.approx(found["right"] / 20_000, abs=0.02)


def test_outcome_is_drawn_from_the_generator_alone() -> None:
    assert outcomes(0.0, -1.0, noise=1.0, n=50) == outcomes(0.0, -1.0, noise=1.0, n=50)


def test_outcome_refuses_noise_below_zero() -> None:
    with pytest.raises(ValueError, match=r"noise: -1\.0 is not valid"):
        outcomes(0.0, 0.0, noise=-1.0, n=1)
