"""Generation by services that speak OpenAI's protocol: vLLM's server, and others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from annotate.generation.engines.conversations import (
    NO_LIMIT,
    Clock,
    Conversation,
    Prompter,
    finish,
)
from annotate.generation.engines.endpoints import (
    AttemptFailed,
    Endpoint,
    RequestRefused,
    backoff,
    connect,
    none_is_left,
    read_key,
)
from annotate.generation.engines.model_files import load_tokenizer
from annotate.generation.engines.openai_requests import Asker, name_server, refuse
from annotate.generation.engines.options import OpenAIOptions
from annotate.generation.jobs import GenerationJob
from annotate.generation.rows import GeneratedCompletion, GenerationRequest, JobError

MAX_VERSION_LENGTH = 90  # characters, as a completion's row has room for


def start(job: GenerationJob) -> OpenAIEngine:
    """Load the tokenizer, where one is named; raises JobError where key or tokenizer lack."""
    options = cast(OpenAIOptions, job.options)
    if options.api_key_env:
        read_key(options)
    tokenizer = load_tokenizer(job, options.tokenizer) if options.tokenizer else None
    return OpenAIEngine(job, tokenizer)


@dataclass(order=True, slots=True)
class _Task:
    """A conversation in the queue; earlier ones go first, also when they come back."""

    number: int
    row: Conversation = field(compare=False)
    has_begun: bool = field(default=False, compare=False)
    attempts: int = field(default=0, compare=False)


class _Done(NamedTuple):
    row: Conversation
    version: str


class OpenAIEngine:
    """Many conversations at once, spread over all endpoints that are well.

    A request's seed travels with it; whether its text depends on that alone is the service's
    affair (`docs/engines.md`).
    """

    name = "openai"

    def __init__(self, job: GenerationJob, tokenizer: Any | None) -> None:
        self.job = job
        self.options = cast(OpenAIOptions, job.options)
        self.tokenizer = tokenizer

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[GeneratedCompletion]:
        """Yield each completion as soon as its last reply is there."""
        clock, n_left = Clock(), len(requests)
        crew = _Crew(self.job, self.options, self.tokenizer)
        with asyncio.Runner() as runner:
            try:
                runner.run(crew.begin(requests))
                while n_left:
                    done = runner.run(crew.next_done())
                    n_left -= len(done)
                    seconds = clock.share(len(done))
                    for row, version in done:
                        yield finish(row, engine=self.name, engine_version=version, seconds=seconds)
            finally:
                runner.run(crew.end())

    def close(self) -> None:
        """Do nothing: connections end with the requests."""


class _Crew:
    """The workers of one call: `concurrency` of them for each endpoint."""

    def __init__(self, job: GenerationJob, options: OpenAIOptions, tokenizer: Any | None) -> None:
        self.job = job
        self.options = options
        self.tokenizer = tokenizer
        self.endpoints: list[Endpoint] = []
        self.waiting: asyncio.PriorityQueue[_Task] = asyncio.PriorityQueue()
        self.done: asyncio.Queue[_Done | Exception] = asyncio.Queue()
        self.asker = Asker(job, options, None)
        self.running: set[asyncio.Task[None]] = set()

    async def begin(self, requests: Sequence[GenerationRequest]) -> None:
        """Look at the endpoints, render the first prompts, and set the workers going."""
        self.endpoints = connect(self.options)
        await asyncio.gather(*(each.look(self.job.model) for each in self.endpoints))
        for number, row in enumerate(self._open(requests)):
            self.waiting.put_nowait(_Task(number, row))
        for endpoint in self.endpoints:
            self._run(self._nurse(endpoint))
            for _ in range(min(self.options.concurrency, len(requests))):
                self._run(self._work(endpoint))

    async def end(self) -> None:
        """Break off what is under way, and close the connections."""
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
        for endpoint in self.endpoints:
            await endpoint.client.aclose()

    def _open(self, requests: Sequence[GenerationRequest]) -> list[Conversation]:
        if self.tokenizer is None:
            return [Conversation(request) for request in requests]
        contexts = [each.context for each in self.endpoints if each.context is not None]
        prompter = Prompter(
            self.job, self.tokenizer, end_of_model=(), context=min(contexts, default=NO_LIMIT)
        )
        self.asker = Asker(self.job, self.options, prompter)
        return prompter.open(requests)

    async def next_done(self) -> list[_Done]:
        """Wait for what is done; raises JobError where the work cannot go on."""
        found = [await self.done.get()]
        while not self.done.empty():
            found.append(self.done.get_nowait())
        done = [each for each in found if isinstance(each, _Done)]
        errors = [each for each in found if isinstance(each, Exception)]
        if errors and done:
            self.done.put_nowait(errors[0])  # first what is made, then the error
        elif errors:
            raise errors[0]
        return done

    def _run(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.running.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        """Hand over what a worker ended with: it ends only by an error."""
        self.running.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self.done.put_nowait(error)

    async def _work(self, endpoint: Endpoint) -> None:
        while True:
            await endpoint.wait_until_well()
            task = await self.waiting.get()
            if endpoint.is_ready():
                await self._attempt(task, endpoint)
            else:  # it fell ill while this worker waited for work
                self.waiting.put_nowait(task)

    async def _attempt(self, task: _Task, endpoint: Endpoint) -> None:
        """Take a conversation as far as the endpoint answers."""
        row = task.row
        try:
            while not row.is_over:
                if not task.has_begun and not self.asker.begin_turn(row):
                    continue
                task.has_begun = True
                answer = await endpoint.post(self.asker.path, self.asker.body(row))
                reply = self.asker.read(row, answer)
                row.replies.append(reply)
                task.has_begun, task.attempts = False, 0
                endpoint.note_success()
                endpoint.version = (endpoint.version or name_server(answer))[:MAX_VERSION_LENGTH]
        except AttemptFailed as failure:
            self._put_back(task, endpoint, failure)
        except RequestRefused as error:
            raise refuse(row, f"{endpoint.address}: {error}") from error
        else:
            self.done.put_nowait(_Done(row, endpoint.version))

    def _put_back(self, task: _Task, endpoint: Endpoint, failure: AttemptFailed) -> None:
        """Let the conversation wait, and then go to whichever endpoint has time."""
        endpoint.note_failure(failure)
        if not failure.is_refusal:
            task.attempts += 1
        if task.attempts > self.options.retries:
            raise refuse(
                task.row,
                f"{task.attempts} attempts failed, the last at {endpoint.address}: "
                f"{failure.message}",
            )
        wait_s = 0.0
        if task.attempts:
            wait_s = backoff(seed=task.row.seed, attempt=task.attempts, options=self.options)
        asyncio.get_running_loop().call_later(wait_s, self.waiting.put_nowait, task)

    async def _nurse(self, endpoint: Endpoint) -> None:
        """Probe an endpoint that rests, and end the job when all of them are lost."""
        while True:
            await endpoint.fallen.wait()
            if all(each.is_lost for each in self.endpoints):
                raise JobError(none_is_left(self.endpoints))
            await asyncio.sleep(self.options.rest_s)
            if not endpoint.is_refused:
                await endpoint.probe()
