"""Read prompts, completions and annotators by their ids, many at a time."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from django.db import connection
from django.db.models import BigIntegerField
from django.db.models.functions import Cast

from annotate.models import Annotator, Completion, CompletionMeasure
from annotate.ranking.arrays import BoolArray, IntArray
from annotate.services.exporting.splits import identify
from annotate.services.vote_columns import copy_out

# As many ids as one statement asks for.
BATCH = 5_000
KINDS: tuple[str, ...] = tuple(Annotator.Kind.values)
# Share of letters in another language above which a completion leaks. Of what was read by hand
# (docs/measures.md), wrong flags had .3 to 4.3 %, and passages in another language 22 % and more.
LEAKED_ABOVE = 0.05


class PromptTexts(NamedTuple):
    """What a prompt says."""

    system: str
    turns: list[str]


class CompletionTexts(NamedTuple):
    """What a completion says, and whose it is."""

    candidate: int
    sample: int
    replies: list[str]


@dataclass(frozen=True, eq=False)
class PromptTable:
    """Prompts in the order of their set's slug and their key.

    Attributes:
        ids, n_turns, identity: (prompts,).
        places: (prompts,) set slug, key, language and category.
    """

    ids: IntArray
    n_turns: IntArray
    identity: IntArray
    places: list[tuple[str, str, str, str]]

    def find(self, ids: IntArray) -> IntArray:
        """Return (ids,) the place of each."""
        order = np.argsort(self.ids)
        return np.asarray(order[np.searchsorted(self.ids, ids, sorter=order)])


@dataclass(frozen=True, eq=False)
class AnnotatorTable:
    """Annotators by id, each with the place of its kind in `KINDS`."""

    ids: IntArray
    kind: IntArray
    pseudonyms: list[str]


def read_prompt_table(ids: IntArray) -> PromptTable:
    """Read what there is to know of some prompts before their texts are written."""
    rows = sorted(
        (slug, key, pk, n_turns, identify(question), language, category)
        for pk, slug, key, n_turns, question, language, category in _fetch(
            "SELECT p.id, s.slug, p.key, cardinality(p.turns), p.turns[1], p.language, p.category"
            " FROM annotate_prompt p JOIN annotate_promptset s ON s.id = p.prompt_set_id"
            " WHERE p.id = ANY(%s)",
            ids,
        )
    )
    return PromptTable(
        ids=np.array([row[2] for row in rows], dtype=np.int64),
        n_turns=np.array([row[3] for row in rows], dtype=np.int64),
        identity=np.array([row[4] for row in rows], dtype=np.int64),
        places=[(row[0], row[1], row[5], row[6]) for row in rows],
    )


def read_annotators(ids: IntArray) -> AnnotatorTable:
    """Read the kinds and pseudonyms of some annotators, in the order of their ids."""
    rows = sorted(
        _fetch("SELECT id, kind, pseudonym FROM annotate_annotator WHERE id = ANY(%s)", ids)
    )
    return AnnotatorTable(
        ids=np.array([pk for pk, _kind, _pseudonym in rows], dtype=np.int64),
        kind=np.array([KINDS.index(kind) for _pk, kind, _pseudonym in rows], dtype=np.int64),
        pseudonyms=[pseudonym for _pk, _kind, pseudonym in rows],
    )


def read_prompt_texts(ids: IntArray) -> dict[int, PromptTexts]:
    """Read what some prompts say, by id."""
    rows = _fetch("SELECT id, system, turns FROM annotate_prompt WHERE id = ANY(%s)", ids)
    return {pk: PromptTexts(system, turns) for pk, system, turns in rows}


def read_completion_texts(ids: IntArray) -> dict[int, CompletionTexts]:
    """Read what some completions say, by id."""
    rows = _fetch(
        "SELECT id, candidate_id, sample, replies FROM annotate_completion WHERE id = ANY(%s)", ids
    )
    return {
        pk: CompletionTexts(candidate, sample, replies) for pk, candidate, sample, replies in rows
    }


def find_flagged(run_id: int, ids: IntArray) -> BoolArray:
    """Return (ids,) whether a completion of the run names its maker, or is hidden by a report."""
    of_run = Completion.objects.filter(candidate__run=run_id).order_by()
    flagged = {
        *of_run.exclude(names_maker="").values_list("pk", flat=True),
        *of_run.hidden().values_list("pk", flat=True),
    }
    return np.isin(ids, np.array(sorted(flagged), dtype=np.int64))


def find_leaked(run_id: int, ids: IntArray) -> tuple[BoolArray, BoolArray]:
    """Return (ids,) whether a completion of the run leaks, and whether it was measured at all."""
    measures = CompletionMeasure.objects.filter(completion__candidate__run=run_id).order_by()
    columns = {"pk": Cast("pk", BigIntegerField())}
    blocks = [block["pk"] for block in copy_out(measures, columns)]
    measured = np.concatenate(blocks) if blocks else np.empty(0, dtype=np.int64)
    leaked = measures.filter(leakage__gt=LEAKED_ABOVE).values_list("pk", flat=True)
    return np.isin(ids, np.array(list(leaked), dtype=np.int64)), np.isin(ids, measured)


def _fetch(sql: str, ids: IntArray) -> list[tuple[Any, ...]]:
    """Ask for the rows with these ids, which are each asked for once."""
    rows: list[tuple[Any, ...]] = []
    wanted: list[int] = ids.tolist()
    with connection.cursor() as cursor:
        for begin in range(0, len(wanted), BATCH):
            cursor.execute(sql, [wanted[begin : begin + BATCH]])
            rows += cursor.fetchall()
    return rows
