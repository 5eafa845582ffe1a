import re
from collections import Counter

import pytest

from annotate.demo.corpus import (
    Conversation,
    DemoPrompt,
    Fault,
    demo_corpus,
    demo_prompts,
    recipe_prompts,
)
from annotate.demo.recipe import RECIPE
from annotate.generation.metrics import measure_reply
from annotate.generation.preferences import BAD_UTILITY, reply_utility
from training.config import DpoRun, TinyRun

JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龯]")


@pytest.fixture(scope="module")
def corpus() -> list[Conversation]:
    return demo_corpus(seed=0, n=2000, fault_share=0.5)


def test_prompts_are_enough_and_of_several_kinds() -> None:
    prompts = demo_prompts()
    assert len(prompts) == 72
    assert Counter(prompt.language for prompt in prompts) == {"ja": 36, "en": 36}
    assert len({prompt.category for prompt in prompts}) == 9
    assert {len(prompt.turns) for prompt in prompts} == {1, 2}
    assert {prompt.system is None for prompt in prompts} == {True, False}


def test_prompts_are_a_third_held_out_in_each_category_and_language() -> None:
    kinds = Counter((prompt.category, prompt.language) for prompt in demo_prompts())
    held_out = Counter((p.category, p.language) for p in demo_prompts() if p.is_held_out)
    assert {kind: 3 * n for kind, n in held_out.items()} == kinds


def test_prompts_are_always_the_same() -> None:
    assert demo_prompts() == demo_prompts()


def test_prompts_have_keys_and_texts_of_their_own() -> None:
    prompts = demo_prompts() + recipe_prompts()
    assert len({prompt.key for prompt in prompts}) == len(prompts) == 144
    assert len({prompt.turns for prompt in prompts}) == 144


@pytest.mark.parametrize("prompt", demo_prompts() + recipe_prompts(), ids=lambda p: p.key)
def test_prompt_is_written_in_its_language(prompt: DemoPrompt) -> None:
    for text in filter(None, (*prompt.turns, prompt.system)):
        assert not re.search(r"[{}]", text)
        # A word to translate stands between brackets, in the other language.
        said = re.sub("「.*?」", "", text)
        assert bool(JAPANESE.search(said)) == (prompt.language == "ja")
        assert bool(re.search(r"[a-z]", said)) == (prompt.language == "en")


def test_corpus_is_the_same_for_a_seed_alone() -> None:
    first, again, other = (demo_corpus(seed=seed, n=50, fault_share=0.5) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_corpus_asks_nothing_that_a_prompt_asks(corpus: list[Conversation]) -> None:
    asked = {turn for prompt in demo_prompts() + recipe_prompts() for turn in prompt.turns}
    assert asked.isdisjoint(turn for conversation in corpus for turn in conversation.turns)


def test_corpus_without_faults_looks_good_to_an_annotator() -> None:
    for conversation in demo_corpus(seed=3, n=1000, fault_share=0.0):
        for turn, reply in zip(conversation.turns, conversation.replies, strict=True):
            utility = reply_utility(prompt=turn, reply=reply.text, language=conversation.language)
            assert reply.faults or utility == 0, (turn, reply.text)


def test_corpus_plants_faults_that_an_annotator_sees(corpus: list[Conversation]) -> None:
    unseen = []
    for conversation in corpus:
        for turn, reply in zip(conversation.turns, conversation.replies, strict=True):
            utility = reply_utility(prompt=turn, reply=reply.text, language=conversation.language)
            if reply.faults and utility > BAD_UTILITY:
                unseen.append((turn, reply.text))
    assert len(unseen) <= len(corpus) / 500, unseen


@pytest.mark.parametrize("fault", ["leakage", "repetition", "another_question"])
def test_corpus_fault_is_the_one_that_is_measured(fault: Fault, corpus: list[Conversation]) -> None:
    alone = [
        measure_reply(prompt=turn, reply=reply.text, language=conversation.language)
        for conversation in corpus
        for turn, reply in zip(conversation.turns, conversation.replies, strict=True)
        if reply.faults == {fault}
    ]
    is_seen = {
        "leakage": [metrics.leakage > 0 for metrics in alone],
        "repetition": [metrics.repetition > 0 for metrics in alone],
        "another_question": [metrics.overlap == 0 for metrics in alone],
    }
    assert len(alone) > 30
    assert all(is_seen[fault])


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_corpus_plants_as_many_faults_as_asked(share: float) -> None:
    conversations = demo_corpus(seed=0, n=3000, fault_share=share)
    answers = [
        reply
        for conversation in conversations
        for turn, reply in zip(conversation.turns, conversation.replies, strict=True)
        if not turn.startswith(("次の言葉", "Write down"))
    ]
    for fault in ("leakage", "repetition"):
        found = sum(fault in reply.faults for reply in answers) / len(answers)
        assert found == pytest.approx(share, abs=0.03)


def test_corpus_dictations_are_said_again_word_for_word(corpus: list[Conversation]) -> None:
    dictations = [c for c in corpus if c.turns[0].startswith(("次の言葉", "Write down"))]
    assert len(dictations) > 150
    for conversation in dictations:
        assert conversation.turns[0].endswith(conversation.replies[0].text)


def test_conversation_is_chat_messages() -> None:
    conversation = next(
        each
        for each in demo_corpus(seed=0, n=500, fault_share=0.0)
        if each.system and len(each.turns) == 2
    )
    roles = [message["role"] for message in conversation.messages()]
    assert roles == ["system", "user", "assistant", "user", "assistant"]
    assert conversation.messages()[3]["content"] == conversation.turns[1]


def test_recipe_describes_runs_that_are_valid() -> None:

    TinyRun(corpus="c", output_dir="o", metrics="m", **RECIPE.tiny)
    DpoRun(model="m", pairs="p", output_dir="o", metrics="m", **RECIPE.dpo)
