"""The options of `manage.py train` that set up the training: one for each field of `DpoRun`."""

from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from annotate.services.training_settings import (
    CHOICES,
    FIELDS,
    NONE,
    PATHS,
    shape_of,
    write_setting,
)
from annotate.services.training_words import WORDS

# Shorter names that options had before there were so many.
SHORT = {"learning_rate": "--lr"}
_KINDS = {int: "a whole number", float: "a number"}


def add_settings(parser: ArgumentParser) -> None:
    """Add an option for each setting of a training; one that is not given is the preset's."""
    group = parser.add_argument_group("how it learns and runs")
    for name, field in FIELDS.items():
        words, shape = WORDS[name], shape_of(name)
        flags = [f"--{name.replace('_', '-')}", *([SHORT[name]] if name in SHORT else [])]
        help = f"{words.label}. {words.hint}".replace("%", "%%").strip()
        help += f" (default {write_setting(field.default)})"
        options: dict[str, Any] = {"dest": name, "help": help, "default": None}
        if shape.kind is bool:
            group.add_argument(*flags, action=BooleanOptionalAction, **options)
            continue
        options["metavar"] = "PATH" if name in PATHS else name.rpartition("_")[2].upper()
        read = _reader(name)
        if shape.is_list:
            options["nargs"] = "+"
        group.add_argument(*flags, type=read, **options)


def read_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Give the settings that were given, as fields of `DpoRun`."""
    given = {name: options[name] for name in FIELDS if options[name] is not None}
    for name, value in given.items():
        if value is NONE:
            given[name] = None
        elif isinstance(value, list):
            given[name] = tuple(value)
    return given


def _reader(name: str) -> Callable[[str], Any]:
    shape = shape_of(name)

    def read(text: str) -> Any:
        if shape.may_be_none and not shape.is_list and text == NONE:
            return NONE
        if name in CHOICES and text not in CHOICES[name]:
            raise ArgumentTypeError(f"{text!r} is none of: {', '.join(CHOICES[name])}")
        if name in PATHS:
            return str(Path(text).resolve())
        try:
            return shape.kind(text)
        except ValueError as error:
            raise ArgumentTypeError(f"{text!r} is not {_KINDS[shape.kind]}") from error

    return read
