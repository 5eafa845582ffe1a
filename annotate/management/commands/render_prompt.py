"""`manage.py render_prompt`: the string that a model gets, and nothing else."""

import io
import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from annotate.generation.formats import PROMPT_FORMATS, render_prompt
from annotate.generation.presets import PRESETS, Preset
from annotate.management.base import KurabeCommand, one_line
from annotate.services.errors import names_like
from training.tokenizing import load_tokenizer


class Command(KurabeCommand):
    """Print messages as a model reads them."""

    help = (
        "Print the string that a model gets for these messages, up to where it goes on: BOS where"
        " the format has one, and no newline that is not the format's own. FILE is a JSON list of"
        ' {"role": "system" | "user" | "assistant", "content": text}; a user message may carry an'
        ' "input" beside its content. With --preset, messages that have no system text get the'
        " preset's own in the language of --language, as in a run; --no-system leaves it out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        how = parser.add_mutually_exclusive_group(required=True)
        how.add_argument("--preset", metavar="NAME", help=f"one of {', '.join(PRESETS)}")
        how.add_argument("--format", metavar="NAME", help=f"one of {', '.join(PROMPT_FORMATS)}")
        parser.add_argument(
            "--messages", metavar="FILE", required=True, help="the messages (JSON); - reads stdin"
        )
        parser.add_argument(
            "--model", metavar="MODEL", default="",
            help="a folder or an id on a hub whose tokenizer renders chat_template; no other format"
            " needs one (default: the preset's)",
        )  # fmt: skip
        parser.add_argument(
            "--revision", default="", metavar="NAME", help="of the model on the hub"
        )
        parser.add_argument(
            "--slow", action="store_true",
            help="load the tokenizer with use_fast false (default: as the preset says)",
        )  # fmt: skip
        parser.add_argument(
            "--language", default="ja", metavar="TAG",
            help="of the preset's system text (default ja)",
        )  # fmt: skip
        parser.add_argument(
            "--no-system", action="store_true", help="leave the preset's system text out"
        )

    def run(self, **options: Any) -> None:
        """Print the prompt."""
        preset = _find_preset(options["preset"])
        messages = _read_messages(options["messages"])
        system = preset.system_for(options["language"]) if preset else None
        if system and not options["no_system"] and messages[:1] and not _has_system(messages):
            messages = [{"role": "system", "content": system}, *messages]
        try:
            text = render_prompt(
                format=preset.prompt_format if preset else options["format"],
                messages=messages,
                tokenizer=_load_tokenizer(options, preset),
            ).text
            text.encode()
        except ValueError as error:
            raise CommandError(one_line(error)) from error
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # whatever the terminal's language
        self.stdout.write(text, ending="")


def _find_preset(name: str | None) -> Preset | None:
    if name is None:
        return None
    if name not in PRESETS:
        raise CommandError(f"no preset is called {name!r}; there is {names_like(name, PRESETS)}")
    return PRESETS[name]


def _read_messages(file: str) -> list[dict[str, Any]]:
    """Read messages from a file or stdin; raises CommandError naming file and place."""
    where = "stdin" if file == "-" else file
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        messages = json.loads(content)
    except OSError as error:
        raise CommandError(f"{where} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{where} is not JSON: {one_line(error)}") from error
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        raise CommandError(f"{where} holds no list of messages, each an object with role, content")
    return messages


def _has_system(messages: list[dict[str, Any]]) -> bool:
    return messages[0].get("role") == "system"


def _load_tokenizer(options: dict[str, Any], preset: Preset | None) -> Any:
    """Load a tokenizer where the format is the tokenizer's own; raises ValueError, CommandError."""
    if (preset.prompt_format if preset else options["format"]) != "chat_template":
        return None
    model = options["model"] or (preset.model if preset else "")
    if not model:
        raise CommandError("chat_template is a tokenizer's own format: name its --model")
    return load_tokenizer(
        model=model,
        revision=options["revision"],
        use_fast=not options["slow"] and (preset is None or preset.tokenizer.get("use_fast", True)),
    )
