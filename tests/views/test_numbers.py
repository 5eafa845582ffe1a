"""Numbers as pages write them."""

import pytest

from annotate.templatetags.kurabe import Measured, decimals


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
