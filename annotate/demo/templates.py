"""Questions of the demo with their good answers, and all that can fill them."""

from dataclasses import dataclass
from itertools import product

from annotate.demo.phrases import (
    CITIES,
    DISHES,
    EDIBLE_THINGS,
    EVENTS,
    GIFTS,
    GOALS,
    KIN,
    MEDIA,
    NUMBER_WORDS,
    PEOPLE,
    SEASONS,
    THINGS,
    TOOLS,
    Filling,
    Language,
    Words,
)


@dataclass(frozen=True)
class Template:
    """A question and its good answer with slots, and all that can fill those slots."""

    key: str
    category: str
    user: Words
    reply: Words
    fillings: tuple[Filling, ...]


def _cross(*tables: tuple[Filling, ...]) -> tuple[Filling, ...]:
    """Return each row of the first table with each of the others."""
    rows = []
    for combination in product(*tables):
        merged: Filling = {}
        for filling in combination:
            merged |= filling
        rows.append(merged)
    return tuple(rows)


def _number(value: int) -> Words:
    return Words(str(value), str(value))


def _in_the_other_language(thing: Filling) -> Filling:
    return thing | {"foreign": Words(thing["name"].en, thing["name"].ja)}


DIGITS = range(2, 10)
COUNTS = tuple({"n": _number(n)} for n in DIGITS)
SUMS = tuple(
    {"a": _number(a), "b": _number(b), "total": _number(a + b)}
    for a, b in product(DIGITS, repeat=2)
)


def spoken_total(total: Words, language: Language) -> str:
    """Return a sum as a word (七, seven), which is how it leaks into the other language."""
    return NUMBER_WORDS[int(total.en) - 2 * DIGITS.start]["total"].spoken(language)


