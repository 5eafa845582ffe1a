"""Which part of a reply is in another language than it should be, judged on texts by hand."""

from __future__ import annotations

import gettext
import subprocess
import sys
from pathlib import Path

import django
import pytest

from annotate.formats.shisa import read_completion_rows
from annotate.generation.chinese import find_chinese
from annotate.generation.language_id import find_other_sentences
from annotate.generation.leakage import find_foreign
from annotate.generation.measures import CompletionMeasures, measure_completion
from annotate.generation.prose import NOT_PROSE
from annotate.generation.reply_language import reply_languages
from annotate.generation.terms import LOAN_TOKENS

FRENCH = "Je ne sais pas pourquoi il est parti sans rien dire à personne."


def measure(
    reply: str, *, prompt: str = "", language: str = "ja", **more: str
) -> CompletionMeasures:
    return measure_completion(turns=[prompt], replies=[reply], language=language, **more)


def foreign_words(reply: str, language: str, prompt: str = "") -> list[str]:
    prose = NOT_PROSE.sub(" ", reply)
    parts = find_foreign(prose, language=language, prompt=prompt)
    return [prose[part.start : part.stop] for part in parts]


@pytest.mark.parametrize(
    ("reply", "language"),
    [
        ("好きなバンドは Iron Maiden と Judas Priest です。", "ja"),
        ("「ONE PIECE」や「Attack on Titan」、渋谷のMotion Blue yokohamaがおすすめです。", "ja"),
        ("営業利益（operating profit）とは、", "ja"),
        ("git reset --hard HEAD を実行し、hello_world.py を開きます。", "ja"),
        ("```python\nfor word in words:\n    print(word)\n```", "ja"),
        ("バイクは250ccで、Ψはエネルギーの関数です。", "ja"),
        ("東京都中央区銀座7-8-5、第二次世界大戦後、自己評価と目的意識の存在。", "ja"),
        ("The word hiragana (ひらがな) means “plain”. 敬語 (keigo) is polite speech.", "en"),
        ("Café, naïve, 5 µm, Ψ and ε.", "en"),
        ("Yūki Kosaka, Osamu Tezuka, Tsuruta Kaneko and Chōko Ogura.", "en"),
        ("Привет, как дела?", "ru-RU"),
        ("", "ja"),
    ],
)
def test_what_is_at_home_counts_for_nothing(reply: str, language: str) -> None:
    assert measure(reply, language=language).leakage == 0


@pytest.mark.parametrize(
    ("reply", "language", "words"),
    [
        ("これはgoodです", "ja", ["good"]),
        ("はいДаですね", "ja", ["Да"]),
        ("これは这个です", "ja", ["这"]),
        ("The sky is 青い today", "en", ["青い"]),
        ("A マイスター・カップル falls in love", "en", ["マイスター・カップル"]),
        ("I am both自慢と不安の両方の気持ち about it", "en", ["自慢と不安の両方の気持ち"]),
        ("渋谷で Mangas and anime are popular forms of entertainment です", "ja",
         ["Mangas and anime are popular forms of entertainment"]),
    ],
)  # fmt: skip
def test_foreign_words_are_found(reply: str, language: str, words: list[str]) -> None:
    assert foreign_words(reply, language) == words


def test_leakage_is_the_share_of_letters_and_runs_are_part_of_it() -> None:
    measured = measure("これはgood。自慢です。네")
    assert (measured.leakage, measured.other_language) == (pytest.approx(5 / 12), 0)
    run = measure("ああ。" + FRENCH)
    letters = sum(character.isalpha() for character in FRENCH)
    assert run.leakage == run.other_language == pytest.approx(letters / (letters + 2))


def test_french_in_an_english_reply_is_found() -> None:
    measured = measure(f"That is easy to say. {FRENCH} What a day.", language="en")
    assert measured.languages == ("fr",)
    assert 0.5 < measured.other_language == measured.leakage < 1


def test_english_in_a_french_reply_is_found() -> None:
    reply = f"{FRENCH} This is what they should have told you about it before."
    assert measure(reply, language="fr").languages == ("en",)
    assert measure(FRENCH, language="fr").leakage == 0


@pytest.mark.parametrize(
    "chinese", ["我是一个人，不知道你在哪里", "這是我最喜歡的書", "今天天气很好", "因為他不在日本"]
)
def test_chinese_in_a_japanese_reply_is_found(chinese: str) -> None:
    measured = measure(f"はい、そうです。{chinese}。よろしくお願いします。")
    assert measured.languages == ("zh",)
    assert measured.other_language > 0


def read_catalogue(tag: str) -> list[str]:
    """Give Django's own strings in a language, which people translated."""
    texts: list[str] = []
    for path in sorted(Path(django.__file__).parent.glob(f"**/locale/{tag}/LC_MESSAGES/django.mo")):
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)
        texts += [text for text in vars(catalogue)["_catalog"].values() if "%" not in text]
    return [text for text in texts if not text.isascii() and "<" not in text]


