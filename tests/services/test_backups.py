"""Backups hold one moment, whole or not at all, and are restored into an empty place only."""

import hashlib
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest
from django.conf import LazySettings
from django.db import ProgrammingError, connection

from annotate.models import PreferenceDataset, SelectionRun, Vote
from annotate.ranking import RankingSettings
from annotate.services import ledger, rankings, voting
from annotate.services.backups import (
    check_archive,
    restore_archive,
    restoring,
    snapshot,
    write_archive,
    write_backup,
)
from annotate.services.errors import ArchiveRefused, BackupFailed, PlaceTaken, RestoreFailed
from annotate.services.vote_columns import read_votes
from tests import factories as make
from tests.conftest import ROOT
from tests.services.backups import another_place, back_up, be_silent, rewrite_manifest
from tests.services.test_ledger import held_ledger
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def home(settings: LazySettings, tmp_path: Path) -> Path:
    """Give a home with a file of each kind."""
    settings.KURABE_HOME = tmp_path / "home"
    for path, text in {
        "secret_key": "the key",
        "datasets/r-1.jsonl": '{"prompt": "雪は白い？"}\n',
        "training/1/run.json": "{}",
        "training/1/checkpoint/model.safetensors": "weights",
        "training/references/abc.npy": "cache",
        "training/forecast-x/pairs.jsonl": "under way",
        "datasets/.draft-x/rows.jsonl": "under way",
        "generation/shard-1/requests.jsonl": "under way",
        "logs/worker.log": "said",
        "postgres.lock": "",
    }.items():
        file = settings.KURABE_HOME / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return Path(settings.KURABE_HOME)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Give a backup of a round with a few votes."""
    cast(make.make_open_round(n_prompts=4), 3)
    path = tmp_path / "backup.zip"
    back_up(path)
    return path


def cast(round_: make.Round, n_votes: int) -> None:
    annotator = make.make_annotator()
    for _vote in range(n_votes):
        comparison = voting.lease_comparison(round_=round_, annotator=annotator)
        voting.record_vote(token=comparison.token, annotator=annotator, choice="left")


class Crowd:
    """Annotators who vote until they are told to stop; now and then one takes a vote back."""

    def __init__(self, round_: make.Round, n_annotators: int = 3) -> None:
        self.acknowledged: list[int] = []
        self.errors: list[BaseException] = []
        self._round = round_
        self._stop = threading.Event()
        annotators = [make.make_annotator() for _annotator in range(n_annotators)]
        self._threads = [threading.Thread(target=self._vote, args=[each]) for each in annotators]

    def _vote(self, annotator: make.Annotator) -> None:
        try:
            n_votes = 0
            while not self._stop.is_set():
                comparison = voting.lease_comparison(round_=self._round, annotator=annotator)
                choice = ("left", "right", "tie")[n_votes % 3]
                vote = voting.record_vote(
                    token=comparison.token, annotator=annotator, choice=choice
                )
                self.acknowledged.append(vote.pk)
                n_votes += 1
                if n_votes % 7 == 0:
                    voting.withdraw_vote(vote=vote, by=None)
        except BaseException as error:  # raised again where the test sees it
            self.errors.append(error)
        finally:
            connection.close()

    @contextmanager
    def voting(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            self.wait_for_more(20)
            yield
            self.wait_for_more(20)
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(60)
        assert self.errors == []

    def wait_for_more(self, n_votes: int) -> None:
        before = len(self.acknowledged)
        wait_until(lambda: bool(self.errors) or len(self.acknowledged) >= before + n_votes)


def test_a_backup_amid_votes_holds_the_ledger_below_a_number(tmp_path: Path) -> None:
    """Every vote that was acknowledged before it began, none twice, and the same rankings."""
    round_ = make.make_open_round(n_candidates=3, n_prompts=80)
    crowd = Crowd(round_)
    with crowd.voting():
        before = list(crowd.acknowledged)
        manifest = back_up(tmp_path / "backup.zip").manifest
    number = manifest.ledger
    assert number is not None
    assert manifest.busy_runs == []
    here = look(round_.run_id, number)
    after = Vote.objects.filter(pk__gt=number).count()
    assert after >= 20, "nobody voted while the backup was made"
    with another_place(tmp_path / "there"):
        restore_archive(tmp_path / "backup.zip", on_progress=be_silent)
        there = look(round_.run_id, number)
        assert set(before) <= set(Vote.objects.values_list("pk", flat=True))
        assert not Vote.objects.filter(pk__gte=number).exists()
        assert not Vote.objects.filter(withdrawn_number__gte=number).exists()
        assert Vote.objects.count() == manifest.tables["public.annotate_vote"].n_rows
        assert ledger.next_number() >= number
    assert there == here


def look(run_id: int, cutoff: int) -> tuple[object, ...]:
    """Read what the votes below a number are, and what ranking they give."""
    run = SelectionRun.objects.get(pk=run_id)
    votes = read_votes(run=run, cutoff=cutoff, filters={})
    candidates = sorted(run.candidates.values_list("pk", "name"))
    fit = rankings.rank_votes(votes, candidates, RankingSettings())
    cast = Vote.objects.filter(pk__lt=cutoff).order_by("pk")
    rows = [
        (*row, number if number is not None and number < cutoff else None)
        for *row, number in cast.values_list(
            "pk", "comparison_id", "turn", "outcome", "created_at", "withdrawn_number"
        )
    ]
    standing = [row[1:3] for row in rows if row[-1] is None]
    assert len(set(standing)) == len(standing)
    return rows, votes.tolist(), rankings._describe(fit, candidates)


def test_what_is_in_an_archive_and_what_is_not(archive: Path) -> None:
    with zipfile.ZipFile(archive) as parts:
        assert parts.namelist() == [
            "database.dump", "files/datasets/r-1.jsonl", "files/secret_key",
            "files/training/1/run.json", "manifest.json",
        ]  # fmt: skip
    files = check_archive(archive, on_progress=be_silent).files
    entries = {each.path: each.is_in for each in files}
    assert entries["training/1/checkpoint/model.safetensors"] is False
    assert len(entries) == 4
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600


def test_weights_come_in_and_the_key_stays_out_where_that_is_asked_for(tmp_path: Path) -> None:
    written = back_up(tmp_path / "b.zip", weights=True, secret_key=False)
    entries = {each.path: each.is_in for each in written.manifest.files}
    assert entries == {
        "datasets/r-1.jsonl": True, "training/1/run.json": True,
        "training/1/checkpoint/model.safetensors": True,
    }  # fmt: skip


def test_restored_files_are_those_that_were_there(
    archive: Path, home: Path, tmp_path: Path
) -> None:
    with another_place(tmp_path / "there") as there:
        (there / "secret_key").write_text("made by the first command")
        restore_archive(archive, on_progress=be_silent)
        assert Vote.objects.count() == 3
        found = {str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()}
        assert found == {"secret_key", "datasets/r-1.jsonl", "training/1/run.json"}
        for path in found:
            assert (there / path).read_bytes() == (home / path).read_bytes()
        assert stat.S_IMODE((there / "secret_key").stat().st_mode) == 0o600
        # Constraints, triggers and sequences came with the rows.
        with pytest.raises(ProgrammingError, match="Cannot delete rows from annotate_vote table"):
            Vote.objects.all().delete()
        cast(make.Round.objects.get(), 1)
        assert Vote.objects.count() == 4
        with pytest.raises(PlaceTaken, match="has files"):
            restore_archive(archive, on_progress=be_silent)
        shutil.rmtree(there / "datasets")
        shutil.rmtree(there / "training")
        with pytest.raises(PlaceTaken, match="the database has rows already"):
            restore_archive(archive, on_progress=be_silent)
        assert Vote.objects.count() == 4


def test_a_restore_that_is_not_what_was_backed_up_is_said(archive: Path, tmp_path: Path) -> None:
    def change(manifest: dict[str, dict[str, dict[str, object]]]) -> None:
        manifest["tables"]["public.annotate_vote"]["checksum"] = "1"

    with another_place(tmp_path / "there") as there:
        with pytest.raises(RestoreFailed, match=r"annotate_vote\); do not use this database"):
            restore_archive(rewrite_manifest(archive, change), on_progress=be_silent)
        assert restoring.files_in_use(there) == []


def test_an_archive_of_a_later_version_is_refused(archive: Path, tmp_path: Path) -> None:
    later = rewrite_manifest(
        archive, lambda told: told["migrations"].append(["annotate", "9999_tomorrow"])
    )
    with another_place(tmp_path / "there"):
        with pytest.raises(ArchiveRefused, match=r"a later Kurabe .*annotate\.9999_tomorrow"):
            restore_archive(later, on_progress=be_silent)
        assert connection.introspection.table_names() == []
    form = rewrite_manifest(archive, lambda told: told.update(format=2))
    with pytest.raises(ArchiveRefused, match="in a form that this one"):
        check_archive(form, on_progress=be_silent)


def test_damage_is_found_wherever_it_is(archive: Path, tmp_path: Path) -> None:
    """A byte that the check lets pass changes nothing that is restored."""
    whole, random = archive.read_bytes(), Random(8)
    manifest = check_archive(archive, on_progress=be_silent)
    damaged, n_refused = tmp_path / "damaged.zip", 0
    for place in random.sample(range(len(whole)), 25):
        content = bytearray(whole)
        content[place] ^= 1 << random.randrange(8)
        damaged.write_bytes(content)
        try:
            assert check_archive(damaged, on_progress=be_silent) == manifest
        except ArchiveRefused:
            n_refused += 1
    assert n_refused >= 20
    for n_bytes in (0, 100, len(whole) // 2, len(whole) - 1):
        damaged.write_bytes(whole[:n_bytes])
        with pytest.raises(ArchiveRefused, match="not the whole of one"):
            check_archive(damaged, on_progress=be_silent)


def test_a_path_that_leads_out_of_the_home_is_refused(archive: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(archive.read_bytes())
    with zipfile.ZipFile(bad, "a") as parts:
        parts.writestr("files/../../outside", "x")
    sha256 = hashlib.sha256(b"x").hexdigest()
    entry = {"path": "../../outside", "n_bytes": 1, "is_in": True, "sha256": sha256}
    bad = rewrite_manifest(bad, lambda told: told["files"].append(entry))
    with pytest.raises(ArchiveRefused, match="leads out of KURABE_HOME"):
        check_archive(bad, on_progress=be_silent)


def test_a_full_disk_leaves_no_file_and_is_said(home: Path, tmp_path: Path) -> None:
    (home / "datasets" / "large.parquet").write_bytes(os.urandom(1 << 20))
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    folder = tmp_path / "backups"
    folder.mkdir()
    try:
        # No disk can be filled here for this process alone; a limit fails the same write.
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, most[1]))
        with pytest.raises(BackupFailed, match="File too large; there is no backup"):
            back_up(folder / "b.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_behind_a_pipe_is_said() -> None:
    told = "No space left on device; there is no backup"
    # Closing writes once more what is left, in vain.
    full = Path("/dev/full").open("wb")  # noqa: SIM115  its closing fails, and is not the matter
    with pytest.raises(BackupFailed, match=told):
        write_archive(full, weights=False, secret_key=True, on_progress=be_silent)
    with suppress(OSError):
        full.close()


def test_an_interrupted_backup_leaves_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()

    def interrupt(what: str, done: int, total: int | None) -> None:
        if what == "bytes of files":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_backup(folder / "b.zip", weights=False, secret_key=True, on_progress=interrupt)
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_a_killed_backup_leaves_nothing_that_passes_for_one(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    program = (
        "import os, signal, sys, django; django.setup()",
        "from pathlib import Path",
        "from django.db import connection",
        "connection.settings_dict['NAME'] = sys.argv[1]",
        "from annotate.services.backups import write_backup",
        "def kill(what, done, total):",
        "    what == 'bytes of files' and os.kill(os.getpid(), signal.SIGKILL)",
        "write_backup(Path(sys.argv[2]), weights=False, secret_key=True, on_progress=kill)",
    )
    name = str(connection.settings_dict["NAME"])
    words = [sys.executable, "-W", "ignore", "-c", "\n".join(program), name, str(folder / "b.zip")]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    ended = subprocess.run(words, cwd=ROOT, env=environment, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL
    (left,) = folder.iterdir()
    assert left.name.startswith(".b.zip.")
    with pytest.raises(ArchiveRefused, match="not the whole of one"):
        check_archive(left, on_progress=be_silent)


def test_a_backup_never_takes_the_place_of_a_file(archive: Path) -> None:
    before = archive.read_bytes()
    with pytest.raises(BackupFailed, match="is there already"):
        back_up(archive)
    assert archive.read_bytes() == before


def test_a_run_that_is_imported_into_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(snapshot, "WAIT_MS", 100)
    free, busy = make.make_open_round(), make.make_open_round()
    with held_ledger(busy.run_id):
        written = back_up(tmp_path / "b.zip")
        assert ledger.take_cutoff(run=free.run) > 0, "the free run's ledger is still held"
    assert written.manifest.busy_runs == [busy.run.slug]


def test_a_dataset_whose_file_is_gone_or_changed_is_told(home: Path, tmp_path: Path) -> None:
    run = make.make_run()
    for path in ("datasets/gone.jsonl", "datasets/r-1.jsonl"):
        PreferenceDataset.objects.create(
            run=run, cutoff=1, path=path, sha256="0" * 64, n_pairs=1, filters={}, counts={}
        )
    assert back_up(tmp_path / "b.zip").manifest.amiss == [
        "datasets/gone.jsonl is gone",
        "datasets/r-1.jsonl is not what its dataset says: it has another SHA-256",
    ]
