"""FastChat's MT-bench: question.jsonl, and one file of model_answer/ for each model."""

from __future__ import annotations

from collections.abc import Iterator

from annotate.formats.fields import MAX_SMALL_INTEGER, Fields
from annotate.formats.jsontext import read_json_lines
from annotate.formats.languages import guess_language
from annotate.formats.lines import beside
from annotate.formats.rows import CandidateRow, CompletionRow, PromptRow
from annotate.formats.seen import unique_prompts


def read_prompt_rows(path: str) -> Iterator[PromptRow]:
    """Read one question a line; its key is its `question_id`, its `reference` is for judges."""
    for row in read_json_lines(path):
        turns = row.texts("turns", may_be_blank=False)
        yield PromptRow(
            key=_question_id(row),
            turns=turns,
            language=guess_language(turns),
            category=row.label("category"),
            references=row.references("reference", turns),
            location=row.location,
        )


def read_completion_rows(path: str) -> Iterator[tuple[PromptRow | None, CompletionRow]]:
    """Read the answers of a model: each choice is a sample.

    The questions are those of question.jsonl in the folder of the answers or in the one above;
    where there is none, the prompts have to be known already.
    """
    questions_path = beside(path, "question.jsonl", levels=2)
    if questions_path is None:
        known = None
    else:
        known = {prompt.key: prompt for prompt in unique_prompts(read_prompt_rows(questions_path))}
    for row in read_json_lines(path):
        key = _question_id(row)
        if known is not None and key not in known:
            raise row.fail("question_id", f"a question of {questions_path}")
        for completion in _choices(row, key):
            yield (known[key] if known is not None else None), completion


def _choices(row: Fields, key: str) -> Iterator[CompletionRow]:
    model = row.name("model_id")
    for choice in row.nested_list("choices"):
        yield CompletionRow(
            prompt=key,
            candidate=CandidateRow(name=model, model=model, location=row.location),
            sample=choice.whole_number("index", maximum=MAX_SMALL_INTEGER),
            replies=choice.texts("turns"),
            location=row.location,
        )


def _question_id(row: Fields) -> str:
    """Read an id, which is a number in FastChat's own files and a name in some others'."""
    if isinstance(row.cells.get("question_id"), str):
        return row.name("question_id")
    return str(row.whole_number("question_id"))
