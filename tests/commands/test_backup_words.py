"""How commands about backups say an amount of bytes."""

import pytest

from annotate.management.backup_words import count_bytes


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [(0, "0 bytes"), (1_023, "1023 bytes"), (1_536, "1.5 KiB"), (5 << 40, "5.0 TiB")],
)
def test_count_bytes(n_bytes: int, words: str) -> None:
    assert count_bytes(n_bytes) == words
