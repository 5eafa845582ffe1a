"""DPO side by side: TRL as it comes, TRL tuned by hand, and packed rows.

    OMP_NUM_THREADS=2 python -m benchmarks.dpo                         # the tiny Llama, on CPU
    python -m benchmarks.dpo --shapes 0.5b 1.5b 8b --minutes 9         # on a GPU, under 10 minutes

Models have random weights, pairs random tokens, of lengths drawn by a fixed seed from four
distributions. Every contestant gets the same pairs in the same order and runs in a process of its
own, so that its peak memory is its own; they take turns, `--rounds` times. A step is what the
trainer does (forward, backward, clipping, optimizer), synchronised, after `--warmup` of them;
medians over all steps. What the reference costs is measured too and counted in: pairs/s are those
of a training of `--epochs`. TRL reads the reference in each step unless it is precomputed.

Tuned by hand is TRL with bf16 weights (on a GPU), no checkpointing, a precomputed reference and
the best of `--batches`. Parity is that of the first batch: log-probabilities of its replies, and
its gradient (norm, and eight random projections of it), against TRL as it comes.
"""

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.training.block import Block, measure_block
from benchmarks.training.lengths import DISTRIBUTIONS
from benchmarks.training.shapes import SHAPES
from benchmarks.training.table import describe, pairs_per_s

CONTESTANTS = ("stock", "tuned", "packed")


def main() -> None:
    """Let the contestants take turns, and print one table."""
    options = read_options()
    if options.block:
        block = Block(**json.loads(options.block))
        print(json.dumps(measure_block(block)))
        return
    began = time.monotonic()
    results: list[dict[str, Any]] = []
    for shape in options.shapes:
        best = find_best_batch(options, shape)
        for number in range(options.rounds):
            for name in CONTESTANTS:
                if time.monotonic() - began > options.minutes * 60:
                    print(f"out of time before {shape}, round {number + 1}, {name}")
                    break
                batch = best if name == "tuned" else options.batch
                rows = run_block(make_block(options, shape, name, batch))
                results += rows
                for row in rows:
                    speed = pairs_per_s(row, epochs=options.epochs)
                    place = f"{shape} {row['lengths']}, round {number + 1}"
                    print(f"{place}: {name} {speed:.2f} pairs/s", file=sys.stderr, flush=True)
    print(describe(results, epochs=options.epochs))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=["tiny"])
    parser.add_argument("--lengths", nargs="+", choices=DISTRIBUTIONS, default=[*DISTRIBUTIONS])
    parser.add_argument("--batch", type=int, default=8, help="pairs of a step")
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 8, 16], help="to tune over")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no block after this")
    parser.add_argument("--json", help="a file for all that was measured")
    parser.add_argument("--block", help=argparse.SUPPRESS)
    return parser.parse_args()


def make_block(options: argparse.Namespace, shape: str, name: str, batch: int) -> Block:
    """Say what one process measures."""
    return Block(
        shape=shape,
        contestant=name,
        lengths=list(options.lengths),
        batch=batch,
        parity_batch=options.batch,
        steps=options.steps,
        warmup=options.warmup,
    )


def find_best_batch(options: argparse.Namespace, shape: str) -> int:
    """Return the batch with which TRL, tuned otherwise, does most pairs a second.

    Every batch in turn does a few steps of the first lengths; one that does not fit does none.
    """
    if len(options.batches) == 1:
        return int(options.batches[0])
    speeds = {}
    for batch in options.batches:
        block = make_block(options, shape, "tuned", batch)
        quick = dataclasses.replace(
            block, lengths=options.lengths[:1], steps=max(4, options.steps // 4), warmup=2
        )
        rows = run_block(quick)
        seconds = [row["batch"] / statistics.median(row["step_s"]) for row in rows]
        speeds[batch] = statistics.fmean(seconds) if seconds else 0.0
    return max(speeds, key=lambda batch: speeds[batch])


def run_block(block: Block) -> list[dict[str, Any]]:
    """Measure in a process of its own; one that fails says so and gives no rows."""
    said = json.dumps(dataclasses.asdict(block))
    command = [sys.executable, "-m", "benchmarks.dpo", "--block", said]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        lines = process.stderr.strip().splitlines() or ["it said nothing"]
        print(f"{block.shape} {block.contestant} batch {block.batch}: {lines[-1]}")
        return []
    rows: list[dict[str, Any]] = json.loads(process.stdout.splitlines()[-1])
    return rows


if __name__ == "__main__":
    main()
