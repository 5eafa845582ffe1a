"""Words in which a reply declines to do what it was asked.

A refusal says of its writer that it cannot or will not answer, write, help or decide, and says so
at the beginning. "You cannot pay by card" is about a shop, and a doctor in a play who is sorry to
bring bad news has declined nothing. A reply that declines and then answers after all counts: it is
the words that are found.
"""

from __future__ import annotations

import re

MAX_CHARS = 200
# How far into a reply a refusal may begin.
BEGINNING_CHARS = 240

_NOT_ABLE = r"(?:able to|allowed|permitted|programmed|designed|capable)\b"
_CANNOT = (
    r"(?:can ?not|can['’]?t(?! wait)|could not|couldn['’]t|won['’]?t|will not|refuse to|decline to|"
    rf"(?: am|['’]m) not {_NOT_ABLE}|am not {_NOT_ABLE}|am unable to|['’]m unable to|"
    r"(?:must|have to|need to) decline|(?:would|['’]d) (?:rather|prefer) not|"
    r"(?:do not|don['’]t) (?:feel comfortable|think (?:I should|it(?: is|['’]s) appropriate)|"
    r"have (?:the )?(?:ability|capability|capacity|access)))"
)
_DO = (
    r"(?:access|answer|assist|browse|comply|complete|compose|condone|continue|create|describe|"
    r"determine|discuss|do (?:that|this|so)|draw|encourage|endorse|engage|express|fulfil+|generate|"
    r"give|help|imagine|make|offer|participate|perform|predict|pretend|process|produce|promote|"
    r"provide|recommend|respond|role-?play|share|support|take|talk|tell|translate|use|write)\b"
)
_WORDS = r"(?:[\w’'-]+,? ){0,4}?"
# "I" begins a sentence or follows a reason: nobody else speaks.
_START = r"(?:^|(?<=[.!?\n])\s*|\b(?:but|however|model|AI|assistant),? )"
_SORRY = r"\bI(?:['’]m| am) (?:very |so |really |truly )?(?:sorry|afraid)\b"
_MACHINE = r"(?:AI|A\.I\.|[Aa]rtificial [Ii]ntelligence|model|assistant|chatbot|bot)\b"
_ENGLISH = (
    # "I'm sorry, but I cannot ..."
    rf"{_SORRY},? ?(?:[\w’' ,]{{0,60}}?)\bI ?{_CANNOT}",
    rf"\bI apologi[sz]e\b[\w’' ,]{{0,40}}\bI ?{_CANNOT}",
    r"^\W{0,3}(?:I(?:['’]m| am) )?sorry,? (?:but )?"
    r"(?:as an AI|that(?:['’]s| is) not|this is not|I (?:do not|don['’]t))",
    # "As an AI language model, I cannot ..."
    rf"\b[Aa]s an? (?:[\w-]+ ){{0,4}}{_MACHINE}[\w ]{{0,30}}, ?"
    rf"(?:and [\w ]{{0,40}}, )?I ?{_CANNOT}",
    rf"{_START}I (?:do not|don['’]t) feel comfortable\b",
    rf"{_START}(?:[Uu]nfortunately,? |[Rr]egrettably,? )?I ?{_CANNOT} ?{_WORDS}{_DO}",
    # "It would not be appropriate for me to ..."
    r"(?:[Ii]t (?:is|would be|would not be|['’]s)|[Tt]hat (?:is|would be)) "
    r"(?:not appropriate|appropriate|inappropriate|unethical) for me\b",
    r"\b[Mm]y (?:programming|guidelines|policy|principles)\b[^.\n]{0,40}\b"
    r"(?:not allow|prevent|prohibit|forbid)",
)

_CANNOT_JA = (
    r"(?:でき(?:ません|ない(?:の|と|です|。))|出来(?:ません|ない)|"
    r"(?:いたし|致し|でき|し|応じ|お?答え|申し上げ)かね|お断り|断らせて|控えさせ|差し控え|"
    r"遠慮させ|難しいです|わかりません|分かりません)"
)
_DO_JA = (
    r"(?:お?答え(?:する)?|お?応え(?:する)?|回答|返答|お?手伝い|お?力に|協力|支援|対応|提供|作成|生成|"
    r"執筆|書く|書き|教え|紹介|説明|話し?|お話し|語る|言う|述べ|共有|推奨|選ぶ|選択|判断|予測|応じ|表現|"
    r"実行|参加|想像|演じ|なりき|翻訳|アクセス|支持|助長|意見|推す)"
)
_OFFER_JA = r"(?:提供|お答え|回答|推奨|作成|生成|推す|お手伝い|判断)"
_ME_JA = r"(?:私|わたし|わたくし|僕|当AI|本AI|AI)"
_SORRY_JA = (
    r"(?:申し訳(?:あり|ござい)ませんが|申し訳ない(?:です|の)?(?:が|けど)|すみませんが|"
    r"ごめんなさい|残念ながら)"
)
_WISH_JA = r"(?:質問|要望|要求|リクエスト|依頼|お願い|ご期待|問い|指示|内容)"
_JAPANESE = (
    # "申し訳ありませんが、...できません"
    rf"{_SORRY_JA}[^。！？\n]{{0,80}}?{_DO_JA}[^。！？\n]{{0,24}}?{_CANNOT_JA}",
    # "その質問にはお答えできません"
    rf"{_WISH_JA}(?:に対して|について|には|にも|に|を|は)"
    rf"[^。！？\n]{{0,24}}?{_DO_JA}[^。！？\n]{{0,12}}?{_CANNOT_JA}",
    # "私はAIなので...できません"
    rf"{_ME_JA}(?:は|として|には|アシスタント|言語モデル)[^。！？\n]{{0,60}}?{_OFFER_JA}"
    r"[^。！？\n]{0,8}?(?:でき(?:ません|ない)|出来(?:ません|ない)|かね(?:ます|る))",
    # "...を提供することはできません", about nobody else
    rf"(?:^|(?<=[。！？\n]))[^。！？\nがはあなた]{{0,80}}?{_OFFER_JA}"
    r"(?:する|し)?(?:こと)?(?:は|が)?(?:できません|出来ません|いたしかねます|しかねます)",
)
# A letter speaks for whoever signs it.
_LETTER = re.compile(
    r"\W*(?:subject|dear|件名|拝啓|re)\s?[:：\[A-Z、]|\W*(?:拝啓|Dear )", re.IGNORECASE
)
_PATTERNS = tuple(re.compile(pattern) for pattern in (*_ENGLISH, *_JAPANESE))


def find_refusal(text: str) -> str:
    """Give the words in which a reply declines, `MAX_CHARS` at the most, or "" if it does not."""
    beginning = text.lstrip()[: BEGINNING_CHARS + MAX_CHARS]
    if _LETTER.match(beginning):
        return ""
    found = [match for pattern in _PATTERNS if (match := pattern.search(beginning))]
    first = min(found, key=lambda match: match.start(), default=None)
    if first is None or first.start() > BEGINNING_CHARS:
        return ""
    return first[0].strip()[:MAX_CHARS]
