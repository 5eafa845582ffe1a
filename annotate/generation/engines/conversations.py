"""What all engines share: from requests to token ids, and from replies to completions.

An engine differs only in how the token ids of a turn's prompt become a reply.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotate.generation.engines.stops import Reply, read_reply
from annotate.generation.formats import END_OF_TURN, RenderedPrompt, render_prompt
from annotate.generation.jobs import GenerationJob
from annotate.generation.rows import GeneratedCompletion, GenerationRequest, JobError
from annotate.generation.seeds import turn_seed

NO_LIMIT = 2**31  # tokens, where nobody says how many a model can read and write


@dataclass(slots=True)
class Conversation:
    """A request on its way: the replies so far, and the prompt of the turn at hand."""

    request: GenerationRequest
    replies: list[Reply] = field(default_factory=list)
    text: str = ""
    ids: list[int] = field(default_factory=list)
    n_prompt_tokens: int = 0

    @property
    def is_over(self) -> bool:
        """Say whether every turn has its reply."""
        return len(self.replies) == len(self.request.turns)

    @property
    def seed(self) -> int:
        """Give the seed of the turn at hand."""
        return turn_seed(seed=self.request.seed, turn=len(self.replies))

    def messages(self) -> list[dict[str, str]]:
        """Give the system text, the turns with their replies, and the turn at hand."""
        request, messages = self.request, []
        if request.system is not None:
            messages.append({"role": "system", "content": request.system})
        for user, reply in zip(request.turns, self.replies, strict=False):
            messages.append({"role": "user", "content": user})
            messages.append({"role": "assistant", "content": reply.text})
        messages.append({"role": "user", "content": request.turns[len(self.replies)]})
        return messages


class Prompter:
    """Renders and encodes the turns of one job's conversations, and reads their replies.

    `end_of_model` are the ids that end a reply by the model's own files; `context` is how many
    tokens the model reads and writes together.
    """

    def __init__(
        self, job: GenerationJob, tokenizer: Any, *, end_of_model: Collection[int], context: int
    ) -> None:
        self.job = job
        self.tokenizer = tokenizer
        self.end_ids = _find_end_ids(job, tokenizer, end_of_model)
        self.context = context

    def open(self, requests: Sequence[GenerationRequest]) -> list[Conversation]:
        """Begin the first turns; raises JobError where a first prompt fills the context."""
        rows = [Conversation(request) for request in requests]
        for row in rows:
            self.render(row)
            if len(row.ids) >= self.context:
                raise JobError(
                    f"request {row.request.key!r} has a prompt of {len(row.ids)} tokens, and "
                    f"the model reads and writes no more than {self.context} together"
                )
        return rows

    def begin_turn(self, row: Conversation) -> bool:
        """Render the turn at hand; where no room for a reply is left, reply nothing (False)."""
        if row.replies:  # `open` has rendered the first
            self.render(row)
        row.n_prompt_tokens += len(row.ids)
        if len(row.ids) < self.context:
            return True
        row.replies.append(Reply(text="", finish_reason="length", n_tokens=0))
        return False

    def render(self, row: Conversation) -> None:
        """Render and encode the prompt of the turn at hand."""
        rendered = render_turn(row, job=self.job, tokenizer=self.tokenizer)
        row.text, row.ids = rendered.text, self.encode(rendered)
        if not row.ids:
            raise JobError(f"request {row.request.key!r} has an empty prompt")

    def encode(self, rendered: RenderedPrompt) -> list[int]:
        """Return the prompt's token ids, with BOS once where the format has one."""
        wanted = self.job.tokenizer.add_special_tokens
        add = rendered.add_special_tokens if wanted is None else wanted
        bos = self.tokenizer.bos_token
        if bos and rendered.text.startswith(bos):
            add = False  # else BOS stands twice
        encoded = self.tokenizer(rendered.text, add_special_tokens=add, verbose=False)
        return list(encoded["input_ids"])

    def room(self, row: Conversation) -> int:
        """Return how many tokens the turn's reply may have."""
        return min(self.job.sampling.max_tokens, self.context - len(row.ids))

    def read(self, row: Conversation, ids: Sequence[int]) -> None:
        """Add the reply that the ids spell: all that were written up to the reply's own end."""
        reply = read_reply(
            ids, tokenizer=self.tokenizer, end_ids=self.end_ids, stop=self.job.sampling.stop
        )
        row.replies.append(reply)


class Clock:
    """Shares the wall time of an engine out among the completions that are made in it."""

    def __init__(self) -> None:
        self.mark = time.perf_counter()

    def share(self, n_rows: int) -> float:
        """Return the seconds that each of the rows made since the last call has taken."""
        now = time.perf_counter()
        seconds, self.mark = (now - self.mark) / max(n_rows, 1), now
        return round(seconds, 6)


def render_turn(row: Conversation, *, job: GenerationJob, tokenizer: Any) -> RenderedPrompt:
    """Render the turn at hand in the job's format; raises JobError naming the request."""
    try:
        return render_prompt(format=job.prompt_format, messages=row.messages(), tokenizer=tokenizer)
    except ValueError as error:
        raise JobError(f"request {row.request.key!r}: {error}") from error


def finish(
    row: Conversation, *, engine: str, engine_version: str, seconds: float
) -> GeneratedCompletion:
    """Make the completion of a conversation whose turns all have their replies."""
    was_cut = any(reply.finish_reason == "length" for reply in row.replies)
    return GeneratedCompletion(
        key=row.request.key,
        replies=tuple(reply.text for reply in row.replies),
        finish_reason="length" if was_cut else "stop",
        prompt_tokens=row.n_prompt_tokens,
        completion_tokens=sum(reply.n_tokens for reply in row.replies),
        rendered_prompt_sha256=hashlib.sha256(row.text.encode()).hexdigest(),
        seed=row.request.seed,
        engine=engine,
        engine_version=engine_version,
        seconds=seconds,
    )


def _find_end_ids(
    job: GenerationJob, tokenizer: Any, end_of_model: Collection[int]
) -> frozenset[int]:
    """Return the ids that end a reply: the model's, the tokenizer's, the format's, and stop texts
    that are special tokens (decoding leaves those out, so that no text would match)."""
    found = {*end_of_model, tokenizer.eos_token_id}
    special_ids = tokenizer.get_added_vocab()
    for text in (END_OF_TURN.get(job.prompt_format, ""), *job.sampling.stop):
        found.add(special_ids.get(text))
    return frozenset(int(token) for token in found if token is not None)
