"""Generation by transformers, in this process, on CPU or CUDA."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotate.generation.engines.draws import SeededDraws
from annotate.generation.engines.stops import Reply, RowStops, read_reply
from annotate.generation.formats import END_OF_TURN, RenderedPrompt, render_prompt
from annotate.generation.jobs import GenerationJob
from annotate.generation.rows import GeneratedCompletion, GenerationRequest, JobError
from annotate.generation.seeds import turn_seed


@dataclass(slots=True)
class _Row:
    """A request on its way: the replies so far, and the prompt of the turn at hand."""

    request: GenerationRequest
    replies: list[Reply] = field(default_factory=list)
    text: str = ""
    ids: list[int] = field(default_factory=list)
    n_prompt_tokens: int = 0


def start_transformers(job: GenerationJob) -> TransformersEngine:
    """Load the job's model and tokenizer; raises JobError where they will not load."""
    import torch  # noqa: PLC0415 - the web process imports this package and never torch
    import transformers  # noqa: PLC0415 - as above
    from safetensors import SafetensorError  # noqa: PLC0415 - as above

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    device = _choose_device(job.device, has_cuda=torch.cuda.is_available())
    try:
        tokenizer, model = _load(job)
    except (ImportError, OSError, RuntimeError, SafetensorError, ValueError) as error:
        raise JobError(f"model {job.model!r} cannot be loaded: {error}") from error
    version = f"transformers {transformers.__version__}, torch {torch.__version__}"
    return TransformersEngine(job, tokenizer, model.to(device).eval(), version=version)


