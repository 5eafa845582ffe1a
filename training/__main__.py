"""Run the training that a JSON file describes: `python -m training run.json`.

A run of several processes starts them itself, or is one of them under torchrun.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path

from training.config import DpoRun
from training.fields import BadInput, ConfigError
from training.launch import VARIABLE, choose_launcher, launch
from training.ranks import check_world, end_with_launcher
from training.run_files import Run, read_run

STOPPED = 143  # as if by SIGTERM, which is how a run is told to stop


def main(arguments: list[str] | None = None) -> int:
    """Train; return 0 at the end, 143 if told to stop, 1 with one line on bad input."""
    end_with_launcher()
    given = _parse(arguments)
    try:
        run = read_run(given.run)
        if given.resume and isinstance(run, DpoRun):
            run = dataclasses.replace(run, resume=True)
        if given.forecast:
            return _forecast(run)
        return _start(run, given)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("run", help="JSON file with method (dpo or tiny), model, pairs, ...")
    parser.add_argument(
        "--forecast",
        action="store_true",
        help="print what it takes, as JSON, and train nothing",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument(
        "--launcher",
        metavar="FILE",
        default=os.environ.get(VARIABLE),
        help=f"JSON file with kind (local or slurm), ...; by default what {VARIABLE} names",
    )
    return parser.parse_args(arguments)


def _start(run: Run, given: argparse.Namespace) -> int:
    """Train in this process or have others do it."""
    processes = run.processes if isinstance(run, DpoRun) else 1
    launcher = choose_launcher(run, given.launcher)
    if launcher is not None:
        return launch(launcher, Path(given.run), processes=processes, resume=given.resume)
    check_world(processes)
    return 0 if _train(run) else STOPPED


def _forecast(run: Run) -> int:
    if not isinstance(run, DpoRun):
        raise ConfigError("field 'method': only 'dpo' has a forecast")
    from training.dpo import prepare  # noqa: PLC0415 - as below

    # The trainer makes its folder whether it trains or not.
    with tempfile.TemporaryDirectory() as scratch:
        said = dataclasses.asdict(prepare(run, scratch=scratch).forecast)
    print(json.dumps(said, ensure_ascii=False))
    return 0


def _train(run: Run) -> bool:
    # torch and trl take seconds to import, and bad input should be told at once.
    if isinstance(run, DpoRun):
        from training.dpo import train_dpo  # noqa: PLC0415

        return train_dpo(run)
    from training.tiny import train_tiny  # noqa: PLC0415

    train_tiny(run)
    return True


if __name__ == "__main__":
    sys.exit(main())
