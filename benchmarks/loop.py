"""The whole loop on a tiny model, several rounds: does each child do better than its parent?

    python -m benchmarks.loop --seeds 0 1 2 --rounds 4 [--out FOLDER] [--prompts demo|recipe]

For each seed a tiny Llama is trained on a corpus of its own. In each round simulated annotators
with noise compare the newest model's answers to training prompts, at two temperatures; DPO trains
its child on the votes of that round; and the child meets its parent and the first model on held-out
prompts, by votes that nobody is trained on. Services, PostgreSQL, engine and trainer are those of a
real run. Pairs are drawn evenly, and votes imported, since it is the loop that is measured and not
the site.

Printed are, for each child, the share of votes that it won over its parent and over the first
model, its strength over the first model (log odds, one fit of all votes on held-out prompts), and
what was counted in its held-out answers. All figures go to loop.json in the folder, and the plot to
loop.svg and loop.png, which need a Chromium. A seed that is done is not turned again; one that was
interrupted begins anew from its first model, which is kept.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import loop_plot
from benchmarks.importing import database
from benchmarks.loop_settings import LoopSettings, quick_settings

ROOT = Path(__file__).resolve().parent.parent
GOAL = 0.65


def main(arguments: Sequence[str] | None = None) -> None:
    """Turn the loop of each seed, and show what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, help="trainings, one after another (default 4)")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "benchmarks" / "loop")
    parser.add_argument("--prompts", choices=("demo", "recipe"), help="recipe: to choose settings")
    parser.add_argument("--dpo", type=json.loads, default={}, help="JSON: fields of DpoRun")
    parser.add_argument("--decay", type=float, help="of the learning rate from round to round")
    parser.add_argument(
        "--temperatures",
        type=float,
        nargs=2,
        help="of the lineage, and of whom it is voted against",
    )
    parser.add_argument("--votes", choices=("fresh", "all"), help="what a later round trains on")
    parser.add_argument("--jobs", type=int, default=1, help="seeds at once, a core each")
    parser.add_argument("--quick", action="store_true", help="whether it runs at all, in a minute")
    parser.add_argument("--plot", type=Path, help="where loop.svg and loop.png go (default: --out)")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one is not None:
        turn_one(options.one["seed"], LoopSettings.from_dict(options.one["settings"]), options.out)
        return
    settings = choose_settings(options)
    options.out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(
            pool.map(lambda seed: turn_apart(seed, settings, options.out), options.seeds)
        )
    report = {"settings": settings.to_dict(), "seeds": results}
    write_json(options.out / "loop.json", report)
    print_tables(results)
    loop_plot.draw(results, options.plot or options.out)


def choose_settings(options: argparse.Namespace) -> LoopSettings:
    """Give the settings that the command line asks for."""
    settings = quick_settings() if options.quick else LoopSettings()
    names = ("rounds", "prompts", "decay", "temperatures", "votes")
    wishes = {name: getattr(options, name) for name in names}
    asked = {name: wish for name, wish in wishes.items() if wish is not None}
    if "temperatures" in asked:
        asked["temperatures"] = tuple(asked["temperatures"])
    return replace(settings, dpo=settings.dpo | options.dpo, **asked)


def turn_apart(seed: int, settings: LoopSettings, out: Path) -> dict[str, Any]:
    """Turn one seed's loop in a process of its own, unless that was done by these settings."""
    path = out / f"seed-{seed}.json"
    if path.exists():
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if stored["settings"] == settings.to_dict():
            return dict(stored["result"])
    told = json.dumps({"seed": seed, "settings": settings.to_dict()})
    command = [sys.executable, "-m", "benchmarks.loop", "--one", told, "--out", str(out.resolve())]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise SystemExit(f"the loop of seed {seed} did not come to its end")
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["result"]
    return result


def turn_one(seed: int, settings: LoopSettings, out: Path) -> None:
    """Turn one seed's loop on a PostgreSQL of its own, and write what was measured."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "annotate.settings"
    work = out / f"work-{seed}"
    shutil.rmtree(work, ignore_errors=True)  # of an attempt that was interrupted
    work.mkdir(parents=True)
    with database(work):
        from benchmarks import loop_turns  # noqa: PLC0415  models need Django set up

        base = loop_turns.train_base(out / f"base-{seed}", seed=seed, settings=settings)
        result = loop_turns.turn_loop(base, seed=seed, settings=settings)
    write_json(out / f"seed-{seed}.json", {"settings": settings.to_dict(), "result": result})
    shutil.rmtree(work)


def write_json(path: Path, value: Any) -> None:
    """Write a file that is whole or not there."""
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)


def print_tables(results: Sequence[dict[str, Any]]) -> None:
    """Print a line a model, and how the two goals stand."""
    print(
        f"{'seed':>4} {'model':>5} {'pairs':>5} {'over parent, 95 %':>22} {'over first':>10}"
        f" {'strength':>8} {'faultless':>9} {'leaking':>8} {'leakage':>8} {'repetition':>10}"
        f" {'length':>6}"
    )
    for result in results:
        for model in result["models"]:
            print(_line(result, model))
    print()
    for result in results:
        print(f"seed {result['seed']}: {'; '.join(_goals(result))}; {_times(result)}")


def _line(result: dict[str, Any], model: dict[str, Any]) -> str:
    number = model["model"]
    round_ = result["rounds"][number - 1] if number else None
    parent = _share(round_["over_parent"]) if round_ else ""
    first = f"{round_['over_first']['rate']:.1%}" if round_ else ""
    means = {name: model[name]["mean"] for name in ("leaking", "leakage", "repetition", "length")}
    return (
        f"{result['seed']:>4} {number:>5} {round_['pairs'] if round_ else '':>5} {parent:>22}"
        f" {first:>10} {model['strength']:8.2f} {model['faultless']:9.1%} {means['leaking']:8.1%}"
        f" {means['leakage']:8.2%} {means['repetition']:10.1%} {means['length']:6.0f}"
    )


def _share(rate: dict[str, Any]) -> str:
    """Write a share with its interval over prompts; none where all prompts are alike."""
    if rate["low"] is None:
        return f"{rate['rate']:.1%}"
    return f"{rate['rate']:.1%} ({rate['low']:.1%} to {rate['high']:.1%})"


def _goals(result: dict[str, Any]) -> list[str]:
    """Say how the first child and the last stand against their parents."""
    first, last = result["rounds"][0]["over_parent"], result["rounds"][-1]["over_parent"]
    return [
        f"round 2, child over parent {_share(first)}, goal {GOAL:.0%} {_met(first, GOAL)}",
        f"after round {len(result['rounds'])}, {_share(last)}, goal 50% {_met(last, 0.5)}",
    ]


def _met(rate: dict[str, Any], goal: float) -> str:
    """Say whether the share itself comes up to the goal, however wide its interval is."""
    if rate["rate"] >= goal:
        return "met"
    is_open = rate["high"] is not None and rate["high"] >= goal
    return "MISSED, within the interval over prompts" if is_open else "MISSED"


def _times(result: dict[str, Any]) -> str:
    return ", ".join(f"{name} {seconds:.0f} s" for name, seconds in result["seconds"].items())


if __name__ == "__main__":
    main()
