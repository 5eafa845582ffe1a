"""Completions that name their maker, in the real data: how many, whose, and how fast found.

    python -m benchmarks.makers [--texts]

reads Shisa's grid and LLMFAO's completions from the folder that KURABE_REAL_DATA names, by default
../shared/data. `--texts` prints the words that were found, to be checked by hand.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from annotate.formats import read_completions
from annotate.formats.rows import CompletionRow
from annotate.generation.makers import find_maker

ROOT = Path(__file__).resolve().parent.parent
REPEATS = 3
HOSTILE = ("OpenAI ", "I was trained by ", "私はOpenAI", "GPT-", "Llama I am ", "Googleの者者")


def main() -> None:
    """Print one table of the data and one of hostile texts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", action="store_true", help="print the words that were found")
    options = parser.parse_args()
    folder = Path(os.environ.get("KURABE_REAL_DATA") or ROOT.parent / "shared" / "data")
    files = {
        "shisa": sorted(map(str, (folder / "shisa" / "generations").iterdir())),
        "llmfao": [str(folder / "llmfao" / "results.jsonl")],
    }
    print("| data | completions | MB | flagged | seconds | MB/s |\n|---|---|---|---|---|---|")
    flagged: list[tuple[str, str]] = []
    for name, paths in files.items():
        rows = list(_completions(paths, name))
        found, seconds = _measure(rows)
        megabytes = sum(len(text.encode()) for _model, text in rows) / 1e6
        print(
            f"| {name} | {len(rows)} | {megabytes:.2f} | {len(found)} | {seconds:.2f} |"
            f" {megabytes / seconds:.1f} |"
        )
        flagged += found
    print("\n| model | flagged |\n|---|---|")
    for model, n in sorted(Counter(model for model, _words in flagged).items()):
        print(f"| {model} | {n} |")
    _print_hostile()
    if options.texts:
        print(*(f"{model}: {words}" for model, words in flagged), sep="\n")


def _completions(paths: list[str], form: str) -> Iterator[tuple[str, str]]:
    for row in read_completions(paths, format=form):
        if isinstance(row, CompletionRow):
            yield row.candidate.model or row.candidate.name, "\n\n".join(row.replies)


def _measure(rows: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], float]:
    """Find what is flagged, and the processor's seconds for it; the best of a few."""
    best = float("inf")
    for _repeat in range(REPEATS):
        start = time.process_time()
        found = [(model, words) for model, text in rows if (words := find_maker(text))]
        best = min(best, time.process_time() - start)
    return found, best


def _print_hostile() -> None:
    print("\n| 200,000 characters of | seconds |\n|---|---|")
    for part in HOSTILE:
        text = part * (200_000 // len(part)) + " OpenAI"
        _found, seconds = _measure([("", text)])
        print(f"| {part} | {seconds:.3f} |")


if __name__ == "__main__":
    main()
