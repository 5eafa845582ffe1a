"""Numbers as pages write them."""

import pytest

from annotate.templatetags.kurabe import Measured, chance, decimals, evidence, percent


@pytest.mark.parametrize(
    ("number", "places", "written"),
    [
        (0.5738, 3, "0.574"),
        (1.999, 2, "2.00"),
        (-0.5, 2, "−0.50"),
        (-0.0004, 3, "0.000"),
        (3, 1, "3.0"),
        (0.0, 2, "0.00"),
        (1e-7, 3, "0.000"),
        (123456.0, 1, "123456.0"),
        (None, 3, "–"),
        ("", 3, "–"),
    ],
)
def test_decimals_round_and_never_cut(number: Measured, places: int, written: str) -> None:
    assert decimals(number, places) == written


@pytest.mark.parametrize(
    ("e_value", "written"),
    [
        (0.004, "< 0.01"), (0.456, "0.46"), (7.31, "7.3"), (20.0, "20"), (33.3333, "33.3"),
        (99.96, "100.0"), (4321.4, "4,321"), (1e12, "> 1,000,000"), (None, "–"),
    ],
)  # fmt: skip
def test_evidence_has_no_more_digits_than_it_is_worth(e_value: Measured, written: str) -> None:
    assert evidence(e_value) == written


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0.0, "0%"), (1e-4, "<\u202f1%"), (0.0099, "<\u202f1%"), (0.01, "1%"), (0.5, "50%"),
        (0.99, "99%"), (0.9901, ">\u202f99%"), (1.0, "100%"), (None, "–"),
    ],
)  # fmt: skip
def test_chance_is_never_rounded_to_certainty(share: Measured, written: str) -> None:
    assert chance(share) == written


@pytest.mark.parametrize(
    ("share", "places", "written"),
    [(0.625, 1, "62.5%"), (0.333, 0, "33%"), (1.0, 0, "100%"), (None, 1, "–"), ("", 1, "–")],
)
def test_percent_writes_a_share(share: Measured, places: int, written: str) -> None:
    assert percent(share, places) == written
