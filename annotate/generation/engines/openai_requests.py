"""What is sent to an OpenAI-compatible service for a turn, and how its answer is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeGuard

from annotate.generation.engines.conversations import Conversation, Prompter, render_turn
from annotate.generation.engines.endpoints import AttemptFailed, RequestRefused
from annotate.generation.engines.options import OpenAIOptions
from annotate.generation.engines.stops import Reply, read_reply
from annotate.generation.formats import END_OF_TURN
from annotate.generation.jobs import GenerationJob
from annotate.generation.rows import JobError

# What a service's filter has left of a reply is what the candidate answers.
_FINISH_REASONS = {"stop": "stop", "length": "length", "content_filter": "stop"}


class Asker:
    """Turns conversations into requests, and answers into replies.

    With a tokenizer (`prompter`) prompts are token ids, counted before they are sent; without
    one a named format is sent as text, and messages as they are.
    """

    def __init__(
        self, job: GenerationJob, options: OpenAIOptions, prompter: Prompter | None
    ) -> None:
        self.job = job
        self.options = options
        self.prompter = prompter
        self.api = options.api_for(job.prompt_format)
        self.path = "/chat/completions" if self.api == "chat" else "/completions"

    def begin_turn(self, row: Conversation) -> bool:
        """Render the turn at hand; where no room for a reply is left, reply nothing (False)."""
        if self.prompter is not None:
            return self.prompter.begin_turn(row)
        if self.api == "chat":
            row.text = canonical(row.messages())
        else:
            row.text = render_turn(row, job=self.job, tokenizer=None).text
        return True

    def body(self, row: Conversation) -> dict[str, Any]:
        """Return the request for the turn at hand."""
        sampling, options = self.job.sampling, self.options
        room = sampling.max_tokens if self.prompter is None else self.prompter.room(row)
        body: dict[str, Any] = {
            "model": self.job.model,
            "temperature": sampling.temperature,
            options.max_tokens_field: room,
            **self._prompt(row),
        }
        if options.sends_seed:
            body["seed"] = row.seed
        if options.extensions or sampling.top_p != 1:
            body["top_p"] = sampling.top_p
        if options.extensions or sampling.frequency_penalty != 0:
            body["frequency_penalty"] = sampling.frequency_penalty
        if stop := self._stop():
            body["stop"] = stop
        if options.extensions:
            body |= self._extensions(row)
        return {**body, **options.extra_body}

    def _prompt(self, row: Conversation) -> dict[str, Any]:
        if self.api == "chat":
            return {"messages": row.messages()}
        return {"prompt": row.text if self.prompter is None else row.ids}

    def _stop(self) -> list[str]:
        """Return the stop texts; the end of a turn is one where no id can be sent for it."""
        stop = list(self.job.sampling.stop)
        end = END_OF_TURN.get(self.job.prompt_format, "")
        if end and end not in stop and (self.prompter is None or not self.options.extensions):
            stop.append(end)
        return stop

    def _extensions(self, row: Conversation) -> dict[str, Any]:
        """Return what is not OpenAI's own. All of it is sent, for what is not would be as the
        model's own files suggest."""
        sampling = self.job.sampling
        body: dict[str, Any] = {
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            "repetition_penalty": sampling.repetition_penalty,
        }
        if self.prompter is not None:
            body["stop_token_ids"] = sorted(self.prompter.end_ids)
            body["return_token_ids"] = True
        elif self.api == "completions":
            # The text has BOS where its format has one, so that another is never added to it.
            wanted = self.job.tokenizer.add_special_tokens is True
            body["add_special_tokens"] = wanted and not row.text.startswith("<s>")
        return body

    def read(self, row: Conversation, answer: Mapping[str, Any]) -> Reply:
        """Read an answer and count its prompt; raises AttemptFailed where it is no answer."""
        choice = _first_choice(answer)
        message = choice.get("message")
        text = message.get("content") if isinstance(message, dict) else choice.get("text")
        reason = choice.get("finish_reason")
        if reason not in _FINISH_REASONS:
            raise RequestRefused(f"the service ended the reply for the reason {reason!r}")
        usage = answer.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        reply = self._read_text(choice, text or "", _FINISH_REASONS[reason])
        if self.prompter is None or self.api == "chat":
            # What the server has counted goes before what we would have sent.
            own = len(row.ids) if self.prompter is not None else 0
            row.n_prompt_tokens += _count(usage, "prompt_tokens", own) - own
        return Reply(
            text=reply.text,
            finish_reason=reply.finish_reason,
            n_tokens=_count(usage, "completion_tokens", reply.n_tokens),
        )

    def _read_text(self, choice: Mapping[str, Any], text: str, reason: str) -> Reply:
        """Read ids where the server gives them, as every engine does; else its text."""
        ids, stop = choice.get("token_ids"), self.job.sampling.stop
        if self.prompter is not None and _are_ids(ids):
            reply = read_reply(
                ids, tokenizer=self.prompter.tokenizer, end_ids=self.prompter.end_ids, stop=stop
            )
            return Reply(text=reply.text, finish_reason=reason, n_tokens=reply.n_tokens)
        if not isinstance(text, str):
            raise AttemptFailed("an answer whose text is no text")
        text = text.replace("\0", "\ufffd")
        cuts = [text.find(stop_text) for stop_text in stop if stop_text in text]
        text = (text[: min(cuts)] if cuts else text).strip()
        return Reply(text=text, finish_reason=reason, n_tokens=0)


def canonical(messages: list[dict[str, str]]) -> str:
    """Return messages as the JSON whose hash stands for a prompt that only the server renders."""
    return json.dumps(messages, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def name_server(answer: Mapping[str, Any]) -> str:
    """Name what answered by the model that it says it is, where it has no version of its own."""
    parts = (answer.get("model"), answer.get("system_fingerprint"))
    return " ".join(part for part in parts if isinstance(part, str) and part)


def refuse(row: Conversation, message: str) -> JobError:
    """Name the request that the service does not accept."""
    return JobError(f"request {row.request.key!r}: {message}")


def _first_choice(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise AttemptFailed("an answer without choices")
    return choices[0]


def _are_ids(ids: object) -> TypeGuard[list[int]]:
    return isinstance(ids, list) and all(isinstance(token, int) for token in ids)


def _count(usage: Mapping[str, Any], name: str, otherwise: int) -> int:
    count = usage.get(name)
    if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
        return count
    return otherwise
