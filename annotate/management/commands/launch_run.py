"""`manage.py launch_run`: a candidate selection run from a TOML file."""

import json
import tomllib
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.urls import reverse

from annotate.management.base import KurabeCommand, find_account
from annotate.management.forecast_tables import candidates_table, forecast_table
from annotate.models import SelectionRun
from annotate.services import launching
from annotate.services.errors import PlanRefused
from annotate.services.forecasting import forecast
from annotate.services.plans import Plan

WORKER = "manage.py worker --queues default,gpu"


class Command(KurabeCommand):
    """Launch a run, or say what it would take."""

    help = (
        "Launch a candidate selection run by a plan in TOML (docs/runs.md): models times a grid of"
        " sampling parameters answer the prompts, and people vote until there is a decision. The"
        " plan is frozen and hashed. A worker makes the completions."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path, metavar="FILE", help="the plan, in TOML")
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--dry-run", action="store_true", help="check it and say what it would take; no more"
        )
        what.add_argument(
            "--draft", action="store_true", help="keep it as a draft, to be launched on its page"
        )
        parser.add_argument("--by", metavar="USER", default="", help="the account that does it")
        parser.add_argument("--json", action="store_true", help="print JSON instead of tables")

    def run(self, **options: Any) -> None:
        """Read the plan, and do with it what was asked."""
        by = find_account(options["by"]) if options["by"] else None
        path: Path = options["file"]
        data = _read_toml(path)
        try:
            plan = launching.read_plan(data)
            if options["dry_run"]:
                self._show(plan, as_json=options["json"])
            elif options["draft"]:
                self._tell(launching.draft_run(plan=plan, by=by), as_json=options["json"])
            else:
                self._tell(launching.launch_plan(plan=plan, by=by), as_json=options["json"])
        except PlanRefused as refusal:
            lines = [" ".join(f"{path.name}: {fault}".split()) for fault in refusal.faults]
            raise CommandError("\n".join(lines)) from refusal

    def _show(self, plan: Plan, *, as_json: bool) -> None:
        """Print what the plan would make and take."""
        drafts, found = launching.resolve_candidates(plan), forecast(plan)
        if as_json:
            told = {
                "sha256": plan.sha256(),
                "candidates": [asdict(draft) for draft in drafts],
                "forecast": found.to_dict(),
            }
            self.stdout.write(json.dumps(told, ensure_ascii=False, indent=2))
            return
        self.console.print(candidates_table(drafts, found))
        self.console.print(forecast_table(found))
        self.stdout.write(f"plan {plan.slug}: sha256 {plan.sha256()}; nothing was launched")

    def _tell(self, run: SelectionRun, *, as_json: bool) -> None:
        """Print what became of the run, and what is to be started."""
        told = {
            "run": run.slug,
            "state": run.state,
            "sha256": run.plan.sha256,
            "address": reverse("run", args=[run.slug]),
            "candidates": list(run.candidates.values_list("name", flat=True)),
        }
        if as_json:
            self.stdout.write(json.dumps(told, ensure_ascii=False, indent=2))
            return
        if run.plan.launched_at is None:
            self.stdout.write(f"run {run.slug} is a draft: launch it at {told['address']}")
            return
        n = len(told["candidates"])
        self.stdout.write(f"run {run.slug} launched: {n} candidates, sha256 {told['sha256']}")
        self.stdout.write(f"its page: {told['address']}")
        self.stdout.write(f"completions are made by a worker; if none runs, start one: {WORKER}")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{path}: it cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path.name}: byte {error.start} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise CommandError(f"{path.name}: this is not TOML: {error}") from error
