"""Generation by vLLM in this process, whose end gives the GPU's memory back."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, cast

from annotate.generation.engines.conversations import Clock, Conversation, Prompter, finish
from annotate.generation.engines.memory import memory_advice
from annotate.generation.engines.model_files import check_folder, load_tokenizer, read_ends
from annotate.generation.engines.options import VllmOptions
from annotate.generation.engines.stops import cut_at_stop
from annotate.generation.jobs import GenerationJob
from annotate.generation.rows import GeneratedCompletion, GenerationRequest, JobError

_ENVIRONMENT = {
    # The engine's loop runs in this process: its errors are ours to name, and a process that is
    # killed leaves none behind. Workers of a parallel model end with the process that made them.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
_SMALLER = (
    "a lower max_model_len or max_num_seqs, a higher tensor_parallel_size, quantization, or "
    "another gpu_memory_utilization (higher for the cache, lower where others use the GPU)"
)
# So many times what vLLM answers at once is given to it: it never waits, and memory stays small.
_AHEAD = 4


def start(job: GenerationJob) -> VllmEngine:
    """Load the job's model; raises JobError where vLLM is missing or the model will not load."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    check_folder(job.model)
    vllm = _import_vllm()
    tokenizer = load_tokenizer(job)
    try:
        with memory_advice(_SMALLER):
            llm = vllm.LLM(**_arguments(job))
    except JobError:
        raise
    except Exception as error:  # vLLM raises whatever its model's code raises
        raise JobError(_load_failure(job, error)) from error
    return VllmEngine(job, tokenizer, llm)


def _import_vllm() -> Any:
    try:
        import vllm  # noqa: PLC0415 - the web process imports this package and never torch
    except ImportError as error:
        raise JobError(
            f"vLLM cannot be imported ({error}); install it with: pip install 'kurabe[vllm]', or "
            "name a Python that has it in KURABE_PYTHON_VLLM"
        ) from error
    return vllm


def _arguments(job: GenerationJob) -> dict[str, Any]:
    """Return what vLLM's LLM is given; an option that is 0 or "" is left to vLLM."""
    options = cast(VllmOptions, job.options)
    given = {
        "quantization": options.quantization,
        "max_model_len": options.max_model_len,
        "max_num_seqs": options.max_num_seqs,
        "max_num_batched_tokens": options.max_num_batched_tokens,
        "revision": job.revision,
        "tokenizer_revision": job.revision,
    }
    return {
        **{name: value for name, value in given.items() if value},
        "model": job.model,
        # Ids go in and ids come out; a slow tokenizer is ours alone (`training/tokenizing.py`).
        "skip_tokenizer_init": not job.tokenizer.use_fast,
        "tensor_parallel_size": options.tensor_parallel_size,
        "pipeline_parallel_size": options.pipeline_parallel_size,
        "dtype": options.dtype,
        "kv_cache_dtype": options.kv_cache_dtype,
        "gpu_memory_utilization": options.gpu_memory_utilization,
        "enable_prefix_caching": options.enable_prefix_caching,
        "enforce_eager": options.enforce_eager,
        "cpu_offload_gb": options.cpu_offload_gb,
        # The sampling that the model's files suggest would mix with the job's own.
        "generation_config": "vllm",
        "trust_remote_code": False,
        # No pickles; a quantization that was asked for chooses its own way to load.
        "load_format": "auto" if options.quantization else "safetensors",
        "disable_log_stats": True,
    }


def _load_failure(job: GenerationJob, error: Exception) -> str:
    """Say in one line why the model would not load."""
    text = " ".join(str(error).split()) or type(error).__name__
    if "root cause" in text:  # a worker's error, which vLLM does not hand over
        text = (
            "a worker process of vLLM failed, and its reason stands further up in this job's log; "
            f"where it is memory, what helps: {_SMALLER}"
        )
    return f"model {job.model!r} cannot be loaded: {text[:2000]}"


