"""An export is asked for, done by a worker, and says what became of it."""

import threading
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.models import Export, PreferenceDataset, Round
from annotate.services import errors
from annotate.services.exporting import datasets as exporting_datasets
from annotate.services.exporting import (
    ensure_file,
    fail_export,
    path_of,
    read_recipe,
    request_export,
    run_export,
    votes_of,
)
from annotate.services.ledger import hold_ledger
from tests import factories as make
from tests.services.exports import answer, open_round, vote
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: LazySettings, tmp_path: Path) -> Path:
    """Keep what is exported among the files of the test."""
    settings.KURABE_HOME = tmp_path
    return tmp_path


@pytest.fixture
def round_() -> Round:
    """Give a run with votes on 250 prompts: the clock is asked every 100 rows."""
    round_ = open_round("x", "y")
    voter = make.make_annotator()
    for number in range(250):
        vote(round_, *answer(round_, [f"X{number}.", f"Y{number}."]), "a", annotators=[voter])
    return round_


def request(round_: Round, ending: str = ".jsonl", **fields: Any) -> Export:
    return request_export(votes_of(round_.run.slug, **fields), ending)


def test_export_is_queued_and_made(round_: Round) -> None:
    user = make.make_user("researcher")
    export = request_export(votes_of(round_.run.slug), ".parquet", user)
    assert (export.state, export.run, export.dataset) == ("queued", round_.run, None)
    job = ProcrastinateJob.objects.get(task_name="annotate.tasks.run_export")
    assert (job.args, job.queue_name) == ({"export_id": export.pk}, "default")
    run_export(export)
    export.refresh_from_db()
    assert (export.state, export.failure) == ("finished", "")
    assert (export.n_done, export.n_total) == (250, 250)
    assert export.finished_at is not None
    assert export.dataset is not None
    assert (export.dataset.created_by, export.dataset.n_pairs) == (user, 250)
    assert read_recipe(export.recipe) == votes_of(round_.run.slug)
    assert export.dataset.files.get().ending == ".parquet"


def test_export_tells_how_far_it_is(round_: Round, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting_datasets, "TELL_EVERY_S", 0.0)
    told: list[tuple[int, int]] = []
    recipe = votes_of(round_.run.slug)
    exporting_datasets.export_dataset(recipe, on_progress=lambda *far: told.append(far))
    assert told == [(1, 250), (101, 250), (201, 250)]


def test_export_of_a_worker_that_ends_is_made_by_the_next(
    round_: Round, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting_datasets, "TELL_EVERY_S", 0.0)
    export = request(round_)
    with pytest.raises(errors.ExportInterrupted):
        run_export(export, should_stop=lambda: True)
    export.refresh_from_db()
    assert (export.state, export.n_done) == ("running", 1)
    assert list((home / "datasets").iterdir()) == []
    assert not PreferenceDataset.objects.exists()
    run_export(export)
    export.refresh_from_db()
    assert (export.state, PreferenceDataset.objects.count()) == ("finished", 1)


def test_export_clears_away_what_a_killed_attempt_left(round_: Round, home: Path) -> None:
    export, other = request(round_), request(round_, seed=1)
    for each in (export, other):
        left = home / "datasets" / f".export-{each.pk}-abc"
        left.mkdir(parents=True)
        (left / ".train.jsonl.part").write_text("{")
    run_export(export)
    names = {path.name for path in (home / "datasets").iterdir()}
    assert f".export-{other.pk}-abc" in names
    assert f".export-{export.pk}-abc" not in names


def test_export_that_was_killed_between_its_files_keeps_its_dataset(round_: Round) -> None:
    export = request(round_)
    run_export(export)
    export.refresh_from_db()
    Export.objects.filter(pk=export.pk).update(state="running", ending=".zip")
    export.refresh_from_db()
    run_export(export)
    export.refresh_from_db()
    assert (export.state, PreferenceDataset.objects.count()) == ("finished", 1)
    assert export.dataset is not None
    assert path_of(ensure_file(export.dataset, "train", ".zip")).is_file()


def test_export_that_gives_nothing_fails_in_words() -> None:
    round_ = open_round("x", "y")
    export = request(round_)
    run_export(export)
    export.refresh_from_db()
    assert (export.state, export.dataset) == ("failed", None)
    assert export.failure.startswith(f"run {round_.run.slug} gives no pairs: no vote stands")


def test_export_that_has_ended_is_not_made_again(round_: Round) -> None:
    export = request(round_)
    fail_export(export, "no more tries")
    run_export(export)
    export.refresh_from_db()
    assert (export.state, export.failure) == ("failed", "no more tries")
    fail_export(export, "again")
    export.refresh_from_db()
    assert export.failure == "no more tries"
    assert not PreferenceDataset.objects.exists()


def test_request_refuses_at_once_what_cannot_be(round_: Round) -> None:
    with pytest.raises(errors.RecipeRefused, match="No run is called none"):
        request_export(votes_of("none"))
    with pytest.raises(errors.ExportRefused, match=r"\.doc is no ending"):
        request(round_, ".doc")
    assert not Export.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_export_gives_way_to_an_import_and_is_tried_again(
    round_: Round, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr("annotate.services.ledger.CUTOFF_TIMEOUT_MS", 100)
    export = request(round_)

    def hold() -> str:
        with transaction.atomic():
            hold_ledger(run_id=round_.run.pk)
            waiting.wait(10)
        return "imported"

    def try_export() -> str:
        try:
            run_export(export)
        except errors.ExportInterrupted as error:
            return str(error)
        finally:
            waiting.set()
        return "made"

    waiting = threading.Event()
    said = set(at_once(hold, try_export))
    busy = f"votes of run {round_.run.slug} are being imported; try again when that is done"
    assert said == {"imported", busy}
    export.refresh_from_db()
    assert export.state == "running"
    run_export(export)
    export.refresh_from_db()
    assert export.state == "finished"
