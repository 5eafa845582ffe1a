"""Generation by transformers, in this process, on CPU or CUDA."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from annotate.generation.engines.conversations import Clock, Conversation, Prompter, finish
from annotate.generation.engines.draws import SeededDraws
from annotate.generation.engines.memory import memory_advice
from annotate.generation.engines.model_files import (
    check_folder,
    load_tokenizer,
    read_context,
    read_ends,
    where,
)
from annotate.generation.engines.options import TransformersOptions
from annotate.generation.engines.stops import RowStops
from annotate.generation.jobs import GenerationJob
from annotate.generation.rows import GeneratedCompletion, GenerationRequest, JobError

_SMALLER = "a smaller batch_size, dtype bfloat16, or an engine that spreads a model over GPUs"


def start(job: GenerationJob) -> TransformersEngine:
    """Load the job's model and tokenizer; raises JobError where they will not load."""
    import torch  # noqa: PLC0415 - the web process imports this package and never torch
    import transformers  # noqa: PLC0415 - as above
    from safetensors import SafetensorError  # noqa: PLC0415 - as above

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    options = cast(TransformersOptions, job.options)
    device = _choose_device(options.device, has_cuda=torch.cuda.is_available())
    check_folder(job.model)
    try:
        with memory_advice(_SMALLER):
            tokenizer, model = load_tokenizer(job), _load(job, dtype=options.dtype).to(device)
    except (ImportError, OSError, RuntimeError, SafetensorError) as error:
        raise JobError(f"model {job.model!r} cannot be loaded: {error}") from error
    version = f"transformers {transformers.__version__}, torch {torch.__version__}"
    return TransformersEngine(job, tokenizer, model.eval(), version=version)


def _load(job: GenerationJob, *, dtype: str) -> Any:
    """Return the model; raises JobError where the files lack weights."""
    import torch  # noqa: PLC0415 - as above
    import transformers  # noqa: PLC0415 - as above

    try:
        model, loading = transformers.AutoModelForCausalLM.from_pretrained(
            job.model,
            dtype="auto" if dtype == "auto" else getattr(torch, dtype),
            output_loading_info=True,
            **where(job),
        )
    except ValueError as error:
        raise JobError(f"model {job.model!r} cannot be loaded: {error}") from error
    missing = sorted(loading["missing_keys"])
    if missing:  # transformers would draw them at random and go on
        raise JobError(
            f"model {job.model!r} cannot be loaded: {len(missing)} weights are not in its files, "
            f"{missing[0]} first"
        )
    return model


def _choose_device(device: str, *, has_cuda: bool) -> str:
    if device == "auto":
        return "cuda" if has_cuda else "cpu"
    if device.startswith("cuda") and not has_cuda:
        raise JobError(f"device is {device!r}, and no CUDA device was found; use cpu or auto")
    return device


class TransformersEngine:
    """Batches of padded rows; a row's draws depend on its own seed alone.

    In float32 a row's text is the same in any batch. In bfloat16 and float16 a kernel may round
    otherwise at another batch size, and a near-tie between two tokens may then fall otherwise.
    """

    name = "transformers"

    def __init__(self, job: GenerationJob, tokenizer: Any, model: Any, *, version: str) -> None:
        self.job = job
        self.batch_size = cast(TransformersOptions, job.options).batch_size
        self.model = model
        self.version = version
        self.prompter = Prompter(
            job,
            tokenizer,
            end_of_model=read_ends(model.generation_config.eos_token_id),
            context=read_context(model.config),
        )
        _replace_own_sampling(model, self.prompter.end_ids)

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GeneratedCompletion]:
        """Yield completions batch by batch; rows of like length share a batch, longest first."""
        rows = self.prompter.open(requests)
        rows.sort(key=lambda row: (-len(row.request.turns), -len(row.ids)))
        clock = Clock()
        for start in range(0, len(rows), self.batch_size):
            batch = rows[start : start + self.batch_size]
            with memory_advice(_SMALLER):
                self._complete(batch)
            seconds = clock.share(len(batch))
            for row in batch:
                yield finish(row, engine=self.name, engine_version=self.version, seconds=seconds)

    def close(self) -> None:
        """Let go of the weights."""
        self.model = None

    def _complete(self, batch: list[Conversation]) -> None:
        """Take a batch through all its turns; a row with fewer turns drops out earlier."""
        while going_on := [row for row in batch if not row.is_over]:
            self._reply([row for row in going_on if self.prompter.begin_turn(row)])

    def _reply(self, rows: list[Conversation]) -> None:
        """Add one reply to each row."""
        import torch  # noqa: PLC0415 - as above

        if not rows:
            return
        sampling, width = self.job.sampling, max(len(row.ids) for row in rows)
        room = [self.prompter.room(row) for row in rows]
        draws = SeededDraws(
            sampling=sampling,
            prompts=[row.ids for row in rows],
            seeds=[row.seed for row in rows],
            width=width,
        )
        stops = RowStops(
            tokenizer=self.prompter.tokenizer, stop=sampling.stop, room=room, width=width
        )
        padded = [[0] * (width - len(row.ids)) + row.ids for row in rows]  # (B, width)
        mask = [[0] * (width - len(row.ids)) + [1] * len(row.ids) for row in rows]
        with torch.inference_mode():
            output = self.model.generate(
                torch.tensor(padded, device=self.model.device),
                attention_mask=torch.tensor(mask, device=self.model.device),
                max_new_tokens=max(room),
                logits_processor=[draws],
                stopping_criteria=[stops],
            )
        for row, ids, end in zip(rows, output[:, width:].tolist(), stops.ends, strict=True):
            self.prompter.read(row, ids[:end])


def _replace_own_sampling(model: Any, end_ids: frozenset[int]) -> None:
    """Put away the sampling that the model's files suggest: generate() would mix it with ours."""
    from transformers import GenerationConfig  # noqa: PLC0415 - as above

    # What pads a finished row is cut off again, so that any id will do.
    model.generation_config = GenerationConfig(
        do_sample=False, eos_token_id=sorted(end_ids) or None, pad_token_id=0
    )
