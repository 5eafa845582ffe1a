"""Pairwise tasks out of Label Studio: JSON with all annotations, JSON-MIN, and CSV."""

from __future__ import annotations

from collections.abc import Iterator

from annotate.formats.columns import Columns
from annotate.formats.errors import Finding
from annotate.formats.faults import Faults, made
from annotate.formats.fields import Fields
from annotate.formats.jsontext import parse_cell
from annotate.formats.pairwise import (
    Judgment,
    Task,
    battle_of,
    compared_fields,
    expected_label,
    outcome_of_label,
    preference_of,
)
from annotate.formats.records import read_records
from annotate.formats.rows import BattleRow, Outcome, PreferenceRow

TABLE = Columns()
CANCELLED = "an annotation that was skipped"
EMPTY_ANNOTATION = "an annotation without an answer"

_SIDES: dict[str, Outcome] = {"left": "a", "right": "b"}
_QUESTIONS = ("comparison", "pairwise", "pw", "preference", "choice", "choices", "better", "label")


def read_labelstudio_battles(path: str, faults: Faults) -> Iterator[BattleRow]:
    """Read tasks with annotations of named annotators."""
    return made(
        read_records(path, TABLE, faults), lambda row: battle_of(task_of(row, faults)), faults
    )


def read_labelstudio_preferences(path: str, faults: Faults) -> Iterator[PreferenceRow]:
    """Read tasks with one annotation each."""
    return made(
        read_records(path, TABLE, faults), lambda row: preference_of(task_of(row, faults)), faults
    )


def task_of(row: Fields, faults: Faults) -> Task:
    """Make a task of a row; annotations that were skipped are left out and counted."""
    if row.has("annotations"):
        return _task_with_annotations(row, faults)
    compared = compared_fields(Fields(row.location, _without_answers(row), row.prefix))
    return Task(row, row.name_or_number("id"), row, compared, tuple(_of_min(row, compared)))


def _task_with_annotations(row: Fields, faults: Faults) -> Task:
    texts = row.nested("data")
    annotations = row.nested_list("annotations", may_be_empty=True)
    compared = _named_in_results(texts, annotations) or compared_fields(texts)
    judgments = []
    for annotation in annotations:
        if annotation.flag("was_cancelled"):
            faults.leave_out(CANCELLED)
            continue
        outcome = _outcome_of_results(annotation, compared)
        if outcome is None:
            faults.leave_out(EMPTY_ANNOTATION)
        else:
            judgments.append(_judgment(annotation, "id", "completed_by", outcome))
    return Task(row, row.name_or_number("id"), texts, compared, tuple(judgments))


def _judgment(answer: Fields, id: str, annotator: str, outcome: Outcome) -> Judgment:
    return Judgment(
        outcome,
        _annotator(answer, annotator),
        answer.name_or_number(id) if answer.has(id) else None,
        answer.instant("created_at"),
        "left",
    )


def _annotator(answer: Fields, field: str) -> str | None:
    """Read who annotated: an id, or an object with id and address."""
    if not answer.has(field):
        return None
    if not isinstance(answer.cells[field], dict):
        return answer.name_or_number(field)
    person = answer.nested(field)
    return person.name_or_number("id" if person.has("id") else "email")


def _named_in_results(texts: Fields, annotations: list[Fields]) -> tuple[str, str] | None:
    """Find the two texts by the names to which a pairwise answer points, left and right."""
    for annotation in annotations:
        for answer in annotation.nested_list("result", may_be_empty=True):
            if answer.cells.get("type") == "pairwise" and answer.has("to_name"):
                names = [name.strip() for name in answer.text("to_name").split(",")]
                if len(names) == 2 and all(texts.has(name) for name in names):
                    return names[0], names[1]
    return None


def _outcome_of_results(annotation: Fields, compared: tuple[str, str]) -> Outcome | None:
    """Read what an annotation chose: a side, or a choice such as a tie; None is no answer."""
    chosen = None
    for answer in annotation.nested_list("result", may_be_empty=True):
        kind = answer.cells.get("type")
        if kind == "pairwise":
            value = answer.nested("value")
            return _SIDES[value.choice("selected", _SIDES)]
        if kind == "choices":
            value = answer.nested("value")
            chosen = chosen or _outcome_of_choices(value, compared)
    return chosen


def _outcome_of_choices(value: Fields, compared: tuple[str, str]) -> Outcome:
    choices = value.texts("choices")
    outcome = outcome_of_label(choices[0], compared) if len(choices) == 1 else None
    if outcome is None:
        raise value.fail("choices", f"one of {expected_label(compared)}")
    return outcome


def _of_min(row: Fields, compared: tuple[str, str]) -> Iterator[Judgment]:
    """Read the one annotation of a row of JSON-MIN or CSV, where a side is JSON in a cell."""
    for column, cell in row.cells.items():
        if column in compared:
            continue
        value = parse_cell(cell) if isinstance(cell, str) else cell
        if _is_side(value):
            answer = Fields(row.location, {column: value}, row.prefix).nested_list(column)[0]
            outcome = _SIDES[answer.choice("selected", _SIDES)]
            yield _judgment(row, "annotation_id", "annotator", outcome)
            return
    for column in _QUESTIONS:
        if isinstance(row.cells.get(column), str):
            label = outcome_of_label(row.text(column), compared)
            if label is None:
                raise row.fail(column, expected_label(compared))
            yield _judgment(row, "annotation_id", "annotator", label)
            return
    if row.has("annotation_id"):
        found = Finding("no answer about the pair")
        expected = f"a side, or a choice in one of {', '.join(_QUESTIONS)}"
        raise row.refuse("", found, expected)


def _is_side(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and isinstance(value[0], dict)
        and "selected" in value[0]
    )


def _without_answers(row: Fields) -> dict[str, object]:
    return {name: value for name, value in row.cells.items() if name not in _QUESTIONS}
