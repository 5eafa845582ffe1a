"""A small server that speaks OpenAI's protocol and really generates, by transformers.

Faults are made on demand: each request for a completion takes the next one that is planned. As a
process of its own (`python -m tests.openai_server MODEL_FOLDER [PORT]`) it prints its address once
it serves, and ends by SIGTERM.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from annotate.generation.engines.conversations import Conversation
from annotate.generation.engines.stops import Reply
from annotate.generation.engines.transformers_engine import TransformersEngine, start
from annotate.generation.formats import RenderedPrompt
from annotate.generation.jobs import GenerationJob, GenerationRequest
from annotate.generation.sampling import Sampling

VERSION = "1.2.3"
MODEL = "tiny"


@dataclass(frozen=True)
class Fault:
    """What goes wrong instead of an answer: a status, a closed connection, or a wait."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "planned"
    closes: bool = False
    hangs_s: float = 0.0


class TinyServer(ThreadingHTTPServer):
    """One endpoint on a free port of 127.0.0.1, with one loaded model."""

    daemon_threads = True

    def __init__(self, engine: TransformersEngine, *, key: str = "", port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.engine = engine
        self.key = key
        self.generating = threading.Lock()
        self.faults: deque[Fault] = deque()
        self.asked: list[dict[str, Any]] = []  # bodies of requests for completions
        self.prompt_ids: list[list[int]] = []
        self.is_broken = False  # every request fails until it is mended, probes too
        self.n_probes = 0
        self.version: str | None = VERSION

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def complete(self, body: Mapping[str, Any], ids: list[int]) -> Reply:
        """Generate one reply, with the request's own seed."""
        sampling = Sampling(
            temperature=body.get("temperature", 1.0),
            top_p=body.get("top_p", 1.0),
            top_k=body.get("top_k", 0),
            min_p=body.get("min_p", 0.0),
            repetition_penalty=body.get("repetition_penalty", 1.0),
            frequency_penalty=body.get("frequency_penalty", 0.0),
            max_tokens=body.get("max_tokens", 16),
            stop=tuple(body.get("stop", ())),
        )
        row = _Asked(GenerationRequest(key="asked", turns=("",), seed=body.get("seed", 0)), ids=ids)
        with self.generating:
            job = replace(self.engine.job, sampling=sampling)
            model, version = self.engine.model, self.engine.version
            engine = TransformersEngine(job, self.engine.prompter.tokenizer, model, version=version)
            engine._reply([row])
        return row.replies[0]


class _Asked(Conversation):
    """A turn whose seed is the request's, as a server sees it."""

    @property
    def seed(self) -> int:
        return self.request.seed


class _Handler(BaseHTTPRequestHandler):
    server: TinyServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.server.is_broken:
            self.server.n_probes += 1
            self._answer(503, {"error": {"message": "broken"}})
        elif self.path == "/version" and self.server.version:
            self._answer(200, {"version": self.server.version})
        elif self.path == "/v1/models":
            entry = {"id": MODEL, "max_model_len": self.server.engine.prompter.context}
            self._answer(200, {"data": [entry]})
        else:
            self._answer(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path not in ("/v1/completions", "/v1/chat/completions"):
            self._answer(404, {"detail": "Not Found"})
            return
        if self.server.is_broken:
            self._answer(503, {"error": {"message": "broken"}})
            return
        if self.server.key and self.headers.get("Authorization") != f"Bearer {self.server.key}":
            given = self.headers.get("Authorization", "")
            self._answer(401, {"error": {"message": f"Incorrect API key provided: {given}"}})
            return
        self.server.asked.append(body)
        if self.server.faults:
            self._fail(self.server.faults.popleft())
            return
        self._complete(body)

    def _fail(self, fault: Fault) -> None:
        time.sleep(fault.hangs_s)
        if fault.closes or fault.hangs_s:
            self.close_connection = True
            self.connection.close()
            return
        self._answer(fault.status, {"error": {"message": fault.message}}, fault.headers)

    def _complete(self, body: dict[str, Any]) -> None:
        is_chat = self.path == "/v1/chat/completions"
        ids = self._prompt_ids(body, is_chat=is_chat)
        self.server.prompt_ids.append(ids)
        reply = self.server.complete(body, ids)
        text = {"message": {"role": "assistant", "content": reply.text}}
        choice = text if is_chat else {"text": reply.text}
        usage = {"prompt_tokens": len(ids), "completion_tokens": reply.n_tokens}
        choices = [{"index": 0, **choice, "finish_reason": reply.finish_reason}]
        self._answer(200, {"model": "tiny-2025", "choices": choices, "usage": usage})

    def _prompt_ids(self, body: dict[str, Any], *, is_chat: bool) -> list[int]:
        """Encode as vLLM's server does: text gets special tokens unless it is told otherwise."""
        tokenizer = self.server.engine.prompter.tokenizer
        if is_chat:
            text = tokenizer.apply_chat_template(
                body["messages"], tokenize=False, add_generation_prompt=True
            )
            rendered = RenderedPrompt(text=text, add_special_tokens=False)
            return self.server.engine.prompter.encode(rendered)
        if isinstance(body["prompt"], list):
            return list(body["prompt"])
        add = body.get("add_special_tokens", True)
        return list(tokenizer(body["prompt"], add_special_tokens=add)["input_ids"])

    def _answer(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def load_engine(model: Path) -> TransformersEngine:
    """Load what servers generate with."""
    return start(
        GenerationJob(
            engine="transformers",
            model=str(model),
            requests=Path("requests.jsonl"),
            completions=Path("completions.jsonl"),
            engine_options={"device": "cpu"},
        )
    )


@contextmanager
def serving(engine: TransformersEngine, *, key: str = "", port: int = 0) -> Iterator[TinyServer]:
    """Serve until the block ends."""
    server = TinyServer(engine, key=key, port=port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main(arguments: list[str]) -> None:
    """Serve a model's folder until the process is ended."""
    port = int(arguments[1]) if len(arguments) > 1 else 0
    with TinyServer(load_engine(Path(arguments[0])), port=port) as server:
        print(server.address, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