class VllmEngine:
    """vLLM's own loop: conversations join and leave its batch one by one.

    A row's draws depend on its own seed alone. In float32 so does its text; in bfloat16 and
    float16 a kernel may round otherwise in another batch, and a near-tie may fall otherwise.
    """

    name = "vllm"

    def __init__(self, job: GenerationJob, tokenizer: Any, llm: Any) -> None:
        import torch  # noqa: PLC0415 - as above
        import vllm  # noqa: PLC0415 - as above

        self.job = job
        self.engine = llm.llm_engine
        self.reads_stops = job.tokenizer.use_fast
        self.version = f"vllm {vllm.__version__}, torch {torch.__version__}"
        config = self.engine.vllm_config
        self.own_ends = _read_own_ends(config.model_config)
        self.prompter = Prompter(
            job,
            tokenizer,
            end_of_model=self.own_ends,
            context=config.model_config.max_model_len,
        )
        self.n_ahead = _AHEAD * config.scheduler_config.max_num_seqs
        self.ids = (str(number) for number in itertools.count())

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GeneratedCompletion]:
        """Yield each completion in the step in which its last reply ends."""
        waiting = deque(self.prompter.open(requests))
        asked: dict[str, Conversation] = {}
        clock = Clock()
        while waiting or asked:
            over: list[Conversation] = []
            while waiting and len(asked) < self.n_ahead:
                self._go_on(waiting.popleft(), asked, over)
            for output in self._step() if asked else ():
                if output.finished:
                    row = asked.pop(output.request_id)
                    self.prompter.read(row, self._cut(output.outputs[0].token_ids))
                    self._go_on(row, asked, over)
            seconds = clock.share(len(over)) if over else 0.0
            for row in over:
                yield finish(row, engine=self.name, engine_version=self.version, seconds=seconds)

    def close(self) -> None:
        """End vLLM's loop and its workers."""
        self.engine.engine_core.shutdown()

    def _step(self) -> Any:
        """Let vLLM write a token of each row in its batch; raises JobError."""
        try:
            with memory_advice(_SMALLER):
                return self.engine.step()
        except JobError:
            raise
        except Exception as error:  # vLLM raises whatever its model's code raises
            text = " ".join(str(error).split()) or type(error).__name__
            raise JobError(f"vLLM failed while it generated: {text[:2000]}") from error

    def _go_on(
        self, row: Conversation, asked: dict[str, Conversation], over: list[Conversation]
    ) -> None:
        """Ask for the row's next reply, or put it among those that are over."""
        while not row.is_over:
            if self.prompter.begin_turn(row):
                name = next(self.ids)
                asked[name] = row
                prompt = {"type": "token", "prompt_token_ids": row.ids}
                self.engine.add_request(name, prompt, self._parameters(row))
                return
        over.append(row)

    def _cut(self, ids: Sequence[int]) -> Sequence[int]:
        """Leave out what vLLM wrote after a stop text, where it could not read its own text."""
        stop = self.job.sampling.stop
        if self.reads_stops or not stop:
            return ids
        return cut_at_stop(ids, tokenizer=self.prompter.tokenizer, stop=stop)

    def _parameters(self, row: Conversation) -> Any:
        """Return vLLM's parameters for the turn at hand; their order of effect is ours."""
        from vllm import SamplingParams  # noqa: PLC0415 - as above
        from vllm.sampling_params import RequestOutputKind  # noqa: PLC0415 - as above

        sampling = self.job.sampling
        return SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            min_p=sampling.min_p,
            repetition_penalty=sampling.repetition_penalty,
            frequency_penalty=sampling.frequency_penalty,
            max_tokens=self.prompter.room(row),
            seed=row.seed,
            stop=list(sampling.stop) if self.reads_stops else [],
            stop_token_ids=sorted(self.prompter.end_ids),
            # Only stop texts need vLLM's text; ours is read from the ids, by the same reader.
            detokenize=self.reads_stops and bool(sampling.stop),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )


def _read_own_ends(model_config: Any) -> frozenset[int]:
    """Return the end tokens that the model's files name, generation config before config."""
    own = model_config.try_get_generation_config().get("eos_token_id")
    if own is None:
        own = getattr(model_config.hf_text_config, "eos_token_id", None)
    return read_ends(own)
