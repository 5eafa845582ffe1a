"""Cells of tables that leave as files."""

from annotate.formats.encoding import guard_cell

__all__ = ["guard_cell"]
