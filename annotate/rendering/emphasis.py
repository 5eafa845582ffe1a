"""Emphasis beside Japanese, Chinese and Korean text.

CommonMark decides by spaces and punctuation where `**` opens and closes. Text that is written
without spaces then keeps its asterisks: `これは**「重要」**です`. Here a CJK character counts as
the space that such text does not have, as the "CJK-friendly emphasis" amendment proposes.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.utils import EnvType

_CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\u303f\u3040-\u30ff\u3100-\u33ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
)


class _State(StateInline):
    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
        scanned = super().scanDelims(start, canSplitWord)
        if self.src[start] != "*":
            return scanned
        end = start + scanned.length
        before = self.src[start - 1] if start else " "
        after = self.src[end] if end < self.posMax else " "
        if not (_CJK.match(before) or _CJK.match(after)):
            return scanned
        return Scanned(not after.isspace(), not before.isspace(), scanned.length)


class CjkParserInline(ParserInline):
    """markdown-it's inline parser, with the rule above."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """Parse one paragraph's text into tokens."""
        state = _State(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens
