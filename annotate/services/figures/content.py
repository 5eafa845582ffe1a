"""How the tables of a figure are written."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from annotate.services.numbers import json_number


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """Give a table of rows whose places are named by `columns`."""
    return {"columns": list(columns), "rows": [[_plain(value) for value in row] for row in rows]}


def _plain(value: Any) -> Any:
    """Give what JSON can write: numpy's numbers as Python's, to 10 decimals."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    return json_number(float(value)) if isinstance(value, float | np.floating) else value
