"""Words of the demo in both languages, in tables of what goes together."""

from dataclasses import dataclass
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


def _table(slots: str, rows: str) -> tuple[Filling, ...]:
    """Read rows of `ja/en` cells, one cell a slot."""
    names = slots.split()
    table = []
    for row in rows.strip().splitlines():
        cells = [cell.strip().partition("/") for cell in row.split("|")]
        words = [Words(ja, en) for ja, _, en in cells]
        table.append(dict(zip(names, words, strict=True)))
    return tuple(table)


THINGS = _table(
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
    ゴボウ/burdocks   | 茶色/brown  | 野菜/vegetable | 畑/field
    カボチャ/pumpkins | 橙色/orange | 野菜/vegetable | 畑/field
    ミカン/mandarins  | 橙色/orange | 果物/fruit     | 農園/farm
    カラス/crows     | 黒色/black  | 鳥/bird        | 公園/park
    白鳥/swans       | 白色/white  | 鳥/bird        | 湖/lake
    スズメ/sparrows  | 茶色/brown  | 鳥/bird        | 公園/park
    カエル/frogs     | 緑色/green  | 動物/animal    | 池/pond
    イルカ/dolphins  | 灰色/gray   | 動物/animal    | 水族館/aquarium
    ゾウ/elephants   | 灰色/gray   | 動物/animal    | 動物園/zoo
    クマ/bears       | 茶色/brown  | 動物/animal    | 動物園/zoo
    ペンギン/penguins | 黒色/black  | 鳥/bird       | 水族館/aquarium
    ヒツジ/sheep      | 白色/white  | 動物/animal   | 牧場/ranch
    キツネ/foxes      | 橙色/orange | 動物/animal   | 森/forest
    ヒマワリ/sunflowers | 黄色/yellow | 花/flower   | 公園/park
    バラ/roses       | 赤色/red    | 花/flower      | 庭園/garden
    スミレ/violets   | 紫色/purple | 花/flower      | 公園/park
    ユリ/lilies      | 白色/white  | 花/flower      | 庭園/garden
    """,
)
EDIBLE_THINGS = THINGS[:12]

TOOLS = _table(
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
    電卓/calculators  | 計算/doing sums            | 書斎/study
    花瓶/vases        | 花の飾り付け/showing flowers | 玄関/entrance
    手袋/gloves       | 防寒/warming hands         | 玄関/entrance
    地図/maps         | 道案内/finding the way     | 書斎/study
    鏡/mirrors        | 身支度/getting dressed     | 洗面所/bathroom
    石鹸/soap         | 手洗い/washing hands       | 洗面所/bathroom
    扇風機/fans       | 涼風/moving air            | 居間/living room
    ラジオ/radios     | 音楽鑑賞/hearing music     | 居間/living room
    金槌/hammers      | 大工仕事/building shelves  | 物置/closet
    梯子/ladders      | 高所作業/climbing up       | 物置/closet
    """,
)

GOALS = _table(
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
    記憶力を高める/improve memory | 毎晩/keep a | 日記/diary | をつける/every evening
    時間を守る/be on time | 前日に/set an | 目覚まし/alarm | を用意する/the day before
    肩こりを治す/relax stiff shoulders | 時々/take a hot | 風呂/bath | に入る/now and then
    発音を直す/sound natural | 毎日/record your own | 声/voice | を録音する/each day
    電気を節約する/use less power | 昼間は/switch off each | 照明/lamp | を消す/during the day
    写真を上達させる/take nice photos | 朝の/look for soft | 光/light | を探す/in the morning
    目を休める/rest tired eyes | 一時間ごとに/look at the | 遠く/horizon | を眺める/every hour
    道に迷わない/find the way | 出発前に/study a | 地図/map | を確かめる/before leaving
    """,
)

DISHES = _table(
    "dish ingredient",
    """
    味噌汁/miso soup   | 豆腐/tofu
    カレー/curry       | 玉葱/onions
    焼飯/fried rice    | 豚肉/pork
    サラダ/salad       | 野菜/vegetables
    天丼/tempura bowls | 海老/shrimp
    寿司/sushi         | 海苔/seaweed
    餃子/dumplings     | 豚肉/pork
    シチュー/stew      | 牛肉/beef
    オムレツ/omelets   | 卵/eggs
    プリン/pudding     | 牛乳/milk
    パン/bread         | 小麦粉/flour
    雑炊/porridge      | 鶏肉/chicken
    スープ/soup        | 玉葱/onions
    ケーキ/cake        | 小麦粉/flour
    茶漬け/tea rice   | 緑茶/green tea
    肉団子/meatballs  | 挽肉/ground meat
    豆乳鍋/soy hot pot | 大豆/soybeans
    煮魚/boiled fish  | 醤油/soy sauce
    酢豚/sour pork    | 豚肉/pork
    ピザ/pizza        | チーズ/cheese
    クッキー/cookies  | 砂糖/sugar
    ジャム/jam        | 果物/fruit
    コロッケ/croquettes | 牛肉/beef
    グラタン/gratin   | チーズ/cheese
    """,
)

PEOPLE = _table(
    "person",
    "田中/Tanaka\n佐藤/Sato\n鈴木/Suzuki\n高橋/Takahashi\n伊藤/Ito\n渡辺/Watanabe\n山本/Yamamoto\n中村/Nakamura",
)
GIFTS = _table(
    "gift",
    "本/book\n菓子/sweets\n花束/bouquet\n写真/photograph\n茶碗/teacup\n手紙/letter\n地図/map\n手袋/gloves\n絵/painting\n茶/tea",
)
EVENTS = _table(
    "event",
    "会議/meeting\n夕食/dinner\n授業/lesson\n試合/match\n演奏会/concert\n見学/tour\n誕生会/party\n面接/interview",
)
CITIES = _table(
    "city",
    "京都/Kyoto\n札幌/Sapporo\n沖縄/Okinawa\n奈良/Nara\n広島/Hiroshima\n金沢/Kanazawa\n大阪/Osaka\n仙台/Sendai",
)
SEASONS = _table(
    "season activity",
    """
    春/spring | 花見/cherry blossoms
    夏/summer | 花火/fireworks
    秋/autumn | 紅葉/red leaves
    冬/winter | 温泉/hot springs
    """,
)
KIN = _table(
    "kin",
    "息子/son\n娘/daughter\n友人/friend\n隣人/neighbor\n生徒/student\n同僚/colleague\n弟/brother\n妹/sister",
)
MEDIA = _table(
    "medium",
    "看板/sign\nメニュー/menu\n手紙/letter\nポスター/poster\n箱/box\n地図/map\n雑誌/magazine\n画面/screen",
)
# What a sum of two digits is called, from 4 on.
NUMBER_WORDS = _table(
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
