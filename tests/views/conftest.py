"""A home of its own for every test, for what pages read from the disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Iterator[Path]:
    """Put KURABE_HOME into a folder that is thrown away; the database stays where it is."""
    # Real password hashes take a quarter of a second each, and no test here is about them.
    quick_hashes = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with override_settings(KURABE_HOME=tmp_path, PASSWORD_HASHERS=quick_hashes):
        yield tmp_path
