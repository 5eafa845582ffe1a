"""An engine that answers as fast as it can write: for measuring everything but a model.

    python -m benchmarks.generation.instant JOB

It reads a generation job and its requests, and writes completions, as an engine's process does.
"""

import json
import sys
from pathlib import Path
from typing import Any

SENTENCES = (
    "The harbour was quiet in the morning, and the boats lay close together.",
    "There are three reasons for this, of which the second matters most.",
    "港の朝は静かで、船が並んで眠っていた。",
    "理由は三つあり、二つ目が最も大切です。",
    "She asked whether the train would stop here, and nobody knew.",
    "It depends on the season: in winter the answer is another one.",
)
N_SENTENCES = 12


def main() -> None:
    """Answer every request of the job."""
    job_path = Path(sys.argv[1])
    job = json.loads(job_path.read_text())
    with open(job["requests"], "rb") as requests, open(job["completions"], "ab") as completions:
        for line in requests:
            request = json.loads(line)
            row = json.dumps(answer(request, job["engine"]), ensure_ascii=False)
            completions.write(row.encode() + b"\n")


def answer(request: dict[str, Any], engine: str) -> dict[str, Any]:
    """Make a completion of about 600 characters that no other request has."""
    first = request["seed"] % len(SENTENCES)
    text = " ".join(SENTENCES[(first + n * n) % len(SENTENCES)] for n in range(N_SENTENCES))
    return {
        "key": request["key"],
        "replies": [f"{request['key']}: {text}"],
        "finish_reason": "stop",
        "prompt_tokens": 24,
        "completion_tokens": 160,
        "rendered_prompt_sha256": f"{request['seed']:064x}",
        "seed": request["seed"],
        "engine": engine,
        "engine_version": "instant 1",
        "seconds": 0.5,
    }


if __name__ == "__main__":
    main()
