"""Pair rows as the choice of pairs gives them, each with only what a test says of it."""

from typing import Any


def said(*contents: str, first: str = "assistant") -> list[dict[str, str]]:
    """Give messages of two roles in turn."""
    roles = ["assistant", "user"] if first == "assistant" else ["user", "assistant"]
    return [
        {"role": roles[number % 2], "content": content} for number, content in enumerate(contents)
    ]


def pair_row(better: str = "Good.", worse: str = "Bad.", **fields: Any) -> dict[str, Any]:
    """Give a pair with two votes for and one against, in the order of its columns."""
    row = {
        "prompt": said("犬は?", first="user"),
        "chosen": said(better),
        "rejected": said(worse),
        "source": "votes:r",
        "run": "r",
        "prompt_set": "s",
        "prompt_id": "p1",
        "n_turns": 1,
        "language": "ja",
        "category": "",
        "chosen_candidate": f"model {better}",
        "chosen_sample": 0,
        "rejected_candidate": f"model {worse}",
        "rejected_sample": 0,
        "votes_chosen": 2,
        "votes_rejected": 1,
        "votes_tie": 0,
        "votes_both_bad": 0,
        "n_votes": 3,
        "margin": 1 / 3,
        "agreement": 2 / 3,
        "weight": 1.0,
        "annotator_kinds": ["person"],
    }
    assert set(fields) <= set(row)
    return row | fields


def ranked_row(*replies: str, **fields: Any) -> dict[str, Any]:
    """Give replies to a prompt in order, the best first."""
    n = len(replies)
    row = {
        "prompt": said("犬は?", first="user"),
        "completions": [said(reply) for reply in replies],
        "source": "votes:r",
        "run": "r",
        "prompt_set": "s",
        "prompt_id": "p1",
        "n_turns": 1,
        "language": "ja",
        "category": "",
        "candidates": [f"model {reply}" for reply in replies],
        "samples": [0] * n,
        "ranks": list(range(1, n + 1)),
        "strengths": [(n - 1) / 2 - place for place in range(n)],
        "n_votes": [2] * n,
        "weight": 1.0,
        "annotator_kinds": ["person"],
    }
    return row | fields
