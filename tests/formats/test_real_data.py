"""The real grid of Shisa 7B and the real votes of LLMFAO."""

import gzip
import json
from collections import Counter
from pathlib import Path

from annotate.formats import (
    CompletionRow,
    PromptRow,
    VoteRow,
    guess_format,
    read_completions,
    read_prompts,
    read_votes,
)


def split(rows: list[PromptRow | CompletionRow]) -> tuple[list[PromptRow], list[CompletionRow]]:
    return (
        [row for row in rows if isinstance(row, PromptRow)],
        [row for row in rows if isinstance(row, CompletionRow)],
    )


def winning_side(vote: VoteRow) -> str:
    if vote.outcome == "tie":
        return "tie"
    return "left" if (vote.outcome == "a") == (vote.side_a == "left") else "right"


def test_shisa_tasks_give_96_prompts(real_data: Path) -> None:
    path = real_data / "shisa/tasks.json"
    assert guess_format(path, "prompts") == "shisa"
    prompts = list(read_prompts(path, format="shisa"))
    assert Counter(prompt.language for prompt in prompts) == {"ja": 49, "en": 47}
    assert all(prompt.system for prompt in prompts)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert {lines[prompt.location.line - 1] for prompt in prompts} == {"  {"}


def test_shisa_grid_gives_24_candidates_with_2_samples_on_96_prompts(real_data: Path) -> None:
    paths = sorted((real_data / "shisa/generations").glob("*.json.gz"))
    assert len(paths) == 48
    prompts, completions = split(list(read_completions(paths, format="shisa")))
    tasks = read_prompts(real_data / "shisa/tasks.json", format="shisa")
    assert {prompt.key: prompt for prompt in prompts} == {prompt.key: prompt for prompt in tasks}
    assert len(prompts) == 96
    assert len(completions) == 4_608
    candidates = {completion.candidate for completion in completions}
    assert len(candidates) == len({candidate.name for candidate in candidates}) == 24
    assert len({candidate.model for candidate in candidates}) == 6
    assert {candidate.sampling["temperature"] for candidate in candidates} == {0.1, 0.4, 0.7, 1.0}
    cells = Counter((row.candidate.name, row.prompt, row.sample) for row in completions)
    assert set(cells) == {
        (candidate.name, prompt.key, sample)
        for candidate in candidates
        for prompt in prompts
        for sample in (0, 1)
    }


def test_shisa_texts_are_those_of_the_chat(real_data: Path) -> None:
    path = real_data / "shisa/generations/shisa-mega-7b-v1_temp-0.4_run-2.json.gz"
    assert guess_format(path, "completions") == "shisa"
    prompts, completions = split(list(read_completions([path], format="shisa")))
    with gzip.open(path, "rt", encoding="utf-8") as file:
        chats = [row["chat"] for row in json.load(file)]
    read = [
        [
            {"role": "system", "content": prompt.system},
            {"role": "user", "content": prompt.turns[0]},
            {"role": "assistant", "content": completion.replies[0]},
        ]
        for prompt, completion in zip(prompts, completions, strict=True)
    ]
    assert read == chats
    assert {completion.candidate.name for completion in completions} == {
        "shisa-mega-7b-v1 temp 0.4"
    }
    assert {completion.sample for completion in completions} == {1}


def test_llmfao_gives_1133_completions_of_70_models(real_data: Path) -> None:
    path = real_data / "llmfao/results.jsonl"
    assert guess_format(path, "completions") == "llmfao"
    prompts, completions = split(list(read_completions([path], format="llmfao")))
    assert len(completions) == 1_133
    assert len({completion.candidate for completion in completions}) == 70
    assert {prompt.key for prompt in prompts} == {row.prompt for row in completions}
    assert Counter(prompt.language for prompt in prompts) == {"en": 19}
    assert sum(not row.replies[0].strip() for row in completions) == 69


def test_llmfao_gives_8931_votes_and_each_finds_its_completions(real_data: Path) -> None:
    path = real_data / "llmfao/crowd-comparisons.csv"
    assert guess_format(path, "votes") == "llmfao"
    votes = list(read_votes(path, format="llmfao"))
    sides = Counter(winning_side(vote) for vote in votes)
    assert sides == {"left": 2_911, "right": 2_549, "tie": 3_471}
    assert len({vote.annotator for vote in votes}) == 124
    assert len({vote.id for vote in votes}) == 8_931
    assert [vote.location.line for vote in votes] == list(range(2, 8_933))
    voted = {(vote.prompt, name) for vote in votes for name in (vote.candidate_a, vote.candidate_b)}
    assert len({prompt for prompt, _ in voted}) == 13
    assert len({name for _, name in voted}) == 59
    results = read_completions([real_data / "llmfao/results.jsonl"], format="llmfao")
    _, completions = split(list(results))
    assert voted <= {(row.prompt, row.candidate.name) for row in completions}


def test_llmfao_votes_of_each_model_are_those_of_the_reference(real_data: Path) -> None:
    votes = read_votes(real_data / "llmfao/crowd-comparisons.csv", format="llmfao")
    counted = Counter(name for vote in votes for name in (vote.candidate_a, vote.candidate_b))
    reference = json.loads((real_data / "llmfao/reference.json").read_text(encoding="utf-8"))
    assert counted == {
        name: candidate["votes"] for name, candidate in reference["candidates"].items()
    }
