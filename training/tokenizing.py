"""Loading a model's tokenizer, alone and without its weights."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

# Where models keep what sentencepiece has trained.
SENTENCEPIECE_FILES = ("spiece.model", "tokenizer.model", "sentencepiece.bpe.model")
_TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "vocab.txt")


def load_tokenizer(*, model: str, revision: str = "", use_fast: bool = True) -> Any:
    """Load the tokenizer of a folder or of an id on a hub; raises ValueError saying why not.

    Since version 5, transformers ignores `use_fast=False` and rewrites every sentencepiece model
    as one of its own. Of a model with byte fallback (rinna's) that loses newlines and bytes. So
    without `use_fast` such a file is read by sentencepiece itself; a model that has none is
    loaded as ever.
    """
    _check_folder(model)
    import transformers  # noqa: PLC0415 - imports torch, which the web process never loads
    from huggingface_hub.errors import LocalEntryNotFoundError  # noqa: PLC0415 - as above

    where = {"revision": revision or None}
    try:
        file = None if use_fast else _find_sentencepiece(model, **where)
        if file is not None:
            return _sentencepiece_class().from_pretrained(model, vocab_file=file, **where)
        return transformers.AutoTokenizer.from_pretrained(model, trust_remote_code=False, **where)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error.__cause__, LocalEntryNotFoundError):
            reason = "is not on this machine, and no hub could be asked for it"
        else:
            reason = f"cannot be loaded: {' '.join(str(error).split())}"
        raise ValueError(f"the tokenizer of {model!r} {reason}") from error


def _check_folder(model: str) -> None:
    """Raise ValueError where `model` is a folder without a tokenizer, or would be one."""
    folder = Path(model)
    if folder.is_dir():
        if not any((folder / name).is_file() for name in (*_TOKENIZER_FILES, *SENTENCEPIECE_FILES)):
            known = ", ".join((*_TOKENIZER_FILES, *SENTENCEPIECE_FILES))
            raise ValueError(f"the folder {model!r} holds no tokenizer: none of {known} is there")
    elif folder.is_absolute() or model.startswith((".", "~")) or folder.exists():
        raise ValueError(f"there is no folder {model!r}, of which a tokenizer could be loaded")


def _find_sentencepiece(model: str, *, revision: str | None) -> str | None:
    """Give the path of the model's sentencepiece file, fetched from a hub where it must be."""
    from transformers.utils import cached_file  # noqa: PLC0415 - as above

    if Path(model).is_dir():
        files = (Path(model) / name for name in SENTENCEPIECE_FILES)
        return next((str(file) for file in files if file.is_file()), None)
    for name in SENTENCEPIECE_FILES:
        file = cached_file(
            model, name, revision=revision, _raise_exceptions_for_missing_entries=False
        )
        if file is not None:
            return str(file)
    return None


@cache
def _sentencepiece_class() -> Any:
    """Make the class that leaves a text to sentencepiece in both directions."""
    from transformers.tokenization_utils_sentencepiece import (  # noqa: PLC0415 - as above
        SentencePieceBackend,
    )

    class SentencePieceTokenizer(SentencePieceBackend):  # type: ignore[misc]
        """As transformers' own, but bytes become characters and white space stays."""

        def convert_tokens_to_string(self, tokens: list[str]) -> str:
            """Join pieces; tokens that sentencepiece does not know stand as they are."""
            parts: list[str] = []
            pieces: list[str] = []
            for token in tokens:
                if token in self.added_tokens_encoder:
                    parts += [self.sp_model.decode(pieces), token]
                    pieces = []
                else:
                    pieces.append(token)
            return "".join([*parts, self.sp_model.decode(pieces)])

    return SentencePieceTokenizer
