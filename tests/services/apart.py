"""Processes of their own that work on the tests' database."""

import os

import psycopg
from django.db import connection


def connection_info() -> psycopg.ConnectionInfo:
    """Tell how the tests' database is reached."""
    connection.ensure_connection()
    info: psycopg.ConnectionInfo = connection.connection.info
    return info


def environment_apart() -> dict[str, str]:
    """Give the environment in which another process finds the tests' database."""
    info = connection_info()
    url = f"postgres://{info.user}@/{info.dbname}?host={info.host}"
    return os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "annotate.settings"}
