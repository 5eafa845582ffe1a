"""Words of the demo in both languages, and the sentences that they fill."""

from dataclasses import dataclass
from itertools import product
from typing import Literal

Language = Literal["ja", "en"]
LANGUAGES: tuple[Language, ...] = ("ja", "en")


@dataclass(frozen=True)
class Words:
    """One phrase in Japanese and in English."""

    ja: str
    en: str

    def spoken(self, language: Language) -> str:
        """Return the phrase in one of the two languages."""
        return self.ja if language == "ja" else self.en


Filling = dict[str, Words]


@dataclass(frozen=True)
class Template:
    """A question and its good answer with slots, and all that can fill those slots."""

    key: str
    category: str
    user: Words
    reply: Words
    fillings: tuple[Filling, ...]


def _table(slots: str, rows: str) -> tuple[Filling, ...]:
    """Read rows of `ja/en` cells, one cell a slot."""
    names = slots.split()
    table = []
    for row in rows.strip().splitlines():
        cells = [cell.strip().partition("/") for cell in row.split("|")]
        words = [Words(ja, en) for ja, _, en in cells]
        table.append(dict(zip(names, words, strict=True)))
    return tuple(table)


def _number(value: int) -> Words:
    return Words(str(value), str(value))


# What a sum leaks as: the number's word in the other language.
_NUMBER_WORDS = _table(
    "total",
    """
    四/four
    五/five
    六/six
    七/seven
    八/eight
    九/nine
    十/ten
    十一/eleven
    十二/twelve
    十三/thirteen
    十四/fourteen
    十五/fifteen
    十六/sixteen
    十七/seventeen
    十八/eighteen
    """,
)

_THINGS = _table(
    "name colour kind place",
    """
    バナナ/bananas   | 黄色/yellow | 果物/fruit     | 市場/market
    イチゴ/strawberries | 赤色/red | 果物/fruit     | 農園/farm
    メロン/melons    | 緑色/green  | 果物/fruit     | 農園/farm
    レモン/lemons    | 黄色/yellow | 果物/fruit     | 市場/market
    ブドウ/grapes    | 紫色/purple | 果物/fruit     | 農園/farm
    トマト/tomatoes  | 赤色/red    | 野菜/vegetable | 畑/field
    キャベツ/cabbages | 緑色/green | 野菜/vegetable | 市場/market
    ニンジン/carrots | 橙色/orange | 野菜/vegetable | 畑/field
    ピーマン/peppers | 緑色/green  | 野菜/vegetable | 畑/field
    カラス/crows     | 黒色/black  | 鳥/bird        | 公園/park
    白鳥/swans       | 白色/white  | 鳥/bird        | 湖/lake
    スズメ/sparrows  | 茶色/brown  | 鳥/bird        | 公園/park
    カエル/frogs     | 緑色/green  | 動物/animal    | 池/pond
    イルカ/dolphins  | 灰色/gray   | 動物/animal    | 水族館/aquarium
    ゾウ/elephants   | 灰色/gray   | 動物/animal    | 動物園/zoo
    クマ/bears       | 茶色/brown  | 動物/animal    | 動物園/zoo
    ヒマワリ/sunflowers | 黄色/yellow | 花/flower   | 公園/park
    バラ/roses       | 赤色/red    | 花/flower      | 庭園/garden
    スミレ/violets   | 紫色/purple | 花/flower      | 公園/park
    ユリ/lilies      | 白色/white  | 花/flower      | 庭園/garden
    """,
)
_EDIBLE_THINGS = _THINGS[:9]

_TOOLS = _table(
    "tool use room",
    """
    傘/umbrellas         | 雨よけ/keeping dry           | 玄関/entrance
    鍋/pots              | 料理/cooking                 | 台所/kitchen
    包丁/knives          | 食材の準備/cutting food      | 台所/kitchen
    時計/clocks          | 時間の確認/telling the time  | 居間/living room
    鉛筆/pencils         | 筆記/writing                 | 書斎/study
    辞書/dictionaries    | 言葉の勉強/learning words    | 書斎/study
    冷蔵庫/refrigerators | 食品の保存/keeping food cold | 台所/kitchen
    洗濯機/washing machines | 衣類の洗濯/cleaning clothes | 洗面所/bathroom
    掃除機/vacuum cleaners | 床の掃除/sweeping floors   | 物置/closet
    電話/telephones      | 会話/talking to friends      | 居間/living room
    カメラ/cameras       | 写真撮影/taking pictures     | 書斎/study
    枕/pillows           | 睡眠/sleeping                | 寝室/bedroom
    毛布/blankets        | 保温/staying warm            | 寝室/bedroom
    ハサミ/scissors      | 紙の工作/making paper shapes | 書斎/study
    """,
)

