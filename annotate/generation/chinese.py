"""Chinese within Japanese: both are written in kanji, and a letter alone seldom tells.

A stretch without kana may be a name, an address or a list of kanji words; it is Chinese where it
has characters of no Japanese standard, or the little words that Chinese sentences are built with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from annotate.generation.scripts import is_japanese_han, script_of

MIN_HAN = 4
# Clauses between marks and spaces; what parts sentences, lines and quotations parts stretches.
_CLAUSE = re.compile(r"[^\s、，,;；:：・。！？!?.…「」『』（）()【】《》〈〉“”\"\[\]|*#/~〜-]+")
_ENDS_STRETCH = re.compile(r"[\n、。！？!?「」『』（）()【】《》〈〉“”\"\[\]|#・]")
# Words and characters that hardly stand in Japanese but by themselves make a Chinese sentence.
_PLAIN = re.compile(
    r"[你您妳她它們很沒麼嗎呢吧哪這啊怎啦嘛啥喔]|[我他你]的|的[是人话話时時]|[不就也都只還或但]是|是[一在不我他的]"
    r"|我[是在们們想要会會能不]|可以|如果|因[為此]|已[經被]|什[麼么]|一[個些][^別]|[不沒]會|無法|或者"
    r"|[而並]且|以及|正在[^庫住日籍学宅勤外]|他們|但[我他]|[讓给]我|請[你您在選輸不]|所有的|[不只]能"
)
# Any two of these do, once the Japanese words with them are taken out.
_LITTLE = frozenset(
    "的是我他了在也就到把被從与與或個為會對要让讓和都不有无着得地而將将此所給及於于其之"
)
# Older forms, which Japanese keeps in names alone.
_OLD = frozenset(
    "國學會體點關圖變發當從來經對說檢應數區實寫廣戰擔據歸樂歷氣濟獨狀畫盡碼禮稱續總縣聲舊號處覽覺觀觸讀豐轉輕辭邊鐵錢隨險雙靈靜顯餘驗麥齊齒這還單"
    "價兩嚴勞勵參啓圓壓團壞壽將屬帶廢彈戀擴擧樞樓澤燒爐瑤眾礙竊縱繩繪纖聽肅膽舉舖藝蟲衞裝譯證譽讓賣贊踐釀釋鑛隱雜靑飜騷驅鬥條"
)
_JAPANESE_WORD = re.compile(
    r"是[非正認]|自我|我[慢流]|他[人国社者方]|その他|[終完修満読]了|了[解承]|[存現健実滞駐潜内点自不]在|在[庫住日籍学宅勤外任宅来位留]|"
    r"到[着達来底]|[殺周]到|[一二三四五六七八九十0-9数各別]個|個[人別性々室数体展所]|就[職任業労学寝航]|"
    r"[重必主需概所不強]要|要[求素件望点約因員請所介旨注領塞]|被[害告爆災服膜験写]|[為作行人]為|為替|対[象策応立話]|"
    r"[平令昭調中緩温和飽総日共大不]和|和[食室風服歌解平菓音暦牛裁紙]|[東京首古遷帝]都|都[市営内道立心会庁民区県合度知]|"
    r"不[足安可能明正動満利便要幸思況当快適自規良]|有[名効料限利益能力害用機無給権意識志]|[所固共保特国私専含占享]有|"
    r"[目的性質体学力史理人表物律会際界極]的|的[確中]|[場住近名役便台各急局長短研難箇]所|所[属有得要在定]|"
    r"着[用実手物席陸信目]|[到接装癒沈密執愛土決先試付発]着|[取習獲納説所買損会心体余]得|得[意点票策点失]|"
    r"[土各現産基陸耕墓宅敷立番用大山原路跡実番戦聖領開各基当団居産要目]地|地[域方球区図下上元面帯点位獄震盤形理味名価震階]|"
    r"将[来棋軍]|此[処度]|[供支配発月時]給|給[料与食水湯付油]|[言普波追企論]及|及第|其[処々他]|与[党野件]|[関参給賞付授]与"
)


def find_chinese(prose: str) -> Iterator[tuple[int, int]]:
    """Yield where (start, stop) stretches of Japanese prose are Chinese, in their order."""
    for start, stop in _stretches_without_kana(prose):
        if is_chinese(prose[start:stop]):
            yield start, stop


def _stretches_without_kana(prose: str) -> Iterator[tuple[int, int]]:
    """Yield runs of clauses without kana within a sentence."""
    start, stop = None, 0
    for match in _CLAUSE.finditer(prose):
        if start is not None and _ENDS_STRETCH.search(prose, stop, match.start()):
            yield start, stop
            start = None
        if _has_kana(match[0]):
            if start is not None:
                yield start, stop
            start = None
            continue
        start = match.start() if start is None else start
        stop = match.end()
    if start is not None:
        yield start, stop


def _has_kana(clause: str) -> bool:
    return any(script_of(character) in ("HIRAGANA", "KATAKANA") for character in clause)


def is_chinese(stretch: str) -> bool:
    """Say whether a stretch without kana is Chinese."""
    han = [character for character in stretch if script_of(character) == "HAN"]
    if len(han) < MIN_HAN:
        return False
    if _PLAIN.search(stretch) or not all(map(is_japanese_han, han)):
        return True
    little = _LITTLE & set(_JAPANESE_WORD.sub("", stretch))
    old = _OLD & set(han)
    return len(little | old) >= (2 if little else 3)
