"""FastChat's pair judgments, and MT-bench's human judgments."""

from datetime import UTC, datetime
from typing import Any

import pytest

from annotate.formats import (
    BattleRow,
    CandidateRow,
    CompletionRow,
    Faults,
    FormatError,
    Location,
    PromptRow,
    VoteRow,
    guess_format,
    read_battles,
    read_votes,
)
from tests.formats.conftest import WriteFile

PAIR: dict[str, Any] = {
    "question_id": 81,
    "model_1": "alpaca-13b",
    "model_2": "gpt-4",
    "g1_winner": "model_2",
    "g2_winner": "tie",
    "judge": ["gpt-4", "pair-v2"],
    "g1_user_prompt": "[User Question] ...",
    "g1_judgment": "... [[B]]",
    "g2_user_prompt": "[User Question] ...",
    "g2_judgment": "... [[C]]",
    "turn": 1,
    "tstamp": 1687222222.5,
}


def conversation(*texts: str) -> list[dict[str, str]]:
    roles = ("user", "assistant") * len(texts)
    return [{"content": text, "role": role} for text, role in zip(texts, roles, strict=False)]


HUMAN: dict[str, Any] = {
    "question_id": 81,
    "model_a": "alpaca-13b",
    "model_b": "gpt-4",
    "winner": "model_b",
    "judge": "expert_12",
    "conversation_a": conversation("Write.", "No.", "Shorter.", "N."),
    "conversation_b": conversation("Write.", "Dear ...", "Shorter.", "D."),
    "turn": 2,
}


def test_games_of_a_judge_are_two_votes(write_file: WriteFile) -> None:
    path = write_file("gpt-4_pair.jsonl", PAIR)
    assert guess_format(path, "votes") == "mtbench"
    location = Location(str(path), 1)
    first, second = read_votes(path, format="mtbench")
    assert first == VoteRow(
        prompt="81",
        candidate_a="alpaca-13b",
        candidate_b="gpt-4",
        outcome="b",
        annotator="gpt-4",
        annotator_kind="judge",
        side_a="left",
        turn=1,
        created_at=datetime(2023, 6, 20, 0, 50, 22, 500000, tzinfo=UTC),
        id="81-g1-alpaca-13b-gpt-4",
        location=location,
    )
    assert (second.outcome, second.side_a, second.id) == ("tie", "right", "81-g2-alpaca-13b-gpt-4")


def test_game_without_a_verdict_is_left_out_and_counted(write_file: WriteFile) -> None:
    path = write_file("x.jsonl", {**PAIR, "g1_winner": "error", "judge": "gpt-4"})
    faults = Faults()
    (vote,) = read_votes(path, format="mtbench", faults=faults)
    assert (vote.side_a, vote.annotator) == ("right", "gpt-4")
    assert dict(faults.left_out) == {"a game without a verdict of the judge (error)": 1}
    assert faults.n == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"g2_winner": "C"}, 'g2_winner: "C" is not one of model_1, model_2, tie, error'),
        ({"g1_winner": None}, "g1_winner: missing; expected one of model_1, model_2, tie, error"),
        ({"model_2": "alpaca-13b"}, 'model_2: "alpaca-13b" is not another model than model_1'),
        ({"judge": []}, "judge: [] is not a string"),
        ({"tstamp": "then"}, 'tstamp: "then" is not a moment: seconds since 1970, or ISO 8601'),
        ({"tstamp": True}, "tstamp: true is not a number"),
        (
            {"model_1": "m" * 190},
            "question_id: 202 characters with game and models; expected 200 at most",
        ),
    ],
)
def test_pair_judgment_that_is_wrong_is_refused(
    write_file: WriteFile, change: dict[str, Any], message: str
) -> None:
    path = write_file("x.jsonl", {**PAIR, **change})
    with pytest.raises(FormatError) as caught:
        list(read_votes(path, format="mtbench"))
    assert str(caught.value) == f"{path}, line 1, {message}"


def test_pair_that_was_judged_twice_is_refused(write_file: WriteFile) -> None:
    path = write_file("x.jsonl", PAIR, {**PAIR, "turn": 2}, PAIR)
    faults = Faults()
    assert len(list(read_votes(path, format="mtbench", faults=faults))) == 4
    assert [fault.field for fault in faults.kept] == ["id", "id"]


def test_human_judgment_is_a_battle_on_one_turn(write_file: WriteFile) -> None:
    path = write_file("human.jsonl", HUMAN)
    assert guess_format(path, "battles") == "mtbench"
    location = Location(str(path), 1)

    def completion(model: str, *replies: str) -> CompletionRow:
        candidate = CandidateRow(name=model, model=model, location=location)
        return CompletionRow(
            prompt="81", candidate=candidate, sample=0, replies=replies, location=location
        )

    assert list(read_battles(path, format="mtbench")) == [
        BattleRow(
            prompt=PromptRow(
                key="81", turns=("Write.", "Shorter."), language="en", location=location
            ),
            a=completion("alpaca-13b", "No.", "N."),
            b=completion("gpt-4", "Dear ...", "D."),
            votes=(
                VoteRow(
                    prompt="81",
                    candidate_a="alpaca-13b",
                    candidate_b="gpt-4",
                    outcome="b",
                    annotator="expert_12",
                    turn=2,
                    location=location,
                ),
            ),
            location=location,
        )
    ]


