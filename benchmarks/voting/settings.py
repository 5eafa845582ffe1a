"""The site's settings, on the database that VOTING_DATABASE names."""

import os

from annotate.settings import *  # noqa: F403  settings are read by their names
from annotate.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ.get("VOTING_DATABASE", "kurabe")
