"""Leakage, repetition and overlap on texts that a reader has judged, and on the real grid."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections import defaultdict
from pathlib import Path
from statistics import mean

import pytest

from annotate.generation.metrics import ReplyMetrics, measure_reply

REAL_GRID = Path(os.environ.get("KURABE_REAL_DATA", "../shared/data")) / "shisa" / "generations"

JAPANESE_PROSE = (
    "定期的な運動は健康を維持し、気持ちを明るくするのに役立ちます。まずは目標を決めましょう。"
    "たとえば、週に三回歩くことから始めるのはどうでしょうか。少しずつ続けることが大切です。"
)
ENGLISH_PROSE = (
    "Regular exercise helps you stay healthy and lifts your mood. Set a goal first. "
    "You could, for example, walk three times a week, and then a little more each month."
)


def measure(reply: str, *, prompt: str = "", language: str = "ja") -> ReplyMetrics:
    return measure_reply(prompt=prompt, reply=reply, language=language)


@pytest.mark.parametrize(
    ("reply", "language"),
    [
        (JAPANESE_PROSE, "ja"),
        ("東京都知事選挙管理委員会", "ja"),  # all kanji is not Chinese
        ("々〆ゝヶー、ｶﾀｶﾅ・頰・髙﨑", "ja"),
        ("AIとDVD、ＵＲＬの話。ビタミンCは10kg、25℃、３㎏ 😀", "ja"),
        ("答えは `print(x)` です。\n```python\nfor word in words:\n    print(word)\n```", "ja"),
        ("途中で切れたコード:\n```\nimport sys", "ja"),
        ("詳しくは https://example.com/guide?q=word や example.org、me@example.org まで。", "ja"),
        (r"式は \(\frac{a}{b}\) と $\alpha + \beta$ です。", "ja"),
        (ENGLISH_PROSE + " Café, naïve, 5 µm.", "en"),
        ("Привет, как дела?", "ru-RU"),
        ("", "ja"),
        ("123 … 😀", "ja"),
    ],
)
def test_leakage_is_zero_where_the_language_is_kept(reply: str, language: str) -> None:
    assert measure(reply, language=language).leakage == 0.0


@pytest.mark.parametrize(
    ("reply", "language", "expected"),
    [
        ("これはgoodです", "ja", 4 / 9),
        ("これはｇｏｏｄです", "ja", 4 / 9),
        ("这个们は本", "ja", 2 / 5),  # 个 stands in JIS X 0208, 这 and 们 in no Japanese standard
        ("はいДа", "ja", 2 / 4),
        ("はい네", "ja-JP", 1 / 3),
        ("It is 本 too", "en", 1 / 8),
        ("Really, really good", "ja", 1.0),
    ],
)
def test_leakage_is_the_share_of_foreign_letters(
    reply: str, language: str, expected: float
) -> None:
    assert measure(reply, language=language).leakage == pytest.approx(expected)


def test_leakage_forgives_words_of_the_prompt() -> None:
    reply = "Kurabeは比べる道具です。fastです。"
    assert measure(reply, prompt="kurabeとは?").leakage == pytest.approx(4 / 20)
    assert measure(reply, prompt="Kurabe is fast?").leakage == 0.0
    assert measure("「猫」 means cat", prompt="猫?", language="en").leakage == 0.0


def test_leakage_does_not_forgive_a_part_of_a_prompt_word() -> None:
    assert measure("とてもfast", prompt="breakfastとは?").leakage == pytest.approx(4 / 7)


def test_leakage_of_an_unlisted_language_is_zero() -> None:
    assert measure("どれでもgood", language="xx").leakage == 0.0


@pytest.mark.parametrize(
    ("reply", "language"),
    [
        (JAPANESE_PROSE, "ja"),
        (ENGLISH_PROSE, "en"),
        ("はい、いろいろ、どきどき、ワンワンワン！！！……", "ja"),
        ("No, no, no! Very very good... ha ha ha.", "en"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n----------------------------------", "en"),
        ("はい。", "ja"),
        ("", "ja"),
    ],
)
def test_repetition_of_ordinary_prose_is_zero(reply: str, language: str) -> None:
    assert measure(reply, language=language).repetition == 0.0


@pytest.mark.parametrize(
    ("reply", "language", "expected"),
    [
        ("ピザ！" * 50, "ja", 0.98),
        ("ああああああああああ", "ja", 0.9),
        ("the " * 20, "en", 0.95),
        ("I like dogs. " * 5, "en", 0.8),
        ("犬が好きです。" * 3, "ja", 2 / 3),
        ("きのうは海へ行きました。泳ぎました。" * 2, "ja", 1 / 2),
        ("It was a fine day by the sea. " * 2, "en", 1 / 2),
    ],
)
def test_repetition_of_a_loop_is_its_share(reply: str, language: str, expected: float) -> None:
    assert measure(reply, language=language).repetition == pytest.approx(expected, abs=0.01)


def test_repetition_finds_sentences_that_come_back() -> None:
    refrain = "そして、私はとても幸せな気持ちになりました。"
    others = ["朝は海。", "昼は山だ！", "夜は本を読む：", "次の日は雨？"]
    text = "".join(other + refrain for other in others)
    assert measure(text).repetition == pytest.approx(3 * len(refrain) / len(text))


def test_overlap_is_the_share_of_prompt_terms() -> None:
    prompt = "How can I motivate myself to exercise regularly?"
    assert measure("Exercises motivate.", prompt=prompt, language="en").overlap == 2 / 3
    assert measure(ENGLISH_PROSE, prompt=prompt, language="en").overlap == 2 / 3
    assert measure("Bake the bread.", prompt=prompt, language="en").overlap == 0.0


def test_overlap_reads_kanji_and_katakana_bigrams() -> None:
    prompt = "野菜炒めのレシピは?"  # 野菜 菜炒 レシ シピ
    assert measure("野菜を切ります。", prompt=prompt).overlap == 1 / 4
    assert measure("ﾚｼﾋﾟは野菜炒めです。", prompt=prompt).overlap == 1.0
    assert measure("小型犬です。", prompt="犬は?").overlap == 1.0


def test_overlap_with_nothing_to_take_up_is_one_unless_empty() -> None:
    assert measure("こんにちは。", prompt="こんにちは").overlap == 1.0
    assert measure(" \n", prompt="こんにちは").overlap == 0.0


def test_is_empty_says_whether_there_is_anything_to_read() -> None:
    assert measure(" \n\u3000") == ReplyMetrics(3, 0.0, 0.0, 0.0, is_empty=True)
    assert not measure("。").is_empty


def read_grid() -> dict[float, list[ReplyMetrics]]:
    """Measure every Japanese reply of the grid but translations into English, by temperature."""
    by_temperature: dict[float, list[ReplyMetrics]] = defaultdict(list)
    for path in sorted(REAL_GRID.glob("*.json.gz")):
        named = re.search(r"_temp-([\d.]+)_run-\d+\.json\.gz$", path.name)
        assert named is not None, path.name
        for row in json.loads(gzip.decompress(path.read_bytes())):
            if row["lang"] == "ja" and row["task"]["type"] != "translation-ja-en":
                prompt = row["chat"][1]["content"]
                measured = measure(row["response"], prompt=prompt)
                by_temperature[float(named[1])].append(measured)
    return by_temperature


@pytest.mark.skipif(not REAL_GRID.is_dir(), reason=f"no real data in {REAL_GRID}")
@pytest.mark.slow
def test_leakage_of_the_real_grid_rises_with_temperature() -> None:
    grid = read_grid()
    leakage = {t: mean(m.leakage for m in rows) for t, rows in grid.items()}
    repetition = {t: mean(m.repetition for m in rows) for t, rows in grid.items()}
    assert sorted(grid) == [0.1, 0.4, 0.7, 1.0]
    assert {len(rows) for rows in grid.values()} == {1128 // 2}
    assert leakage[1.0] > leakage[0.7] > max(leakage[0.1], leakage[0.4])
    assert repetition[0.1] > repetition[0.4] > max(repetition[0.7], repetition[1.0])
    assert mean(repetition.values()) < 0.01
