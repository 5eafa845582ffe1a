"""Pairwise tasks out of Argilla, of version 1 and 2, nested or flat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from annotate.formats.columns import Columns
from annotate.formats.errors import MISSING, Finding
from annotate.formats.faults import Faults, made
from annotate.formats.fields import Fields
from annotate.formats.jsontext import parse_cell
from annotate.formats.pairwise import (
    Judgment,
    Task,
    battle_of,
    compared_fields,
    expected_label,
    joined,
    outcome_of_label,
    outcome_of_numbers,
    pairs_of_names,
    preference_of,
)
from annotate.formats.records import read_records
from annotate.formats.rows import BattleRow, Outcome, PreferenceRow
from annotate.formats.seen import digest_of

TABLE = Columns()
NOT_SUBMITTED = "an answer that was not submitted"

# What the one question about the pair is mostly called, where a task has several.
_QUESTIONS = ("preference", "ranking", "choice", "comparison", "better", "best", "winner", "label")


class _Answer(NamedTuple):
    annotator: str | None
    value: object


_Answers = dict[str, list[_Answer]]  # by question


def read_argilla_battles(path: str, faults: Faults) -> Iterator[BattleRow]:
    """Read tasks with answers of named annotators."""
    return made(
        read_records(path, TABLE, faults), lambda row: battle_of(task_of(row, faults)), faults
    )


def read_argilla_preferences(path: str, faults: Faults) -> Iterator[PreferenceRow]:
    """Read tasks with one label each."""
    return made(
        read_records(path, TABLE, faults), lambda row: preference_of(task_of(row, faults)), faults
    )


def task_of(row: Fields, faults: Faults) -> Task:
    """Make a task of a record; answers that were not submitted are left out and counted."""
    texts = _texts(row)
    compared = compared_fields(texts)
    key = next((row.name_or_number(name) for name in ("external_id", "id") if row.has(name)), None)
    key = key or digest_of(*sorted((name, repr(value)) for name, value in texts.cells.items()))
    answers = _answers(row, faults)
    return Task(row, key, texts, compared, tuple(_judgments(row, answers, compared, key)))


def _texts(row: Fields) -> Fields:
    """Give the cells of a record's fields and metadata, wherever it holds them."""
    fields, metadata = (_object(row, name) for name in ("fields", "metadata"))
    return Fields(row.location, joined(fields or row.cells, metadata), row.prefix)


def _object(row: Fields, field: str) -> dict[str, object]:
    value = row.cells.get(field)
    value = parse_cell(value) if isinstance(value, str) else value
    return (
        {key: part for key, part in value.items() if part is not None}
        if isinstance(value, dict)
        else {}
    )


def _answers(row: Fields, faults: Faults) -> _Answers:
    answers: _Answers = {}
    for question, annotator, status, value in _all_answers(row):
        if value is None:
            continue
        if status in (None, "submitted"):
            answers.setdefault(question, []).append(_Answer(annotator, value))
        else:
            faults.leave_out(NOT_SUBMITTED)
    return answers


def _all_answers(row: Fields) -> Iterator[tuple[str, str | None, object, object]]:
    """Yield (question, annotator, status, value) of a record of any of the four forms."""
    responses = row.cells.get("responses")
    if isinstance(responses, list):
        yield from _of_version_1(row)
    elif isinstance(responses, dict):
        yield from _of_version_2(row)
    for column, value in row.cells.items():
        value = parse_cell(value) if isinstance(value, str) else value
        if column.endswith(".responses") and isinstance(value, list):
            yield from _of_flat_columns(row, column, value)
        elif column.endswith(".response"):
            yield column.removesuffix(".response"), None, None, value
        elif column != "responses" and _is_list_of_answers(value):
            part = Fields(row.location, {column: value}, row.prefix)
            for answer in part.nested_list(column, may_be_empty=True):
                yield (
                    column,
                    _annotator(answer),
                    answer.cells.get("status"),
                    answer.cells.get("value"),
                )
        elif column in _QUESTIONS and isinstance(value, str):
            yield column, None, None, value


def _is_list_of_answers(value: object) -> bool:
    return isinstance(value, list) and any(
        isinstance(answer, dict) and {"user_id", "value"} <= answer.keys() for answer in value
    )


def _annotator(answer: Fields) -> str | None:
    return answer.name("user_id") if answer.has("user_id") else None


def _of_version_1(row: Fields) -> Iterator[tuple[str, str | None, object, object]]:
    for response in row.nested_list("responses", may_be_empty=True):
        values = response.nested("values")
        for question in values.cells:
            value = values.cells[question]
            said = value.get("value") if isinstance(value, dict) else value
            yield question, _annotator(response), response.cells.get("status"), said


