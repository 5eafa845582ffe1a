"""What LLM judges are asked: texts with fields, by language, under a name and a version."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FALLBACK = "en"
_FOLDER = Path(__file__).with_name("judge_templates")
_FIELD = re.compile(r"\{([a-z_]+)\}")
_OF_A_TURN = frozenset({"fence", "letter"})
# By use and part: the fields that a text may hold, and those that it must.
PARTS: dict[str, dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "pair": {
        "system": (frozenset(), frozenset()),
        "user": (
            frozenset({"fence", "conversation_a", "conversation_b"}),
            frozenset({"conversation_a", "conversation_b"}),
        ),
        **{
            part: (_OF_A_TURN, frozenset({"fence"}))
            for part in ("begin", "end", "system_turn", "user_turn", "assistant_turn")
        },
    },
    "score": {
        "system": (frozenset(), frozenset()),
        "user": (frozenset({"fence", "conversation"}), frozenset({"conversation"})),
        "user_with_reference": (
            frozenset({"fence", "conversation", "reference"}),
            frozenset({"conversation", "reference"}),
        ),
        **{
            part: (frozenset({"fence"}), frozenset({"fence"}))
            for part in (
                "begin", "end", "reference_begin", "reference_end",
                "system_turn", "user_turn", "assistant_turn",
            )
        },
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Template:
    """A judge's template: by language tag the texts of its parts.

    `texts["en"]` is always there. Raises ValueError naming what is wrong where.
    """

    name: str
    version: int
    use: str
    texts: Mapping[str, Mapping[str, str]]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[-a-zA-Z0-9_]{1,100}", self.name):
            raise ValueError(f"name is {self.name!r}; letters, digits, - and _ were expected")
        is_whole = isinstance(self.version, int) and not isinstance(self.version, bool)
        if not is_whole or not 1 <= self.version < 2**15:
            raise ValueError(f"version is {self.version!r}; a whole number from 1 was expected")
        if self.use not in PARTS:
            raise ValueError(f"use is {self.use!r}; one of {', '.join(PARTS)} was expected")
        if not isinstance(self.texts, Mapping) or FALLBACK not in self.texts:
            raise ValueError(f"texts.{FALLBACK} is missing; other languages fall back to it")
        for language, parts in self.texts.items():
            _check_parts(self.use, f"texts.{language}", parts)

    def texts_for(self, language: str) -> Mapping[str, str]:
        """Give the texts in the prompt's language: its tag, else its primary subtag, else en."""
        primary = language.partition("-")[0].lower()
        for tag in (language, primary):
            if tag in self.texts:
                return self.texts[tag]
        return self.texts[FALLBACK]

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Template:
        """Read a template; raises ValueError naming the field."""
        known = ("name", "version", "use", "texts")
        missing = [name for name in known if name not in row]
        unknown = [name for name in row if name not in known]
        if missing or unknown:
            problem = f"{missing[0]} is missing" if missing else f"{unknown[0]} is unknown"
            raise ValueError(f"{problem}; a template has {', '.join(known)}")
        return cls(**row)


def read_template(path: Path) -> Template:
    """Read a template file (TOML); raises ValueError naming the file and what is wrong."""
    try:
        return Template.from_dict(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ValueError(f"{path}: the template cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def house_templates() -> dict[str, Template]:
    """Give the house's own templates by name."""
    found = (read_template(path) for path in sorted(_FOLDER.glob("*.toml")))
    return {template.name: template for template in found}


def fill(text: str, **fields: str) -> str:
    """Put fields into a text, once: what a field holds is never looked into."""
    return _FIELD.sub(lambda match: fields.get(match[1], match[0]), text)


def _check_parts(use: str, where: str, parts: object) -> None:
    wanted = PARTS[use]
    if not isinstance(parts, Mapping):
        raise ValueError(f"{where} is {parts!r}; texts by name were expected: {', '.join(wanted)}")
    for name in (*wanted, *parts):
        if name not in wanted or not isinstance(parts.get(name), str):
            problem = "is unknown" if name not in wanted else "is missing, or no text"
            raise ValueError(f"{where}.{name} {problem}; its texts: {', '.join(wanted)}")
    for name, (allowed, needed) in wanted.items():
        found = set(_FIELD.findall(parts[name]))
        if missing := sorted(needed - found):
            raise ValueError(f"{where}.{name} lacks the field {{{missing[0]}}}")
        if unknown := sorted(found - allowed):
            known = ", ".join(f"{{{field}}}" for field in sorted(allowed)) or "none"
            raise ValueError(
                f"{where}.{name} has an unknown field {{{unknown[0]}}}; known: {known}"
            )
