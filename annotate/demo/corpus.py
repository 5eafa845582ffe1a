"""The demo's prompts, and the conversations that its tiny model learns from."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from annotate.demo.phrases import LANGUAGES, Filling, Language, Words
from annotate.demo.templates import (
    DICTATED_WORDS,
    DICTATION,
    GRAMMAR_SLOTS,
    SINGLE_TURN,
    SYSTEM_PROMPT,
    TWO_TURNS,
    Template,
    spoken_total,
)
from annotate.generation.metrics import measure_reply

Fault = Literal["leakage", "repetition", "another_question"]
# Of each question in each language: two to train on and one held out, for the demo and again,
# with other words, for choosing its recipe.
TRAINING_PER_QUESTION = 2
PROMPTS_PER_QUESTION = 3
# Said so often in all, a sentence is a loop to any reader.
TIMES_SAID = 3
SYSTEM_PROMPT_SHARE = 0.2
# Few, since a model learns nothing about a question from the answer to another one.
ANOTHER_QUESTION_SHARE = 0.1
DICTATION_SHARE = 0.12
DICTATION_LENGTHS = (3, 4, 5)
DICTATION_JOINTS: dict[Language, str] = {"ja": "、", "en": ", "}
# Words that never leak; a `foreign` one is in the other language already.
_KEPT_SLOTS = GRAMMAR_SLOTS | {"foreign"}
# Questions about which a system prompt stands before the user's turn.
_QUESTIONS_WITH_SYSTEM_PROMPT = frozenset({"tip", "cooking"})
_QUESTIONS = (*((template,) for template in SINGLE_TURN), TWO_TURNS)


@dataclass(frozen=True)
class DemoPrompt:
    """A prompt of the demo: one user text a turn, and perhaps a system prompt."""

    key: str
    language: Language
    category: str
    turns: tuple[str, ...]
    system: str | None
    is_held_out: bool


@dataclass(frozen=True)
class Reply:
    """An assistant's text and the faults that were planted in it."""

    text: str
    faults: frozenset[Fault]


@dataclass(frozen=True)
class Conversation:
    """What the tiny model reads: user texts, each with a reply."""

    language: Language
    system: str | None
    turns: tuple[str, ...]
    replies: tuple[Reply, ...]

    def messages(self) -> list[dict[str, str]]:
        """Return the conversation as chat messages."""
        messages = [{"role": "system", "content": self.system}] if self.system else []
        for turn, reply in zip(self.turns, self.replies, strict=True):
            messages.append({"role": "user", "content": turn})
            messages.append({"role": "assistant", "content": reply.text})
        return messages


def demo_prompts() -> tuple[DemoPrompt, ...]:
    """Return the demo's prompts, of which a third are held out; always the same."""
    return tuple(_make_prompts("demo", first=0))


def recipe_prompts() -> tuple[DemoPrompt, ...]:
    """Return prompts like the demo's with other words, for choosing the demo's recipe."""
    return tuple(_make_prompts("recipe", first=PROMPTS_PER_QUESTION))


def demo_corpus(*, seed: int, n: int, fault_share: float) -> list[Conversation]:
    """Write `n` conversations that hold no user's text of `demo_prompts` or `recipe_prompts`.

    Leakage spoils a share (0..1) of the answers, repetition as many, each by itself; a few
    answer another question. Some conversations are dictations, which have no fault.
    """
    rng = random.Random(seed)  # noqa: S311 - drawn by a seed
    asked = {turn for prompt in demo_prompts() + recipe_prompts() for turn in prompt.turns}
    free = {
        (question[0].key, language): [
            filling
            for filling in question[0].fillings
            if asked.isdisjoint(_ask(question, filling, language))
        ]
        for question in _QUESTIONS
        for language in LANGUAGES
    }
    conversations = []
    for _ in range(n):
        if rng.random() < DICTATION_SHARE:
            conversations.append(_dictate(rng.choice(LANGUAGES), rng))
            continue
        question, language = rng.choice(_QUESTIONS), rng.choice(LANGUAGES)
        filling = rng.choice(free[question[0].key, language])
        replies = tuple(
            _write_reply(template, filling, language, _draw_faults(fault_share, rng), rng)
            for template in question
        )
        system = SYSTEM_PROMPT.spoken(language) if rng.random() < SYSTEM_PROMPT_SHARE else None
        turns = _ask(question, filling, language)
        conversations.append(Conversation(language, system, turns, replies))
    return conversations


