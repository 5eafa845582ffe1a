"""Where a process of pytest keeps its database and files."""

import os
import tempfile


def home_of_process() -> str:
    """Give the folder that KURABE_HOME names, or one of the tests' own; a worker's is beside it.

    Its path is short, since the server's socket lies under it; it is kept, since making a database
    takes time. A worker of pytest-xdist inherits its parent's, and has its own by its name.
    """
    home = os.environ.get("KURABE_HOME") or f"{tempfile.gettempdir()}/kurabe-tests-{os.getuid()}"
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    return home if not worker or home.endswith(f"-{worker}") else f"{home}-{worker}"
