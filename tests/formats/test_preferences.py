"""Preference rows of TRL, UltraFeedback, HH-RLHF and Kurabe itself."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.formats import (
    Faults,
    FormatError,
    Location,
    MessageRow,
    PreferenceRow,
    guess_format,
    read_preferences,
)
from tests.formats.conftest import WriteFile

ASKED = MessageRow("user", "What is tea?")
GOOD = MessageRow("assistant", "A drink.")
BAD = MessageRow("assistant", "No.")


def listed(*messages: MessageRow) -> list[dict[str, str]]:
    return [message._asdict() for message in messages]


CONVERSATIONAL: dict[str, Any] = {
    "prompt": listed(MessageRow("system", "Be brief."), ASKED),
    "chosen": listed(GOOD),
    "rejected": listed(BAD),
}
ULTRAFEEDBACK: dict[str, Any] = {
    "prompt": ASKED.content,
    "prompt_id": "f0e37e9f7800261167ce91143f98f511f768847236f133f2d0aed60b444ebe57",
    "chosen": listed(ASKED, GOOD),
    "rejected": listed(ASKED, BAD),
    "messages": listed(ASKED, GOOD),
    "score_chosen": 8.5,
    "score_rejected": 6.0,
}
HH: dict[str, Any] = {
    "chosen": "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: What is\ntea?\n\nAssistant: A drink.",
    "rejected": "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: What is\ntea?\n\nAssistant:",
}
DPO: dict[str, Any] = {
    **CONVERSATIONAL,
    "run": "tea",
    "prompt_set": "tea",
    "prompt_id": "p1",
    "n_turns": 1,
    "language": "fr",
    "category": "drinks",
    "margin": 3,
}


def only_pair(path: Path, format: str) -> PreferenceRow:
    assert guess_format(path, "preferences") == format
    (pair,) = read_preferences(path, format=format)
    return pair


def test_conversational_pair_is_what_it_says(write_file: WriteFile) -> None:
    path = write_file("x.jsonl", {**CONVERSATIONAL, "key": "tea-1"})
    assert only_pair(path, "trl") == PreferenceRow(
        key="tea-1",
        prompt=(MessageRow("system", "Be brief."), ASKED),
        chosen=(GOOD,),
        rejected=(BAD,),
        language="en",
        location=Location(str(path), 1),
    )


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": ASKED.content, "chosen": GOOD.content, "rejected": BAD.content},
        {"prompt": listed(ASKED), "chosen": GOOD.content, "rejected": BAD.content},
        {"prompt": listed(ASKED), "chosen": listed(GOOD), "rejected": listed(BAD)},
        {"chosen": listed(ASKED, GOOD), "rejected": listed(ASKED, BAD)},
        {
            "prompt": ASKED.content,
            "chosen": listed(ASKED, GOOD),
            "rejected": listed(ASKED, BAD),
        },
    ],
)
def test_every_form_of_trl_gives_the_same_pair(
    write_file: WriteFile, tmp_path: Path, row: dict[str, Any]
) -> None:
    pairs = [
        only_pair(write_file("x.jsonl", row), "trl"),
        only_pair(write_file("x.json", [row]), "trl"),
    ]
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "x.parquet")
    pairs.append(only_pair(tmp_path / "x.parquet", "trl"))
    for pair in pairs:
        assert (pair.prompt, pair.chosen, pair.rejected) == ((ASKED,), (GOOD,), (BAD,))
    assert len({pair.key for pair in pairs}) == 1


def test_shared_replies_belong_to_the_prompt_of_an_implicit_pair(write_file: WriteFile) -> None:
    """Up to the last message of the user that both have, and no further."""
    more = MessageRow("user", "More?")
    path = write_file(
        "x.jsonl",
        {"chosen": listed(ASKED, GOOD, more, GOOD), "rejected": listed(ASKED, GOOD, more, BAD)},
        {"chosen": listed(ASKED, GOOD, more, GOOD), "rejected": listed(ASKED, GOOD)},
    )
    first, second = read_preferences(path, format="trl")
    assert first.prompt == (ASKED, GOOD, more)
    assert second.prompt == (ASKED,)
    assert second.chosen == (GOOD, more, GOOD)


def test_scores_of_ultrafeedback_are_the_margin(write_file: WriteFile) -> None:
    path = write_file(
        "x.jsonl", ULTRAFEEDBACK, {**ULTRAFEEDBACK, "rejected": listed(ASKED, GOOD, ASKED, BAD)}
    )
    assert guess_format(path, "preferences") == "ultrafeedback"
    first, second = read_preferences(path, format="ultrafeedback")
    assert (first.prompt, first.chosen, first.rejected) == ((ASKED,), (GOOD,), (BAD,))
    assert first.margin == 2.5
    key = re.escape(ULTRAFEEDBACK["prompt_id"]) + "-[0-9a-f]{16}"
    assert re.fullmatch(key, first.key)
    assert re.fullmatch(key, second.key)
    assert first.key != second.key


def test_shared_dialogue_of_hh_is_the_prompt(write_file: WriteFile) -> None:
    pair = only_pair(write_file("x.jsonl.gz", HH), "hh-rlhf")
    assert pair.prompt == (
        MessageRow("user", "Hi"),
        MessageRow("assistant", "Hello."),
        MessageRow("user", "What is\ntea?"),
    )
    assert (pair.chosen, pair.rejected) == ((GOOD,), (MessageRow("assistant", ""),))


def test_own_export_keeps_what_it_tells(write_file: WriteFile) -> None:
    pair = only_pair(write_file("x.jsonl", DPO), "dpo")
    assert (pair.language, pair.category, pair.margin) == ("fr", "drinks", 3.0)
    assert len(pair.key) == 40


def test_japanese_is_recognised(write_file: WriteFile) -> None:
    row = {"prompt": "お茶とは?", "chosen": "飲み物です。", "rejected": "No."}
    assert only_pair(write_file("x.jsonl", row), "trl").language == "ja"


def test_pairs_that_say_nothing_new_are_left_out(write_file: WriteFile) -> None:
    path = write_file("x.jsonl", HH, HH, {**HH, "rejected": HH["chosen"]})
    faults = Faults()
    assert len(list(read_preferences(path, format="hh-rlhf", faults=faults))) == 1
    assert dict(faults.left_out) == {"the same pair again": 1, "chosen and rejected alike": 1}
    assert faults.n == 0


def test_key_with_other_texts_is_refused(write_file: WriteFile) -> None:
    path = write_file(
        "x.jsonl",
        {**CONVERSATIONAL, "key": "1"},
        {**CONVERSATIONAL, "key": "1", "prompt": listed(ASKED)},
    )
    faults = Faults()
    assert len(list(read_preferences(path, format="trl", faults=faults))) == 1
    assert [str(fault) for fault in faults.kept] == [
        f'{path}, line 2, key: pair "1", with other texts, again; expected each once; line 1 has it'
        " already"
    ]


@pytest.mark.parametrize(
    ("format", "row", "message"),
    [
        (
            "hh-rlhf",
            {**HH, "rejected": "\n\nHuman: Ho\n\nAssistant: Hello."},
            "rejected: another history than in chosen; expected the same dialogue up to the last"
            " reply",
        ),
        (
            "hh-rlhf",
            {**HH, "chosen": "Hello."},
            'chosen: "Hello." is not a dialogue that begins with two line breaks and Human:',
        ),
        (
            "hh-rlhf",
            {**HH, "chosen": "\n\nHuman: Hi"},
            "chosen: Human has the last word; expected Assistant to have it",
        ),
        (
            "trl",
            {"chosen": "a", "rejected": "b"},
            "prompt: missing; expected a prompt, or lists of messages that begin with it",
        ),
        (
            "trl",
            {**ULTRAFEEDBACK, "prompt": "Another"},
            "prompt: a prompt that is not the last shared message of the user; expected the prompt"
            " as in chosen and rejected",
        ),
        (
            "trl",
            {"chosen": listed(ASKED, GOOD), "rejected": listed(MessageRow("user", "?"), GOOD)},
            "prompt: no message of the user at the end; expected a conversation that ends with the"
            " user's message",
        ),
        (
            "trl",
            {**CONVERSATIONAL, "chosen": listed(ASKED)},
            "chosen: no reply of the assistant after the prompt; expected messages that begin with"
            " the assistant's",
        ),
        ("trl", {**CONVERSATIONAL, "margin": "big"}, 'margin: "big" is not a number'),
        (
            "ultrafeedback",
            {**ULTRAFEEDBACK, "chosen": [{"role": "user"}]},
            "chosen[0].content: missing; expected a string",
        ),
        ("dpo", {**DPO, "prompt": "Hi"}, 'prompt: "Hi" is not a list of one or more objects'),
    ],
)
def test_pair_that_is_wrong_is_refused(
    write_file: WriteFile, format: str, row: dict[str, Any], message: str
) -> None:
    path = write_file("x.jsonl", row)
    with pytest.raises(FormatError) as caught:
        list(read_preferences(path, format=format))
    assert str(caught.value) == f"{path}, line 1, {message}"


spoken = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=15
).filter(lambda text: text.strip() and not text.startswith(" ") and "\n\n" not in text)


@settings(max_examples=30, deadline=None)
@given(st.lists(spoken, min_size=1, max_size=7).filter(lambda said: len(said) % 2), spoken, spoken)
def test_any_dialogue_comes_back_from_hh(
    tmp_path_factory: pytest.TempPathFactory, history: list[str], better: str, worse: str
) -> None:
    speakers = ("Human", "Assistant") * len(history)
    said = "".join(
        f"\n\n{speaker}: {text}" for speaker, text in zip(speakers, history, strict=False)
    )
    path = tmp_path_factory.mktemp("hh") / "x.jsonl"
    row = {"chosen": f"{said}\n\nAssistant: {better}", "rejected": f"{said}\n\nAssistant: {worse}"}
    path.write_text(json.dumps(row), encoding="utf-8")
    pairs = list(read_preferences(path, format="hh-rlhf"))
    assert [pair.prompt for pair in pairs] == (
        [
            tuple(
                MessageRow("user" if number % 2 == 0 else "assistant", text)
                for number, text in enumerate(history)
            )
        ]
        if better != worse
        else []
    )