# Each question has two things to fill in, so that a held-out prompt brings together for the first
# time what the model has seen apart.
SINGLE_TURN = (
    Template(
        "colour",
        "facts",
        Words(
            "{kin}に{name}の色を聞かれました。何と答えればよいですか。",
            "My {kin} asks what color {name} are. What should I say?",
        ),
        Words(
            "{kin}には、{name}は{colour}だと答えてください。{name}は{kind}の一つです。",
            "Tell your {kin} that {name} are {colour}. They are a kind of {kind}.",
        ),
        _cross(KIN, THINGS),
    ),
    Template(
        "tool",
        "explanation",
        Words(
            "{tool}の使い道を{kin}に説明してください。",
            "Explain to my {kin} what {tool} are used for.",
        ),
        Words(
            "{kin}には、{tool}は{use}に使うと説明してください。{room}に置くと便利です。",
            "Tell your {kin} that people use {tool} for {use}, and keep them in the {room}.",
        ),
        _cross(KIN, TOOLS),
    ),
    Template(
        "how",
        "advice",
        Words("{season}に{goal}にはどうすればよいですか。", "How can I {goal} in {season}?"),
        Words(
            "{season}に{goal}には、{before}{thing}{after}とよいでしょう。無理せず続けてください。",
            "To {goal} in {season}, {before} {thing} {after}. Take it one step at a time.",
        ),
        _cross(SEASONS, GOALS),
    ),
    Template(
        "tip",
        "advice",
        Words("{kin}が{goal}ための助言を一つください。", "Give my {kin} one tip to {goal}."),
        Words(
            "{kin}への助言を一つ。{goal}ためには、{before}{thing}{after}のが近道です。",
            "Here is one tip for your {kin}. To {goal}, {before} {thing} {after}.",
        ),
        _cross(KIN, GOALS),
    ),
    Template(
        "cooking",
        "instructions",
        Words("{n}人分の{dish}の作り方を教えてください。", "How do I make {dish} for {n} people?"),
        Words(
            "{n}人分の{dish}を作るには、まず{ingredient}を用意します。次に手順どおりに調理します。",
            "To make {dish} for {n} people, first prepare the {ingredient}. "
            "Then follow the recipe with care.",
        ),
        _cross(COUNTS, DISHES),
    ),
    Template(
        "thanks",
        "correspondence",
        Words(
            "{person}さんに{gift}のお礼を書いてください。",
            "Write a thank-you note to {person} for the {gift}.",
        ),
        Words(
            "{person}さん、先日は{gift}をいただき、心からお礼を申し上げます。またお会いしましょう。",
            "Dear {person}, thank you very much for the {gift}. I hope to see you again soon.",
        ),
        _cross(PEOPLE, GIFTS),
    ),
    Template(
        "late",
        "correspondence",
        Words(
            "{event}に遅れると{person}さんに伝える文を書いてください。",
            "Tell {person} that I will be late for the {event}.",
        ),
        Words(
            "{person}さん、申し訳ありませんが、{event}に遅れます。先に始めてください。",
            "Dear {person}, I am sorry, but I will be late for the {event}. Please start first.",
        ),
        _cross(PEOPLE, EVENTS),
    ),
    Template(
        "travel",
        "recommendation",
        Words("{season}の{city}では何が楽しめますか。", "What can I enjoy in {city} in {season}?"),
        Words(
            "{season}の{city}では{activity}が楽しめます。宿は早めに予約してください。",
            "In {season}, you can enjoy {activity} in {city}. Please book a hotel early.",
        ),
        _cross(CITIES, SEASONS),
    ),
    Template(
        "sum",
        "arithmetic",
        Words("{a}足す{b}はいくつですか。", "What is {a} plus {b}?"),
        Words("{a}足す{b}は{total}です。", "{a} plus {b} is {total}."),
        SUMS,
    ),
    Template(
        "shopping",
        "arithmetic",
        Words(
            "{name}を{a}個買い、後で{b}個買いました。全部で何個ですか。",
            "I bought {a} {name}, and then {b} more. How many {name} do I have in total?",
        ),
        Words(
            "{a}足す{b}は{total}なので、{name}は全部で{total}個です。",
            "{a} plus {b} is {total}, so you have {total} {name} in total.",
        ),
        _cross(EDIBLE_THINGS, SUMS),
    ),
    Template(
        "meaning",
        "translation",
        Words(
            "{medium}にある英語の「{foreign}」は日本語で何ですか。",
            "What does 「{foreign}」 on the {medium} mean in English?",
        ),
        Words(
            "{medium}の「{foreign}」は日本語で{name}です。{place}で見られます。",
            "The word 「{foreign}」 on the {medium} means {name}. You can see them at the {place}.",
        ),
        _cross(MEDIA, tuple(_in_the_other_language(thing) for thing in THINGS)),
    ),
)
# Asked one after the other of the same thing; both have the same fillings.
TWO_TURNS = (
    Template(
        "place",
        "conversation",
        Words(
            "{kin}と{name}を見たいです。どこで見られますか。",
            "Where can I see {name} with my {kin}?",
        ),
        Words(
            "{name}は{place}で見られます。{kin}と一緒に行ってみてください。",
            "You can see {name} at the {place}. Please go there with your {kin}.",
        ),
        _cross(KIN, THINGS),
    ),
    Template(
        "look",
        "conversation",
        Words(
            "{name}は何色だと{kin}に教えればよいですか。",
            "And what color are {name}, so that I can tell my {kin}?",
        ),
        Words(
            "{kin}には、{name}は{colour}だと教えてください。{colour}を目印に探しましょう。",
            "Tell your {kin} that {name} are {colour}. Look for something {colour}.",
        ),
        _cross(KIN, THINGS),
    ),
)
# Parts of speech, which no reader would miss or call foreign on their own.
GRAMMAR_SLOTS = frozenset({"before", "after"})
# Said after the user, which is how the model learns to take up the words of a question.
DICTATION = Words("次の言葉を書いてください。{words}", "Write down these words. {words}")
DICTATED_WORDS = tuple(
    words
    for table in (THINGS, TOOLS, GOALS, DISHES, PEOPLE, GIFTS, EVENTS, CITIES, SEASONS, KIN, MEDIA)
    for words in dict.fromkeys(
        word for row in table for slot, word in row.items() if slot not in GRAMMAR_SLOTS
    )
)
SYSTEM_PROMPT = Words(
    "あなたは親切なアシスタントです。簡潔に答えてください。",
    "You are a kind assistant. Answer briefly.",
)
