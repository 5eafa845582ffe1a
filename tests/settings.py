"""The site's settings, in a home of the tests' own: they never touch that of the checkout."""

import os
import tempfile
from pathlib import Path

# A short path, since the server's socket lies under it; kept, since making a database takes time.
# In the environment, so that the processes that tests start find it too.
os.environ.setdefault(
    "KURABE_HOME", str(Path(tempfile.gettempdir()) / f"kurabe-tests-{os.getuid()}")
)

from annotate.settings import *  # noqa: F403
