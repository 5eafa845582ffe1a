"""Run by vLLM's own Python: greedy completions in every prompt format, by one loaded model.

`python -m tests.vllm_formats MODEL_FOLDER REQUESTS` prints one JSON object: for each format the
completions, and the token ids of the prompts that vLLM says it has read.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from annotate.generation.engines import start_engine
from annotate.generation.engines.vllm_engine import VllmEngine
from annotate.generation.formats import PROMPT_FORMATS
from annotate.generation.jobs import GenerationJob, read_requests
from annotate.generation.sampling import Sampling


class Watched(VllmEngine):
    """As it is, and remembers which prompts vLLM has read."""

    def _step(self) -> Any:
        outputs = super()._step()
        self.read_prompts += [list(each.prompt_token_ids) for each in outputs if each.finished]
        return outputs


def main(model: str, requests: Path) -> None:
    """Complete the requests in each format."""
    job = GenerationJob(
        engine="vllm",
        model=model,
        requests=requests,
        completions=Path("unused.jsonl"),
        sampling=Sampling(max_tokens=16, temperature=0),
        engine_options={"dtype": "float32", "enforce_eager": True, "max_num_seqs": 16},
    )
    engine: Any = start_engine(job)
    engine.__class__ = Watched
    tokenizer, found = engine.prompter.tokenizer, {}
    for prompt_format in PROMPT_FORMATS:
        each = dataclasses.replace(job, prompt_format=prompt_format)
        prompter = type(engine.prompter)
        engine.job, engine.read_prompts = each, []
        engine.prompter = prompter(
            each, tokenizer, end_of_model=engine.own_ends, context=engine.prompter.context
        )
        rows = [row.to_dict() for row in engine.generate(read_requests(requests))]
        found[prompt_format] = {"rows": rows, "prompts": engine.read_prompts}
    engine.close()
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
