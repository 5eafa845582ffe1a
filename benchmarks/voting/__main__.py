"""How many votes a second the site takes, and what each costs, with ten million there already.

    python -m benchmarks.voting [--votes 10000000] [--completions 1000000] [--seconds 20] ...

One cycle is a vote that is sent, and the next comparison that comes back. Virtual volunteers with
accounts vote as fast as answers come, each as the page's script does (see `client`), on the
production server with a worker beside it, in one run of many, with adaptive pairing, known answers,
repetitions and a pace that is checked. The same volunteers vote on a bare Django that stores the
vote and draws a random pair, by the same server command: the floor; and on Kurabe with few votes.
They take turns within a call, and figures are medians over the turns. Nothing else should run.

Databases are filled once and kept, under $KURABE_HOME/voting or var/voting; each call measures on
a copy. Every acknowledged vote is looked for in the database afterwards, and any refusal ends the
call.

Parts, all but the last two where none is named:
  --speed       cycles a second, times and processor time, with 32, 8 and 1 volunteers
  --statements  SQL statements a cycle, from PostgreSQL's log
  --history     one annotator's 2,000th vote against a newcomer's 10th, in turn
  --plans       the ten hottest queries of a cycle with their plans, as Markdown
  --peer        Potato, from its package in an environment of its own
"""

import argparse
import json
import os
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("speed", "statements", "history", "plans", "peer")


def main() -> None:
    """Fill what is missing, measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default, words in (
        ("votes", 10_000_000, "there already, over all runs"),
        ("small-votes", 10_000, "in the database that is compared; 0: none is"),
        ("completions", 1_000_000, ""),
        ("candidates", 1_000, ""),
        ("runs", 20, "with an open round each; all volunteers vote in the first"),
        ("annotators", 10_000, "who cast those votes"),
        ("rounds", 3, "turns of each site"),
        ("seconds", 20, "with each number of volunteers in a turn"),
        ("before", 60, "of voting on each site before the first turn"),
        ("processes", len(os.sched_getaffinity(0)), "of each web server"),
        ("threads", 4, "of each of those"),
        ("past", 2_000, "votes of one annotator before the last are timed"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=words)
    parser.add_argument("--fill", action="store_true", help="only fill the databases")
    for part in PARTS:
        parser.add_argument(f"--{part}", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--no-floor", action="store_true", help="leave the floor out")
    parser.add_argument("--no-worker", action="store_true", help="run no worker beside the site")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="a variable of the environment for the servers")  # fmt: skip
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    options = parser.parse_args()
    prepare()
    os.environ.update(each.split("=", 1) for each in options.set)
    from benchmarks.voting import measuring  # noqa: PLC0415  Django is set up by now

    wanted = {part for part in PARTS if getattr(options, part)} or set(PARTS[:3])
    with ExitStack() as stack:
        figures = measuring.measure(options, wanted, stack)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def prepare() -> None:
    """Set Django up on a home of the benchmark's own, which is kept."""
    home = Path(os.environ.get("KURABE_HOME") or ROOT / "var").resolve() / "voting"
    os.environ.pop("DATABASE_URL", None)
    os.environ.update(KURABE_HOME=str(home), DJANGO_SETTINGS_MODULE="benchmarks.voting.settings")
    import django  # noqa: PLC0415  it reads the home that was just named

    django.setup()


if __name__ == "__main__":
    main()
