"""A dataset's file is sent whole or in parts: a broken download goes on where it stopped."""

import hashlib
import http.client
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from annotate.models import PreferenceDataset
from annotate.sending import path_in_home, send_file
from tests import factories as make
from tests.views.pages import browser_as, make_dataset

pytestmark = pytest.mark.django_db
CONTENT = bytes(range(256)) * 1024
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ETAG = f'"{SHA256}"'


@pytest.fixture
def dataset(home: Path) -> PreferenceDataset:
    return make_dataset(make.make_run(slug="spring"), content=CONTENT)


def ask(dataset: PreferenceDataset, **headers: str) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return browser_as("researcher").get(f"/datasets/{dataset.pk}/file", headers=names)


def body_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def status_of(answer: Any) -> int:
    """Read the answer to its end, which closes its file, and give its status."""
    body_of(answer)
    return answer.status_code


def test_whole_file_says_that_parts_can_be_asked_for(dataset: PreferenceDataset) -> None:
    answer = ask(dataset)
    assert (answer.status_code, body_of(answer)) == (200, CONTENT)
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["ETag"] == ETAG
    assert answer["Content-Length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    ("asked", "first", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=262000-", 262_000, 262_144),
        ("bytes=262143-999999999", 262_143, 262_144),
        ("bytes=-5", 262_139, 262_144),
        ("bytes=-999999999", 0, 262_144),
        ("Bytes= 7-8 ", 7, 9),
    ],
)
def test_part_is_the_bytes_that_were_asked_for(
    dataset: PreferenceDataset, asked: str, first: int, stop: int
) -> None:
    answer = ask(dataset, Range=asked)
    assert answer.status_code == 206
    assert answer["Content-Range"] == f"bytes {first}-{stop - 1}/262144"
    assert answer["Content-Length"] == str(stop - first)
    assert body_of(answer) == CONTENT[first:stop]


@pytest.mark.parametrize("asked", ["bytes=262144-", "bytes=999999-1000000", "bytes=-0"])
def test_part_beyond_the_end_is_refused_with_the_size(
    dataset: PreferenceDataset, asked: str
) -> None:
    answer = ask(dataset, Range=asked)
    assert (answer.status_code, body_of(answer)) == (416, b"")
    assert answer["Content-Range"] == "bytes */262144"


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "bytes=5-2", "bytes=", "bytes=-", "lines=0-1", "bytes=a-b", "0-5"]
)
def test_several_parts_or_none_that_can_be_read_give_the_whole(
    dataset: PreferenceDataset, asked: str
) -> None:
    answer = ask(dataset, Range=asked)
    assert (answer.status_code, body_of(answer)) == (200, CONTENT)


def test_part_of_another_file_than_the_reader_has_is_the_whole(dataset: PreferenceDataset) -> None:
    same = ask(dataset, Range="bytes=5-9", If_Range=ETAG)
    assert (same.status_code, body_of(same)) == (206, CONTENT[5:10])
    for other in ('"another"', f"W/{ETAG}", "Mon, 30 Nov 2026 03:00:00 GMT"):
        assert status_of(ask(dataset, Range="bytes=5-9", If_Range=other)) == 200


def test_reader_who_has_the_file_gets_it_not_again(dataset: PreferenceDataset) -> None:
    answer = ask(dataset, If_None_Match=f'"x", {ETAG}')
    assert (answer.status_code, body_of(answer), answer["ETag"]) == (304, b"", ETAG)
    assert status_of(ask(dataset, If_None_Match='"x"')) == 200
    assert status_of(ask(dataset, If_Match='"x"')) == 412


def test_head_tells_the_size_and_sends_nothing(dataset: PreferenceDataset) -> None:
    answer = browser_as("researcher").head(f"/datasets/{dataset.pk}/file")
    assert (answer.status_code, body_of(answer)) == (200, b"")
    assert answer["Content-Length"] == str(len(CONTENT))


def test_file_is_sent_uncompressed_to_whoever_would_take_it_compressed(
    dataset: PreferenceDataset,
) -> None:
    answer = ask(dataset, Accept_Encoding="gzip", Range="bytes=0-99999")
    assert "Content-Encoding" not in answer
    assert body_of(answer) == CONTENT[:100_000]


def test_broken_download_goes_on_over_a_real_connection(
    dataset: PreferenceDataset, live_server: Any
) -> None:
    """As curl and browsers resume: read a little, hang up, and ask for the rest."""
    session = browser_as("researcher").cookies[settings.SESSION_COOKIE_NAME].value
    cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session}", "Accept-Encoding": "gzip"}

    def open_answer(**headers: str) -> tuple[Any, http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(urlsplit(live_server.url).netloc, timeout=20)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", f"/datasets/{dataset.pk}/file", headers=cookie | names)
        return connection, connection.getresponse()

    connection, begun = open_answer()
    had, etag = begun.read(70_000), begun.headers["ETag"]
    begun.close()
    connection.close()
    connection, rest = open_answer(Range=f"bytes={len(had)}-", If_Range=etag)
    assert rest.status == 206
    assert hashlib.sha256(had + rest.read()).hexdigest() == SHA256
    connection.close()


@given(first=st.integers(0, 400), length=st.integers(1, 400), size=st.integers(1, 300))
def test_any_range_gives_what_a_slice_gives(
    first: int, length: int, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"{size}.bin"
    path.write_bytes(CONTENT[:size])
    request = RequestFactory().get("/", headers={"Range": f"bytes={first}-{first + length - 1}"})
    answer = send_file(request, path, sha256="0" * 64)
    expected = CONTENT[:size][first : first + length]
    assert body_of(answer) == expected
    assert answer.status_code == (206 if expected else 416)


def test_name_out_of_the_home_is_no_file(home: Path) -> None:
    (home.parent / "secret.txt").write_text("not for download")
    assert path_in_home("../secret.txt") is None
    assert path_in_home("datasets") is None