_GOALS = _table(
    "goal before thing after",
    """
    早起きする/get up early  | 夜の/avoid              | コーヒー/coffee   | を控える/at night
    熟睡する/sleep well      | 寝る前に/turn off the   | テレビ/television | を消す/before bed
    体力をつける/build strength | 毎日/do some         | 運動/exercise     | をする/every day
    英語を覚える/learn English | 毎朝/listen to the    | ラジオ/radio      | を聞く/every morning
    貯金する/save money      | 毎月の/write down the   | 支出/spending | を記録する/of each month
    部屋を片付ける/keep a room tidy | 古い/throw away old | 雑誌/magazines | を捨てる/every week
    友達を作る/make new friends | 近所の/join a        | 合唱団/choir      | に参加する/in the area
    緊張をほぐす/stay calm   | ゆっくり/take a deep    | 呼吸/breath       | をする/and slow down
    風邪を防ぐ/prevent colds | 帰宅後に/wash both      | 両手/hands        | を洗う/at home
    集中する/concentrate     | 机から/put away the     | 携帯電話/phone    | を離す/for an hour
    読書を続ける/keep reading books | 寝室に/put a     | 本棚/bookshelf    | を置く/in the bedroom
    料理を上達させる/cook better dishes | 毎週/try a new | 献立/menu       | を試す/each week
    水分をとる/drink enough water | いつも/carry a     | 水筒/bottle       | を持ち歩く/all day
    庭を美しくする/grow a pretty garden | 季節の/plant some | 草花/flowers | を植える/each season
    """,
)

_DISHES = _table(
    "dish ingredient",
    """
    味噌汁/miso soup       | 豆腐/tofu
    カレー/curry           | 玉葱/onions
    焼きそば/fried noodles | 豚肉/pork
    サラダ/salad           | 野菜/vegetables
    天ぷら/tempura         | 海老/shrimp
    寿司/sushi             | 魚/fish
    餃子/dumplings         | 豚肉/pork
    シチュー/stew          | 牛肉/beef
    オムレツ/omelets       | 卵/eggs
    プリン/pudding         | 牛乳/milk
    パン/bread             | 小麦粉/flour
    炊き込みご飯/mixed rice | 鶏肉/chicken
    スープ/soup            | 玉葱/onions
    ケーキ/cake            | 小麦粉/flour
    """,
)

_PEOPLE = _table(
    "person",
    "田中/Tanaka\n佐藤/Sato\n鈴木/Suzuki\n高橋/Takahashi\n伊藤/Ito\n渡辺/Watanabe\n山本/Yamamoto\n中村/Nakamura",
)
_GIFTS = _table(
    "gift",
    "本/book\n菓子/sweets\n花束/bouquet\n写真/photograph\n茶碗/teacup\n手紙/letter\n地図/map\n手袋/gloves\n絵/painting\n茶/tea",
)
_EVENTS = _table(
    "event",
    "会議/meeting\n夕食/dinner\n授業/lesson\n試合/match\n演奏会/concert\n見学/tour\n誕生会/party\n面接/interview",
)
_CITIES = _table(
    "city",
    "京都/Kyoto\n札幌/Sapporo\n沖縄/Okinawa\n奈良/Nara\n広島/Hiroshima\n金沢/Kanazawa\n大阪/Osaka\n仙台/Sendai",
)
_SEASONS = _table(
    "season activity",
    """
    春/spring | 花見/cherry blossoms
    夏/summer | 花火/fireworks
    秋/autumn | 紅葉/red leaves
    冬/winter | 温泉/hot springs
    """,
)


def _cross(*tables: tuple[Filling, ...]) -> tuple[Filling, ...]:
    """Return each row of the first table with each of the others."""
    rows = []
    for combination in product(*tables):
        merged: Filling = {}
        for filling in combination:
            merged |= filling
        rows.append(merged)
    return tuple(rows)


