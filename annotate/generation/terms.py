"""Content terms of a text, and the foreign tokens that are at home in any language."""

from __future__ import annotations

import re
import unicodedata

# Abbreviations, units and names that Japanese and other texts write in Latin letters; casefolded.
LOAN_TOKENS = frozenset(
    """
    ac ai am api app arm ascii atm aws bbc bbq bgm bmi bpm btc ceo cfo cia cm cnn co cpu cm css csv
    ct cto cv dc diy dj dna dns dos dpi dpo dvd ec ecg eq eu eva exif faq fax fbi fm ftp gb gdp ghz
    gif git gnp go gps gpu gui haccp hbo hd hdd hdmi hiv hp hpa hr html http https hz ibm icu id ide
    imf ios iot ip iphone ipad ips ipv iq iso isbn isp it jal java javascript jis jpeg jpg jr json
    kbps kcal kg khz kj km kpi kpop kw kwh lan latex lcd led lgbt lgbtq linux llm lng lsi ltd ma mac
    macos mb mbps mhz mg ml mm mmhg mp mpeg mri msec mt mvp mysql nasa nato nba nfc nfl ng ngo nhk
    nlp no npo npc ntt oecd oem ok ol os oss pc pcr pdca pdf perl pdf php pin pm png pos pr ps ptsd
    pvc python qa qr ram rgb rna rom rpg rpm rss ruby rust sdk sdgs sf sms sns soc sql ssd ssh ssl
    svg tb tbsp tcp tel tls tnt toeic tpp tsp tv uae udp ufo ui uk un unesco unicef unix url urls us
    usa usb usd utc utf ux vhs vip vpn vr vs wan wbc web wh who wifi wi fi windows wto www xml xp
    yaml youtube yen google github facebook twitter instagram line amazon apple microsoft netflix
    """.split()  # noqa: SIM905 - a list of two hundred quoted words reads worse
)

# What programs are told, in prose about them.
COMMANDS = frozenset(
    """
    add amend bash branch cached cd checkout chkdsk clone cmd commit commits config cp curl diff
    docker echo edit fetch file git global grep hard head hello import init install join log ls
    main master merge mkdir mv npm origin path pip print prune pull push python rebase remote
    reset restore revert rm root scp script shell soft squash stash status sudo switch tag
    terminal txt url wget world
    """.split()  # noqa: SIM905 - as above
)

STOP_WORDS = frozenset(
    """
    a about above after again against all also am an and any are aren as at be because been before
    being below between both but by can cannot could did do does doing don down during each few for
    from further get give go got had has have having he her here hers herself him himself his how i
    if in into is isn it its itself just let ll make many may me might more most much must my myself
    no nor not now of off on once one only or other our ours ourselves out over own please re same
    shall she should so some such tell than that the their theirs them themselves then there these
    they this those through to too under until up us use using ve very want was we well were what
    when where which while who whom whose why will with would you your yours yourself yourselves
    """.split()  # noqa: SIM905 - as above
)

_ENGLISH_WORD = re.compile(r"[a-z][a-z0-9]*(?:'[a-z]+)?")
# Runs that carry the meaning of a Japanese text; hiragana is mostly grammar.
_JAPANESE_RUN = re.compile(r"[一-鿿㐀-䶿々〆豈-﫿]+|[ァ-ヺー]+")
_SUFFIXES = ("ings", "ing", "ies", "ied", "es", "ed", "ly", "s", "y", "e")


def count_terms_taken_up(*, prompt: str, reply: str) -> tuple[int, int]:
    """Return how many content terms of the prompt stand in the reply, and how many there are.

    Terms are stemmed English words without stop words, and character bigrams of the runs of
    kanji or katakana (a run of one character is its own term). Each counts once.
    """
    folded_prompt, folded_reply = _fold(prompt), _fold(reply)
    words = _english_terms(folded_prompt)
    bigrams = _japanese_terms(folded_prompt)
    n_taken_up = len(words & _english_terms(folded_reply))
    n_taken_up += sum(1 for bigram in bigrams if bigram in folded_reply)
    return n_taken_up, len(words) + len(bigrams)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'")


def _english_terms(folded: str) -> frozenset[str]:
    words = (word.split("'", maxsplit=1)[0] for word in _ENGLISH_WORD.findall(folded))
    return frozenset(_stem(word) for word in words if len(word) > 1 and word not in STOP_WORDS)


def _stem(word: str) -> str:
    """Cut one ending, so that `exercise`, `exercises` and `exercising` are one term."""
    for suffix in _SUFFIXES:
        stem = word.removesuffix(suffix)
        if stem != word and len(stem) >= 3:
            return stem
    return word


def _japanese_terms(folded: str) -> frozenset[str]:
    runs = _JAPANESE_RUN.findall(folded)
    return frozenset(run[i : i + 2] for run in runs for i in range(max(1, len(run) - 1)))
