"""The style sheet's promises: contrast in light and dark, nothing inline."""

import re
from pathlib import Path

import pytest
from django.test import Client

ROOT = Path(__file__).resolve().parent.parent.parent
STYLE_SHEET = ROOT / "annotate" / "static" / "kurabe" / "kurabe.css"
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
TEXT, CONTROL = 4.5, 3.0  # WCAG 2.2, AA: contrast of text, and of the edges of controls


def tokens(*, dark: bool) -> dict[str, str]:
    """Read the colours of one scheme."""
    light, _, rest = STYLE_SHEET.read_text().partition("@media (prefers-color-scheme: dark)")
    source = rest.partition("\n}\n")[0] if dark else light
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", source))


def luminance(colour: str) -> float:
    """Give the relative luminance of an sRGB colour (WCAG 2.2)."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    ]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    ("colour", "ground", "least"),
    [
        *[(ink, ground, TEXT) for ink in ("ink", "ink-soft", "accent")
          for ground in ("paper", "surface", "accent-soft")],
        *[(ink, ground, TEXT) for ink in ("string", "number") for ground in ("paper", "surface")],
        ("on-accent", "accent", TEXT),
        *[("edge", ground, CONTROL) for ground in ("paper", "surface")],
    ],
)  # fmt: skip
def test_colours_keep_their_contrast(dark: bool, colour: str, ground: str, least: float) -> None:
    colours = tokens(dark=dark)
    assert contrast(colours[colour], colours[ground]) >= least


def test_contrast_of_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_holds_nothing_inline(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"<style|\sstyle=|\son\w+=|hx-on|javascript:|hx-vals=.js:", text) == []
    assert [tag for tag in re.findall(r"<script[^>]*>", text) if "src=" not in tag] == []


@pytest.mark.django_db
def test_content_security_policy_allows_nothing_inline() -> None:
    policy = Client().get("/sign-in/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
