"""What a model would read, before a run is launched: the very text that its engine renders."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from annotate.generation.engines import check_engine_options
from annotate.generation.engines.options import OpenAIOptions
from annotate.generation.formats import render_prompt
from annotate.models import Prompt
from annotate.services.errors import ModelRefused, PreviewFailed
from annotate.services.launching import CandidateDraft
from annotate.services.model_paths import check_model
from annotate.services.shards import choose_system

TIMEOUT_S = 60
REPLY_TO_COME = "⟨reply {turn}⟩"


@dataclass(frozen=True)
class Preview:
    """What goes to the model.

    Attributes:
        text: the string itself, or the messages as JSON where a server renders them.
        is_messages: whether a server renders the messages by a template of its own.
        turn: of the prompt, from 1; replies before it are named, since nobody has made them yet.
    """

    text: str
    is_messages: bool
    turn: int


def preview_prompt(*, candidate: CandidateDraft, prompt: Prompt, turn: int = 1) -> Preview:
    """Render a prompt of a run as the candidate's model would get it.

    The named formats are rendered here. `chat_template` is the tokenizer's own, and reading a
    tokenizer takes torch along, which this process never loads: `manage.py render_prompt` does
    it in a process of its own, by files that are on this machine already.

    Raises:
        PreviewFailed: the tokenizer is not on this machine, or its template refuses the messages.
    """
    turn = min(max(turn, 1), len(prompt.turns))
    messages = _messages(candidate, prompt, turn)
    if _is_rendered_elsewhere(candidate):
        text = json.dumps(messages, ensure_ascii=False, indent=2)
        return Preview(text=text, is_messages=True, turn=turn)
    if candidate.prompt_format == "chat_template":
        text = _render_by_tokenizer(candidate, messages)
    else:
        text = render_prompt(format=candidate.prompt_format, messages=messages).text
    return Preview(text=text, is_messages=False, turn=turn)


def _messages(candidate: CandidateDraft, prompt: Prompt, turn: int) -> list[dict[str, str]]:
    system = choose_system(prompt, candidate.system_prompts)
    messages = [] if system is None else [{"role": "system", "content": system}]
    for number, user in enumerate(prompt.turns[:turn], start=1):
        messages.append({"role": "user", "content": user})
        if number < turn:
            reply = REPLY_TO_COME.format(turn=number)
            messages.append({"role": "assistant", "content": reply})
    return messages


def _is_rendered_elsewhere(candidate: CandidateDraft) -> bool:
    options = check_engine_options(candidate.engine, candidate.engine_options)
    if not isinstance(options, OpenAIOptions):
        return False
    return options.api_for(candidate.prompt_format) == "chat"


def _render_by_tokenizer(candidate: CandidateDraft, messages: list[dict[str, str]]) -> str:
    try:
        check_model(candidate.model)
    except ModelRefused as refusal:
        raise PreviewFailed(str(refusal)) from refusal
    command = [
        sys.executable, str(settings.BASE_DIR / "manage.py"), "render_prompt",
        "--format=chat_template", "--messages=-",
        f"--model={candidate.model}", f"--revision={candidate.revision}",
    ]  # fmt: skip
    if not candidate.tokenizer.get("use_fast", True):
        command.append("--slow")
    try:
        answer = subprocess.run(
            command,
            input=json.dumps(messages).encode(),
            capture_output=True,
            timeout=TIMEOUT_S,
            # A page that is asked for never downloads a model.
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        message = _("The tokenizer of %(model)s took longer than %(seconds)s seconds to load.")
        words = {"model": candidate.model, "seconds": TIMEOUT_S}
        raise PreviewFailed(message % words) from error
    if answer.returncode:
        raise PreviewFailed(_explain(candidate, answer.stderr.decode(errors="replace")))
    return answer.stdout.decode()


def _explain(candidate: CandidateDraft, said: str) -> str:
    """Say what to do where a model's files are on a hub and not on this machine."""
    lines = said.strip().splitlines() or [""]
    reason = lines[-1].removeprefix("CommandError: ")
    if Path(candidate.model).is_dir() or "is not on this machine" not in reason:
        return reason
    return _(
        "The tokenizer of %(model)s is not on this machine, so its chat template cannot be shown."
        " Fetch it here once with: hf download %(model)s --include 'token*' '*.jinja' '*.json',"
        " or name a folder."
    ) % {"model": candidate.model}
