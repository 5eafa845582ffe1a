"""Whether a vote's pair is among the rows of a dataset's files, by looking into them.

A vote that counted may still have decided nothing: its pair lacked votes or a margin, or was left
out for balance. Only the file knows, so it is searched for the prompt's name, and the few rows that
hold it are read. Nothing is indexed: a search runs through a gigabyte in about a second.
"""

import json
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models import DatasetFile, PreferenceDataset, Vote
from annotate.models.datasets import DatasetForm, Split
from annotate.services.exporting import recipe_of
from annotate.services.exporting.recipe import FORMS_OF_VOTES
from annotate.services.exporting.splits import Splits, identify_each

# A page that looks into twenty datasets answers within a few seconds.
LARGEST_BYTES = 2**28
Row = dict[str, Any]


class Place(models.TextChoices):
    """Where in a dataset a vote is."""

    TRAIN = "train", _("its pair is in the rows to train on")
    TEST = "test", _("its pair is in the rows to test on")
    PROMPT = "prompt", _("rows on its prompt were decided by it, among others")
    SET_ASIDE = "set_aside", _("set aside, so that people or prompts to test on stay apart")
    LEFT_OUT = "left_out", _("left out")
    UNKNOWN = "unknown", _("cannot be told: the file is gone, or too large to look into here")


@dataclass(frozen=True)
class Asked:
    """A vote, as rows of files name it.

    Attributes:
        replies: the candidates' names and samples that were compared.
        n_turns: how much of the conversation was judged.
    """

    token: str
    turn: int
    run: str
    prompt_set: str
    prompt_id: str
    n_turns: int
    replies: frozenset[tuple[str, int]]

    @classmethod
    def of(cls, vote: Vote) -> "Asked":
        """Name a vote."""
        comparison = vote.comparison
        prompt = comparison.prompt
        return cls(
            token=str(comparison.token),
            turn=vote.turn,
            run=comparison.round.run.slug,
            prompt_set=prompt.prompt_set.slug,
            prompt_id=prompt.key,
            n_turns=vote.turn or len(prompt.turns),
            replies=frozenset(
                (completion.candidate.name, completion.sample)
                for completion in (comparison.completion_a, comparison.completion_b)
            ),
        )


def find_place(
    dataset: PreferenceDataset, vote: Vote, *, most: int | None = LARGEST_BYTES
) -> Place:
    """Look for a vote's pair in a dataset's JSONL files.

    Args:
        most: bytes of a file that is looked into; None: however many.
    """
    if _is_set_aside(dataset, vote):
        return Place.SET_ASIDE
    asked = Asked.of(vote)
    paths = [(Split.TRAIN, dataset.path)]
    paths += [
        (Split(each.split), each.path)
        for each in DatasetFile.objects.filter(dataset=dataset, ending=".jsonl", split=Split.TEST)
    ]
    for split, stored in paths:
        path = Path(settings.KURABE_HOME) / stored
        try:
            if most is not None and path.stat().st_size > most:
                return Place.UNKNOWN
            found = _look_into(path, dataset, asked)
        except OSError:
            return Place.UNKNOWN
        if found is not None:
            # Strengths are fitted to all votes on a prompt, also to those on no pair of the file.
            return Place.PROMPT if found == Place.PROMPT and split == Split.TRAIN else Place(split)
    return Place.LEFT_OUT


def _is_set_aside(dataset: PreferenceDataset, vote: Vote) -> bool:
    """Tell whether annotator and prompt were in two parts, so that the vote was in neither."""
    recipe = recipe_of(dataset)
    if recipe.test_annotator_share == 0:
        return False
    prompt = identify_each([vote.comparison.prompt.turns[0]])
    held_out = prompt if vote.comparison.prompt.is_held_out else prompt[:0]
    splits = Splits(recipe, held_out=held_out)
    is_test = splits.is_test(prompt)
    if recipe.form in FORMS_OF_VOTES:
        is_test = is_test | splits.is_held_out(prompt)
    annotator = splits.is_test_annotator([vote.comparison.annotator.pseudonym])
    return not splits.may_count(is_test_prompt=is_test, is_test_annotator=annotator)[0]


def _look_into(path: Path, dataset: PreferenceDataset, asked: Asked) -> Place | None:
    """Give `TRAIN` where the vote's own row is there, `PROMPT` where others were decided by it."""
    if dataset.form == DatasetForm.VOTES:
        votes = _rows_with(path, asked.token)
        is_there = any((row["id"], row["turn"]) == (asked.token, asked.turn) for row in votes)
        return Place.TRAIN if is_there else None
    if dataset.form == DatasetForm.ARENA:
        battle = f"{asked.token}-{asked.turn}" if asked.turn else asked.token
        is_there = any(row["question_id"] == battle for row in _rows_with(path, battle))
        return Place.TRAIN if is_there else None
    rows = [row for row in _rows_with(path, asked.prompt_id) if _is_on_prompt(row, asked)]
    if any(_holds_pair(row, asked) for row in rows):
        return Place.TRAIN
    return Place.PROMPT if rows and dataset.filters.get("method") == "strength" else None


def _rows_with(path: Path, name: str) -> Iterator[Row]:
    """Yield the rows in which a text stands between quotation marks."""
    sought = json.dumps(name, ensure_ascii=False).encode()
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            at = content.find(sought)
            while at >= 0:
                start = content.rfind(b"\n", 0, at) + 1
                end = content.find(b"\n", at)
                end = len(content) if end < 0 else end
                yield json.loads(content[start:end])
                at = content.find(sought, end)


def _is_on_prompt(row: Row, asked: Asked) -> bool:
    """Tell whether a row is of the vote's run, on its prompt and as far as it was judged."""
    place = (row["run"], row["prompt_set"], row["prompt_id"], row["n_turns"])
    return place == (asked.run, asked.prompt_set, asked.prompt_id, asked.n_turns)


def _holds_pair(row: Row, asked: Asked) -> bool:
    """Tell whether a row holds both replies, or is one of them."""
    replies = _replies(row)
    return asked.replies <= replies if len(replies) > 1 else replies <= asked.replies


def _replies(row: Row) -> set[tuple[str, int]]:
    """List whose replies a row holds, as its form names them."""
    if "chosen_candidate" in row:
        sides = ("chosen", "rejected")
        return {(row[f"{side}_candidate"], row[f"{side}_sample"]) for side in sides}
    if "candidates" in row:
        return set(zip(row["candidates"], row["samples"], strict=True))
    return {(row["candidate"], row["sample"])}
