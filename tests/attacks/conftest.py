"""Attacks read and write a home of their own."""

from tests.views.conftest import home

__all__ = ["home"]
