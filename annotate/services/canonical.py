"""JSON with one way to write it, so that a hash says what was hashed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

Content = Mapping[str, Any] | Sequence[Any]


def write_canonical(content: Content) -> bytes:
    """Write JSON in UTF-8, keys sorted, no white space; a number that is none is an error."""
    written = json.dumps(
        content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    return written.encode()


def hash_content(content: Content) -> str:
    """Give the SHA-256 of a content as `write_canonical` writes it, in hexadecimal digits."""
    return hashlib.sha256(write_canonical(content)).hexdigest()
