"""`manage.py rank`: strengths and intervals of a run's candidates."""

import json
from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError, CommandParser

from annotate.management.base import KurabeCommand, add_run_argument, find_run
from annotate.management.tables import ranking_table
from annotate.models import Annotator, Ranking, SelectionRun
from annotate.ranking import RankingSettings
from annotate.ranking.settings import CLUSTERS
from annotate.services.errors import names_like
from annotate.services.rankings import store_rankings
from annotate.services.scaling import Scale, scale_standings, unit_of
from annotate.services.slices import SLICES, TOGETHER

JSON_FIELDS = ("name", "group", "rank", "rank_low", "rank_high", "strength", "low", "high",
               "p_best", "wins", "losses", "ties", "both_bad", "votes")  # fmt: skip


class Command(KurabeCommand):
    """Rank the candidates of a run."""

    help = (
        "Rank a run's candidates by the votes that stand: Bradley-Terry strengths on a log scale"
        " (mean 0 in each group of candidates that votes connect), with intervals clustered by"
        " annotator, and by pair of completions or prompt too where that is wider. A tie, and both"
        " bad, count as half a win to each. The ranking is kept. Of a round that stopped early the"
        " intervals are those that hold at every moment."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_run_argument(parser)
        _add_filters(parser)
        _add_settings(parser)
        parser.add_argument(
            "--scale", choices=[scale.value for scale in Scale], default=Scale.LOG.value,
            help="to print strengths on: log odds, Elo points (1000 + 400/ln 10 times the log"
            " strength), or 10 times the chance to beat the anchors (default log)",
        )  # fmt: skip
        parser.add_argument(
            "--anchor", nargs="+", default=[], metavar="NAME",
            help="candidates whose mean is the middle of the logistic scale (default: all)",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def run(self, **options: Any) -> None:
        """Store and print the rankings."""
        settings = _read_settings(options)
        run = find_run(options["slug"])
        _check_anchors(run, options["scale"], options["anchor"])
        filters = {name: options[name] for name in SLICES if options[name] is not None}
        rankings = store_rankings(run=run, settings=settings, by=options["by"], filters=filters)
        shown = {"scale": Scale(options["scale"]), "anchors": options["anchor"]}
        if options["json"]:
            described = [describe(ranking, **shown) for ranking in rankings]
            answer = {"by": options["by"], "slices": described} if options["by"] else described[0]
            self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2))
            return
        for ranking in rankings:
            self.console.print(ranking_table(ranking, **shown))
        if not rankings:
            self.stdout.write(f"run {run.slug} has no votes yet")


def describe(ranking: Ranking, *, scale: Scale, anchors: Iterable[str]) -> dict[str, Any]:
    """Give a ranking as what `--json` prints."""
    rows = scale_standings(ranking.standings, scale=scale, anchors=anchors)
    slice_ = {"value": ranking.filters["value"]} if "by" in ranking.filters else {}
    return {
        "run": ranking.run.slug,
        "ranking": ranking.pk,
        **slice_,
        "filters": {name: ranking.filters[name] for name in SLICES if name in ranking.filters},
        "votes": ranking.n_votes,
        "votes_by_kind": ranking.settings["votes_by_kind"],
        "excluded": ranking.settings["n_excluded"],
        "cutoff": ranking.cutoff,
        "settings": {name: ranking.settings[name] for name in RankingSettings.__dataclass_fields__},
        "intervals": ranking.settings["interval_method"],
        "clustered_by": ranking.settings["clustered_by"],
        "scale": scale.value,
        "unit": unit_of(scale),
        "candidates": [{name: row[name] for name in JSON_FIELDS} for row in rows],
    }


def _add_filters(parser: CommandParser) -> None:
    parser.add_argument("--by", choices=sorted(SLICES), help="one ranking for each value of this")
    parser.add_argument("--round", type=int, metavar="N", help="count only votes of round N")
    parser.add_argument(
        "--kind", choices=[*Annotator.Kind.values, TOGETHER],
        help="count only votes of such annotators; together: LLM judges' among people's (default:"
        " people's, and those of simulated annotators, who stand for people)",
    )  # fmt: skip
    parser.add_argument("--language", metavar="TAG", help="count only votes in this language")
    parser.add_argument("--category", metavar="NAME", help="count only votes in this category")
    parser.add_argument(
        "--turn", metavar="overall|1|2|...",
        help="count only votes on conversations as a whole, or on this turn",
    )  # fmt: skip


def _add_settings(parser: CommandParser) -> None:
    parser.add_argument(
        "--prior", type=float, metavar="K", default=0.5,
        help="wins each way against a phantom opponent, which keep every strength finite"
        " (default 0.5; 0: none, and only candidates that chains of wins join both ways are"
        " compared)",
    )  # fmt: skip
    parser.add_argument("--level", type=float, default=0.95, help="of the intervals (default .95)")
    parser.add_argument("--resamples", type=int, default=1000, help="for rank intervals (1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the resampling (default 0)")
    parser.add_argument(
        "--clusters", choices=CLUSTERS, default=CLUSTERS[0],
        help="votes that may hang together: those of one annotator, or whichever is widest of that"
        " and of those that share a pair of completions or a prompt as well (default widest)",
    )  # fmt: skip
    parser.add_argument(
        "--anytime", action="store_true",
        help="intervals that hold at every moment, for whoever looks at votes as they come",
    )  # fmt: skip


def _read_settings(options: dict[str, Any]) -> RankingSettings:
    try:
        return RankingSettings(
            prior=options["prior"],
            level=options["level"],
            n_resamples=options["resamples"],
            seed=options["seed"],
            clusters=options["clusters"],
            anytime=options["anytime"],
        )
    except ValueError as error:
        raise CommandError(str(error)) from error


def _check_anchors(run: SelectionRun, scale: str, anchors: list[str]) -> None:
    """Refuse what could not be shown before anything is kept."""
    if anchors and scale != "logistic":
        raise CommandError(f"--anchor belongs to --scale logistic, and not to --scale {scale}")
    names = list(run.candidates.competing().values_list("name", flat=True))
    for name in anchors:
        if name not in names:
            raise CommandError(
                f"run {run.slug} has no candidate {name!r}; there is {names_like(name, names)}"
            )