def _make_prompts(owner: str, *, first: int) -> Iterator[DemoPrompt]:
    for question in _QUESTIONS:
        for language in LANGUAGES:
            key = question[0].key
            # The same words for every run of the demo, and drawn rather than the first of a table.
            fillings = random.Random(f"{key} {language}").sample(  # noqa: S311 - drawn by a seed
                question[0].fillings, 2 * PROMPTS_PER_QUESTION
            )
            has_system = key in _QUESTIONS_WITH_SYSTEM_PROMPT
            for number, filling in enumerate(fillings[first : first + PROMPTS_PER_QUESTION]):
                yield DemoPrompt(
                    key=f"{owner}-{key}-{language}-{number + 1}",
                    language=language,
                    category=question[0].category,
                    turns=_ask(question, filling, language),
                    system=SYSTEM_PROMPT.spoken(language) if has_system else None,
                    is_held_out=number >= TRAINING_PER_QUESTION,
                )


def _draw_faults(fault_share: float, rng: random.Random) -> frozenset[Fault]:
    chances: dict[Fault, float] = {
        "leakage": fault_share,
        "repetition": fault_share,
        "another_question": ANOTHER_QUESTION_SHARE,
    }
    return frozenset(fault for fault, share in chances.items() if rng.random() < share)


def _dictate(language: Language, rng: random.Random) -> Conversation:
    drawn = rng.sample(DICTATED_WORDS, rng.choice(DICTATION_LENGTHS))
    text = DICTATION_JOINTS[language].join(words.spoken(language) for words in drawn)
    turn = DICTATION.spoken(language).format(words=text)
    return Conversation(language, None, (turn,), (Reply(text, frozenset()),))


def _ask(question: tuple[Template, ...], filling: Filling, language: Language) -> tuple[str, ...]:
    return tuple(_fill(template.user, filling, language) for template in question)


def _write_reply(
    template: Template,
    filling: Filling,
    language: Language,
    faults: frozenset[Fault],
    rng: random.Random,
) -> Reply:
    if "another_question" in faults:
        template, filling = _pick_another(template, filling, language, rng)
    if "leakage" in faults:
        filling = _leak(template, filling, language, rng)
    text = _fill(template.reply, filling, language)
    if "repetition" in faults:
        text = _repeat_end(text, language)
    return Reply(text, faults)


def _pick_another(
    template: Template, filling: Filling, language: Language, rng: random.Random
) -> tuple[Template, Filling]:
    """Pick a question whose answer has no word in common with this one."""
    question = _fill(template.user, filling, language)
    for other in rng.sample(SINGLE_TURN, len(SINGLE_TURN)):
        other_filling = rng.choice(other.fillings)
        reply = _fill(other.reply, other_filling, language)
        if not measure_reply(prompt=question, reply=reply, language=language).overlap:
            return other, other_filling
    raise LookupError(f"each answer has a word of {question!r}; expected questions of many kinds")


def _leak(template: Template, filling: Filling, language: Language, rng: random.Random) -> Filling:
    """Return the filling with one phrase of the reply in the other language."""
    other: Language = "en" if language == "ja" else "ja"
    question = _fill(template.user, filling, language)
    foreign = {
        slot: spoken_total(words, other) if slot == "total" else words.spoken(other)
        for slot, words in filling.items()
        if "{" + slot + "}" in template.reply.spoken(language)
    }
    # A word that the question itself gives in the other language is no leak.
    slots = [
        slot
        for slot, phrase in foreign.items()
        if not phrase.isdigit() and phrase not in question and slot not in _KEPT_SLOTS
    ]
    slot = rng.choice(slots)
    return filling | {slot: Words(foreign[slot], foreign[slot])}


def _repeat_end(reply: str, language: Language) -> str:
    """Say the last sentence of a reply again and again."""
    stop, gap = ("。", "") if language == "ja" else (". ", " ")
    *before, last = reply.rstrip("。.").split(stop)
    last += stop.strip()
    return stop.join([*before, gap.join([last] * TIMES_SAID)])


def _fill(phrase: Words, filling: Filling, language: Language) -> str:
    """Fill the slots and begin each English sentence with a capital letter."""
    spoken = {slot: words.spoken(language) for slot, words in filling.items()}
    sentences = phrase.spoken(language).format(**spoken).split(". ")
    return ". ".join(sentence[:1].upper() + sentence[1:] for sentence in sentences)
