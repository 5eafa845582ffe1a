"""`manage.py rank`: strengths and intervals of a run's candidates."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from annotate.management.base import KurabeCommand, add_run_argument, find_run
from annotate.management.tables import ranking_table
from annotate.models import Ranking
from annotate.ranking import RankingSettings
from annotate.services.rankings import SLICES, store_rankings

JSON_FIELDS = ("name", "group", "rank", "rank_low", "rank_high", "strength", "low", "high",
               "wins", "losses", "ties", "both_bad", "votes")  # fmt: skip


class Command(KurabeCommand):
    """Rank the candidates of a run."""

    help = (
        "Rank a run's candidates by the votes that stand: Bradley-Terry strengths on a log scale"
        " (mean 0 in each group of candidates that votes connect), with intervals clustered by"
        " annotator. A tie, and both bad, count as half a win to each. The ranking is kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_run_argument(parser)
        parser.add_argument(
            "--by", choices=sorted(SLICES), help="one ranking for each value of this"
        )
        parser.add_argument("--round", type=int, metavar="N", help="count only votes of round N")
        parser.add_argument(
            "--prior", type=float, metavar="K", default=0.5,
            help="wins each way against a phantom opponent, which keep every strength finite"
            " (default 0.5; 0: none, and only candidates that chains of wins join both ways are"
            " compared)",
        )  # fmt: skip
        parser.add_argument(
            "--level", type=float, default=0.95, help="of the intervals (default .95)"
        )
        parser.add_argument("--resamples", type=int, default=1000, help="for rank intervals (1000)")
        parser.add_argument("--seed", type=int, default=0, help="of the resampling (default 0)")
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def run(self, **options: Any) -> None:
        """Store and print the rankings."""
        try:
            settings = RankingSettings(
                prior=options["prior"],
                level=options["level"],
                n_resamples=options["resamples"],
                seed=options["seed"],
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        run = find_run(options["slug"])
        if options["round"] is not None and not run.rounds.filter(number=options["round"]).exists():
            raise CommandError(f"run {run.slug} has no round {options['round']}")
        rankings = store_rankings(
            run=run, settings=settings, by=options["by"], round_number=options["round"]
        )
        if options["json"]:
            described = [describe(ranking) for ranking in rankings]
            answer = (
                described[0]
                if options["by"] is None
                else {"by": options["by"], "slices": described}
            )
            self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2))
            return
        for ranking in rankings:
            self.console.print(ranking_table(ranking))
        if not rankings:
            self.stdout.write(f"run {run.slug} has no votes yet")


def describe(ranking: Ranking) -> dict[str, Any]:
    """Give a ranking as what `--json` prints."""
    slice_ = {"value": ranking.filters["value"]} if "by" in ranking.filters else {}
    return {
        "run": ranking.run.slug,
        "ranking": ranking.pk,
        **slice_,
        "votes": ranking.n_votes,
        "votes_by_kind": ranking.settings["votes_by_kind"],
        "excluded": ranking.settings["n_excluded"],
        "cutoff": ranking.cutoff,
        "settings": {name: ranking.settings[name] for name in RankingSettings.__dataclass_fields__},
        "intervals": ranking.settings["interval_method"],
        "candidates": [{name: row[name] for name in JSON_FIELDS} for row in ranking.standings],
    }
