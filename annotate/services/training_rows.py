"""What a training reads: a dataset's pairs, fed as the candidate was when it made its replies."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from annotate.formats import write_rows
from annotate.generation.formats import render_conversation, render_prompt
from annotate.generation.presets import choose_text
from annotate.models import Candidate, PreferenceDataset, Prompt
from annotate.services import errors
from training.data import Rendered

CHAT_TEMPLATE = Candidate.PromptFormat.CHAT_TEMPLATE
Row = dict[str, Any]
Message = dict[str, str]


@dataclass(frozen=True)
class PairsRead:
    """What is in a dataset's file: its pairs, their languages, and who wrote their replies."""

    n_pairs: int
    languages: tuple[str, ...]
    writers: frozenset[str]


def check_pairs(*, dataset: PreferenceDataset) -> PairsRead:
    """Read a dataset's file through, and say what is in it.

    Raises:
        TrainingRefused: the file is gone, is not what was exported, or is empty; it holds a prompt
            that is held out by now; or every chosen reply is the same text, or every rejected one.
    """
    held_out = _held_out_prompts(dataset)
    n_pairs = 0
    languages: set[str] = set()
    writers: set[str] = set()
    first: dict[str, list[str]] = {}
    is_alike = {"chosen": True, "rejected": True}
    for n_pairs, row in enumerate(_read_rows(dataset), start=1):
        _refuse_held_out(dataset, n_pairs, row, held_out)
        languages.add(row["language"])
        writers |= {row["chosen_candidate"], row["rejected_candidate"]}
        for side in is_alike:
            replies = _replies(row[side])
            is_alike[side] &= first.setdefault(side, replies) == replies
    _refuse_one_sided(dataset, n_pairs, is_alike)
    return PairsRead(n_pairs, tuple(sorted(languages)), frozenset(writers))


def write_pairs(*, dataset: PreferenceDataset, base: Candidate, out: Path) -> None:
    """Write the pairs that a training of `base` reads (`training.data.Pair`), as JSONL.

    The base's own system text stands before prompts that have none, and for a named prompt format
    each pair holds the text itself; a chat template is left to the tokenizer.

    Raises:
        TrainingRefused: the file is gone or is not what was exported, or a pair cannot be rendered.
    """
    write_rows(out, (_feed(row, base) for row in _read_rows(dataset)))


def _read_rows(dataset: PreferenceDataset) -> Iterator[Row]:
    """Yield a dataset's rows; refuse it at the end where its bytes are not those exported."""
    path = Path(settings.KURABE_HOME) / dataset.path
    digest = hashlib.sha256()
    try:
        with path.open("rb") as lines:
            for line in lines:
                digest.update(line)
                yield json.loads(line)
    except FileNotFoundError as error:
        message = _("The file of dataset %(pk)s is gone: export the run again.")
        raise errors.TrainingRefused(message % {"pk": dataset.pk}) from error
    if digest.hexdigest() != dataset.sha256:
        message = _("The file of dataset %(pk)s is not the one that was exported: its SHA-256 is"
                    " %(sha256)s.")  # fmt: skip
        told = {"pk": dataset.pk, "sha256": digest.hexdigest()}
        raise errors.TrainingRefused(message % told)


def _held_out_prompts(dataset: PreferenceDataset) -> set[tuple[str, str]]:
    prompts = Prompt.objects.held_out().filter(prompt_set__runs=dataset.run_id)
    return set(prompts.values_list("prompt_set__slug", "key"))


def _refuse_held_out(
    dataset: PreferenceDataset, n: int, row: Row, held_out: set[tuple[str, str]]
) -> None:
    prompt = (row["prompt_set"], row["prompt_id"])
    if prompt in held_out:
        message = _(
            "Pair %(n)s of dataset %(pk)s is on prompt %(prompt)s, which is held out now: export"
            " the run again."
        )
        told = {"n": n, "pk": dataset.pk, "prompt": "/".join(prompt)}
        raise errors.TrainingRefused(message % told)


def _replies(messages: list[Message]) -> list[str]:
    return [each["content"] for each in messages if each["role"] == "assistant"]


def _refuse_one_sided(dataset: PreferenceDataset, n_pairs: int, is_alike: dict[str, bool]) -> None:
    """Refuse pairs of which a model learns one sentence, whatever it is asked."""
    if n_pairs == 0:
        raise errors.TrainingRefused(_("Dataset %(pk)s has no pair.") % {"pk": dataset.pk})
    if n_pairs < 2 or not any(is_alike.values()):
        return
    message = (
        _("Dataset %(pk)s is one-sided: all of its %(n)s chosen replies are the same text.")
        if is_alike["chosen"]
        else _("Dataset %(pk)s is one-sided: all of its %(n)s rejected replies are the same text.")
    )
    raise errors.TrainingRefused(message % {"pk": dataset.pk, "n": n_pairs})


def _feed(row: Row, base: Candidate) -> Row:
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
