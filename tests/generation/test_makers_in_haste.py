"""Texts are passed over in haste only where the rules, read one by one, find nothing either."""

import itertools
import random
import re
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from annotate.formats import CompletionRow, read_completions
from annotate.generation import makers
from annotate.generation.makers import find_maker

NAMES = ("birds/kestrel-7b temp 0.1", "1234", "İstanbul")
PIECES = (
    "I am ", "i’m ", "I'M ", "ı am ", "İ am ", "I waſ ", "I was", "I have been ", "I've\u00a0been ",
    "my name is ", "MY NAME’S ", "I go by ", "just call me ", "caLL me ", "\u212aimi", "Kimi",
    "trained by ", "created by a team at ", "a language model ", "an AI", " A.I. ", "As ", "I, ",
    "OpenAI", "openai", "ChatGPT", "GPT-4o", "Llama-2", "kestrel", "1234", "Tülu", "01.AI", "LINE",
    "Aria, a friendly AI assistant", "called Nova", "Humanoid Inc", "private", "said", "assistant ",
    "私", "わたくし", "僕", "俺", "本AI", "このａi", "当モデル", "は", "の名前は", "の",
    "が開発した", "AI", "言語モデル", "人工知能", "アシスタント", "「アトム」", "ルーシー", "です",
    "です。", "と申します", "といいます。", "と言います", "と名付けられた", "カラクリ",
    "チャットGPT", "NTTデータ", "我是", "通义千问",
    " ", "\n", "\n\n", ". ", "、", "。", "\u3000", "\x1f", "\ud800", "𝐀𝐈", "ß", "ﬁ", "é",
)  # fmt: skip


def find_slowly(text: str, names: tuple[str, ...] = ()) -> str:
    """Look for every name and by every pattern, whatever the text holds."""
    return (known_slowly(text, names) or unknown_slowly(text))[: makers.MAX_CHARS]


def known_slowly(text: str, names: tuple[str, ...]) -> str:
    lowered = text.replace("\u0130", "I").lower()
    every = itertools.chain.from_iterable(makers._known_names(names)[1].values())
    left = makers.MAX_NAMES
    for each in sorted(every, key=lambda each: (-len(each.word), each.word)):
        for match in islice(each.pattern.finditer(lowered), left):
            left -= 1
            if makers._is_meant(text, match):
                passage = makers._read_around(text, match, each.rules)
                if passage:
                    return passage
    return ""


def unknown_slowly(text: str) -> str:
    for _words, _ascii_words, pattern in makers._UNKNOWN:
        for match in pattern.finditer(text):
            start, end = match.start() - makers.NEAR_CHARS, match.end() + makers.NEAR_CHARS
            if makers._MACHINE.search(text[max(0, start) : end]):
                return match[0]
    return ""


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=14).map("".join))
@example("ı am Aria, an AI")
@example("I waſ created by a team at Nova Labs. An AI.")
@example("I am \u212aimi")
def test_random_texts_are_read_as_by_every_rule(text: str) -> None:
    assert find_maker(text, NAMES) == find_slowly(text, NAMES)


def test_random_pieces_name_makers_often_enough_to_tell() -> None:
    rng = random.Random(0)
    found = {"known": 0, "unknown": 0, "nothing": 0}
    for _ in range(3_000):
        text = "".join(rng.choices(PIECES, k=rng.randint(1, 12)))
        words = find_maker(text, NAMES)
        assert words == find_slowly(text, NAMES)
        if not words:
            found["nothing"] += 1
        else:
            found["known" if known_slowly(text, NAMES) else "unknown"] += 1
    assert min(found.values()) >= 20, found


def test_words_of_a_pattern_are_in_every_text_that_it_matches() -> None:
    """Each way to begin is written out, in letters that ignoring case makes equal."""
    beginnings = {
        0: ["I am ", "I'm ", "I’m ", "I was ", "I have been ", "I've been ", "I’ve been "],
        1: ["my name is ", "my name's ", "I go by ", "you can call me ", "please call me "],
    }
    for number, starts in beginnings.items():
        words, _ascii_words, _pattern = makers._UNKNOWN[number]
        for start in starts:
            for text in (start, start.upper(), start.replace("s", "ſ").replace("i", "ı")):
                lowered = text.lower().replace("ı", "i").replace("ſ", "s")
                assert any(word in lowered for word in words), text
    me = re.fullmatch(r"\(\?:(.*)\)", makers._ME_JA)
    assert me is not None
    assert makers._UNKNOWN[2].words == tuple(me[1].lower().split("|"))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["shisa", "llmfao"])
def test_real_texts_are_read_as_by_every_rule(form: str, real_data: Path) -> None:
    if form == "shisa":
        files = sorted((real_data / "shisa" / "generations").glob("*.json.gz"))[::12]
    else:
        files = [real_data / "llmfao" / "results.jsonl"]
    if not all(map(Path.exists, files)) or not files:
        pytest.skip(f"no texts of {form} in {real_data}; set KURABE_REAL_DATA")
    n_texts = 0
    for row in read_completions(map(str, files), format=form):
        if isinstance(row, CompletionRow):
            names = (row.candidate.name, row.candidate.model)
            text = "\n\n".join(row.replies)
            assert find_maker(text, names) == find_slowly(text, names)
            n_texts += 1
    assert n_texts > 300
