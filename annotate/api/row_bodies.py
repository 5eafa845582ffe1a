"""Rows in the bodies of requests: read from a file, so that memory is as flat as an import's."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from django.utils.translation import gettext as _

from annotate.api.problems import BodyNotRead, BodyTooLarge, RowsRefused
from annotate.formats import FormatError
from annotate.formats.errors import Table
from annotate.formats.faults import Faults, fault_columns
from annotate.formats.jsontext import read_json_array
from annotate.services.errors import FaultsFound

FAULTS_TOLD = 100
_CHUNK_BYTES = 1024 * 1024
_SPACES = b" \t\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def takes_rows(model: str) -> dict[str, Any]:
    """Describe a body of rows of this schema, as a JSON array or one JSON object a line."""
    row = {"$ref": f"#/components/schemas/{model}"}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "array", "items": row, "minItems": 1}},
                "application/x-ndjson": {
                    "schema": {"type": "string", "description": f"One {model} a line."}
                },
            },
        }
    }


@contextmanager
def rows_of(request: HttpRequest) -> Iterator[tuple[Path, Faults]]:
    """Give a JSONL file of the rows that were sent, and what gathers their faults.

    The lines of a JSON array's file are its elements, counted from 1.

    Raises:
        BodyTooLarge: there is more than the API takes at once.
        BodyNotRead: the body broke off, or is empty.
        RowsRefused: where the block found faults, or the array cannot be read.
    """
    faults = Faults(limit=FAULTS_TOLD)
    with tempfile.TemporaryDirectory(prefix="kurabe-") as folder:
        path = Path(folder) / "body.jsonl"
        try:
            if _store(request, path) == b"[":
                path = _as_lines(path)
            yield path, faults
        except FaultsFound as found:
            told = [_tell(fault) for fault in faults.kept]
            raise RowsRefused(told, faults.n, counts=asdict(found.counts)) from found
        except FormatError as fault:  # not a JSON array, so that no row was looked at
            raise RowsRefused([_tell(fault)], 1) from fault


def _store(request: HttpRequest, path: Path) -> bytes:
    """Write the body to a file; give its first character that is no space."""
    most = settings.API_MAX_BODY_MIB * 2**20
    n_bytes, first = 0, b""
    _refuse_larger(int(request.META.get("CONTENT_LENGTH") or 0), most)
    with path.open("wb") as file:
        try:
            while chunk := request.read(_CHUNK_BYTES):
                n_bytes += len(chunk)
                _refuse_larger(n_bytes, most)
                first = first or chunk.removeprefix(_BYTE_ORDER_MARK).lstrip(_SPACES)[:1]
                file.write(chunk)
        except UnreadablePostError as error:
            raise BodyNotRead(_("The body broke off: %(error)s") % {"error": error}) from error
    if not first:
        raise BodyNotRead(_("Nothing was sent: a JSON array of rows belongs here, or JSONL."))
    return first


def _refuse_larger(n_bytes: int, most: int) -> None:
    if n_bytes > most:
        message = _("The body is larger than %(most)s MiB; send it in parts.")
        raise BodyTooLarge(message % {"most": most // 2**20})


def _as_lines(path: Path) -> Path:
    lines = path.with_name("rows.jsonl")
    with lines.open("w", encoding="utf-8") as file:
        for row in read_json_array(str(path)):
            file.write(json.dumps(row.cells) + "\n")
    return lines


def _tell(fault: FormatError) -> dict[str, Any]:
    """Give a fault as the API tells it: our own file has a name that says nothing to anybody."""
    told = FormatError(Table("body"), fault.line, fault.field, fault.value, fault.expected)
    columns = fault_columns(told)
    return {name: columns[name] for name in ("line", "field", "value", "expected", "message")}
