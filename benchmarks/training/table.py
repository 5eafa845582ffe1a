"""The table of `benchmarks.dpo`."""

import statistics
from collections.abc import Iterable
from typing import Any

PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12}  # dense bf16, of their data sheets
GIB = 2**30


def describe(rows: list[dict[str, Any]], *, epochs: float) -> str:
    """Print each shape and distribution: pairs/s, tokens/s, MFU, memory, ratios and parity."""
    lines = [
        "| shape | lengths | contestant | batch | pairs/s | real tokens/s | MFU | peak GiB | "
        "to stock | to tuned | log-probability | gradient |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for shape, lengths in dict.fromkeys((row["shape"], row["lengths"]) for row in rows):
        group = [row for row in rows if (row["shape"], row["lengths"]) == (shape, lengths)]
        names = list(dict.fromkeys(row["contestant"] for row in group))
        merged = {name: _merge([r for r in group if r["contestant"] == name]) for name in names}
        speeds = {name: pairs_per_s(row, epochs=epochs) for name, row in merged.items()}
        for name, row in merged.items():
            ratios = [_ratio(speeds, name, other) for other in ("stock", "tuned")]
            parity = _parity(row, merged.get("stock"))
            cells = [
                shape, lengths, name, str(row["batch"]), f"{speeds[name]:.2f}",
                f"{speeds[name] * row['tokens_per_pair']:,.0f}", _mfu(row, speeds[name], epochs),
                f"{row['peak_bytes'] / GIB:.2f}", *ratios, *parity,
            ]  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def pairs_per_s(row: dict[str, Any], *, epochs: float) -> float:
    """Return the pairs of a training of so many epochs that one second does, reference and all."""
    step = statistics.median(row["step_s"]) / row["batch"]
    return float(1 / (step + row["reference_s_per_pair"] / epochs))


def useful_flops(row: dict[str, Any], *, epochs: float) -> float:
    """Return the operations that a pair needs: 6 + 2 / epochs a weight and token that is read.

    A prompt counts once, and the head for replies alone; attention itself is not counted.
    """
    body = row["parameters"] - row["head_parameters"]
    passes = 6 + 2 / epochs
    replies = row["reply_tokens_per_pair"] * row["head_parameters"]
    return float(passes * (body * row["tokens_per_pair"] + replies))


def _merge(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Put the rounds of a contestant together: all steps, the median of the rest."""
    return rows[0] | {
        "step_s": [seconds for row in rows for seconds in row["step_s"]],
        "reference_s_per_pair": statistics.median(row["reference_s_per_pair"] for row in rows),
        "peak_bytes": statistics.median(row["peak_bytes"] for row in rows),
    }


def _ratio(speeds: dict[str, float], name: str, other: str) -> str:
    return f"{speeds[name] / speeds[other]:.2f}" if other in speeds else ""


def _mfu(row: dict[str, Any], speed: float, epochs: float) -> str:
    peak = next((flops for name, flops in PEAK_FLOPS.items() if name in row["device"]), None)
    return "" if peak is None else f"{useful_flops(row, epochs=epochs) * speed / peak:.3f}"


def _parity(row: dict[str, Any], stock: dict[str, Any] | None) -> tuple[str, str]:
    """Say the largest difference of a log-probability, and that of gradients to their norm."""
    if stock is None:
        return "", ""
    logps = _largest(row["logps"], stock["logps"])
    gradient = _largest(row["gradient"], stock["gradient"]) / stock["gradient"][0]
    return f"{logps:.1e}", f"{gradient:.1e}"


def _largest(first: Iterable[float], second: Iterable[float]) -> float:
    return max(abs(a - b) for a, b in zip(first, second, strict=True))
