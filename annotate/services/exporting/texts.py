"""Pairs as texts, in the prompt format of a candidate: form `dpo-standard`."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from annotate.models import Candidate
from annotate.services import errors
from annotate.services.exporting.rows import Split
from annotate.services.feeding import feed_pair
from annotate.services.model_paths import check_model
from annotate.services.processes import environment

Row = dict[str, Any]
PAIRS_A_TIME = 200
_TEXTS = ("prompt", "chosen", "rejected")


def render_texts(rows: Iterable[tuple[Split, Row]], base: Candidate) -> Iterator[tuple[Split, Row]]:
    """Yield pairs with texts for messages, BOS and EOS as TRL's tokenization needs them.

    The tokenizer of the base says what it adds by itself, so it has to be on this machine. It runs
    in a process of its own (`python -m training.texts`), since it takes torch along.

    Raises:
        ExportRefused: the tokenizer cannot be had, or a pair cannot be rendered.
    """
    if not base.model or not base.prompt_format:
        message = _("Nobody said which model and prompt format candidate %(name)s has, so no text"
                    " can be rendered for it; choose another.")  # fmt: skip
        raise errors.ExportRefused(message % {"name": base.name})
    rest = iter(rows)
    batch = list(islice(rest, PAIRS_A_TIME))
    if not batch:
        return
    with _writer_of(base) as process:
        while batch:
            texts = _ask(process, base, [_feed(row, base) for _split, row in batch])
            for (split, row), written in zip(batch, texts, strict=True):
                yield split, row | dict(zip(_TEXTS, written, strict=True))
            batch = list(islice(rest, PAIRS_A_TIME))


def _feed(row: Row, base: Candidate) -> Row:
    try:
        fed = feed_pair(row, base)
    except errors.TrainingRefused as error:
        raise errors.ExportRefused(str(error)) from error
    return {name: fed[name] for name in (*_TEXTS, "rendered") if name in fed}


@contextmanager
def _writer_of(base: Candidate) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the process that writes texts, and end it with the block."""
    try:
        check_model(base.model)
    except errors.ModelRefused as refusal:
        raise errors.ExportRefused(str(refusal)) from refusal
    command = [sys.executable, "-m", "training.texts", f"--model={base.model}",
               f"--revision={base.revision}"]  # fmt: skip
    if not base.tokenizer.get("use_fast", True):
        command.append("--slow")
    with subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # An export never downloads a model.
        env={**environment(), "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"},
    ) as process:
        assert process.stdin
        try:
            yield process
        finally:
            process.kill()
            with suppress(BrokenPipeError):
                process.stdin.close()


def _ask(process: "subprocess.Popen[bytes]", base: Candidate, pairs: list[Row]) -> list[list[str]]:
    """Send pairs and wait for their texts; the process reads all before it writes."""
    assert process.stdin
    assert process.stdout
    assert process.stderr
    try:
        process.stdin.write(json.dumps(pairs).encode() + b"\n")
        process.stdin.flush()
        answer = process.stdout.readline()
    except BrokenPipeError:
        answer = b""
    if not answer:
        said = process.stderr.read().decode(errors="replace").strip().splitlines() or [""]
        message = _("The pairs cannot be rendered for candidate %(name)s: %(why)s")
        told = {"name": base.name, "why": said[-1].removeprefix("error: ")}
        raise errors.ExportRefused(message % told)
    texts: list[list[str]] = json.loads(answer)
    return texts
