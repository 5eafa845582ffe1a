"""`manage.py doctor`: is the site well, and what is to be done where it is not."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from rich.text import Text

from annotate.management.base import KurabeCommand
from annotate.services.operating import Finding, Level, examine

COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILURE: "red"}


class Command(KurabeCommand):
    """Examine the site."""

    help = (
        "Look at the database, the queue, the disk, GPUs, models, e-mail, the clock, the secret key"
        " and HTTPS. Each line is ok, a warning or a failure with what to do about it. The exit"
        " status is 1 where there is a failure."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
        parser.add_argument("--send-to", default="", metavar="ADDRESS",
                            help="send a message there, to see whether mail arrives")  # fmt: skip

    def run(self, **options: Any) -> None:
        """Look at everything, and say what was found."""
        findings = []
        for finding in examine(send_to=options["send_to"]):
            findings.append(finding)
            if not options["json"]:
                self._say(finding)
        counts = {level.value: sum(f.level is level for f in findings) for level in Level}
        if options["json"]:
            document = {"counts": counts, "findings": [asdict(finding) for finding in findings]}
            self.stdout.write(json.dumps(document, ensure_ascii=False, indent=2))
        else:
            self.stdout.write("\n" + ", ".join(f"{n} {level}" for level, n in counts.items()))
        if counts[Level.FAILURE]:
            sys.exit(1)

    def _say(self, finding: Finding) -> None:
        """Print a finding, and under it what to do."""
        console = self.console
        level = Text(f"{finding.level:<8}", style=COLOURS[finding.level])
        console.print(Text.assemble(level, f" {finding.check}: {finding.said}"), soft_wrap=True)
        if finding.advice:
            console.print(Text(f"         → {finding.advice}"), soft_wrap=True)
