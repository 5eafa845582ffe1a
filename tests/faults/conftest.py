"""One site for all that kills: its tables take longer to make than most tests here take."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.disks import mount, unmount
from tests.faults.site import Site


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Give a site with Kurabe's tables, on a disk of its own where root can mount one."""
    parent = Path(tempfile.mkdtemp(prefix="kurabe-"))
    has_own_disk = not mount(parent, size="1g")
    site = Site(parent / "home", has_own_disk=has_own_disk)
    site.run("manage.py", "migrate", "--verbosity", "0")
    with site.kept_up():
        yield site
    site.end()
    if has_own_disk:
        unmount(parent)
    shutil.rmtree(parent)
