"""Files of every format that Kurabe imports, with made-up texts, for benchmarks/importing.py."""

import csv
import gzip
import itertools
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

REPLY_CHARS = 800
N_CANDIDATES = 20
N_ANNOTATORS = 100
TEMPERATURES = ("0.1", "0.4", "0.7", "1.0")
SYLLABLES = ("ka", "na", "ri", "to", "su", "me", "ho", "ya", "wo", "shi", "tsu", "ra")


class Texts:
    """Draws words that are no language's, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._words = ["".join(self._rng.choices(SYLLABLES, k=n)) for n in (1, 2, 3, 4) * 200]

    def of(self, chars: int) -> str:
        """Give a text of `chars` characters."""
        words = self._rng.choices(self._words, k=chars // 4 + 2)
        return " ".join(words)[:chars].ljust(chars, ".")


def write_files(folder: Path, *, rows: int, seed: int = 0) -> None:
    """Write `rows` prompts, completions and votes in each format that knows them."""
    texts, rng = Texts(seed), random.Random(seed)
    n_prompts = rows // N_CANDIDATES
    candidates = [f"model {number}" for number in range(N_CANDIDATES)]
    pairs = list(itertools.product(range(n_prompts), candidates))
    prompts = ({"key": f"p{n}", "prompt": texts.of(200), "language": "en"} for n in range(rows))
    _write_lines(folder / "prompts.jsonl", prompts)
    completions = (
        {"prompt": f"p{prompt}", "candidate": name, "model": f"org/{name}",
         "sampling": {"temperature": 0.7}, "reply": texts.of(REPLY_CHARS)}
        for prompt, name in pairs
    )  # fmt: skip
    _write_lines(folder / "completions.jsonl", completions)
    votes = list(_votes(rows, n_prompts, candidates, rng))
    _write_lines(folder / "votes.jsonl", votes)
    _write_csv(folder / "votes.csv", votes)
    _write_mtbench(folder / "mtbench", n_prompts // 2, candidates, texts)
    _write_shisa(folder / "shisa", rows, texts)
    _write_llmfao(folder / "llmfao", n_prompts, votes, candidates, texts)


def _votes(
    rows: int, n_prompts: int, candidates: list[str], rng: random.Random
) -> Iterator[dict[str, str]]:
    for number in range(rows):
        a, b = rng.sample(candidates, 2)
        yield {
            "prompt": f"p{rng.randrange(n_prompts)}",
            "candidate_a": a,
            "candidate_b": b,
            "outcome": rng.choice(("a", "b", "tie", "both_bad")),
            "annotator": f"annotator {rng.randrange(N_ANNOTATORS)}",
            "side_a": rng.choice(("left", "right")),
            "id": f"v{number}",
        }


def _write_mtbench(folder: Path, n_questions: int, candidates: list[str], texts: Texts) -> None:
    """Two turns and two choices each, as FastChat lays them out."""
    answers = folder / "model_answer"
    answers.mkdir(parents=True)
    _write_lines(
        folder / "question.jsonl",
        ({"question_id": number, "category": "writing", "turns": [texts.of(150), texts.of(50)]}
         for number in range(n_questions)),
    )  # fmt: skip
    for name in candidates:
        rows = (
            {"question_id": number, "model_id": name, "choices": [
                {"index": index, "turns": [texts.of(REPLY_CHARS // 2), texts.of(REPLY_CHARS // 2)]}
                for index in range(2)
            ]}
            for number in range(n_questions)
        )  # fmt: skip
        _write_lines(answers / f"{name.replace(' ', '-')}.jsonl", rows)


def _write_shisa(folder: Path, rows: int, texts: Texts) -> None:
    """Files named by model, temperature and run, an array of completions each."""
    folder.mkdir()
    files = list(itertools.product(range(5), TEMPERATURES, (1, 2)))
    tasks = [
        {"id": number, "type": "assistant", "prompt_ja": None, "user_ja": None,
         "prompt_en": "You are of help.", "user_en": texts.of(200)}
        for number in range(rows // len(files))
    ]  # fmt: skip
    for model, temperature, run in files:
        rows_of_file = []
        for task in tasks:
            reply = texts.of(REPLY_CHARS)
            chat = [
                {"role": "system", "content": task["prompt_en"]},
                {"role": "user", "content": task["user_en"]},
                {"role": "assistant", "content": reply},
            ]
            rows_of_file.append({"chat": chat, "response": reply, "lang": "en", "task": task})
        path = folder / f"model-{model}_temp-{temperature}_run-{run}.json.gz"
        path.write_bytes(gzip.compress(json.dumps(rows_of_file).encode(), compresslevel=1))


def _write_llmfao(
    folder: Path, n_prompts: int, votes: list[dict[str, str]], candidates: list[str], texts: Texts
) -> None:
    """results.jsonl and its neighbours, and the same votes as a crowd's file."""
    folder.mkdir()
    ids = {name: number for number, name in enumerate(candidates)}
    _write_lines(
        folder / "prompts.jsonl",
        ({"id": number, "type": "writing", "text": texts.of(200)} for number in range(n_prompts)),
    )
    _write_lines(
        folder / "models.jsonl",
        ({"id": number, "name": name, "api_id": f"org/{name}"} for name, number in ids.items()),
    )
    _write_lines(
        folder / "results.jsonl",
        ({"prompt": prompt, "model": ids[name], "name": name, "result": texts.of(REPLY_CHARS)}
         for prompt, name in itertools.product(range(n_prompts), candidates)),
    )  # fmt: skip
    _write_csv(folder / "crowd-comparisons.csv", (_crowd_row(vote, ids) for vote in votes))


def _crowd_row(vote: dict[str, str], ids: dict[str, int]) -> dict[str, Any]:
    names = [vote["candidate_a"], vote["candidate_b"]]
    left, right = names if vote["side_a"] == "left" else names[::-1]
    winner = {"a": names[0], "b": names[1]}.get(vote["outcome"])
    return {
        "id": vote["id"],
        "prompt": vote["prompt"][1:],
        "model_x": ids[names[0]],
        "model_y": ids[names[1]],
        "worker": vote["annotator"],
        "winner": {left: "left", right: "right"}.get(winner, "tie"),
        "left": left,
        "right": right,
    }


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)


def _write_csv(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    rows = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
