"""A folder goes to a hub where a token is set, and to nobody else."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings

from annotate.formats import write_folder, write_rows
from annotate.services import errors
from annotate.services.exporting.forms import FORMS
from annotate.services.exporting.hub import may_push, push_folder
from tests.hub_server import Hub, running_hub
from tests.services.pair_rows import pair_row

# huggingface_hub 2.4 calls its HTTP library by an old name of a parameter.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

TOKEN = "hf_secretsecretsecret"


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process speak to a hub on loopback; other tests ask none."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    # Git LFS is what every hub speaks; Xet, the newer way, is a service of huggingface.co.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> Iterator[Hub]:
    with running_hub(TOKEN) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        settings.HF_TOKEN = TOKEN
        yield hub


def make_folder(folder: Path) -> Path:
    schema = FORMS["dpo"].schema()
    file = write_rows(folder / "x.parquet", [pair_row()], schema=schema)
    return write_folder(folder / "犬-dpo-1", card="---\n---\n# 犬\n", splits={"train": file.path})


def test_folder_is_pushed_to_a_private_repository(
    hub: Hub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    folder = make_folder(tmp_path)
    address = push_folder(folder=folder, repository="lab/dogs")
    assert address == f"{hub.url}/datasets/lab/dogs/commit/{'0' * 40}"
    assert hub.private == {"lab/dogs": True}
    assert hub.files == {
        "lab/dogs": {
            name: (folder / name).read_bytes() for name in ("README.md", "data/train.parquet")
        }
    }
    assert TOKEN not in caplog.text


def test_second_push_goes_to_the_same_repository(hub: Hub, tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    push_folder(folder=folder, repository="lab/dogs", public=True)
    (folder / "README.md").write_text("changed")
    push_folder(folder=folder, repository="lab/dogs")
    assert hub.private == {"lab/dogs": False}
    assert hub.files["lab/dogs"]["README.md"] == b"changed"


def test_without_a_token_nothing_is_asked_of_the_hub(
    hub: Hub, tmp_path: Path, settings: LazySettings
) -> None:
    assert may_push()
    settings.HF_TOKEN = ""
    assert not may_push()
    with pytest.raises(errors.ExportRefused) as refusal:
        push_folder(folder=make_folder(tmp_path), repository="lab/dogs")
    assert str(refusal.value) == (
        "Nothing can be pushed to a hub without a token: set HF_TOKEN, or HF_TOKEN_FILE to a file"
        " that holds it."
    )
    assert hub.requests == []


@pytest.mark.parametrize("name", ["dogs", "lab/dogs/1", "lab/犬", ""])
def test_name_that_is_none_of_a_repository_is_refused(hub: Hub, tmp_path: Path, name: str) -> None:
    with pytest.raises(errors.ExportRefused, match="is no name of a repository"):
        push_folder(folder=make_folder(tmp_path), repository=name)
    assert hub.requests == []


def test_token_that_the_hub_does_not_know_is_refused_without_being_told(
    hub: Hub, tmp_path: Path, settings: LazySettings
) -> None:
    settings.HF_TOKEN = "hf_other"
    with pytest.raises(
        errors.ExportRefused, match=r"The hub did not take lab/dogs: .*401"
    ) as caught:
        push_folder(folder=make_folder(tmp_path), repository="lab/dogs")
    assert "hf_other" not in str(caught.value)


def test_hub_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    settings.HF_TOKEN = TOKEN
    with pytest.raises(errors.ExportRefused, match="The hub did not take lab/dogs"):
        push_folder(folder=make_folder(tmp_path), repository="lab/dogs")
