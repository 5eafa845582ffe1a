"""How well and how fast completions are measured, on Shisa's real grid.

    python -m benchmarks.measures

reads 6 models × 4 temperatures × 2 runs × 96 prompts from the folder that KURABE_REAL_DATA names,
by default ../shared/data. Nothing is drawn by chance, so every run prints the same shares; speed
and memory are of this machine, on one core.
"""

from __future__ import annotations

import os
import re
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from annotate.formats.shisa import read_completion_rows
from annotate.generation.measures import CompletionMeasures, measure_completion
from annotate.ranking.means import mean_by_group

ROOT = Path(__file__).resolve().parent.parent
GRID = Path(os.environ.get("KURABE_REAL_DATA") or ROOT.parent / "shared" / "data")
TEMPERATURES = (0.1, 0.4, 0.7, 1.0)


@dataclass(frozen=True)
class Reply:
    """A measured reply of the grid."""

    model: str
    temperature: float
    prompt: str
    language: str
    measures: CompletionMeasures


def read_grid(folder: Path) -> Iterator[Reply]:
    """Measure every reply of the grid."""
    for path in sorted(folder.glob("*.json.gz")):
        named = re.match(r"(.+)_temp-([\d.]+)_run-", path.name)
        assert named is not None, path.name
        for prompt, completion in read_completion_rows(str(path)):
            measures = measure_completion(
                turns=prompt.turns,
                replies=completion.replies,
                language=prompt.language,
                system=prompt.system,
                category=prompt.category,
            )
            yield Reply(named[1], float(named[2]), prompt.key, prompt.language, measures)


Number = Callable[[Reply], float]


def leakage(reply: Reply) -> float:
    """Give the share of a reply's letters that are in another language."""
    return reply.measures.leakage


def leaks(reply: Reply) -> float:
    """Say, as 1 or 0, whether any letter of a reply is in another language."""
    return float(reply.measures.leakage > 0)


def means(replies: list[Reply], number: Number) -> list[float]:
    """Average at each temperature."""
    return [
        float(np.mean([number(reply) for reply in replies if reply.temperature == temperature]))
        for temperature in TEMPERATURES
    ]


def slope(replies: list[Reply], number: Number) -> tuple[float, float, float]:
    """Return the mean over prompts of the slope in temperature, and its interval."""
    by_prompt: dict[str, list[Reply]] = defaultdict(list)
    for reply in replies:
        by_prompt[reply.prompt].append(reply)
    slopes = [
        np.polyfit([reply.temperature for reply in some], [number(reply) for reply in some], 1)[0]
        for some in by_prompt.values()
    ]
    found = mean_by_group(slopes, [0] * len(slopes), np.arange(len(slopes)), n_groups=1)
    return float(found.mean[0]), float(found.low[0]), float(found.high[0])


def print_rising(title: str, replies: list[Reply], number: Number) -> None:
    """Print means by temperature in per cent, their slope, and Spearman's correlation."""
    cells = " ".join(f"{100 * mean:6.2f}" for mean in means(replies, number))
    mean, low, high = (100 * each for each in slope(replies, number))
    rho = spearmanr([reply.temperature for reply in replies], list(map(number, replies)))[0]
    print(f"{title:32} {cells}   {mean:6.2f} ({low:5.2f} to {high:5.2f})   {rho:.3f}")


def main() -> None:
    """Measure the grid, and print."""
    start = time.process_time()
    replies = list(read_grid(GRID / "shisa" / "generations"))
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(replies)} replies: {len(replies) / seconds:.0f} a second, peak {peak:.0f} MB")
    parts = {"all": replies}
    for language in ("ja", "en"):
        parts[language] = [reply for reply in replies if reply.language == language]
    for model in sorted({reply.model for reply in replies}):
        parts[model] = [reply for reply in replies if reply.model == model]
    for name, number in (("replies that leak", leaks), ("leakage", leakage)):
        print(
            f"{name + ', per cent, at':32}    0.1    0.4    0.7    1.0    slope a degree        rho"
        )
        for title, part in parts.items():
            print_rising(title, part, number)
    counted = {
        "leaking": [reply.measures.leakage > 0 for reply in replies],
        "whole runs": [reply.measures.other_language > 0 for reply in replies],
        "repeating": [reply.measures.repetition > 0 for reply in replies],
        "declining": [bool(reply.measures.refusal) for reply in replies],
    }
    print(" · ".join(f"{name} {sum(flags)}" for name, flags in counted.items()))


if __name__ == "__main__":
    main()
