"""Cells of tables that leave as files."""

from annotate.formats.encoding import encode_line, guard_cell

__all__ = ["encode_line", "guard_cell"]
