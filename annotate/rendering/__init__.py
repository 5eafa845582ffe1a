"""Text in, safe HTML out: how a reply looks on the screen. No Django, no files, no network."""

from annotate.rendering.difference import render_difference
from annotate.rendering.length import count_lines
from annotate.rendering.plain import render_plain
from annotate.rendering.prose import render_prose
from annotate.rendering.reply import render_reply

__all__ = ["count_lines", "render_difference", "render_plain", "render_prose", "render_reply"]
