"""Run the training that a JSON file describes: `python -m training run.json`."""

import argparse
import sys

from training.config import BadInput, DpoRun, Run, read_run

STOPPED = 143  # as if by SIGTERM, which is how a run is told to stop


def main(arguments: list[str] | None = None) -> int:
    """Train; return 0 at the end, 143 if told to stop, 1 with one line on bad input."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("run", help="JSON file with method (dpo or tiny), model, pairs, ...")
    path = parser.parse_args(arguments).run
    try:
        is_finished = _train(read_run(path))
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0 if is_finished else STOPPED


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
