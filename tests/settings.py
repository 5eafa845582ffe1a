"""The site's settings, in a home of the tests' own: they never touch that of the checkout."""

import os
import tempfile

from tests.homes import home_of_process

# In the environment, so that the processes that tests start find it too.
os.environ["KURABE_HOME"] = home_of_process()
# Tests make their tiny models in folders of their own.
os.environ["MODEL_ROOTS"] = f"/models,{tempfile.gettempdir()}"
# Tests vote faster than people do; those of the limits themselves set them.
os.environ.setdefault("ANSWERS_PER_MINUTE", "0")
os.environ.setdefault("ANSWERS_PER_MINUTE_FROM_ADDRESS", "0")

from annotate.settings import *  # noqa: F403
