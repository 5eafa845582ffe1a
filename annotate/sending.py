"""Files of datasets as answers: whole, or in parts, so that a download can be resumed (RFC 9110).

A file never changes, so the SHA-256 of its bytes is its entity tag, a strong one.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header

BLOCK_BYTES = 2**16
ONE_RANGE = re.compile(r"bytes=\s*(?:(\d+)-(\d*)|-(\d+))\s*", re.ASCII | re.IGNORECASE)


def path_in_home(stored: str) -> Path | None:
    """Find a file by its path under KURABE_HOME; None where it is gone or lies elsewhere."""
    home = Path(settings.KURABE_HOME).resolve()
    path = (home / stored).resolve()
    return path if path.is_relative_to(home) and path.is_file() else None


def send_file(
    request: HttpRequest,
    path: Path,
    *,
    sha256: str,
    name: str = "",
    content_type: str = "application/octet-stream",
) -> HttpResponseBase:
    """Answer with a file, or with the one part of it that `Range` asks for.

    Several ranges at once are answered with the whole file, as is a range of a file that
    `If-Range` knows as another one. 304, 412 and 416 are answered as RFC 9110 has them.

    Args:
        sha256: of the file's bytes, in hex.
        name: under which a browser keeps the file; empty: the one it has.

    Raises:
        FileNotFoundError: it is gone.
    """
    etag = f'"{sha256}"'
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        unchanged["ETag"] = etag
        return unchanged
    size = path.stat().st_size
    part = _asked_part(request, etag=etag, size=size)
    answer: HttpResponseBase
    if part is None:
        answer = FileResponse(path.open("rb"), content_type=content_type)
        answer["Content-Length"] = str(size)
    elif not part:
        answer = HttpResponse(status=416, content_type=content_type)
        answer["Content-Range"] = f"bytes */{size}"
    else:
        answer = StreamingHttpResponse(_read(path, part), status=206, content_type=content_type)
        answer["Content-Length"] = str(len(part))
        answer["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    answer["Accept-Ranges"] = "bytes"
    answer["ETag"] = etag
    disposition = content_disposition_header(as_attachment=True, filename=name or path.name)
    if disposition is not None:
        answer["Content-Disposition"] = disposition
    return answer


def _asked_part(request: HttpRequest, *, etag: str, size: int) -> range | None:
    """Give the bytes that are asked for; an empty range cannot be given, and None is all."""
    asked = request.headers.get("Range", "")
    if request.method != "GET" or not asked:
        return None
    if request.headers.get("If-Range", etag) != etag:
        return None
    found = ONE_RANGE.fullmatch(asked)
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        return range(max(0, size - int(suffix)), size)
    start, stop = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:  # no range by its grammar, and so none that was asked for
        return None
    return range(start, max(start, stop))


def _read(path: Path, part: range) -> Iterator[bytes]:
    """Yield the bytes of a part, a block at a time."""
    with path.open("rb") as file:
        file.seek(part.start)
        left = len(part)
        while left:
            block = file.read(min(BLOCK_BYTES, left))
            if not block:
                return
            left -= len(block)
            yield block
