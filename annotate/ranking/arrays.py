"""The array types that the ranking passes around, and how it adds up by index."""

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def sum_at(places: IntArray, values: FloatArray | IntArray, size: int) -> FloatArray:
    """Return (size,) the sum of the values that share each place."""
    return np.bincount(places, weights=values, minlength=size).astype(np.float64, copy=False)
