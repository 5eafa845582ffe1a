"""The site's settings, in a home of the tests' own: they never touch that of the checkout."""

import os

from tests.homes import home_of_process

# In the environment, so that the processes that tests start find it too.
os.environ["KURABE_HOME"] = home_of_process()

from annotate.settings import *  # noqa: F403
