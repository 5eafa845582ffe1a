"""How a candidate is fed: a pair of conversations as its model reads them."""

from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext as _

from annotate.generation.formats import render_conversation, render_prompt
from annotate.generation.presets import choose_text
from annotate.models import Candidate
from annotate.services import errors
from training.data import Rendered

CHAT_TEMPLATE = Candidate.PromptFormat.CHAT_TEMPLATE
Row = dict[str, Any]
Message = dict[str, str]


def feed_pair(row: Row, base: Candidate) -> Row:
    """Give a pair of messages as `training.data.Pair` reads it, in the prompt format of the base.

    The base's own system text stands before prompts that have none, and for a named prompt format
    the pair holds the text itself; a chat template is left to the tokenizer.

    Raises:
        TrainingRefused: the pair cannot be rendered.
    """
    prompt = _add_system(row, base)
    fed = {**row, "prompt": prompt}
    if base.prompt_format != CHAT_TEMPLATE:
        fed["rendered"] = asdict(_render(prompt, row, base))
    return fed


def _add_system(row: Row, base: Candidate) -> list[Message]:
    """Give the prompt with the system text that the base was given, as `shards.choose_system`."""
    prompt: list[Message] = row["prompt"]
    system = choose_text(base.system_prompts, row["language"])
    if prompt[0]["role"] == "system" or not system:
        return prompt
    return [{"role": "system", "content": system}, *prompt]


def _render(prompt: list[Message], row: Row, base: Candidate) -> Rendered:
    format = base.prompt_format
    try:
        opening = render_prompt(format=format, messages=prompt)
        chosen, rejected = (
            render_conversation(format=format, messages=[*prompt, *row[side]])
            for side in ("chosen", "rejected")
        )
    except ValueError as error:
        message = _("A pair on prompt %(set)s/%(key)s cannot be rendered: %(why)s")
        told = {"set": row["prompt_set"], "key": row["prompt_id"], "why": error}
        raise errors.TrainingRefused(message % told) from error
    return Rendered(
        prompt=opening.text,
        chosen=chosen.text.removeprefix(opening.text),
        rejected=rejected.text.removeprefix(opening.text),
        begins_with_bos=_begins_with_bos(opening.text, base),
        appends_eos=chosen.appends_eos,
    )


def _begins_with_bos(text: str, base: Candidate) -> bool:
    """Tell whether engines feed a BOS first: the format has one, or the tokenizer adds its own."""
    return text.startswith("<s>") or base.tokenizer.get("add_special_tokens") is True
