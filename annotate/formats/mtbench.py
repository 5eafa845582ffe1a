"""FastChat's MT-bench: question.jsonl, and one file of model_answer/ for each model."""

from __future__ import annotations

from collections.abc import Iterator

from annotate.formats.faults import STOP, Faults, made
from annotate.formats.fields import MAX_SMALL_INTEGER, Fields
from annotate.formats.jsontext import read_json_lines
from annotate.formats.languages import guess_language
from annotate.formats.lines import beside
from annotate.formats.rows import CandidateRow, CompletionRow, PromptRow
from annotate.formats.seen import unique_prompts


def read_prompt_rows(path: str, faults: Faults) -> Iterator[PromptRow]:
    """Read one question a line; its key is its `question_id`, its `reference` is for judges."""
    return made(read_json_lines(path, faults), _question, faults)


def read_completion_rows(
    path: str, faults: Faults
) -> Iterator[tuple[PromptRow | None, CompletionRow]]:
    """Read the answers of a model: each choice is a sample.

    The questions are those of question.jsonl in the folder of the answers or in the one above;
    where there is none, the prompts have to be known already. Raises FormatError where a question
    is wrong: no answer to it could be read.
    """
    questions_path = beside(path, "question.jsonl", levels=2)
    if questions_path is None:
        known = None
    else:
        questions = unique_prompts(read_prompt_rows(questions_path, STOP))
        known = {prompt.key: prompt for prompt in questions}

    def answers(row: Fields) -> list[tuple[PromptRow | None, CompletionRow]]:
        key = row.name_or_number("question_id")
        if known is not None and key not in known:
            raise row.fail("question_id", f"a question of {questions_path}")
        question = known[key] if known is not None else None
        return [(question, completion) for completion in _choices(row, key)]

    for several in made(read_json_lines(path, faults), answers, faults):
        yield from several


def _question(row: Fields) -> PromptRow:
    turns = row.texts("turns", may_be_blank=False)
    return PromptRow(
        key=row.name_or_number("question_id"),
        turns=turns,
        language=guess_language(turns),
        category=row.label("category"),
        references=row.references("reference", turns),
        location=row.location,
    )


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
