"""Runs with votes that are to be exported, and the rows that come of them."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from annotate.models import (
    Annotator,
    Completion,
    DatasetFile,
    PreferenceDataset,
    PreferencePair,
    PreferenceSet,
    Prompt,
    Round,
    SelectionRun,
)
from annotate.services.exporting import ensure_file, export_dataset, path_of, read_recipe, votes_of
from tests import factories as make

OUTCOMES = {"a": "a", "b": "b", "t": "tie", "-": "both_bad"}


def open_round(*names: str) -> Round:
    """Open a round of candidates of these names, with no prompt yet."""
    round_ = make.make_open_round(n_candidates=0, n_prompts=0)
    for name in names:
        round_.candidates.add(make.make_candidate(round_.run, name=name))
    return round_


def answer(round_: Round, replies: Sequence[Any], **prompt: Any) -> list[Completion]:
    """Have a round's candidates answer a new prompt, each with its reply or list of replies."""
    asked = make.make_prompt(round_.run.prompt_sets.get(), **prompt)
    return [
        make.make_completion(
            candidate, asked, replies=reply if isinstance(reply, list) else [reply]
        )
        for candidate, reply in zip(round_.candidates.order_by("id"), replies, strict=True)
    ]


def vote(
    round_: Round,
    a: Completion,
    b: Completion,
    outcomes: str,
    *,
    annotators: Sequence[Annotator] = (),
    kind: str = "person",
    turn: int = 0,
) -> None:
    """Cast a vote for each letter of abt-, each by an annotator of its own or by those given."""
    for number, letter in enumerate(outcomes):
        annotator = annotators[number] if annotators else make.make_annotator(kind=kind)
        comparison = make.make_comparison(a, b, round_=round_, annotator=annotator)
        make.make_vote(comparison, OUTCOMES[letter], turn=turn)


def make_set(slug: str, *pairs: dict[str, Any], **fields: Any) -> PreferenceSet:
    """Import pairs; each is on a prompt of its own, unless it says `question`."""
    preferences = PreferenceSet.objects.create(slug=slug, **fields)
    for number, pair in enumerate(pairs):
        plain = {
            "question": f"{slug} {number}?",
            "chosen": f"Good {number}.",
            "rejected": f"Bad {number}.",
        }
        told = plain | {"language": "en", "key": f"k{number}"} | pair
        chosen, rejected = (
            [{"role": "assistant", "content": told.pop(side)}] for side in ("chosen", "rejected")
        )
        prompt = [{"role": "user", "content": told.pop("question")}]
        PreferencePair.objects.create(
            preference_set=preferences, prompt=prompt, chosen=chosen, rejected=rejected,
            prompt_sha256=f"{number:064x}", **told,
        )  # fmt: skip
    return preferences


def export(round_: Round, *more: dict[str, Any], **fields: Any) -> PreferenceDataset:
    """Export a round's run, with more sources where some are given."""
    home = fields.pop("home", {})
    sources = [{"run": round_.run.slug} | home, *more]
    return export_dataset(read_recipe({"sources": sources, **fields}))


def export_votes(*, run: SelectionRun, out: Path) -> DatasetFile:
    """Export everybody's votes of a run, one a row, and give them to a file of one's own."""
    dataset = export_dataset(votes_of(run.slug, form="votes", voters="together"))
    file = ensure_file(dataset, "train", out.suffix)
    shutil.copyfile(path_of(file), out)
    return file


def rows_of(dataset: PreferenceDataset, split: Any = "train") -> list[dict[str, Any]]:
    """Read the rows of a part of a dataset."""
    path = path_of(ensure_file(dataset, split, ".jsonl"))
    assert path.is_relative_to(Path(settings.KURABE_HOME))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def said(row: dict[str, Any]) -> tuple[str, str]:
    """Give what the chosen and the rejected one say last."""
    return row["chosen"][-1]["content"], row["rejected"][-1]["content"]


def question_of(row: dict[str, Any]) -> str:
    """Give what a row's user asks first."""
    return next(each["content"] for each in row["prompt"] if each["role"] == "user")


def hold_out(prompt: Prompt) -> None:
    """Hold a prompt out, late."""
    Prompt.objects.filter(pk=prompt.pk).update(is_held_out=True)
