"""Prompts and replies of realistic lengths with Markdown, in English and Japanese.

A reply is a line that no other reply has, and some blocks out of a few hundred: so a million of
them are made in a minute or two, and each costs the renderer what a real one does.
"""

import random
from collections.abc import Callable

WORDS = (  # the usual ones of such answers
    *("the", "model", "answers", "with", "a", "short", "reason", "and", "names", "what", "it"),
    *("knows", "about", "rivers", "mountains", "cities", "history", "numbers", "cooking", "travel"),
    *("music", "code", "tests", "machines", "weather", "letters", "people", "children", "first"),
    *("second", "because", "therefore", "however", "although", "between", "after", "before"),
    *("while", "many", "few", "large", "small", "simple", "careful", "better", "useful", "clear"),
)
SENTENCES = (
    "東京の冬は乾燥した晴天の日が多く、日本海側とは対照的です。",
    "まず、材料を同じ大きさに切りそろえておくと、火の通りが均一になります。",
    "この関数は、入力が空のときに例外を送出する点に注意してください。",
    "結論から申し上げますと、どちらの方法にも一長一短があります。",
    "歴史的な背景を踏まえると、当時の判断は理解できるものでした。",
    "詳しくは、以下の手順を順番に確認してみてください。",
)
CODE = (
    "```python\ndef mean(values: list[float]) -> float:\n    return sum(values) / len(values)\n```"
)
TABLE = "| name | value |\n| --- | --- |\n| one | 1.0 |\n| two | 2.5 |\n| three | 4.0 |"
BLOCKS = 400
# Of a reply, in characters: the logarithm is normal, as with real chat models' replies.
MEDIAN_CHARS, SPREAD, MOST_CHARS = 700, 0.8, 6_000


class Texts:
    """Draws texts, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._blocks = {
            language: [self._block(write) for _ in range(BLOCKS)]
            for language, write in (("en", self._english), ("ja", self._japanese))
        }

    def prompt(self, language: str) -> str:
        """Give a question of one to four sentences."""
        write = self._japanese if language == "ja" else self._english
        return write(self._rng.randint(1, 4))

    def reply(self, language: str, name: str) -> str:
        """Give an answer; `name` keeps it apart from every other."""
        most = min(MOST_CHARS, self._rng.lognormvariate(0, SPREAD) * MEDIAN_CHARS)
        # A Japanese character says about as much as two and a half letters.
        most = most / 2.5 if language == "ja" else most
        blocks, length = [f"Answer {name}."], 0
        while length < most:
            blocks.append(self._rng.choice(self._blocks[language]))
            length += len(blocks[-1])
        return "\n\n".join(blocks)

    def _block(self, write: Callable[[int], str]) -> str:
        kind = self._rng.random()
        if kind < 0.65:
            return write(self._rng.randint(1, 4))
        if kind < 0.85:
            return "\n".join(f"- **{write(1)[:12]}** {write(1)}" for _ in range(3))
        if kind < 0.92:
            return f"## {write(1)[:40]}"
        return self._rng.choice((CODE, TABLE, "The sum is $a^2 + b^2 = c^2$, as $n \\to \\infty$."))

    def _english(self, n_sentences: int) -> str:
        return " ".join(self._sentence() for _ in range(n_sentences))

    def _sentence(self) -> str:
        words = self._rng.choices(WORDS, k=self._rng.randint(8, 20))
        if self._rng.random() < 0.2:
            words[3] = f"**{words[3]}**"
        if self._rng.random() < 0.1:
            words[5] = f"`{words[5]}`"
        return f"{' '.join(words).capitalize()}."

    def _japanese(self, n_sentences: int) -> str:
        return "".join(self._rng.choices(SENTENCES, k=n_sentences))
