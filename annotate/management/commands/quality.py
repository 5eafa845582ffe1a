"""`manage.py quality`: agreement, side bias and annotators of a run."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from annotate.management.base import KurabeCommand, add_run_argument, find_run
from annotate.management.quality_tables import quality_tables
from annotate.services.lineage import Withdrawn, withdrawn_by_dataset
from annotate.services.quality import SLICES, RunQuality, measure_quality

ANNOTATOR_FIELDS = (
    "name",
    "pseudonym",
    "kind",
    "is_excluded",
    "exclusion_reason",
    "votes",
    "agreement",
    "self_consistency",
    "self_consistency_pairs",
    "gold_right",
    "gold_answered",
    "gold_accuracy",
    "gold_accuracy_low",
    "gold_accuracy_high",
    "left_share",
    "left_share_low",
    "left_share_high",
    "seconds_per_1000_characters",
    "reliability",
    "reliability_se",
    "skips",
    "reports",
)


class Command(KurabeCommand):
    """Measure how far a run's votes can be trusted."""

    help = (
        "Say how far annotators agree, whether the left side wins too often, and what the votes"
        " say of each annotator. The votes that stand now count, but for those of annotators who"
        " are excluded. docs/quality.md defines each number."
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
        withdrawn = withdrawn_by_dataset(run.datasets.select_related("run").order_by("id"))
        if options["json"]:
            described = [describe(quality) for quality in measured]
            answer = (
                described[0] | {"withdrawn_since": describe_withdrawn(withdrawn)}
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
        for dataset, votes in withdrawn.items():
            self.stdout.write(
                f"dataset {dataset} was made from {votes.total} votes that were taken back since:"
                f" {votes.with_consent} with the annotator's consent, {votes.single} by themselves"
            )


def describe(quality: RunQuality) -> dict[str, Any]:
    """Give what `--json` prints."""
    alpha, raw, left = quality.agreement.alpha, quality.agreement.raw, quality.left
    slice_ = {} if quality.value is None else {"value": quality.value}
    identical = (
        {} if quality.identical_pairs is None else {"identical_pairs": quality.identical_pairs}
    )
    return {
        "run": quality.run,
        **slice_,
        "votes": quality.votes,
        "excluded": quality.n_excluded,
        "votes_excluded": quality.votes_excluded,
        **identical,
        "units": quality.agreement.n_units,
        "alpha": None if alpha is None else alpha.value,
        "alpha_low": None if alpha is None else alpha.low,
        "alpha_high": None if alpha is None else alpha.high,
        "raw_agreement": None if raw is None else raw.value,
        "left_share": left.share,
        "left_share_se": left.se,
        "annotators": [
            {name: getattr(row, name) for name in ANNOTATOR_FIELDS} for row in quality.annotators
        ],
    }


def describe_withdrawn(withdrawn: Mapping[int, Withdrawn]) -> list[dict[str, int]]:
    """Give the datasets made from votes that were taken back since."""
    return [{"dataset": dataset, **asdict(votes)} for dataset, votes in withdrawn.items()]
