"""The votes of LLMFAO (CC BY 4.0, dustalov/llmfao) as columns, with reference strengths."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from annotate.ranking import encode_outcomes
from annotate.ranking.arrays import IntArray

_OUTCOMES = {"left": "a", "right": "b", "tie": "tie"}


@dataclass(frozen=True)
class LlmfaoVotes:
    """Votes with the left reply as candidate a, and the strengths to agree with.

    Attributes:
        names: of the candidates, in order of index.
        columns: candidate_a, candidate_b, outcome and annotator, each (votes,).
        shown: prompt and pair (of completions: prompt and both candidates), each (votes,).
        reference: strength of each candidate by choix and by evalica, no regularisation.
    """

    names: tuple[str, ...]
    columns: dict[str, IntArray]
    shown: dict[str, IntArray]
    reference: dict[str, tuple[float, float]]


def read_llmfao(folder: Path) -> LlmfaoVotes:
    """Read crowd-comparisons.csv and reference.json from the folder."""
    with (folder / "crowd-comparisons.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row[side] for row in rows for side in ("left", "right")})
    place = {name: index for index, name in enumerate(names)}
    left, right = (np.array([place[row[side]] for row in rows]) for side in ("left", "right"))
    prompt = np.array([int(row["prompt"]) for row in rows])
    first, second = np.minimum(left, right), np.maximum(left, right)
    return LlmfaoVotes(
        names=tuple(names),
        columns={
            "candidate_a": left,
            "candidate_b": right,
            "outcome": encode_outcomes(_OUTCOMES[row["winner"]] for row in rows),
            "annotator": np.array([int(row["worker"]) for row in rows]),
        },
        shown={"prompt": prompt, "pair": (prompt * len(names) + first) * len(names) + second},
        reference=_read_reference(folder / "reference.json"),
    )


def _read_reference(path: Path) -> dict[str, tuple[float, float]]:
    candidates = json.loads(path.read_text(encoding="utf-8"))["candidates"]
    return {
        name: (stored["strength_choix"], stored["strength_evalica"])
        for name, stored in candidates.items()
    }
