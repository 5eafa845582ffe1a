"""Code in colours: Pygments finds the tokens, a handful of classes names them."""

from functools import cache
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Token

from annotate.rendering.plain import render_plain

# Longer code stays plain: on hostile text a lexer's time grows with the square of its length, to
# half a second for as much as this.
MAX_CHARACTERS = 3_000
MAX_IN_ALL = 6_000  # of the code of one reply
# Of the hundreds of lexers, those that models write; each was timed on hostile text.
LANGUAGES = {
    "bash": "bash", "sh": "bash", "shell": "bash", "zsh": "bash", "console": "bash",
    "c": "c", "cpp": "cpp", "c++": "cpp", "csharp": "csharp", "c#": "csharp", "cs": "csharp",
    "css": "css", "diff": "diff", "go": "go", "golang": "go", "html": "html", "ini": "ini",
    "java": "java", "javascript": "javascript", "js": "javascript", "jsx": "javascript",
    "json": "json", "kotlin": "kotlin", "lua": "lua", "php": "php", "python": "python",
    "py": "python", "python3": "python", "r": "r", "ruby": "ruby", "rb": "ruby", "rust": "rust",
    "rs": "rust", "scala": "scala", "sql": "sql", "swift": "swift", "toml": "toml",
    "typescript": "typescript", "ts": "typescript", "tsx": "typescript", "xml": "xml",
    "yaml": "yaml", "yml": "yaml",
}  # fmt: skip
_KIND_OF = {
    Token.Comment: "comment",
    Token.Keyword: "keyword",
    Token.Operator.Word: "keyword",
    Token.Name.Tag: "keyword",
    Token.Literal.String: "string",
    Token.Literal.Number: "number",
    Token.Name.Function: "name",
    Token.Name.Class: "name",
    Token.Name.Attribute: "name",
    Token.Generic.Inserted: "string",
    Token.Generic.Deleted: "number",
    Token.Generic.Heading: "keyword",
}
KINDS = frozenset(_KIND_OF.values())


def highlight(code: str, language: str, *, budget: int = MAX_IN_ALL) -> str:
    """Give code as HTML with spans of the classes in `KINDS`; an unknown language stays plain.

    Args:
        budget: how many characters of code may still be highlighted in this reply.
    """
    name = LANGUAGES.get(language.lower())
    if name is None or len(code) > min(MAX_CHARACTERS, budget):
        return render_plain(code)
    runs: list[tuple[str | None, str]] = []
    for token, text in _lexer(name).get_tokens(code):
        kind = _kind(token)
        if runs and runs[-1][0] == kind:
            text = runs.pop()[1] + text
        runs.append((kind, text))
    return "".join(_span(kind, text) for kind, text in runs)


@cache
def _lexer(name: str) -> Lexer:
    # Not stripped: the code is shown as it was written, blank lines at its ends included.
    return get_lexer_by_name(name, stripnl=False, ensurenl=False)


@cache
def _kind(token: Any) -> str | None:
    while token in Token:
        if token in _KIND_OF:
            return _KIND_OF[token]
        token = token.parent
    return None


def _span(kind: str | None, text: str) -> str:
    shown = render_plain(text)
    return shown if kind is None else f'<span class="{kind}">{shown}</span>'
