"""Backups: the database and the files under KURABE_HOME in one archive, checked and restored.

An archive is a zip file that anybody's `unzip` opens: `database.dump` (pg_dump's custom form, for
pg_restore), `files/` (what lies under KURABE_HOME), and `manifest.json`, written last.
"""

from annotate.services.backups.manifest import Manifest
from annotate.services.backups.restoring import Restored, check_archive, restore_archive
from annotate.services.backups.writing import OnProgress, Written, write_archive, write_backup

__all__ = [
    "Manifest",
    "OnProgress",
    "Restored",
    "Written",
    "check_archive",
    "restore_archive",
    "write_archive",
    "write_backup",
]
