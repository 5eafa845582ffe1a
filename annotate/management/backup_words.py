"""What the commands about backups say."""

from collections.abc import Iterator

from rich.progress import Progress, TaskID

from annotate.services.backups import Manifest

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


class ArchiveProgress:
    """Shows a line for each thing that is done, on a progress display."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Show how far it is."""
        if what not in self._bars:
            self._bars[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._bars[what], completed=done, total=total)


def count_bytes(n_bytes: float) -> str:
    """Say a number of bytes with three digits or so."""
    unit = 0
    while n_bytes >= 1024 and unit < len(UNITS) - 1:
        n_bytes, unit = n_bytes / 1024, unit + 1
    return f"{n_bytes:.1f} {UNITS[unit]}" if unit else f"{n_bytes} {UNITS[0]}"


def tell_manifest(manifest: Manifest) -> Iterator[str]:
    """Say what an archive holds, a line each."""
    yield f"made {manifest.made_at} by Kurabe {manifest.kurabe}, of {manifest.home}"
    n_rows = sum(table.n_rows for table in manifest.tables.values())
    votes = manifest.tables.get("public.annotate_vote")
    n_votes = votes.n_rows if votes else 0
    yield (
        f"database: {len(manifest.tables)} tables, {n_rows:,} rows, {n_votes:,} of them votes,"
        f" {count_bytes(manifest.dump.n_bytes)}"
    )
    if manifest.ledger is not None:
        yield f"ledger: every vote below number {manifest.ledger}, and none above"
    for slug in manifest.busy_runs:
        yield f"votes were being imported into run {slug}; those are not in it"
    held = [entry for entry in manifest.files if entry.is_in]
    yield f"files: {len(held)}, {count_bytes(sum(entry.n_bytes for entry in held))}"
    if left := [entry for entry in manifest.files if not entry.is_in]:
        size = count_bytes(sum(entry.n_bytes for entry in left))
        yield f"not in it: {len(left)} files of weights, {size}; listed by SHA-256 (--weights)"
    if "secret_key" not in {entry.path for entry in held}:
        yield "not in it: the key that signs cookies"
