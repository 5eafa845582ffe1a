"""Words in which a reply says whose it is: they would end a blind comparison.

Only what a text says of its writer counts. "OpenAI was founded in 2015" is about a company; "I was
trained by OpenAI" is about who wrote it. So every name is read with what stands around it.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from annotate.generation.maker_names import AS_WRITTEN, MAKERS, MODELS

MAX_CHARS = 200
# What is read before and after a name. Names are looked at one by one, and only so many of them,
# so that the time grows with a text's length and no faster.
BEFORE_CHARS = 160
AFTER_CHARS = 100
MAX_NAMES = 400
# A name that nobody knows counts where the text speaks of a machine this near.
NEAR_CHARS = 200


class Rule(NamedTuple):
    """What has to stand right before and right after a name."""

    before: re.Pattern[str]
    after: re.Pattern[str]


def _rule(before: str, after: str = "") -> Rule:
    ignoring_case = re.IGNORECASE
    return Rule(re.compile(f"(?:{before})$", ignoring_case), re.compile(after, ignoring_case))


# --- English ---------------------------------------------------------------------------------
_I = r"(?<![\w’'])(?:I am|I['’]m|I was|I have been|I['’]ve been)\s{1,2}"
_MY_NAME = (
    r"\b(?:my name is|my name['’]s|I go by|you (?:can|may) call me|(?:just|please) call me)\s"
)
_QUOTE = r"[\"“‘'「『(*_`]{0,3}"
# A word on the way from "I" to a name; none that begins another thought.
_WORD = (
    r"(?:(?!(?:I|I['’]m|you|he|she|it|they|we|my|your|not|never|but|so|because|about|can|cannot|"
    r"can['’]t|don['’]t|do|have|know|think|will|would|use|used|using|like|love|fan|user|than)\b)"
    rf"[\w’'./&-]{{1,30}}[,:;\"“”()*_`]{{0,3}}\s{{1,2}}{_QUOTE})"
)
_ADVERB = (
    r"(?:(?:just|simply|actually|only|also|indeed|still|basically|called|named|known as|really|"
    r"happily|proudly|in fact|the|(?:an?|the) (?:[\w-]{1,20} )?(?:instance|version|variant) of|"
    r"(?:an? )?(?:part|member) of the)\s)"
)
_JOB = r"(?!\s(?:user|developer|engineer|fan|expert|professor|manager|director|coach|editor)\b)"
_BEING = rf"(?:{_I}|\bas\s|\bbeing\s){_ADVERB}{{0,2}}(?:(?:an?|the|your)\s)?"
_NOUN = (
    r"(?:AI|A\.I\.|artificial intelligence|models?|LLM|chat ?bot|bot|assistant|program|transformer)"
)
_VERB = (
    r"(?:trained|developed|created|made|built|designed|programmed|coded|fine-?tuned|engineered|"
    r"released|provided|offered|powered|maintained|owned|based|derived)"
)
_OWNER = r"(?:developer|creator|maker|owner|parent company|programmer|engineer|trainer)s?,?\s"

# "I am NAME", "As NAME, I"
_ENGLISH_SELF = (
    _rule(
        rf"(?:{_I}|{_MY_NAME}|\bI,\s){_ADVERB}{{0,3}}(?:[\w ]{{2,20}}['’]s\s)?{_QUOTE}",
        r"(?!['’]s\b)(?!\s(?:fan|user|expert|developer|certified|and you)\b)",
    ),
    _rule(rf"\bas\s{_QUOTE}", rf"{_QUOTE},\s(?:I|my)\b"),
    _rule(r"\bthis is\s", r"\s(?:speaking|here|writing)\b"),
)
_ENGLISH_MAKER = (
    # "I was trained by a team at NAME"
    _rule(
        rf"{_I}{_WORD}{{0,4}}?{_VERB}\s(?!aware\b)(?:[\w-]{{1,20}},?\s){{0,3}}?"
        rf"(?:by|from|with|on)\s{{0,2}}{_QUOTE}{_WORD}{{0,7}}?"
    ),
    # "As a language model by NAME"
    _rule(
        rf"{_BEING}{_WORD}{{0,5}}?{_NOUN}{_JOB},?\s{{1,2}}{_QUOTE}{_WORD}{{0,6}}?"
        rf"(?:by|from|of|called|named|as|on)\s{{0,2}}{_QUOTE}{_WORD}{{0,6}}?"
    ),
    # "I'm a NAME language model"
    _rule(rf"{_BEING}{_QUOTE}", rf"(?:['’]s)?[ -](?:[\w.-]{{1,20}}[ -]){{0,4}}{_NOUN}\b{_JOB}"),
    # "My creators at NAME"
    _rule(rf"\bmy {_OWNER}(?:(?:is|are|was|were|at|from|by)\s){{0,3}}{_QUOTE}{_WORD}{{0,5}}?"),
    # "NAME, the company that trained me", "the company behind me is NAME", "I run on NAME"
    _rule("", rf"(?:['’]s)?,?\s{_WORD}{{0,5}}?{_VERB}\sme\b"),
    _rule(r"\bbehind me,?\s(?:is\s)?(?:the\s)?"),
    _rule(r"\bI (?:run on|belong to)\s(?:the\s)?"),
    # "I cannot, as it violates NAME's content policy"
    _rule(
        r"\b(?:I|my|me|cannot|can['’]t|unable|goes|violates)\b[^.!?\n]{0,120}?"
        r"(?:\b(?:against|violat\w{1,4}|under|by|follow|with|to|per|of)\s)(?:the\s)?",
        r"(?:['’]s)?\s(?:[\w-]{1,20}\s){0,3}(?:polic(?:y|ies)|guidelines|terms of)\b",
    ),
)

# --- Japanese --------------------------------------------------------------------------------
_ME_JA = r"(?:私|わたし|わたくし|僕|ぼく|ボク|俺|当AI|本AI|このAI|当モデル|本モデル)"
_HELLO_JA = (
    r"(?:(?:はい|こんにち[はわ]|こんばんは|おはようございます|やあ|どうも|はじめまして|初めまして)"
    r"[、,!！。\s]{0,3})"
)
_NOUN_JA = r"(?:AI|人工知能|モデル|アシスタント|チャットボット|ボット|LLM)"
_MADE_JA = (
    r"(?:開発|訓練|学習|トレーニング|作成|製作|制作|作[らっ]|創[らっ]|設計|構築|提供|公開|生み出|"
    r"プログラム)"
)
_IS_JA = (
    r"[」』\"”]?(?:です|でございます|と申し|と言い|といい|という(?:名|AI|アシ|モデル|チャ|言語)|と呼|"
    r"だよ|だ[。！]|である|であり|で、|として|なので)"
)
_OF_JA = (
    r"(?:社|研究所|株式会社|Inc\.?|の[^。はがを]{0,12}(?:チーム|者|たち|室|グループ|部門|系列))?"
)
# From the beginning of a sentence to the name: the writer is its topic, or it has none.
_I_AM_JA = rf"{_ME_JA}(?:は|の名前は|の名は|も|を)[^は。！？\n]{{0,60}}"
_NO_TOPIC_JA = (
    rf"(?:^|[。！!？\n])[\s#*>-]{{0,5}}{_HELLO_JA}?"
    rf"(?:[^はを、。\n]{{0,30}}(?:{_NOUN_JA}の|(?:した|された|製の)(?:{_NOUN_JA})?))?"
    rf"(?:株式会社|国立大学法人)?{_QUOTE}"
)
# "私はNAMEです", "私、NAMEは", "NAMEです"
_JAPANESE_SELF = (
    _rule(_I_AM_JA, _IS_JA),
    _rule(rf"{_ME_JA}[、,]?\s?{_QUOTE}", r"[」』]?(?:は|も|が)"),
    _rule(_NO_TOPIC_JA, _IS_JA),
)
_MADE_BY_JA = (
    rf"{_OF_JA}(?:によって|により|によっ|に|で|から|の手で)[^。はがを]{{0,25}}"
    rf"{_MADE_JA}[をさしられ]"
)
_A_MODEL_OF_JA = (
    rf"{_OF_JA}(?:が|の|による|によって|により|社?製の?)[^。は]{{0,40}}?"
    rf"{_NOUN_JA}[^。はがを]{{0,30}}?{_IS_JA}"
)
_JAPANESE_MAKER = (
    # "私を作ったのはNAMEです", "私の開発元はNAMEです"; and in Chinese
    _rule(
        rf"{_ME_JA}(?:を[^。は]{{0,12}}{_MADE_JA}[^。は]{{0,4}}のは|の(?:開発元|開発者|製作者|生みの親)は)(?:株式会社)?"
    ),
    _rule(r"我(?:是|叫|由)[^。，]{0,20}"),
    _rule(_I_AM_JA, _MADE_BY_JA),
    _rule(_I_AM_JA, _A_MODEL_OF_JA),
    _rule(_NO_TOPIC_JA, _A_MODEL_OF_JA),
)

_MAKER_RULES = (*_ENGLISH_MAKER, *_JAPANESE_MAKER)
_MODEL_RULES = (*_ENGLISH_SELF, *_JAPANESE_SELF, *_MAKER_RULES)

# --- Names that nobody knows, where the writer is plainly a machine --------------------------
_MACHINE = re.compile(
    r"\bAIs?\b|A\.I\.|artificial intelligence|language model|chat ?bot|virtual assistant|"
    r"(?<![A-Za-z])AI(?![A-Za-z])|人工知能|言語モデル|チャットボット|アシスタント",
    re.IGNORECASE,
)
_NAME = r"(?!AI\b|A\.I\.|Artificial|An?\b|The\b)[A-Z][\w.-]{1,30}"
_NAME_JA = r"[「『\"]?(?:(?!AI|A\.I)[A-Z][\w.-]{1,30}?|[ァ-ヴー・]{2,20})[」』\"]?"
_BOT_JA = r"(?:AI|(?:AI)?(?:アシスタント|チャットボット|エージェント)|人工知能)"
_SAID_JA = r"(?:です|と申し|といい|と言い|と名付け|だ[。よ]|(?=[。、（(]))"


class _Unknown(NamedTuple):
    """A pattern, and what a text made small holds one of where it matches."""

    words: tuple[str, ...]
    ascii_words: tuple[str, ...]
    pattern: re.Pattern[str]


def _unknown(words: tuple[str, ...], pattern: str) -> _Unknown:
    return _Unknown(words, tuple(filter(str.isascii, words)), re.compile(pattern))


_UNKNOWN = (
    _unknown(
        ("i am", "i'm", "i’m", "i was", "i have been", "i've been", "i’ve been"),
        rf"(?i:{_I})(?:"
        # "I was created by a team at NAME"
        rf"(?i:{_WORD}{{0,4}}?{_VERB})\s(?:[a-z-]{{1,20}}\s){{0,3}}?(?:by|at)\s{{0,2}}"
        r"(?:(?!was|were|is|and)[a-z,-]{1,20}\s){0,6}[\"“]?"
        r"(?!Python|God\b|I\b|AI\b|Humans?\b|Artificial)[A-Z][\w&-]{2,30}"
        r"(?:\s[A-Z][\w&-]{1,30}){0,3}"
        # "I am NAME, an AI"
        rf"|{_QUOTE}{_NAME}{_QUOTE},\s(?:an?|the|your)\s(?:[\w-]{{1,20}}\s){{0,5}}"
        r"(?:AI|language model|assistant|chatbot)\b"
        # "I am an AI called NAME"
        r"|(?:[\w-]{1,20}\s){1,6}(?:AI|model|assistant|chatbot)\s(?:called|named|known as)\s"
        rf"{_QUOTE}{_NAME})",
    ),
    _unknown(("my name", "i go by", "call me"), rf"(?i:{_MY_NAME}){_QUOTE}{_NAME}"),
    _unknown(
        ("私", "わたし", "わたくし", "僕", "ぼく", "ボク", "俺", "当ai", "本ai", "このai",
         "当モデル", "本モデル"),
        rf"(?<![「『]){_ME_JA}(?:"
        rf"(?:の名前は|は[^。はが\n]{{0,30}}?{_BOT_JA}(?:の|である)){_NAME_JA}{_SAID_JA}"
        rf"|は[「『]{_NAME_JA}[」』]と(?:名付け|呼ば)"
        rf"|は{_NAME_JA}(?:です|といいます)。(?:私は)?(?:AI|人工知能))",
    ),
    _unknown(
        ("と申し", "といいます", "と言います"),
        rf"{_BOT_JA}の{_NAME_JA}と(?:申し|いいます|言います)",
    ),
)  # fmt: skip


def find_maker(text: str, names: Sequence[str] = ()) -> str:
    """Give the words in which a reply names its maker or itself, or "" where it does not.

    Args:
        names: what the writer is called besides, such as its candidate's name or its model's
            path (see `own_names`).

    Returns:
        A passage of the text, of `MAX_CHARS` at the most.
    """
    lowered = text.replace("\u0130", "I").lower()  # the one letter whose small form is two
    runs = lowered.encode(errors="replace").translate(_LETTERS_ALONE).split()
    found = _find_known(text, lowered, runs, tuple(names))
    if not found and not (lowered.isascii() and _SPEAKING.isdisjoint(runs)):
        found = _find_unknown(text, lowered)
    return found[:MAX_CHARS]


# Candidates are often called so, and people call themselves so.
_PLAIN_WORDS = frozenset((
    "assistant", "base", "baseline", "best", "candidate", "chat", "child", "checkpoint", "demo",
    "final", "first", "good", "here", "human", "instruct", "large", "merge", "model", "parent",
    "person", "prompt", "round", "sample", "second", "small", "student", "teacher", "test",
    "tiny", "tuned", "version",
))  # fmt: skip


def own_names(names: Sequence[str]) -> list[str]:
    """List what a text may call itself if its writer has these names: whole, head and family.

    "org/kestrel-7b temp 0.1" answers to "kestrel-7b temp 0.1", "kestrel-7b" and "kestrel".
    """
    words: dict[str, None] = {}
    for name in names:
        last = name.rstrip("/").rpartition("/")[2].strip()
        head = re.split(r"[\s_:@]", last)[0]
        family = re.split(r"[-\d.]", head)[0]
        words |= dict.fromkeys((last, head, family))
    return [word for word in words if len(word) > 3 and word.lower() not in _PLAIN_WORDS]


class _Known(NamedTuple):
    """A name in lower case, how it is found, and the rules that it is read by."""

    word: str
    pattern: re.Pattern[str]
    rules: tuple[Rule, ...]


# A version may follow a name: Llama-2, GPT-4o, Qwen2.5, gpt-oss.
_VERSION = r"(?:[- ]?\d(?:[a-z0-9.-]*[a-z0-9])?|-[0-9a-z]{1,4})?"
_LETTERS = re.compile(r"[a-z]+")
# Under these stand names without letters: those in ASCII, and others, which no text in ASCII has.
_WITHOUT_LETTERS = (b"0", b"1")
# Each text in ASCII that `_UNKNOWN` may match has one of these: of "I am", "my name", "call me".
_SPEAKING = frozenset((b"i", b"my", b"call"))
# Every byte but a letter becomes a space: so runs of letters are found in a fifth of the time.
_LETTERS_ALONE = bytes(byte if b"a"[0] <= byte <= b"z"[0] else b" "[0] for byte in range(256))


@lru_cache(maxsize=512)
def _known_names(names: tuple[str, ...]) -> tuple[frozenset[bytes], dict[bytes, list[_Known]]]:
    """Sort names by their first run of letters, which no text lacks that has the name.

    Names without such letters stand under `_WITHOUT_LETTERS`. Returns the runs and the names.
    """
    models = {word.lower() for word in (*MODELS, *own_names(names))}
    makers = {word.lower() for word in MAKERS}
    known: dict[bytes, list[_Known]] = {}
    for word in models | makers:
        letters = _LETTERS.search(word)
        pattern = rf"(?<![a-z0-9_-])({re.escape(word)}){_VERSION}(?![a-z0-9_])"
        rules = _MODEL_RULES if word in models else _MAKER_RULES
        key = letters[0].encode() if letters else _WITHOUT_LETTERS[not word.isascii()]
        known.setdefault(key, []).append(_Known(word, re.compile(pattern), rules))
    return frozenset(known), known


def _find_known(text: str, lowered: str, runs: list[bytes], names: tuple[str, ...]) -> str:
    firsts, known = _known_names(names)
    keys = firsts.intersection(runs)
    keys |= firsts.intersection(_WITHOUT_LETTERS[: 1 if lowered.isascii() else 2])
    if not keys:
        return ""
    there = [each for key in keys for each in known[key] if each.word in lowered]
    left = MAX_NAMES
    for each in sorted(there, key=lambda each: (-len(each.word), each.word)):
        for match in islice(each.pattern.finditer(lowered), left):
            left -= 1
            if _is_meant(text, match) and (passage := _read_around(text, match, each.rules)):
                return passage
    return ""


_AS_WRITTEN = {word.lower(): word for word in AS_WRITTEN}
_SURNAME = re.compile(r" (?!AI|Opus|Sonnet|Haiku|Instant)[A-Z][a-z]")


def _is_meant(text: str, match: re.Match[str]) -> bool:
    """Tell a name from the common word, or the person, that it looks like."""
    word = match[1]
    if word == "claude" and _SURNAME.match(text, match.end()):
        return False
    written = _AS_WRITTEN.get(word)
    return written is None or text.startswith(written, match.start())


def _read_around(text: str, name: re.Match[str], rules: tuple[Rule, ...]) -> str:
    """Give the words around a name if they say that the writer is it or is of it, or ""."""
    before = text[max(0, name.start() - BEFORE_CHARS) : name.start()]
    after = text[name.end() : name.end() + AFTER_CHARS]
    for rule in rules:
        if (tail := rule.after.match(after)) and (head := rule.before.search(before)):
            return f"{head[0]}{text[name.start() : name.end()]}{tail[0]}".strip()
    return ""


def _find_unknown(text: str, lowered: str) -> str:
    # Where a pattern ignores case, two more letters count as i and s.
    folded = lowered.replace("ı", "i").replace("ſ", "s")
    is_ascii = folded.isascii()
    for words, ascii_words, pattern in _UNKNOWN:
        if not _has_one(folded, ascii_words if is_ascii else words):
            continue
        for match in pattern.finditer(text):
            near = text[max(0, match.start() - NEAR_CHARS) : match.end() + NEAR_CHARS]
            if _MACHINE.search(near):
                return match[0]
    return ""


def _has_one(text: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110  any() takes three times as long for so few words
        if word in text:
            return True
    return False
