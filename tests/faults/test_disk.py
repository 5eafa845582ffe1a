"""A disk that is full or read-only: what is made is whole or absent, and is made with room."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from annotate.models import DatasetFile, Export, PreferenceDataset
from annotate.services.exporting import request_export, votes_of
from annotate.services.exporting.work import run_export
from tests import factories as make
from tests.faults.disks import fill, make_read_only, mounted, resize
from tests.faults.site import Site, WatchedWeb
from tests.faults.test_kill_voting import check_votes, open_run
from tests.faults.test_kill_worker import write_completions
from tests.faults.voters import Crowd
from tests.views.pages import cast_votes
from tests.waiting import wait_until


@pytest.fixture
def small_home(tmp_path: Path, settings: Any) -> Any:
    """Keep Kurabe's files on a disk with room for a few pages."""
    with mounted(tmp_path, size="256k"):
        settings.KURABE_HOME = tmp_path
        yield tmp_path


def ask_for_export(n_votes: int = 5, ending: str = ".zip") -> Export:
    round_ = make.make_open_round(n_prompts=n_votes)
    cast_votes(round_, make.make_annotator(), n_votes)
    return request_export(votes_of(round_.run.slug), ending)


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.mark.django_db
def test_export_to_a_full_disk_is_absent_and_then_whole(small_home: Path) -> None:
    export = ask_for_export()
    fill(small_home / "filler")
    run_export(export)
    export.refresh_from_db()
    assert export.state == Export.State.FAILED
    assert "No space left on device" in export.failure
    assert files(small_home) == ["filler"]
    assert not PreferenceDataset.objects.exists()
    (small_home / "filler").unlink()
    again = ask_for_export()
    run_export(again)
    again.refresh_from_db()
    assert (again.state, again.failure) == (Export.State.FINISHED, "")
    assert len(files(small_home)) == 1 + DatasetFile.objects.count()


@pytest.mark.django_db
def test_export_to_a_read_only_folder_is_absent_and_then_whole(small_home: Path) -> None:
    export = ask_for_export()
    resize(small_home, size="4m")
    make_read_only(small_home, read_only=True)
    run_export(export)
    export.refresh_from_db()
    assert export.state == Export.State.FAILED
    assert "Read-only file system" in export.failure
    make_read_only(small_home, read_only=False)
    again = ask_for_export()
    run_export(again)
    again.refresh_from_db()
    assert (again.state, again.failure) == (Export.State.FINISHED, "")


@pytest.mark.slow
def test_full_disk_under_the_database_costs_no_vote_and_no_half_import(
    site: Site, tmp_path: Path
) -> None:
    """The database's log finds no room for a new file: it panics, and is back with room."""
    if not site.has_own_disk:
        pytest.skip("only root may mount a disk for the test")
    slug, sessions = open_run(site, n_voters=4)
    write_completions(tmp_path / "rows.jsonl", 500)
    words = ("manage.py", "import_completions", str(tmp_path / "rows.jsonl"), "--run", "full-disk",
             "--prompts", "full-disk")  # fmt: skip
    filler = site.home.parent / "filler"
    with WatchedWeb(site) as web, Crowd(web.url, f"/rate/{slug}/", sessions) as crowd:
        crowd.wait_for(15)
        fill(filler)
        try:
            panic(site)
            before = crowd.n_failed
            wait_until(lambda: crowd.n_failed > before, seconds=180)
            n_before = crowd.n_kept
            importer = site.start(*words, log=str(tmp_path / "import.log"))
            assert importer.wait(240) == 1
        finally:
            filler.unlink()
        said = (tmp_path / "import.log").read_text().strip().splitlines()[-1]
        gap = crowd.wait_for(15, seconds=300)
    print("disk full: kept", crowd.n_kept, "of them before", n_before, "answers", crowd.told(),
          "seconds to the next 15:", round(gap, 1), "import said:", said)  # fmt: skip
    assert said.startswith("CommandError: the database cannot be used: ")
    check_votes(site, slug, crowd)
    assert site.ask("SELECT count(*) FROM annotate_selectionrun WHERE slug = 'full-disk'") == [(0,)]
    site.run(*words)
    assert site.ask(
        "SELECT count(*) FROM annotate_completion c JOIN annotate_candidate k"
        " ON k.id = c.candidate_id JOIN annotate_selectionrun r ON r.id = k.run_id"
        " WHERE r.slug = 'full-disk'"
    ) == [(1_000,)]


def panic(site: Site) -> None:
    """Have the database ask for new files of its log until there is no room for one."""
    with suppress(psycopg.Error), site.connect() as db:
        for _file in range(200):
            db.execute("SELECT pg_switch_wal()")
            db.execute("SELECT txid_current()")
        raise AssertionError("the disk is not full")
