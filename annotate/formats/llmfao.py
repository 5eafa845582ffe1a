"""LLMFAO: completions that llmonitor.com gathered, and the votes of a crowd on them."""

from __future__ import annotations

from collections.abc import Iterator

from annotate.formats.columns import Columns
from annotate.formats.csvtext import read_csv
from annotate.formats.errors import Finding, FormatError, show_value
from annotate.formats.faults import Faults, made
from annotate.formats.fields import MAX_MODEL_CHARS, Fields
from annotate.formats.jsontext import read_json_lines
from annotate.formats.languages import guess_language
from annotate.formats.lines import beside
from annotate.formats.rows import CandidateRow, CompletionRow, Outcome, PromptRow, Side, VoteRow
from annotate.formats.seen import SeenRows, comes_again, unique_prompts

_VOTE_TABLE = Columns(
    required=("id", "prompt", "model_x", "model_y", "worker", "winner", "left", "right"),
    optional=(),
    whole_numbers=("prompt", "model_x", "model_y"),
)
_WINNERS = ("left", "right", "tie")


def read_completion_rows(path: str, faults: Faults) -> Iterator[tuple[PromptRow, CompletionRow]]:
    """Read results.jsonl; prompts.jsonl and models.jsonl have to lie beside it.

    Raises FormatError where one of those is wrong.
    """
    prompts_path = _neighbour(path, "prompts.jsonl")
    prompts = {prompt.key: prompt for prompt in unique_prompts(_prompts(prompts_path))}
    models = _Models(_neighbour(path, "models.jsonl"))

    def answer(row: Fields) -> tuple[PromptRow, CompletionRow]:
        key = _prompt_key(row)
        if key not in prompts:
            raise row.fail("prompt", f"an id in {prompts_path}")
        candidate = models.candidate(row, "model")
        if row.text("name", candidate.name) != candidate.name:
            raise row.fail("name", f"{show_value(candidate.name)}, the name of this model")
        completion = CompletionRow(
            prompt=key,
            candidate=candidate,
            sample=0,
            replies=(row.text("result"),),
            location=row.location,
        )
        return prompts[key], completion

    return made(read_json_lines(path, faults), answer, faults)


def read_vote_rows(path: str, faults: Faults) -> Iterator[VoteRow]:
    """Read crowd-comparisons.csv; a vote is the vote of one worker on one pair.

    Where models.jsonl lies beside it, model x is a and model y is b, and their ids are checked
    against the names; without it the file's own names do, and a stood left.
    """
    models_path = beside(path, "models.jsonl")
    models = None if models_path is None else _Models(models_path)
    return made(read_csv(path, _VOTE_TABLE, faults), lambda row: _vote(row, models), faults)


def _vote(row: Fields, models: _Models | None) -> VoteRow:
    if models is None:
        candidate_a, candidate_b = row.name("left"), row.name("right")
    else:
        candidate_a = models.candidate(row, "model_x").name
        candidate_b = models.candidate(row, "model_y").name
    side_a = _side_of(row, candidate_a, candidate_b)
    winner = row.choice("winner", _WINNERS)
    worker = row.name("worker")
    return VoteRow(
        prompt=_prompt_key(row),
        candidate_a=candidate_a,
        candidate_b=candidate_b,
        outcome=_outcome(winner, side_a),
        annotator=worker,
        side_a=side_a,
        id=f"{row.name('id')}-{worker}",
        location=row.location,
    )


class _Models:
    """The candidates of models.jsonl by their ids; votes name them, so each name stands once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._candidates: dict[int, CandidateRow] = {}
        seen = SeenRows()
        for row in read_json_lines(path):
            number, name = row.whole_number("id"), row.name("name")
            for field, value in (("id", number), ("name", name)):
                earlier = seen.note(row.location, field, value)
                if earlier is not None:
                    raise comes_again(row.location, field, f"model {show_value(value)}", earlier)
            self._candidates[number] = CandidateRow(
                name=name, model=row.name("api_id", "", MAX_MODEL_CHARS), location=row.location
            )

    def candidate(self, row: Fields, field: str) -> CandidateRow:
        """Look up the model whose id stands in a cell."""
        candidate = self._candidates.get(row.whole_number(field))
        if candidate is None:
            raise row.fail(field, f"an id in {self._path}")
        return candidate


def _prompts(path: str) -> Iterator[PromptRow]:
    for row in read_json_lines(path):
        turns = (row.spoken("text"),)
        yield PromptRow(
            key=str(row.whole_number("id")),
            turns=turns,
            language=guess_language(turns),
            category=row.label("type"),
            location=row.location,
        )


def _prompt_key(row: Fields) -> str:
    return str(row.whole_number("prompt"))


def _side_of(row: Fields, candidate_a: str, candidate_b: str) -> Side:
    """Say on which side a stood; a pair of one model with itself has no sides to tell."""
    left, right = row.text("left"), row.text("right")
    if candidate_a == candidate_b:
        raise row.fail("model_y", "another model than model_x")
    if (left, right) == (candidate_a, candidate_b):
        return "left"
    if (left, right) == (candidate_b, candidate_a):
        return "right"
    wrong = "left" if left not in (candidate_a, candidate_b) else "right"
    names = f"{show_value(candidate_a)} or {show_value(candidate_b)}"
    raise row.fail(wrong, f"the name of model_x or model_y: {names}, each on one side")


def _outcome(winner: str, side_a: Side) -> Outcome:
    if winner == "tie":
        return "tie"
    return "a" if winner == side_a else "b"


def _neighbour(path: str, name: str) -> str:
    found = beside(path, name)
    if found is None:
        raise FormatError(path, 0, "", Finding(f"no {name} beside it"), "both in one folder")
    return found
