"""`manage.py export`: preference pairs or votes, to a file."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from annotate.management.base import (
    KurabeCommand,
    add_run_argument,
    add_voters_argument,
    find_run,
    number_from,
)
from annotate.services.exporting import (
    Export,
    PairRule,
    describe_left_out,
    export_preferences,
    export_votes,
    write_preferences,
)

SUFFIXES = (".jsonl", ".parquet")


class Command(KurabeCommand):
    """Export a run's votes."""

    help = (
        "Export a run's votes to a .jsonl or .parquet file: as chosen and rejected replies in"
        " TRL's conversational form (dpo), or one row for each vote (votes). Held-out prompts and"
        " empty replies never become pairs; what was left out is counted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_run_argument(parser)
        parser.add_argument("--to", choices=["dpo", "votes"], required=True, help="what to write")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE(.jsonl|.parquet)")
        parser.add_argument(
            "--min-votes", type=number_from(1), default=1, metavar="N",
            help="dpo: decisive votes that a pair of replies needs (default 1)",
        )  # fmt: skip
        parser.add_argument(
            "--margin", type=number_from(1), default=1, metavar="N",
            help="dpo: by how many of them one reply must lead (default 1)",
        )  # fmt: skip

        add_voters_argument(parser, help="dpo: whose votes make pairs")

    def run(self, **options: Any) -> None:
        """Write the file and say what is in it."""
        run, out = find_run(options["slug"]), options["out"]
        if out.suffix not in SUFFIXES:
            raise CommandError(f"--out {out}: the name must end in {' or '.join(SUFFIXES)}")
        if not out.parent.is_dir():
            raise CommandError(f"--out {out}: there is no folder {out.parent}")
        if options["to"] == "votes":
            self._report(export_votes(run=run, out=out), "votes")
            return
        rule = PairRule(
            min_votes=options["min_votes"], margin=options["margin"], voters=options["voters"]
        )
        dataset = export_preferences(run=run, rule=rule)
        self._report(write_preferences(dataset=dataset, out=out), "pairs")
        self.stdout.write(f"dataset {dataset.pk}, sha256 {dataset.sha256}")

    def _report(self, export: Export, what: str) -> None:
        said = describe_left_out(export.counts)
        n_judged = export.counts.get("pairs_with_judges", 0)
        self.stdout.write(
            f"{export.n_rows} {what} in {export.path}"
            + (f", {n_judged} of them with votes of LLM judges" if n_judged else "")
            + (f"; left out: {said}" if said else "")
        )
