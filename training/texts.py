"""Pairs as texts for libraries that tokenize them: `python -m training.texts --model MODEL`.

Read from stdin is a list of pairs a line (JSON, each as a line of `training.data`), and written to
stdout a list of their texts a line: prompt, chosen, rejected. Such a library (TRL on columns of
strings) encodes prompt + reply as its tokenizer does by itself, and puts the tokenizer's EOS at
the end unless the text ends with it. So a text has a BOS where the format has one and the
tokenizer adds none, and an EOS where the format ends with it.
"""

import argparse
import json
import os
import sys
from typing import Any

from training.data import DatasetError, Pair, parse_pair
from training.fields import BadInput
from training.tokenizing import load_tokenizer

Texts = tuple[str, str, str]


class TextWriter:
    """Writes pairs as texts for one tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        """Look at what the tokenizer adds to a text by itself.

        Raises:
            DatasetError: it adds EOS to every text, to prompts as well.
        """
        self.tokenizer = tokenizer
        self.bos: str = tokenizer.bos_token or ""
        self.eos: str = tokenizer.eos_token or ""
        bare = tokenizer("x", add_special_tokens=False)["input_ids"]
        added = tokenizer("x")["input_ids"]
        self.adds_bos = bool(self.bos) and added[:1] == [tokenizer.bos_token_id] != bare[:1]
        if self.eos and added[-1:] == [tokenizer.eos_token_id] != bare[-1:]:
            raise DatasetError(
                "the tokenizer puts EOS at the end of every text, so that prompts would end too;"
                " expected one that leaves that to the text (add_eos_token false)"
            )

    def write(self, pair: Pair, where: str) -> Texts:
        """Give prompt, chosen and rejected.

        Raises:
            DatasetError: the tokenizer would add a BOS where the format has none.
        """
        prompt, chosen, rejected, wants_bos = (
            self._template(pair, where) if pair.rendered is None else self._rendered(pair)
        )
        return self._begin(prompt, wants_bos, where), chosen, rejected

    def _rendered(self, pair: Pair) -> tuple[str, str, str, bool]:
        fed = pair.rendered
        assert fed is not None
        end = self.eos if fed.appends_eos else ""
        return fed.prompt, fed.chosen + end, fed.rejected + end, fed.begins_with_bos

    def _template(self, pair: Pair, where: str) -> tuple[str, str, str, bool]:
        if not self.tokenizer.chat_template:
            raise DatasetError(f"{where}: the tokenizer has no chat template to render it by")
        texts = [self._apply(pair.prompt, opens_reply=True)]
        texts += [self._apply(pair.prompt + reply) for reply in (pair.chosen, pair.rejected)]
        # Some templates end a prompt otherwise than it goes on.
        prompt = os.path.commonprefix(texts)  # noqa: RUF071  characters are meant
        chosen, rejected = (self._end(text.removeprefix(prompt)) for text in texts[1:])
        return prompt, chosen, rejected, bool(self.bos) and prompt.startswith(self.bos)

    def _apply(self, messages: Any, *, opens_reply: bool = False) -> str:
        return str(
            self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=opens_reply
            )
        )

    def _end(self, text: str) -> str:
        """End with one EOS: what a template puts behind it, such as a new line, goes."""
        trimmed = text.rstrip()
        return trimmed if self.eos and trimmed.endswith(self.eos) else text + self.eos

    def _begin(self, prompt: str, wants_bos: bool, where: str) -> str:
        has_bos = bool(self.bos) and prompt.startswith(self.bos)
        if self.adds_bos and not wants_bos:
            raise DatasetError(
                f"{where}: the tokenizer puts BOS before every text, and the prompt format has"
                " none; expected a tokenizer that leaves that to the text (add_bos_token false)"
            )
        if self.adds_bos:
            return prompt.removeprefix(self.bos)
        return self.bos + prompt if wants_bos and not has_bos else prompt


def main(arguments: list[str] | None = None) -> int:
    """Write texts until stdin ends; return 1 with one line on bad input."""
    parser = argparse.ArgumentParser(prog="python -m training.texts", description=__doc__)
    parser.add_argument("--model", required=True, help="a folder, or an id on a hub")
    parser.add_argument("--revision", default="", help="of the id on a hub")
    parser.add_argument("--slow", action="store_true", help="the tokenizer with use_fast false")
    given = parser.parse_args(arguments)
    try:
        tokenizer = load_tokenizer(
            model=given.model, revision=given.revision, use_fast=not given.slow
        )
        _answer(TextWriter(tokenizer))
    except (BadInput, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _answer(writer: TextWriter) -> None:
    number = 0
    for line in sys.stdin.buffer:
        texts = []
        for row in json.loads(line):
            number += 1
            where = f"pair {number}"
            texts.append(writer.write(parse_pair(row, where), where))
        sys.stdout.buffer.write(json.dumps(texts).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