def _load(job: GenerationJob) -> tuple[Any, Any]:
    """Return tokenizer and model; raises ValueError where the files lack weights."""
    import torch  # noqa: PLC0415 - as above
    import transformers  # noqa: PLC0415 - as above

    where = {"revision": job.revision or None, "trust_remote_code": False}
    tokenizer = transformers.AutoTokenizer.from_pretrained(
        job.model, use_fast=job.tokenizer.use_fast, **where
    )
    model, loading = transformers.AutoModelForCausalLM.from_pretrained(
        job.model,
        dtype="auto" if job.dtype == "auto" else getattr(torch, job.dtype),
        output_loading_info=True,
        **where,
    )
    missing = sorted(loading["missing_keys"])
    if missing:  # transformers would draw them at random and go on
        raise ValueError(f"{len(missing)} weights are not in its files, {missing[0]} first")
    return tokenizer, model


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
        self.tokenizer = tokenizer
        self.model = model
        self._version = version
        self.end_ids = _find_end_ids(job, tokenizer, model)
        self.context = _find_context(model)
        _replace_own_sampling(model, self.end_ids)

    @property
    def version(self) -> str:
        """Name transformers and torch with their versions."""
        return self._version

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GeneratedCompletion]:
        """Yield completions batch by batch; rows of like length share a batch, longest first."""
        rows = [_Row(request) for request in requests]
        for row in rows:
            self._render(row)
            if len(row.ids) >= self.context:
                raise JobError(
                    f"request {row.request.key!r} has a prompt of {len(row.ids)} tokens, and "
                    f"the model reads and writes no more than {self.context} together"
                )
        rows.sort(key=lambda row: (-len(row.request.turns), -len(row.ids)))
        for start in range(0, len(rows), self.job.batch_size):
            yield from self._complete(rows[start : start + self.job.batch_size])

    def _complete(self, batch: list[_Row]) -> list[GeneratedCompletion]:
        """Take a batch through all its turns; a row with fewer turns drops out earlier."""
        begun = time.perf_counter()
        for turn in range(max(len(row.request.turns) for row in batch)):
            going_on = [row for row in batch if turn < len(row.request.turns)]
            for row in going_on:
                self._render(row)
                row.n_prompt_tokens += len(row.ids)
            self._reply([row for row in going_on if len(row.ids) < self.context])
            for row in going_on:
                if len(row.replies) == turn:  # the replies so far have filled the context
                    row.replies.append(Reply(text="", finish_reason="length", n_tokens=0))
        seconds = (time.perf_counter() - begun) / len(batch)
        return [self._finish(row, seconds) for row in batch]

    def _render(self, row: _Row) -> None:
        """Render and encode the prompt of the turn that comes next."""
        request, messages = row.request, []
        if request.system is not None:
            messages.append({"role": "system", "content": request.system})
        for user, reply in zip(request.turns, row.replies, strict=False):
            messages.append({"role": "user", "content": user})
            messages.append({"role": "assistant", "content": reply.text})
        messages.append({"role": "user", "content": request.turns[len(row.replies)]})
        try:
            rendered = render_prompt(
                format=self.job.prompt_format, messages=messages, tokenizer=self.tokenizer
            )
        except ValueError as error:
            raise JobError(f"request {request.key!r}: {error}") from error
        row.text, row.ids = rendered.text, self._encode(rendered)
        if not row.ids:
            raise JobError(f"request {request.key!r} has an empty prompt")

    def _encode(self, rendered: RenderedPrompt) -> list[int]:
        wanted = self.job.tokenizer.add_special_tokens
        add = rendered.add_special_tokens if wanted is None else wanted
        bos = self.tokenizer.bos_token
        if bos and rendered.text.startswith(bos):
            add = False  # else BOS stands twice
        encoded = self.tokenizer(rendered.text, add_special_tokens=add, verbose=False)
        return list(encoded["input_ids"])

    def _reply(self, rows: list[_Row]) -> None:
        """Add one reply to each row."""
        import torch  # noqa: PLC0415 - as above

        if not rows:
            return
        sampling, width = self.job.sampling, max(len(row.ids) for row in rows)
        room = [min(sampling.max_tokens, self.context - len(row.ids)) for row in rows]
        seeds = [turn_seed(seed=row.request.seed, turn=len(row.replies)) for row in rows]
        draws = SeededDraws(
            sampling=sampling, prompts=[row.ids for row in rows], seeds=seeds, width=width
        )
        stops = RowStops(tokenizer=self.tokenizer, stop=sampling.stop, room=room, width=width)
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
            row.replies.append(
                read_reply(
                    ids[:end], tokenizer=self.tokenizer, end_ids=self.end_ids, stop=sampling.stop
                )
            )

    def _finish(self, row: _Row, seconds: float) -> GeneratedCompletion:
        was_cut = any(reply.finish_reason == "length" for reply in row.replies)
        return GeneratedCompletion(
            key=row.request.key,
            replies=tuple(reply.text for reply in row.replies),
            finish_reason="length" if was_cut else "stop",
            prompt_tokens=row.n_prompt_tokens,
            completion_tokens=sum(reply.n_tokens for reply in row.replies),
            rendered_prompt_sha256=hashlib.sha256(row.text.encode()).hexdigest(),
            seed=row.request.seed,
            engine=self.name,
            engine_version=self.version,
            seconds=round(seconds, 6),
        )


def _find_end_ids(job: GenerationJob, tokenizer: Any, model: Any) -> frozenset[int]:
    """Return the ids that end a reply: the model's, the tokenizer's, the format's, and stop texts
    that are special tokens (decoding leaves those out, so that no text would match)."""
    of_model = model.generation_config.eos_token_id
    found = {*of_model} if isinstance(of_model, list | tuple) else {of_model}
    found.add(tokenizer.eos_token_id)
    special_ids = tokenizer.get_added_vocab()
    for text in (END_OF_TURN.get(job.prompt_format, ""), *job.sampling.stop):
        found.add(special_ids.get(text))
    return frozenset(int(token) for token in found if token is not None)


def _find_context(model: Any) -> int:
    """Return how many tokens the model can read and write together."""
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return int(context) if context else 2**31


def _replace_own_sampling(model: Any, end_ids: frozenset[int]) -> None:
    """Put away the sampling that the model's files suggest: generate() would mix it with ours."""
    from transformers import GenerationConfig  # noqa: PLC0415 - as above

    # What pads a finished row is cut off again, so that any id will do.
    model.generation_config = GenerationConfig(
        do_sample=False, eos_token_id=sorted(end_ids) or None, pad_token_id=0
    )
