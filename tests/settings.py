"""The site's settings, in a home of the tests' own: they never touch that of the checkout."""

import os
import tempfile

# A short path, since the server's socket lies under it; kept, since making a database takes time.
# In the environment, so that the processes that tests start find it too. Each worker of
# pytest-xdist has one of its own, by its own name.
_home = os.environ.get("KURABE_HOME") or f"{tempfile.gettempdir()}/kurabe-tests-{os.getuid()}"
_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if _worker and not _home.endswith(f"-{_worker}"):
    _home = f"{_home}-{_worker}"
os.environ["KURABE_HOME"] = _home

from annotate.settings import *  # noqa: F403
