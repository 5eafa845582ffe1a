"""The bare engine on a job's requests, as a script uses it, for benchmarks/generation/overhead.py.

    python -m benchmarks.generation.bare JOB

Run by the Python that has the engine. It prints when the engine was ready, when the last text was
there (both in seconds since 1970), and how many tokens were made.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from annotate.generation.jobs import GenerationJob, GenerationRequest, read_job, read_requests
from annotate.generation.seeds import turn_seed


def main(path: Path) -> None:
    """Make the texts of all requests, and throw them away."""
    job = read_job(path)
    requests = read_requests(job.requests)
    generate = {"vllm": load_vllm, "transformers": load_transformers}[job.engine](job)
    ready = time.time()
    n_tokens = generate(requests)
    print(json.dumps({"ready": ready, "made": time.time(), "tokens": n_tokens}), flush=True)


def load_vllm(job: GenerationJob) -> Callable[[list[GenerationRequest]], int]:
    """Load by vLLM; it is given messages, and renders, encodes and decodes by itself."""
    import vllm  # noqa: PLC0415 - only this engine's Python has it

    llm = vllm.LLM(job.model, generation_config="vllm", **job.engine_options)

    def generate(requests: list[GenerationRequest]) -> int:
        parameters = [
            vllm.SamplingParams(
                temperature=job.sampling.temperature,
                max_tokens=job.sampling.max_tokens,
                seed=turn_seed(seed=request.seed, turn=0),
            )
            for request in requests
        ]
        outputs = llm.chat([chat(request) for request in requests], parameters, use_tqdm=False)
        return sum(len(each.outputs[0].token_ids) for each in outputs)

    return generate


def load_transformers(job: GenerationJob) -> Callable[[list[GenerationRequest]], int]:
    """Load by transformers; batches of as many rows as the job's, padded on the left."""
    import torch  # noqa: PLC0415 - as above
    import transformers  # noqa: PLC0415 - as above

    options = dict(job.engine_options)
    tokenizer = transformers.AutoTokenizer.from_pretrained(job.model, padding_side="left")
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(
        job.model, dtype=getattr(torch, options.get("dtype", "float32"))
    )
    model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    size = options.get("batch_size", 32)

    def generate(requests: list[GenerationRequest]) -> int:
        n_tokens = 0
        for start in range(0, len(requests), size):
            inputs = tokenizer.apply_chat_template(
                [chat(request) for request in requests[start : start + size]],
                add_generation_prompt=True,
                padding=True,
                return_tensors="pt",
                return_dict=True,
            ).to(model.device)
            output = model.generate(
                **inputs,
                do_sample=True,
                temperature=job.sampling.temperature,
                top_k=0,
                max_new_tokens=job.sampling.max_tokens,
            )
            new = output[:, inputs["input_ids"].shape[1] :]
            tokenizer.batch_decode(new, skip_special_tokens=True)
            n_tokens += int((new != model.generation_config.pad_token_id).sum())
        return n_tokens

    return generate


def chat(request: GenerationRequest) -> list[dict[str, str]]:
    """Give the messages of a request of one turn."""
    return [{"role": "user", "content": request.turns[0]}]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
