"""`manage.py backup`: database and files in one archive."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from annotate.management.backup_words import ArchiveProgress, count_bytes, tell_manifest
from annotate.management.base import KurabeCommand
from annotate.services.backups import Written, write_archive, write_backup


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Have SIGTERM end the block as Ctrl-C does, so that an unfinished file is taken away."""
    before = signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Command(KurabeCommand):
    """Back the site up."""

    help = (
        "Write the database and the files under KURABE_HOME into one archive, at one moment and"
        " while the site goes on. The archive holds addresses, digests of passwords and the key"
        " that signs cookies: keep it as you keep those. docs/backups.md says what is in it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "file", metavar="FILE.zip", help="to be made; - writes to the standard output"
        )
        parser.add_argument(
            "--weights", action="store_true",
            help="put weights of models and states of trainings in, which are otherwise listed"
            " by their SHA-256",
        )  # fmt: skip
        parser.add_argument(
            "--without-secret-key", action="store_true",
            help="leave the key that signs cookies out: after a restore everybody signs in anew,"
            " and whoever had no account begins as somebody new",
        )  # fmt: skip

    def run(self, **options: Any) -> None:
        """Write the archive, and say what is in it."""
        wanted = {"weights": options["weights"], "secret_key": not options["without_secret_key"]}
        is_piped = options["file"] == "-"
        if is_piped and sys.stdout.isatty():
            raise CommandError("an archive is not for a screen; write it to a file or a pipe")
        with ended_by_sigterm(), self.progress() as progress:
            show = ArchiveProgress(progress)
            if is_piped:
                written = write_archive(sys.stdout.buffer, on_progress=show, **wanted)
            else:
                written = write_backup(Path(options["file"]), on_progress=show, **wanted)
        self._tell(options["file"], written, self.stderr if is_piped else self.stdout)

    def _tell(self, name: str, written: Written, to: Any) -> None:
        for line in tell_manifest(written.manifest):
            to.write(line)
        for fault in written.manifest.amiss:
            self.stderr.write(f"before the backup already: {fault}")
        where = "written" if name == "-" else f"in {name}"
        to.write(f"{count_bytes(written.n_bytes)} {where}, sha256 {written.sha256}")
