"""`manage.py train`: DPO on a run's votes."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from annotate.management.base import (
    KurabeCommand,
    add_run_argument,
    add_voters_argument,
    find_run,
    number_from,
)
from annotate.management.training_options import add_settings, read_settings
from annotate.management.training_tables import forecast_table, tell_examples
from annotate.models import Candidate, PreferenceDataset, SelectionRun, TrainingRun
from annotate.services.errors import names_like
from annotate.services.exporting import votes_of
from annotate.services.training import start_training, train, train_on_votes
from annotate.services.training_forecast import foretell_training
from annotate.services.training_settings import PRESET_NAMES


class Command(KurabeCommand):
    """Train a candidate on a run's votes."""

    help = (
        "Export the run's votes as preference pairs, train a candidate on them with DPO, and enrol"
        " the checkpoint as a new candidate that meets its parent in the next round. A worker"
        " (manage.py worker) generates that round's completions."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_run_argument(parser)
        parser.add_argument("--candidate", required=True, metavar="NAME", help="whom to train")
        parser.add_argument("--name", default="", help="what to call the child")
        parser.add_argument(
            "--preset", choices=PRESET_NAMES, default="",
            help="settings to begin with (docs/training.md); options go before them",
        )  # fmt: skip
        add_voters_argument(parser, help="whose votes it learns from")
        parser.add_argument(
            "--dataset", type=int, metavar="NUMBER",
            help="a dataset that is there, by the number on its page, and not the votes of now",
        )  # fmt: skip
        self._add_afterwards(parser)
        parser.add_argument(
            "--queue", action="store_true", help="leave the training to a worker and return"
        )
        parser.add_argument(
            "--dry-run", action="store_true",
            help="say what it would take, and show two examples as they are fed; no more",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="with --dry-run: print JSON")
        add_settings(parser)

    def _add_afterwards(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--no-round", action="store_true", help="enrol the child, but open no next round"
        )
        parser.add_argument(
            "--next-votes", type=number_from(1), metavar="N",
            help="votes that the next round wants (default: any number)",
        )  # fmt: skip
        parser.add_argument(
            "--must-win", type=float, nargs="?", const=0.05, metavar="ALPHA",
            help="the child has to win over its parent in that round, with this chance of an error"
            " at most (0.05 unless said otherwise), or it leaves the run's next rounds",
        )  # fmt: skip

    def run(self, **options: Any) -> None:
        """Make the dataset, train, and say where the checkpoint is."""
        run = find_run(options["slug"])
        plan = {
            "base": _find_candidate(run, options["candidate"]),
            "child_name": options["name"],
            "preset": options["preset"],
            **read_settings(options),
        }
        after = {"opens_round": not options["no_round"], "gate_alpha": options["must_win"]}
        recipe = votes_of(run.slug, voters=options["voters"])
        dataset = _find_dataset(run, options["dataset"])
        if options["dry_run"]:
            self._foretell(options, dataset=dataset, recipe=recipe, **plan)
            return
        plan |= {"is_queued": options["queue"], "next_round_votes": options["next_votes"]}
        if dataset is None:
            training_run = train_on_votes(recipe=recipe, **plan, **after)
        else:
            training_run = start_training(dataset=dataset, **plan, **after)
        dataset = training_run.dataset
        self.stdout.write(f"dataset {dataset.pk}: {dataset.n_pairs} pairs, sha256 {dataset.sha256}")
        if options["queue"]:
            self.stdout.write(f"training run {training_run.pk} waits for a worker")
            return
        self._train(training_run)

    def _foretell(self, options: dict[str, Any], **plan: Any) -> None:
        forecast = foretell_training(**plan)
        if options["json"]:
            self.stdout.write(json.dumps(forecast, ensure_ascii=False, indent=2))
            return
        self.console.print(forecast_table(forecast))
        for line in tell_examples(forecast):
            self.stdout.write(line)

    def _train(self, training_run: TrainingRun) -> None:
        with self.progress() as progress:
            bar = progress.add_task(f"training {training_run.child_name}", total=None)
            train(
                training_run=training_run,
                on_metrics=lambda row: progress.update(
                    bar, completed=row["step"], total=row.get("total_steps")
                ),
            )
        training_run.refresh_from_db()
        self.stdout.write(f"training run {training_run.pk} {training_run.state}")
        for child in training_run.candidates.all():
            self.stdout.write(f"candidate {child.name}: {child.model}")


def _find_candidate(run: SelectionRun, name: str) -> Candidate:
    base = run.candidates.filter(name=name).first()
    if base is None:
        names = names_like(name, run.candidates.values_list("name", flat=True))
        raise CommandError(f"run {run.slug} has no candidate {name!r}; it has: {names}")
    return base


def _find_dataset(run: SelectionRun, number: int | None) -> PreferenceDataset | None:
    if number is None:
        return None
    dataset = run.datasets.filter(pk=number).first()
    if dataset is None:
        known = ", ".join(map(str, run.datasets.values_list("pk", flat=True))) or "none"
        raise CommandError(f"run {run.slug} has no dataset {number}; it has: {known}")
    return dataset
