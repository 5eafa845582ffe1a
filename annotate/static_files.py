"""Static files at addresses that change with their content, without a collectstatic."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

YEAR_S = 31_536_000


class VersionedFiles(StaticFilesStorage):
    """Put a digest of the file behind its address: `kurabe.css?v=3f2a9c51d0`."""

    def url(self, name: str | None) -> str:
        """Give the address of a static file; a file that is not there has no version."""
        path = finders.find(name) if name else None
        plain = super().url(name)
        return f"{plain}?v={version_of(path)}" if path else plain


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """Serve static files; one asked for by its version may be kept for good."""

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> Any:
        """Answer with the file, or that it has not changed."""
        # Compressed answers carry weak tags, and WhiteNoise knows only the strong one.
        if tag := request.META.get("HTTP_IF_NONE_MATCH"):
            request.META["HTTP_IF_NONE_MATCH"] = tag.removeprefix("W/")
        response = WhiteNoiseMiddleware.serve(static_file, request)
        path = static_file.alternatives[-1][1]  # the last is the file itself, not a compressed one
        # Compared, for a page of another release may ask for a version that this is not.
        if request.GET.get("v") == version_of(path):
            response["Cache-Control"] = f"max-age={YEAR_S}, public, immutable"
        return response


def version_of(path: str) -> str:
    """Give the first digits of the SHA-256 of a file."""
    return _digest(path, Path(path).stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _digest(path: str, _changed_at: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:10]
