"""Reads rendered HTML again, and says what is in it that should not be."""

from html.parser import HTMLParser

# Written out here and not imported: the tests say what may be there, not the code.
BLOCKS = {
    "p",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "blockquote",
    "pre",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "div",
    "hr",
}
INLINE = {"br", "code", "em", "strong", "s", "span", "bdi", "mark"}
MATH = {
    "math",
    "mrow",
    "mi",
    "mn",
    "mo",
    "mtext",
    "ms",
    "mspace",
    "mfrac",
    "msqrt",
    "mroot",
    "mstyle",
    "merror",
    "mpadded",
    "mphantom",
    "msub",
    "msup",
    "msubsup",
    "munder",
    "mover",
    "munderover",
    "mmultiscripts",
    "mprescripts",
    "none",
    "mtable",
    "mtr",
    "mtd",
}
VOID = {"br", "hr"}
CLASSES = {
    "address",
    "as-written",
    "boxed",
    "comment",
    "control",
    "keyword",
    "name",
    "number",
    "sign",
    "string",
    "tex",
    "to-end",
    "to-middle",
    "turn",
    "wide",
    "zero",
}
VALUES = {
    ("th", "scope"): {"col"},
    ("div", "tabindex"): {"0"},
    ("math", "display"): {"block", "inline"},
}


class Markup(HTMLParser):
    """Collects the faults, the tags and the text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.outside = ""  # the text that stands in no `mark`
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in BLOCKS | INLINE | MATH:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            if not _is_allowed(tag, name, value or ""):
                self.faults.append(f"<{tag} {name}={value!r}>")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes another")

    def handle_data(self, data: str) -> None:
        self.text += data
        if "mark" not in self._open:
            self.outside += data

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.faults.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.faults.append(f"<?{data}>")

    def unknown_decl(self, data: str) -> None:
        self.faults.append(f"<![{data}]>")


def _is_allowed(tag: str, name: str, value: str) -> bool:
    if name == "class":
        return set(value.split()) <= CLASSES
    if (tag, name) == ("ol", "start"):
        return value.isdigit()
    if tag in MATH - {"math"}:
        return name not in ("href", "style", "id", "src") and not name.startswith(
            ("on", "data", "xl")
        )
    return value in VALUES.get((tag, name), ())
