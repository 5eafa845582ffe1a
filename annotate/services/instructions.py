"""What volunteers are told before they begin: the run's own words, else the house's."""

from annotate.models import RatingRules

# Lines are wrapped for the source alone: `render_prose` lets them flow.
TASK_EN = """\
You will see a question and two answers to it, **A** and **B**, written by two language models.
Which models they are is hidden on purpose, and so is everything else that could sway you. **Read
both answers to the end, then say which one is better.**

What to look at, in this order: Is it **true**? Does it **answer what was asked**, as fully as
needed and no longer? Is the **language** natural, and the one that the question asks for?
"""
TASK_JA = """\
一つの質問と、それに対する二つの回答 **A** と **B** が表示されます。
どちらも言語モデルが書いたものですが、判断が偏らないように、どのモデルかは伏せてあります。
**両方を最後まで読んで、良いほうを選んでください。**

見るところは、この順です。内容は**正しい**か。聞かれたことに**過不足なく答えている**か。
言葉は**自然**で、質問が求める言語で書かれているか。
"""
TIE_EN = """\
- **Draw**: they are equally good. Draws are welcome; do not force a choice."""
TIE_JA = """\
- **引き分け**: 同じくらい良いとき。引き分けも大切な答えです。無理に選ばなくてかまいません。"""
BOTH_BAD_EN = "- **Both bad**: neither would have helped the person who asked."
BOTH_BAD_JA = "- **どちらも悪い**: どちらの回答も、質問した人の役に立たないとき。"
OTHERS_EN = """\
- **Skip** what you cannot judge. It asks for a reason, and nothing is held against you.
- **Report** an answer that is harmful. Nobody else will see it until we have looked.
"""
OTHERS_JA = """\
- **とばす**: 判断できないとき。理由を一つ選ぶだけで、不利になることはありません。
- **報告する**: 有害な回答を見つけたとき。管理者が確かめるまで、ほかの人には表示されません。
"""
PASSAGES_EN = "- **Select words** of an answer to mark them: wrong language, wrong fact, unnatural."
PASSAGES_JA = "- 回答の**言葉を選択**すると、違う言語・事実の誤り・不自然という印をつけられます。"
KEYS_EN = """\
With a keyboard: **←** for A, **→** for B{degrees}; the digits are the buttons from left to right.
One key votes and brings the next pair, and you can undo it. There is no hurry.
"""
KEYS_JA = """\
キーボードでは **←** で A、**→** で B です{degrees}。数字キーは、左から順に各ボタンに当たります。
キー一つで投票され、次の組に進みます。取り消すこともできます。急ぐ必要はありません。
"""
DEGREES_EN = ", with **Shift** where it is clearly better"
DEGREES_JA = "（明らかに良いときは **Shift** と一緒に押します）"


def instructions_for(*, rules: RatingRules, language: str) -> str:
    """Give the instructions as Markdown, in Japanese for `ja` and in English else."""
    if language == "ja":
        return str(rules.instructions_ja) or _house_ja(rules)
    return str(rules.instructions_en) or _house_en(rules)


def _house_en(rules: RatingRules) -> str:
    """Say in English what this run offers."""
    choices = [TIE_EN] * rules.offers_tie + [BOTH_BAD_EN] * rules.offers_both_bad
    choices += [PASSAGES_EN] * rules.offers_passages + [OTHERS_EN]
    keys = KEYS_EN.format(degrees=DEGREES_EN * rules.asks_degree)
    return "\n".join([TASK_EN, *choices, keys])


def _house_ja(rules: RatingRules) -> str:
    """Say in Japanese what this run offers."""
    choices = [TIE_JA] * rules.offers_tie + [BOTH_BAD_JA] * rules.offers_both_bad
    choices += [PASSAGES_JA] * rules.offers_passages + [OTHERS_JA]
    keys = KEYS_JA.format(degrees=DEGREES_JA * rules.asks_degree)
    return "\n".join([TASK_JA, *choices, keys])
