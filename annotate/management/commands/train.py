"""`manage.py train`: DPO on a run's votes."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from annotate.management.base import KurabeCommand, add_run_argument, find_run
from annotate.services.errors import names_like
from annotate.services.exporting import PairRule, export_preferences
from annotate.services.training import refuse_unfit, start_training, train

WISHES = ("epochs", "beta", "lr", "batch_size", "max_length", "seed")
FIELDS = {"lr": "learning_rate"}


class Command(KurabeCommand):
    """Train a candidate on a run's votes."""

    help = (
        "Export the run's votes as preference pairs, train a candidate on them with DPO, and enrol"
        " the checkpoint as a new candidate that meets its parent in the next round. A worker"
        " (manage.py procrastinate worker) generates that round's completions."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_run_argument(parser)
        parser.add_argument("--candidate", required=True, metavar="NAME", help="whom to train")
        parser.add_argument("--name", default="", help="what to call the child")
        parser.add_argument("--epochs", type=float, help="passes over the pairs (default 1)")
        parser.add_argument("--beta", type=float, help="DPO's beta, above 0 (default 0.1)")
        parser.add_argument("--lr", type=float, help="learning rate, above 0 (default 1e-6)")
        parser.add_argument("--batch-size", type=int, help="pairs in a batch (default 8)")
        parser.add_argument("--max-length", type=int, help="tokens of prompt and reply (1024)")
        parser.add_argument("--seed", type=int, help="of the order of the pairs (default 0)")
        parser.add_argument(
            "--no-round", action="store_true", help="enrol the child, but open no next round"
        )
        parser.add_argument(
            "--queue", action="store_true", help="leave the training to a worker and return"
        )

    def run(self, **options: Any) -> None:
        """Make the dataset, train, and say where the checkpoint is."""
        run = find_run(options["slug"])
        base = run.candidates.filter(name=options["candidate"]).first()
        if base is None:
            names = names_like(options["candidate"], run.candidates.values_list("name", flat=True))
            raise CommandError(
                f"run {run.slug} has no candidate {options['candidate']!r}; it has: {names}"
            )
        wishes = {
            FIELDS.get(wish, wish): options[wish] for wish in WISHES if options[wish] is not None
        }
        refuse_unfit(base=base, child_name=options["name"], **wishes)
        dataset = export_preferences(run=run, rule=PairRule())
        training_run = start_training(
            dataset=dataset, base=base, child_name=options["name"],
            opens_round=not options["no_round"], is_queued=options["queue"], **wishes,
        )  # fmt: skip
        self.stdout.write(f"dataset {dataset.pk}: {dataset.n_pairs} pairs, sha256 {dataset.sha256}")
        if options["queue"]:
            self.stdout.write(f"training run {training_run.pk} waits for a worker")
            return
        with self.progress() as progress:
            bar = progress.add_task(f"training {training_run.child_name}", total=None)
            train(
                training_run=training_run,
                on_metrics=lambda row: progress.update(
                    bar, completed=row["step"], total=row["total_steps"]
                ),
            )
        training_run.refresh_from_db()
        self.stdout.write(f"training run {training_run.pk} {training_run.state}")
        for child in training_run.candidates.all():
            self.stdout.write(f"candidate {child.name}: {child.model}")