def _sums() -> tuple[Filling, ...]:
    return tuple(
        {"a": _number(a), "b": _number(b), "total": _number(a + b)}
        for a, b in product(range(2, 10), repeat=2)
    )


def spoken_total(total: Words, language: Language) -> str:
    """Return a sum as a word (七, seven), which is how it leaks into the other language."""
    return _NUMBER_WORDS[int(total.en) - 4]["total"].spoken(language)


SINGLE_TURN = (
    Template(
        "colour",
        "facts",
        Words("{name}は何色ですか。", "What color are {name}?"),
        Words(
            "{name}は{colour}です。{name}は{kind}の一つです。",
            "{name} are {colour}. They are a kind of {kind}.",
        ),
        _THINGS,
    ),
    Template(
        "tool",
        "explanation",
        Words("{tool}は何に使いますか。", "What are {tool} used for?"),
        Words(
            "{tool}は{use}に使います。{room}に置くと便利です。",
            "{tool} are used for {use}. People keep them in the {room}.",
        ),
        _TOOLS,
    ),
    Template(
        "how",
        "advice",
        Words("{goal}にはどうすればよいですか。", "How can I {goal}?"),
        Words(
            "{goal}には、{before}{thing}{after}とよいでしょう。無理せず続けてください。",
            "To {goal}, {before} {thing} {after}. Take it one step at a time.",
        ),
        _GOALS,
    ),
    Template(
        "tip",
        "advice",
        Words("{goal}ための助言を一つください。", "Give me one tip to {goal}."),
        Words(
            "助言を一つ。{goal}ためには、{before}{thing}{after}のが近道です。",
            "Here is one tip. To {goal}, {before} {thing} {after}.",
        ),
        _GOALS,
    ),
    Template(
        "cooking",
        "instructions",
        Words("{dish}の作り方を教えてください。", "How do I make {dish}?"),
        Words(
            "{dish}を作るには、まず{ingredient}を用意します。次に手順どおりに調理します。",
            "To make {dish}, first prepare the {ingredient}. Then follow the recipe with care.",
        ),
        _DISHES,
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
        _cross(_PEOPLE, _GIFTS),
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
        _cross(_PEOPLE, _EVENTS),
    ),
    Template(
        "travel",
        "recommendation",
        Words("{season}の{city}では何が楽しめますか。", "What can I enjoy in {city} in {season}?"),
        Words(
            "{season}の{city}では{activity}が楽しめます。宿は早めに予約してください。",
            "In {season}, you can enjoy {activity} in {city}. Please book a hotel early.",
        ),
        _cross(_CITIES, _SEASONS),
    ),
    Template(
        "sum",
        "arithmetic",
        Words("{a}足す{b}はいくつですか。", "What is {a} plus {b}?"),
        Words("{a}足す{b}は{total}です。", "{a} plus {b} is {total}."),
        _sums(),
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
        _cross(_EDIBLE_THINGS, _sums()),
    ),
    Template(
        "meaning",
        "translation",
        Words(
            "英語の「{foreign}」は日本語で何ですか。", "What does 「{foreign}」 mean in English?"
        ),
        Words(
            "英語の「{foreign}」は日本語で{name}です。{place}で見られます。",
            "「{foreign}」 means {name} in English. You can see them at the {place}.",
        ),
        tuple(thing | {"foreign": Words(thing["name"].en, thing["name"].ja)} for thing in _THINGS),
    ),
)
# Asked one after the other of the same thing; both have the same fillings.
TWO_TURNS = (
    Template(
        "place",
        "conversation",
        Words("{name}はどこで見られますか。", "Where can I see {name}?"),
        Words(
            "{name}は{place}で見られます。{place}へ行ってみてください。",
            "You can see {name} at the {place}. Please visit the {place} some day.",
        ),
        _THINGS,
    ),
    Template(
        "look",
        "conversation",
        Words("では、{name}は何色ですか。", "And what color are {name}?"),
        Words(
            "{name}は{colour}です。{colour}を目印に探してください。",
            "{name} are {colour}. Look for something {colour}.",
        ),
        _THINGS,
    ),
)
SYSTEM_PROMPT = Words(
    "あなたは親切なアシスタントです。簡潔に答えてください。",
    "You are a kind assistant. Answer briefly.",
)
