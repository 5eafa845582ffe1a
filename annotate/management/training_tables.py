"""What a training would do, as a table and two examples for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from annotate.services.training_words import DROPPED

GIB = 2**30
IDS_SHOWN = 24


def forecast_table(forecast: Mapping[str, Any]) -> Table:
    """Say what the trainer said that it would do."""
    table = Table(title="forecast", title_justify="left", box=SIMPLE_HEAD, show_header=False,
                  padding=(0, 1, 0, 0), pad_edge=False)  # fmt: skip
    for name, value in _rows(forecast):
        table.add_row(name, Text(value))
    return table


def tell_examples(forecast: Mapping[str, Any]) -> Iterator[str]:
    """Yield two examples as they are fed: the text, and its ids at both ends."""
    for number, example in enumerate(forecast["examples"], start=1):
        begins = "begins with BOS" if example["begins_with_bos"] else "begins without BOS"
        ends = "ends with EOS" if example["ends_with_eos"] else "ends without EOS"
        ids = example["ids"]
        yield f"example {number}: {len(ids)} tokens, {begins}, {ends}"
        yield example["text"]
        yield f"ids: {_tell_ids(ids)}"


def _rows(forecast: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "pairs", f"{forecast['pairs']:,}"
    dropped = forecast.get("dropped") or {}
    why = "; ".join(f"{n:,}: {DROPPED.get(reason, reason)}" for reason, n in dropped.items())
    yield "left out", f"{forecast['dropped_pairs']:,}" + (f" ({why})" if why else "")
    yield "tokens", f"{forecast['tokens']:,}"
    yield "parameters", f"{forecast['parameters']:,}"
    yield "steps", f"{forecast['steps']:,}"
    reason = forecast.get("layout_reason")
    yield "layout", forecast["layout"] + (f" ({reason})" if reason else "")
    yield "checkpointing", "on" if forecast["checkpointing"] else "off"
    for name in ("memory", "disk"):
        free = forecast["memory_available_bytes" if name == "memory" else "disk_free_bytes"]
        yield name, f"{_gib(forecast[f'{name}_bytes'])} of {_gib(free)} free"
    seconds = forecast["seconds"]
    yield "time", "not measured" if seconds is None else f"about {seconds:,.0f} s"
    smoothing = forecast.get("label_smoothing")
    if smoothing is not None:
        yield "labels taken to be wrong", f"{100 * smoothing:.1f} %"


def _gib(n_bytes: float | None) -> str:
    return "not measured" if n_bytes is None else f"{n_bytes / GIB:,.2f} GiB"


def _tell_ids(ids: list[int]) -> str:
    if len(ids) <= 2 * IDS_SHOWN:
        return " ".join(map(str, ids))
    first, last = ids[:IDS_SHOWN], ids[-IDS_SHOWN:]
    return f"{' '.join(map(str, first))} ... {' '.join(map(str, last))}"