def _of_version_2(row: Fields) -> Iterator[tuple[str, str | None, object, object]]:
    responses = row.nested("responses")
    for question in responses.cells:
        for response in responses.nested_list(question, may_be_empty=True):
            status = response.cells.get("status")
            yield question, _annotator(response), status, response.cells.get("value")


def _of_flat_columns(
    row: Fields, column: str, values: list[object]
) -> Iterator[tuple[str, str | None, object, object]]:
    beside: list[list[object]] = []
    for ending in ("users", "status"):
        cell = row.cells.get(f"{column}.{ending}")
        listed = parse_cell(cell) if isinstance(cell, str) else cell
        if listed is None:
            listed = [None] * len(values)
        if not isinstance(listed, list) or len(listed) != len(values):
            raise row.fail(f"{column}.{ending}", f"a list of {len(values)}, as {column} has")
        beside.append(listed)
    for value, user, status in zip(values, *beside, strict=True):
        annotator = Fields(row.location, {f"{column}.users": user}, row.prefix)
        named = annotator.name(f"{column}.users") if user is not None else None
        yield column.removesuffix(".responses"), named, status, value


def _judgments(
    row: Fields, answers: _Answers, compared: tuple[str, str], key: str
) -> Iterator[Judgment]:
    if not answers:
        return
    question = _question_about_pair(answers, compared)
    if question is None:
        yield from _judged_by_ratings(row, answers, compared, key)
        return
    for answer in answers[question]:
        outcome = _outcome(answer.value, compared)
        if outcome is None:
            raise row.refuse(question, answer.value, expected_label(compared))
        yield Judgment(outcome, answer.annotator, key)


def _question_about_pair(answers: _Answers, compared: tuple[str, str]) -> str | None:
    """Choose the question whose answers tell of the pair; None where only ratings may do."""
    understood = [
        question
        for question, said in answers.items()
        if all(_outcome(answer.value, compared) is not None for answer in said)
    ]
    for choices in (understood, [q for q, said in answers.items() if not _is_rating(said)]):
        if choices and (choices is understood or not _rating_questions(answers)):
            named = [question for question in _QUESTIONS if question in choices]
            return (named or choices)[0]
    return None


def _is_rating(said: list[_Answer]) -> bool:
    return all(type(answer.value) in (int, float) for answer in said)


def _rating_questions(answers: _Answers) -> tuple[str, str] | None:
    pairs = pairs_of_names(question for question, said in answers.items() if _is_rating(said))
    return pairs[0] if len(pairs) == 1 else None


def _judged_by_ratings(
    row: Fields, answers: _Answers, compared: tuple[str, str], key: str
) -> Iterator[Judgment]:
    """Compare the rating of each of the two that an annotator gave."""
    questions = _rating_questions(answers)
    if questions is None:
        question = next(iter(answers))
        found = Finding("one rating of two texts, on a scale that the file does not tell")
        raise row.refuse(question, found, "a label, a ranking, or a rating of each of the two")
    first, second = (
        {answer.annotator: answer.value for answer in answers[question]} for question in questions
    )
    for annotator, rating in first.items():
        other = second.get(annotator)
        if not isinstance(rating, int | float) or not isinstance(other, int | float):
            raise row.refuse(questions[1], MISSING, f"a rating by {annotator} of this one too")
        yield Judgment(outcome_of_numbers(rating, other), annotator, key)


def _outcome(value: object, compared: tuple[str, str]) -> Outcome | None:
    if isinstance(value, str):
        return outcome_of_label(value, compared)
    ranks = _ranks(value)
    sides = {outcome_of_label(option, compared): rank for option, rank in ranks.items()}
    if "a" not in sides or "b" not in sides:
        return None
    return outcome_of_numbers(-sides["a"], -sides["b"])  # rank 1 is the best


def _ranks(value: object) -> dict[str, float]:
    """Read a ranking: options in order, or each with its rank."""
    if isinstance(value, dict):  # a list of objects, turned into an object of lists
        options, ranks = value.get("value"), value.get("rank")
        listed = isinstance(options, list) and isinstance(ranks, list)
        pairs = list(zip(options, ranks, strict=False)) if listed else []  # type: ignore[arg-type]
    elif isinstance(value, list):
        pairs = [
            (option.get("value"), option.get("rank"))
            if isinstance(option, dict)
            else (option, rank)
            for rank, option in enumerate(value, start=1)
        ]
    else:
        pairs = []
    return {
        option: rank
        for option, rank in pairs
        if isinstance(option, str) and isinstance(rank, int | float)
    }
