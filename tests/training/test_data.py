import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import make_pair, say, write_rows
from training.data import DatasetError, Pair, Rendered, hash_file, read_conversations, read_pairs


def test_pairs_leave_other_columns_alone(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "pairs.jsonl", [make_pair(1, votes_chosen=3, run="demo")])
    assert read_pairs(path) == [
        Pair(
            prompt=say("user", "The sea is wide 1."),
            chosen=say("assistant", "Thank you 1."),
            rejected=say("assistant", "No no no 1."),
            votes=(3, 0),
        )
    ]


def test_pairs_carry_how_they_are_fed_and_what_they_weigh(tmp_path: Path) -> None:
    rendered = {
        "prompt": "<s>[INST] hi [/INST]",
        "chosen": " yes",
        "rejected": " no",
        "begins_with_bos": True,
        "appends_eos": True,
    }
    columns = {"rendered": rendered, "votes_rejected": 2, "margin": 0.5, "agreement": 1}
    path = write_rows(tmp_path / "pairs.jsonl", [make_pair(1, **columns)])
    pair = read_pairs(path)[0]
    assert pair.rendered == Rendered(**rendered)
    assert pair.votes == (0, 2)
    assert pair.weights == {"margin": 0.5, "agreement": 1.0}


def test_pairs_may_go_on_for_several_turns(tmp_path: Path) -> None:
    reply = say("assistant", "one") + say("user", "and") + say("assistant", "two")
    path = write_rows(tmp_path / "pairs.jsonl", [make_pair(1, chosen=reply)])
    assert read_pairs(path)[0].chosen == reply


def test_pairs_keep_line_separators_inside_a_text(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "pairs.jsonl", [make_pair(1, prompt=say("user", "a\u2028b"))])
    assert read_pairs(path)[0].prompt == say("user", "a\u2028b")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"is_held_out": True}, "field 'is_held_out': a held-out prompt is never trained on"),
        ({"rendered": "text"}, "field 'rendered': expected an object with just prompt, chosen"),
        (
            {
                "rendered": dict.fromkeys(
                    ("prompt", "chosen", "rejected", "begins_with_bos", "appends_eos"), "text"
                )
            },
            "field 'rendered': begins_with_bos is 'text'; expected true or false",
        ),
        ({"votes_chosen": -1}, "field 'votes_chosen': -1 is not a number of votes"),
        ({"margin": True}, "field 'margin': True is not a number of 0 or more"),
        ({"weight": float("inf")}, "field 'weight': inf is not a number of 0 or more"),
        ({"prompt": "hello"}, "field 'prompt': expected a list of one message or more"),
        ({"prompt": []}, "field 'prompt': expected a list of one message or more"),
        ({"prompt": say("assistant", "hi")}, "field 'prompt': the last role must be 'user'"),
        ({"prompt": say("human", "hi")}, "field 'prompt': role 'human' is unknown"),
        ({"chosen": [{"role": "assistant"}]}, "field 'chosen': content None is not a string"),
        ({"chosen": say("user", "hi")}, "field 'chosen': must begin and end as 'assistant'"),
        ({"rejected": ["no"]}, "field 'rejected': 'no' is not a message"),
        ({"rejected": say("assistant", "Thank you 2.")}, "'rejected': is the same as 'chosen'"),
    ],
)
def test_pairs_refuse_a_bad_field_with_its_place(
    columns: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "pairs.jsonl", [make_pair(1), make_pair(2, **columns)])
    with pytest.raises(DatasetError) as error:
        read_pairs(path)
    assert str(error.value).startswith(f"{path}, line 2")
    assert said in str(error.value)


def test_pairs_refuse_a_missing_field(tmp_path: Path) -> None:
    row = make_pair(1)
    del row["rejected"]
    path = write_rows(tmp_path / "pairs.jsonl", [row])
    with pytest.raises(DatasetError, match="line 1: field 'rejected' is missing"):
        read_pairs(path)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_pairs_refuse_an_empty_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match="has no pair"):
        read_pairs(path)


@pytest.mark.parametrize(
    ("line", "said"), [("{", "line 2: is not JSON"), ("[]", "line 2: is a JSON list")]
)
def test_pairs_refuse_a_line_that_is_no_object(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(make_pair(1)) + "\n" + line, encoding="utf-8")
    with pytest.raises(DatasetError, match=said):
        read_pairs(path)


def test_pairs_refuse_what_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes("東京".encode("shift_jis"))
    with pytest.raises(DatasetError, match="is not UTF-8 text"):
        read_pairs(path)


def test_conversations_end_in_a_reply(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "corpus.jsonl", [{"messages": say("user", "hi")}])
    with pytest.raises(DatasetError, match="line 1, field 'messages': the last role"):
        read_conversations(path)


def test_hash_is_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    assert hash_file(path) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
