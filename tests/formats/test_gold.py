"""Files of pairs with a known answer."""

from pathlib import Path

import pytest

from annotate.formats import FormatError, GoldRow, Location, read_gold
from tests.formats.conftest import REPOSITORY, WriteFile

PAIR = {
    "use": "practice",
    "language": "ja-JP",
    "turns": ["1+1は?"],
    "better": "2です。",
    "worse": "3です。",
    "explanation_en": "It is 2.",
    "explanation_ja": "2です。",
}


def test_gold_is_read_with_every_column(write_file: WriteFile) -> None:
    written = PAIR | {"use": "gold", "system": "短く。", "turns": ["a?", "b?"],
                      "better": ["1", "2"], "worse": ["3", "4"], "outcome": "tie"}  # fmt: skip
    path = write_file("gold.jsonl", written)
    (row,) = read_gold(path)
    assert row == GoldRow(
        use="gold",
        language="ja",
        system="短く。",
        turns=("a?", "b?"),
        better=("1", "2"),
        worse=("3", "4"),
        outcome="tie",
        explanation_en="It is 2.",
        explanation_ja="2です。",
        location=Location(str(path), 1),
    )


def test_gold_of_one_turn_may_be_plain_texts(write_file: WriteFile) -> None:
    (row,) = read_gold(write_file("gold.jsonl.gz", PAIR))
    assert (row.better, row.worse, row.outcome, row.system) == (("2です。",), ("3です。",), "a", "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"use": "test"}, 'use: "test" is not one of gold, practice'),
        ({"outcome": "b"}, 'outcome: "b" is not one of a, tie, both_bad'),
        ({"better": ["2", "3"]}, "better: 2 against the 1 turn(s); expected one reply for each"),
        ({"worse": " "}, 'worse: " " is not a text that says something'),
        ({"turns": []}, "turns: [] is not a list of one or more strings"),
        ({"explanation_ja": None}, "explanation_ja: missing; expected a string"),
        ({"explanation_en": ""}, 'explanation_en: "" is not a text that says something'),
        ({"language": "Japanese!"}, 'language: "Japanese!" is not a language tag such as ja or en'),
        ({"outcom": "tie"}, "outcom: unknown column; expected outcome"),
    ],
)
def test_gold_that_is_wrong_is_refused(
    write_file: WriteFile, change: dict[str, object], message: str
) -> None:
    path = write_file("gold.jsonl", PAIR, PAIR | change)
    with pytest.raises(FormatError) as caught:
        list(read_gold(path))
    assert str(caught.value).startswith(f"{path}, line 2, {message}")


def test_practice_set_of_the_house_is_in_two_languages() -> None:
    rows = list(read_gold(Path(REPOSITORY, "annotate/demo/practice.jsonl")))
    assert {row.use for row in rows} == {"practice"}
    assert [row.language for row in rows] == ["en", "ja"] * 3
    assert {row.outcome for row in rows} == {"a", "tie", "both_bad"}