@pytest.mark.parametrize(
    ("judge", "annotator", "kind"),
    [
        ("author_2", "author_2", "person"),
        ("gpt4_pair", "gpt4_pair", "judge"),
        (["gpt-4", "pair-v2"], "gpt-4", "judge"),
    ],
)
def test_gpt_4_is_told_from_people(
    write_file: WriteFile, judge: object, annotator: str, kind: str
) -> None:
    (battle,) = read_battles(write_file("x.jsonl", {**HUMAN, "judge": judge}), format="mtbench")
    assert [(vote.annotator, vote.annotator_kind) for vote in battle.votes] == [(annotator, kind)]


def test_answers_keep_their_samples_however_often_a_file_is_read(write_file: WriteFile) -> None:
    """A model's answer to a question is sample 0 in every row; another text is the next one."""
    other = conversation("Write.", "Yes.", "Shorter.", "Y.")
    path = write_file(
        "x.jsonl",
        HUMAN,
        {**HUMAN, "judge": "expert_1", "model_a": "claude"},
        {**HUMAN, "judge": "expert_2", "conversation_a": other},
        {**HUMAN, "judge": "expert_3", "conversation_a": other},
        {**HUMAN, "judge": "expert_4"},
    )
    battles = list(read_battles(path, format="mtbench"))
    assert [(battle.a.sample, battle.b.sample) for battle in battles] == [
        (0, 0),
        (0, 0),
        (1, 0),
        (1, 0),
        (0, 0),
    ]
    assert all(
        (vote.sample_a, vote.sample_b) == (battle.a.sample, battle.b.sample)
        for battle in battles
        for vote in battle.votes
    )
    assert list(read_battles(path, format="mtbench")) == battles


def test_same_vote_again_is_left_out_and_another_one_refused(write_file: WriteFile) -> None:
    flipped = {
        **HUMAN,
        "model_a": HUMAN["model_b"],
        "model_b": HUMAN["model_a"],
        "conversation_a": HUMAN["conversation_b"],
        "conversation_b": HUMAN["conversation_a"],
        "winner": "model_a",
    }
    path = write_file("x.jsonl", HUMAN, flipped, {**flipped, "winner": "tie"})
    faults = Faults()
    assert len(list(read_battles(path, format="mtbench", faults=faults))) == 1
    assert dict(faults.left_out) == {"the same vote again": 1}
    assert [str(fault) for fault in faults.kept] == [
        f'{path}, line 3, annotator: "expert_12" without id on the same two completions again;'
        " expected each once; line 1 has it already"
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"winner": "model_1"}, 'winner: "model_1" is not one of model_a, model_b, tie'),
        ({"turn": 3}, "turn: 3 is not a whole number from 0 to 2"),
        (
            {"conversation_b": conversation("Write!", "Dear ...")},
            "conversation_b: other turns than conversation_a; expected the same turns of the user"
            " in both",
        ),
        (
            {"conversation_a": conversation("Write.")},
            "conversation_a: messages by user; expected user and assistant in turn, beginning with"
            " user",
        ),
        (
            {"conversation_a": [{"role": "bot", "content": ""}]},
            'conversation_a[0].role: "bot" is not one of system, user, human, assistant, gpt,'
            " model",
        ),
        (
            {"conversation_a": conversation(" ", "Dear ...")},
            "conversation_a: turn 1 is blank; expected turns that say something",
        ),
    ],
)
def test_human_judgment_that_is_wrong_is_refused(
    write_file: WriteFile, change: dict[str, Any], message: str
) -> None:
    path = write_file("x.jsonl", {**HUMAN, **change})
    with pytest.raises(FormatError) as caught:
        list(read_battles(path, format="mtbench"))
    assert str(caught.value) == f"{path}, line 1, {message}"


def test_question_with_other_words_is_refused(write_file: WriteFile) -> None:
    words = conversation("Write!", "Dear ...")
    turns = {"conversation_a": words, "conversation_b": words}
    path = write_file("x.jsonl", HUMAN, {**HUMAN, **turns, "turn": 1, "judge": "expert_1"})
    with pytest.raises(FormatError) as caught:
        list(read_battles(path, format="mtbench"))
    assert str(caught.value) == (
        f'{path}, line 2, prompt: "81" with other turns, or other words on them; expected the'
        " prompt as on line 1"
    )
