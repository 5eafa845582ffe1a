"""`manage.py quality`: agreement, side bias and annotators of a run."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from annotate.management.base import KurabeCommand, add_run_argument, find_run
from annotate.management.quality_tables import quality_tables
from annotate.services.quality import SLICES, RunQuality, measure_quality

ANNOTATOR_FIELDS = ("name", "kind", "votes", "agreement", "self_consistency", "left_share",
                    "left_share_low", "left_share_high", "seconds_per_1000_characters",
                    "reliability")  # fmt: skip


class Command(KurabeCommand):
    """Measure how far a run's votes can be trusted."""

    help = (
        "Say how far annotators agree, whether the left side wins too often, and what the votes"
        " say of each annotator. The votes that stand now count. docs/quality.md defines each"
        " number."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_run_argument(parser)
        parser.add_argument(
            "--by", choices=sorted(SLICES), help="the same for each value of this, apart"
        )
        parser.add_argument("--json", action="store_true", help="print JSON instead of tables")

    def run(self, **options: Any) -> None:
        """Measure, and print."""
        run = find_run(options["slug"])
        measured = measure_quality(run=run, by=options["by"])
        if options["json"]:
            described = [describe(quality) for quality in measured]
            answer = (
                described[0]
                if options["by"] is None
                else {"by": options["by"], "slices": described}
            )
            self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2))
            return
        for quality in measured:
            for part in quality_tables(quality, by=options["by"]):
                self.console.print(part)
        if not measured:
            self.stdout.write(f"run {run.slug} has no votes yet")


def describe(quality: RunQuality) -> dict[str, Any]:
    """Give what `--json` prints."""
    alpha, raw, left = quality.agreement.alpha, quality.agreement.raw, quality.left
    slice_ = {} if quality.value is None else {"value": quality.value}
    return {
        "run": quality.run,
        **slice_,
        "votes": quality.votes,
        "units": quality.agreement.n_units,
        "alpha": None if alpha is None else alpha.value,
        "alpha_low": None if alpha is None else alpha.low,
        "alpha_high": None if alpha is None else alpha.high,
        "raw_agreement": None if raw is None else raw.value,
        "left_share": left.share,
        "left_share_se": left.se,
        "annotators": [
            {name: row[name] for name in ANNOTATOR_FIELDS}
            for row in map(asdict, quality.annotators)
        ],
    }
