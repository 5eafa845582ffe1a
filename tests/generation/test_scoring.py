"""What a judge is asked about one reply, and how its score is read."""

import pytest

from annotate.generation.judge_templates import house_templates
from annotate.generation.judging import Conversation, draw_fence
from annotate.generation.rows import GenerationRequest
from annotate.generation.scoring import ask_for_score, read_score

SCORE = house_templates()["score"]
TALK = Conversation(
    turns=("What is 2 + 2?", "And 3 + 3?"), replies=("It is 4.", "It is 7."), system="Be brief."
)


def ask(
    conversation: Conversation = TALK, *, turn: int = 2, language: str = "en", **fields: object
) -> GenerationRequest:
    plain = {"references": (), "key": "1", "seed": 7}
    return ask_for_score(
        template=SCORE, language=language, conversation=conversation, turn=turn, **plain | fields
    )


def test_ask_for_score_shows_the_conversation_up_to_the_turn() -> None:
    fence = draw_fence(seed=7, texts=[])
    (text,) = ask(turn=1).turns
    assert (
        f"===== {fence} conversation begins =====\n"
        f"----- {fence} instructions to the assistant -----\nBe brief.\n"
        f"----- {fence} user -----\nWhat is 2 + 2?\n"
        f"----- {fence} assistant -----\nIt is 4.\n"
        f"===== {fence} conversation ends =====\n"
    ) in text
    assert "3 + 3" not in text
    assert "It is 7." in ask(turn=2).turns[0]


def test_ask_for_score_shows_right_answers_up_to_the_turn() -> None:
    fence = draw_fence(seed=7, texts=[])
    (text,) = ask(references=("4", "6")).turns
    assert (
        f"===== {fence} right answer begins =====\n"
        f"----- {fence} user -----\nWhat is 2 + 2?\n----- {fence} assistant -----\n4\n"
        f"----- {fence} user -----\nAnd 3 + 3?\n----- {fence} assistant -----\n6\n"
        f"===== {fence} right answer ends ====="
    ) in text
    assert "Compare it with the right answer" in text


@pytest.mark.parametrize(("references", "turn"), [((), 1), (("", "6"), 1), (("4", ""), 2)])
def test_ask_for_score_does_without_where_the_turn_has_none(
    references: tuple[str, ...], turn: int
) -> None:
    assert "right answer" not in ask(references=references, turn=turn).turns[0]


def test_ask_for_score_speaks_the_language_of_the_prompt() -> None:
    japanese = ask(language="ja")
    assert "最後の返答を評価してください" in japanese.turns[0]
    assert "1から10の点数" in (japanese.system or "")
    assert ask(language="fr") == ask(language="en")


def test_ask_for_score_looks_into_no_text() -> None:
    """A reply that holds a field of the template is shown as it is."""
    talk = Conversation(turns=("Say {fence}.",), replies=("{fence} {conversation}",))
    assert "{fence} {conversation}" in ask(talk, turn=1).turns[0]


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("It is right and clear.\n[[9]]", 9),
        ("Rating: [[7.5]]", 7.5),
        ("正確で読みやすい。\n[[8]]", 8),
        ("正確です。\n【【8】】", 8),
        ("正確です。\n[[７]]", 7),
        ("Not [[10]], for it errs.\n[[4]]", 4),
        ("[[6/10]]", 6),
        ("[[8点]]", 8),
        ("It errs.\nScore: 3/10", 3),
        ("**Final rating: 8**", 8),
        ("評価:[5]", 5),
        ("最終的な点数は6点です。", 6),
        ("<think>[[2]] or [[9]]?</think>\n[[9]]", 9),
        ("[[10]]", 10),
        ("[[1]]", 1),
        ("[[0]]", None),
        ("[[11]]", None),
        ("[[4]] or [[5]]", None),
        ("<think>perhaps [[7]]", None),
        ("The answer is 7", None),
        ("7", None),
        ("", None),
        ("Score: 70", None),
    ],
)
def test_read_score(reply: str, score: float | None) -> None:
    assert read_score(reply) == score
