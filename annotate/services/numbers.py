"""Numbers as JSON can hold them."""

import math

DECIMALS = 10
# More evidence says no more.
LARGEST_E_VALUE = 1e12


def json_number(value: float | None) -> float | None:
    """Give a number to 10 decimals, and None for what is none: nan, infinite or missing."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0


def json_e_value(value: float) -> float:
    """Give an e-value to 10 decimals, and 10¹² for whatever is more."""
    return round(min(float(value), LARGEST_E_VALUE), DECIMALS)
