"""`manage.py make_judge`: an LLM that judges."""

import json
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from annotate.generation.judge_templates import read_template
from annotate.management.base import KurabeCommand, read_slug
from annotate.models import Candidate, Judge
from annotate.services.judges import find_template, keep_template, make_judge

ENGINES = [engine for engine in Candidate.Engine.values if engine != Candidate.Engine.IMPORTED]


class Command(KurabeCommand):
    """Make an LLM judge."""

    help = (
        "Make an LLM judge: a model, an engine and a template. It reads each pair of replies in"
        " both orders, and its vote is what it said both times; where it contradicts itself, a"
        " draw. A judge never changes: other settings are another judge, under another name. It"
        " judges in the runs that it is added to, on their pages or by `manage.py judge`."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("slug", type=read_slug, metavar="SLUG", help="its name")
        parser.add_argument("--model", required=True, help="a folder, or an id on a hub")
        parser.add_argument("--revision", default="", help="of the model (default: its newest)")
        parser.add_argument("--engine", choices=ENGINES, required=True)
        parser.add_argument(
            "--format", choices=Candidate.PromptFormat.values, default="chat_template",
            help="of the prompt (default: the tokenizer's own chat template)",
        )  # fmt: skip
        template = parser.add_mutually_exclusive_group()
        template.add_argument(
            "--template", default="pair", metavar="NAME",
            help="what it is asked, in the newest version (default: pair, the house's own)",
        )  # fmt: skip
        template.add_argument(
            "--template-file", type=Path, metavar="FILE.toml",
            help="a template of one's own; docs/judges.md says what is in it",
        )  # fmt: skip
        parser.add_argument(
            "--sampling", type=read_setting, nargs="+", default=[], metavar="NAME=VALUE",
            help="such as temperature=0.2 max_tokens=2048 (default: greedy, 1024 tokens at most)",
        )  # fmt: skip
        parser.add_argument(
            "--engine-options", type=read_object, default={}, metavar="JSON",
            help='such as \'{"endpoints": ["http://gpu1:8000/v1"]}\'',
        )  # fmt: skip
        parser.add_argument(
            "--tokenizer", type=read_object, default={}, metavar="JSON",
            help='such as \'{"use_fast": false}\'',
        )  # fmt: skip

    def run(self, **options: Any) -> None:
        """Make the judge, and say what it is."""
        is_there = Judge.objects.filter(slug=options["slug"]).exists()
        judge = make_judge(
            slug=options["slug"],
            model=options["model"],
            revision=options["revision"],
            engine=options["engine"],
            prompt_format=options["format"],
            template=self._template(options),
            sampling=dict(options["sampling"]),
            engine_options=options["engine_options"],
            tokenizer=options["tokenizer"],
        )
        said = "is there already" if is_there else "is made"
        self.stdout.write(f"judge {judge.slug} {said}: {judge.model}, template {judge.template}")

    def _template(self, options: dict[str, Any]) -> Any:
        file = options["template_file"]
        if file is None:
            return find_template(options["template"])
        try:
            return keep_template(read_template(file))
        except ValueError as error:
            raise CommandError(str(error)) from error


def read_setting(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE, the value as JSON."""
    name, sign, value = text.partition("=")
    try:
        return name, json.loads(value if sign else "")
    except ValueError as error:
        message = f"{text!r} is none of NAME=VALUE, as in temperature=0.2"
        raise ArgumentTypeError(message) from error


def read_object(text: str) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        read = json.loads(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} cannot be read as JSON: {error}") from error
    if not isinstance(read, dict):
        raise ArgumentTypeError(f"{text!r} is no JSON object, as {{}} is one")
    return read
