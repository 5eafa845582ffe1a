"""Whether an engine can do what a job asks of it: said beforehand rather than dropped silently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annotate.generation.engines.options import OpenAIOptions, check_engine_options
from annotate.generation.sampling import Sampling

_WITH_BOS = ("llama2", "swallow")
_EXTENSIONS = ("top_k", "min_p", "repetition_penalty")


def check_fit(
    *, engine: str, options: Mapping[str, Any], sampling: Sampling, prompt_format: str
) -> None:
    """Raise ValueError where the engine, told so, cannot sample or prompt as the job wants.

    Reads the options too, so that this is all that a plan needs to call.
    """
    read = check_engine_options(engine, options)
    if isinstance(read, OpenAIOptions):
        _check_prompts(read, prompt_format)
        _check_sampling(read, sampling)


def _check_prompts(options: OpenAIOptions, prompt_format: str) -> None:
    api = options.api_for(prompt_format)
    if api == "chat" and prompt_format != "chat_template":
        raise ValueError(
            f"prompt format {prompt_format!r} cannot go with api chat, where the server renders "
            "the messages itself; use api completions, or prompt format chat_template"
        )
    if api == "completions" and prompt_format == "chat_template" and not options.tokenizer:
        raise ValueError(
            "api completions renders the chat template here, so that engine option tokenizer is "
            "needed: a folder or an id on a hub"
        )
    tells_bos = options.extensions or options.tokenizer
    if api == "completions" and prompt_format in _WITH_BOS and not tells_bos:
        raise ValueError(
            f"prompt format {prompt_format!r} begins with BOS, and a server that is sent text "
            "without extensions may add another; set engine option tokenizer"
        )


def _check_sampling(options: OpenAIOptions, sampling: Sampling) -> None:
    if options.extensions:
        return
    plain = Sampling()
    wanted = [name for name in _EXTENSIONS if getattr(sampling, name) != getattr(plain, name)]
    if wanted:
        raise ValueError(
            f"sampling {', '.join(wanted)} is not among OpenAI's own parameters, and engine "
            "option extensions is false; leave it out, or use a service that knows it"
        )
