"""A reply that declines is found; one in which something cannot be done is not."""

import time

import pytest

from annotate.generation.refusals import BEGINNING_CHARS, MAX_CHARS, find_refusal

DECLINING = {
    "I'm sorry, but I can't assist with that request.": "I'm sorry, but I can't",
    "I cannot help with that.": "I cannot help",
    "As an AI language model, I'm not able to advise.": "As an AI language model, I'm not able to",
    "Sorry, but I can't do that.": "but I can't do that",
    "I must decline to answer.": "I must decline to answer",
    "I’m sorry, I can’t help with that.": "I’m sorry, I can’t",
    "I apologize, but I cannot fulfill your request.": "I apologize, but I cannot",
    "Unfortunately, I cannot provide that.": "Unfortunately, I cannot provide",
    "I don't feel comfortable writing this.": "I don't feel comfortable",
    "It would not be appropriate for me to say.": "It would not be appropriate for me",
    "My guidelines do not allow it.": "My guidelines do not allow",
    "I'm sorry but as an AI, I don't have access": "I'm sorry but as an AI, I don't have access",
    "申し訳ありませんが、そのご要望にはお応えできません。": (
        "申し訳ありませんが、そのご要望にはお応えできません"
    ),
    "申し訳ございませんが、お答えいたしかねます。": "申し訳ございませんが、お答えいたしかね",
    "そのリクエストにはお応えできません。": "リクエストにはお応えできません",
    "私はAIなので、提供できません。": "私はAIなので、提供できません",
    "すみませんが、お手伝いすることはできません。": "すみませんが、お手伝いすることはできません",
    "お手伝いできません。": "お手伝いできません",
    "東京は広いため、この質問にはお答えできません。": "質問にはお答えできません",
}
NOT_DECLINING = [
    "You can't pay by card.",
    "I'm sorry to hear that! Here is what you can do.",
    "I can't wait to help you!",
    "I can help with that.",
    "He said: I was not able to help, and left.",
    "Subject: Meeting\n\nUnfortunately, I cannot take part.",
    "Fucking hell, I can't believe how much of this I have to deal with.",
    "カードは使用できません。",
    "このサービスは提供できません。",
    "申し訳ありません。すぐに直します。",
    "いいえ、私は英語を理解できません。",  # asked whether it understands English
    "件名: お詫び\n\n申し訳ありませんが、明日の会議には参加できません。",
    "NHKの受信料を払わずに視聴することはできません。",
    "",
]


@pytest.mark.parametrize(("text", "words"), DECLINING.items())
def test_find_refusal_gives_the_words(text: str, words: str) -> None:
    assert find_refusal(text) == words


@pytest.mark.parametrize("text", NOT_DECLINING)
def test_find_refusal_passes_over_what_declines_nothing(text: str) -> None:
    assert find_refusal(text) == ""


def test_find_refusal_reads_the_beginning_alone() -> None:
    refusal = "I cannot help with that."
    assert find_refusal("Well. " * 10 + refusal) != ""
    assert find_refusal("x" * BEGINNING_CHARS + ". " + refusal) == ""


def test_find_refusal_gives_a_passage_that_can_be_stored() -> None:
    text = "I'm sorry, " + "so " * 15 + "I cannot " + "w" * 300
    assert 0 < len(find_refusal(text)) <= MAX_CHARS


@pytest.mark.parametrize(
    "part", ["I cannot ", "申し訳ありませんが", "I'm sorry ", "私は", "as an AI "]
)
def test_no_text_takes_longer_than_its_beginning_would_have_it(part: str) -> None:
    start = time.perf_counter()
    find_refusal(part * (200_000 // len(part)))
    assert time.perf_counter() - start < 1
