"""The site's settings, with one address more: the votes of a run as they come from the database."""

from annotate.settings import *  # noqa: F403  settings are read by their names

ROOT_URLCONF = "benchmarks.exports_site"
