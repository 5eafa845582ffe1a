"""The options of `manage.py export`: one for each field of a recipe, or a file that holds them."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from django.core.management.base import CommandError

from annotate.management.base import add_voters_argument, number_from
from annotate.services.exporting import VOTERS, read_recipe
from annotate.services.exporting.recipe import FORMS_OF_VOTES, Balance, Form, Method, Recipe

# Options by the field of a recipe that they set, beside those of sources.
_FIELDS = {
    "to": "form",
    "method": "method",
    "min_votes": "min_votes",
    "margin": "margin",
    "min_probability": "min_probability",
    "max_per_prompt": "max_pairs_per_prompt",
    "leave_out_leaked": "leave_out_leaked",
    "leave_out_flagged": "leave_out_flagged",
    "balance": "balance",
    "near_equal": "near_equal",
    "test_share": "test_share",
    "test_annotator_share": "test_annotator_share",
    "seed": "seed",
    "base": "base",
}
_OF_HOME = {"round": "round", "cutoff": "cutoff", "weight": "weight", "max_pairs": "max_pairs"}


def add_recipe_options(parser: ArgumentParser) -> None:
    """Add the options that say what a dataset is made of, and how."""
    parser.add_argument("--to", choices=get_args(Form), help="what a row is (default dpo)")
    parser.add_argument(
        "--recipe", type=Path, metavar="FILE.json",
        help="a recipe, as a dataset's page and the API show it; options go before its fields",
    )  # fmt: skip
    _add_choice(parser)
    _add_sources(parser)
    _add_parts(parser)


def _add_choice(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("how votes become pairs (docs/exports.md)")
    group.add_argument("--method", choices=get_args(Method), help="default majority")
    group.add_argument(
        "--min-votes", type=number_from(1), metavar="N",
        help="decisive votes that a pair of replies needs (default 1)",
    )  # fmt: skip
    group.add_argument(
        "--margin", type=number_from(1), metavar="N",
        help="majority: by how many of them one reply must lead (default 1)",
    )  # fmt: skip
    group.add_argument(
        "--min-probability", type=float, metavar="P",
        help="reliability, strength: that the chosen reply is the better one (default 0.75)",
    )  # fmt: skip
    group.add_argument("--max-per-prompt", type=number_from(1), metavar="N", help="the surest ones")
    group.add_argument(
        "--leave-out-leaked", action="store_const", const=True,
        help="no reply with whole passages in another language",
    )  # fmt: skip
    group.add_argument(
        "--leave-out-flagged", action="store_const", const=True,
        help="no reply that names its maker, or that was reported",
    )  # fmt: skip
    group.add_argument(
        "--balance", nargs="+", choices=get_args(Balance),
        help="as many rows of each; length: as many whose chosen reply is longer as shorter",
    )  # fmt: skip
    group.add_argument(
        "--near-equal", type=float, metavar="SHARE",
        help="similarity, up to 1, from which two texts on a prompt are the same",
    )  # fmt: skip
    group.add_argument(
        "--base", metavar="CANDIDATE", help="dpo-standard: whose prompt format renders the texts"
    )


def _add_sources(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("what rows are made of")
    add_voters_argument(group, help="whose votes", default=None)
    group.add_argument(
        "--round", type=number_from(1), metavar="N", help="votes of this round alone"
    )
    group.add_argument(
        "--cutoff", type=number_from(0), metavar="N",
        help="number in the vote ledger up to which votes count (default: now)",
    )  # fmt: skip
    group.add_argument("--weight", type=float, help="of the run's rows in training (default 1)")
    group.add_argument("--max-pairs", type=number_from(1), metavar="N", help="of the run, at most")
    group.add_argument(
        "--source", action="append", type=_read_source, default=[],
        metavar="RUN[:VOTERS[:WEIGHT]]", help="votes of one more run; can be given several times",
    )  # fmt: skip
    group.add_argument(
        "--set", action="append", type=_read_set, default=[], metavar="SLUG[:WEIGHT]",
        help="the pairs of a preference set; can be given several times",
    )  # fmt: skip


def _add_parts(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("what is kept to test on")
    group.add_argument("--test-share", type=float, metavar="SHARE", help="of the prompts")
    group.add_argument("--test-annotator-share", type=float, metavar="SHARE", help="of annotators")
    group.add_argument("--seed", type=number_from(0), help="of every draw (default 0)")


def read_options(slug: str, options: Mapping[str, Any]) -> Recipe:
    """Give the recipe that the options say.

    Raises:
        RecipeRefused: with every fault.
        CommandError: the file cannot be read.
    """
    recipe = _read_file(options["recipe"]) if options["recipe"] else {}
    given = {field: options[name] for name, field in _FIELDS.items() if options[name] is not None}
    recipe |= given
    home = {field: options[name] for name, field in _OF_HOME.items() if options[name] is not None}
    if options["voters"] is not None:
        home["voters"] = options["voters"]
    elif "sources" not in recipe and recipe.get("form") in FORMS_OF_VOTES:
        home["voters"] = "together"
    sources = recipe.get("sources") or [{"run": slug}]
    if isinstance(sources, list) and sources and isinstance(sources[0], dict):
        if sources[0].get("run") != slug:
            named = sources[0].get("run")
            raise CommandError(f"--recipe: its first source is run {named!r}, and not {slug!r}")
        sources = [sources[0] | home, *sources[1:], *options["source"], *options["set"]]
    return read_recipe(recipe | {"sources": sources})


def _read_file(path: Path) -> dict[str, Any]:
    try:
        recipe = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"--recipe {path}: {error}") from error
    if not isinstance(recipe, dict):
        raise CommandError(f"--recipe {path}: it must hold one JSON object")
    return recipe


def _read_source(text: str) -> dict[str, Any]:
    run, _colon, rest = text.partition(":")
    voters, _colon, weight = rest.partition(":")
    source: dict[str, Any] = {"run": run}
    if voters:
        if voters not in VOTERS:
            raise ArgumentTypeError(f"{text!r}: voters are one of {', '.join(VOTERS)}")
        source["voters"] = voters
    return source | _read_weight(text, weight)


def _read_set(text: str) -> dict[str, Any]:
    slug, _colon, weight = text.partition(":")
    return {"preference_set": slug} | _read_weight(text, weight)


def _read_weight(text: str, weight: str) -> dict[str, float]:
    try:
        return {"weight": float(weight)} if weight else {}
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r}: the weight must be a number") from error
