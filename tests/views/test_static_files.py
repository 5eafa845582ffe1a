"""Static files: small on the way, asked for once, and never out of date."""

import gzip
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.test import Client

from annotate.static_files import version_of

# An answer that is closed looks after the thread's connection, where there is one.
pytestmark = pytest.mark.django_db

SHEET = "kurabe/kurabe.css"
KEPT = "max-age=31536000, public, immutable"


def fetch(address: str, **headers: str) -> tuple[Any, bytes]:
    """Ask for an address as a browser does; give the answer and what came with it."""
    answer = Client(headers={"Accept-Encoding": "gzip"} | headers).get(address)
    with closing(answer):
        return answer, b"".join(answer)


def test_page_names_its_files_by_their_version() -> None:
    page = Client().get("/sign-in/").content.decode()
    path = finders.find(SHEET)
    assert path is not None
    assert f'href="/static/{SHEET}?v={version_of(path)}"' in page
    assert re.findall(r'(?:href|src)="/static/[^"?]*"', page) == []


def test_version_follows_the_content(tmp_path: Path) -> None:
    file = tmp_path / "a.css"
    file.write_text("a {}")
    first = version_of(str(file))
    file.write_text("b { color: inherit }")
    assert first != version_of(str(file))
    file.write_text("a {}")
    assert first == version_of(str(file))


def test_file_that_is_not_there_has_an_address_without_version() -> None:
    assert static("kurabe/never-made.css") == "/static/kurabe/never-made.css"


def test_file_comes_compressed_and_is_kept_for_good() -> None:
    answer, body = fetch(static(SHEET))
    path = finders.find(SHEET)
    assert path is not None
    assert answer["Content-Encoding"] == "gzip"
    assert answer["Cache-Control"] == KEPT
    assert gzip.decompress(body) == Path(path).read_bytes()
    assert len(body) < Path(path).stat().st_size / 2


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789"])
def test_other_versions_are_asked_for_again_soon(query: str) -> None:
    assert fetch(f"/static/{SHEET}{query}")[0]["Cache-Control"] == "max-age=60, public"


def test_file_that_the_browser_has_is_not_sent_again() -> None:
    tag = fetch(f"/static/{SHEET}")[0]["ETag"]
    assert tag.startswith('W/"')
    again, nothing = fetch(f"/static/{SHEET}", **{"If-None-Match": tag})
    assert (again.status_code, nothing) == (304, b"")
    assert fetch(f"/static/{SHEET}", **{"If-None-Match": 'W/"other"'})[0].status_code == 200


def test_pages_come_compressed_to_whom_asks_for_it() -> None:
    plain = Client().get("/sign-in/")
    packed, body = fetch("/sign-in/")
    assert "Content-Encoding" not in plain
    assert "</html>" in gzip.decompress(body).decode()
    assert len(body) < len(plain.content) / 2
    assert "Accept-Encoding" in packed["Vary"]