def test_chinese_sentences_are_told_from_japanese() -> None:
    """Of Django's strings with six kanji or more, most Chinese and no Japanese ones are found."""
    found = {}
    for tag in ("ja", "zh_Hans", "zh_Hant"):
        long = [text for text in read_catalogue(tag) if sum("一" <= c <= "鿿" for c in text) >= 6]
        found[tag] = sum(any(find_chinese(text)) for text in long) / len(long)
    assert found["ja"] == 0
    assert found["zh_Hans"] > 0.9
    assert found["zh_Hant"] > 0.6


@pytest.mark.parametrize("tag", ["de", "es", "fr", "id", "it", "nl", "pl", "pt", "tr", "vi"])
def test_sentences_of_other_languages_are_told_from_english(tag: str) -> None:
    long = [text for text in read_catalogue(tag) if len(text.split()) >= 8]
    hits = [list(find_other_sentences(text, language="en")) for text in long]
    assert sum(any(other == tag for *_span, other in hit) for hit in hits) > 0.75 * len(long) > 7


def test_models_are_loaded_only_when_a_sentence_needs_them() -> None:
    code = (
        "import sys\n"
        "from annotate.generation.measures import measure_completion\n"
        "say = dict(turns=[''], language='en')\n"
        "measure_completion(replies=['It is what it is, and that is all there is to it.'], **say)\n"
        "assert 'lingua' not in sys.modules\n"
        f"measure_completion(replies=[{FRENCH!r}], **say)\n"
        "assert 'lingua' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("turn", "language", "more", "main"),
    [
        ("猫は好き？", "ja-JP", {}, ("ja",)),
        ("x", "en", {"category": "translation-en-ja"}, ("ja",)),
        ("この文を英語に訳してください：「一期一会」", "ja", {}, ("en",)),
        ('Please translate this to Japanese: "Hello"', "en", {}, ("ja",)),
        ("Answer in French, please.", "en", {}, ("fr",)),
        ("Hello?", "en", {"system": "Reply in either Japanese or English."}, ("ja", "en")),
        ("はい？", "ja", {"system": "日本語または英語で返信してください。"}, ("ja", "en")),
        ("英語分かりますか？", "en", {}, ("ja",)),
    ],
)
def test_what_a_reply_should_be_in(
    turn: str, language: str, more: dict[str, str], main: tuple[str, ...]
) -> None:
    assert reply_languages(turn=turn, language=language, **more).main == main


def test_a_translation_is_measured_by_its_target() -> None:
    more = {"prompt": "この文を英語に訳してください：「一期一会」", "category": "translation-ja-en"}
    assert measure("Once in a lifetime.", **more).leakage == 0
    assert measure("「逢いは一度しかない」という意味です。", **more).leakage == 1


def test_a_language_that_the_prompt_names_may_be_quoted_but_not_answered_in() -> None:
    prompt = "How can I learn Japanese?"
    quoting = (
        "Read a lot, and say おはようございます and ありがとうございます every single morning."
    )
    assert measure(quoting, prompt=prompt, language="en").leakage == 0
    answer = "毎日少しずつ読むことが大切です。" * 2 + "Good luck!"
    assert measure(answer, prompt=prompt, language="en").leakage > 0.5


def test_replies_count_by_their_letters() -> None:
    measured = measure_completion(
        turns=["猫？", "犬？"], replies=["はい。" * 10, "good"], language="ja"
    )
    assert measured.leakage == pytest.approx(4 / 24)
    assert (measured.n_characters, measured.is_empty) == (34, False)


def test_an_operators_words_are_at_home() -> None:
    say = {"turns": ["猫？"], "replies": ["はいkurabeです"], "language": "ja"}
    assert measure_completion(**say).leakage > 0
    assert measure_completion(**say, loan_tokens=LOAN_TOKENS | {"kurabe"}).leakage == 0


def test_a_language_that_nobody_listed_has_no_leakage() -> None:
    assert measure("どれでもgood", language="xx").leakage == 0


@pytest.mark.slow
def test_leakage_of_the_real_grid_rises_with_temperature(real_data: Path) -> None:
    """Of Shisa's six models more replies leak at temperature 1 than at 0.1, in both languages."""
    leaking: dict[tuple[str, str], list[bool]] = {}
    for temperature in ("0.1", "1.0"):
        for path in sorted(real_data.glob(f"shisa/generations/*_temp-{temperature}_run-1.json.gz")):
            for prompt, completion in read_completion_rows(str(path)):
                measured = measure_completion(
                    turns=prompt.turns,
                    replies=completion.replies,
                    language=prompt.language,
                    system=prompt.system,
                    category=prompt.category,
                )
                key = (prompt.language, temperature)
                leaking.setdefault(key, []).append(measured.leakage > 0)
    share = {key: sum(flags) / len(flags) for key, flags in leaking.items()}
    assert {len(flags) for flags in leaking.values()} == {6 * 49, 6 * 47}
    assert share["ja", "1.0"] > share["ja", "0.1"]
    assert share["en", "1.0"] > 1.5 * share["en", "0.1"]
