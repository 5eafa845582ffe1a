"""A reply that says whose it is is found; one that speaks of models and companies is not."""

import time

import pytest

from annotate.generation.maker_names import AS_WRITTEN, MAKERS, MODELS
from annotate.generation.makers import MAX_CHARS, find_maker, own_names

NAMING = {
    "I am ChatGPT, a large language model trained by OpenAI.": "I am ChatGPT",
    "Hello! I'm a large language model, trained by Google.": (
        "I'm a large language model, trained by Google"
    ),
    "As an AI developed by Anthropic, I do not.": "As an AI developed by Anthropic",
    "Hi! My name is Claude.": "My name is Claude",
    "I’m Gemini, happy to help": "I’m Gemini",
    "Sure. I'm Llama-2-70b-chat.": "I'm Llama-2-70b-chat",
    "I am an AI assistant made by Meta": "I am an AI assistant made by Meta",
    "I was created by engineers at OpenAI to help": "I was created by engineers at OpenAI",
    "I was created byOakland-based company OpenAI": "I was created byOakland-based company OpenAI",
    "As an OpenAI language model, I can't": "As an OpenAI language model",
    "As ChatGPT, I do not know": "As ChatGPT, I",
    "My creators at Mistral AI say so": "My creators at Mistral AI",
    "Well, OpenAI trained me to": "OpenAI trained me",
    "I cannot, as it violates OpenAI's policy": "I cannot, as it violates OpenAI's policy",
    "I'm Microsoft Copilot!": "I'm Microsoft Copilot",
    "I am Command R+": "I am Command R",
    "I am Qwen2.5, from Alibaba.": "I am Qwen2.5",
    "I am DeepSeek-V3.": "I am DeepSeek-V3",
    "I was fine-tuned by Nous Research.": "I was fine-tuned by Nous Research",
    "I am a chat model from Stability AI": "I am a chat model from Stability AI",
    "I'm Google's Gemini.": "I'm Google's Gemini",
    "I'm a fine-tuned version of Llama 2": "I'm a fine-tuned version of Llama 2",
    "I am part of the Qwen series": "I am part of the Qwen",
    "Well, I run on the Mistral model": "I run on the Mistral",
    "Anthropic, the company that created me": "Anthropic, the company that created me",
    "This is ChatGPT speaking": "This is ChatGPT speaking",
    "我是通义千问，由阿里云开发": "我是通义千问",
    "私を開発したのは株式会社ELYZAです": "私を開発したのは株式会社ELYZA",
    "私の開発元はOpenAIです": "私の開発元はOpenAI",
    "私はShisa-7Bです": "私はShisa-7Bです",
    "こんにちは、Shisaです。よろしく": "こんにちは、Shisaです",
    "ELYZAです。": "ELYZAです",
    "私はOpenAIによって訓練された大規模言語モデルです": "私はOpenAIによって訓練さ",
    "株式会社rinnaが開発した言語モデルです。": "株式会社rinnaが開発した言語モデルです",
    "私は東京工業大学が開発したSwallowです": "私は東京工業大学が開発したSwallowです",
    "はい。私はNTTが開発したtsuzumiです": "私はNTTが開発したtsuzumiです",
    "私はLINEのAIアシスタントです": "私はLINEのAIアシスタントです",
    "私はサイバーエージェントによって開発された": "私はサイバーエージェントによって開発さ",
    "Sakana AIが開発したAIアシスタントです。": "Sakana AIが開発したAIアシスタントです",
    "私、ChatGPTは嘘をつきません": "私、ChatGPTは",
    "僕はGrokだよ": "僕はGrokだよ",
    # Makers and names that nobody has heard of count where a machine is plainly speaking.
    'I am an AI. I was developed by the startup "Humanoid Incorporated."': (
        'I was developed by the startup "Humanoid Incorporated'
    ),
    "I'm Aria, a friendly AI assistant": "I'm Aria, a friendly AI assistant",
    "私はAIアシスタントのXavierです": "私はAIアシスタントのXavierです",
    "AIアシスタントのEchoと申します": "AIアシスタントのEchoと申し",
    "私はAIとして答えます。私の名前はアンジェリーク。": "私の名前はアンジェリーク",
    "私はルーシーです。人工知能なので": "私はルーシーです。人工知能",
    "私はAI、エージェントであるFaith(信)です": "私はAI、エージェントであるFaith",
    "人工知能です。私は「アトム」と名付けられた": "私は「アトム」と名付け",
}

SPEAKING_OF = [
    "OpenAI was founded in 2015.",
    "The model was trained by OpenAI.",
    "You can use ChatGPT, created by OpenAI.",
    "A llama is an animal. I'm a llama farmer.",
    "Then the Swallow flew to Egypt.",
    "I am a Gemini and love Google.",
    "I'm a huge fan of the AI made by OpenAI",
    "I am not ChatGPT",
    "I'm Claude Monet, a painter",
    "My name is Sarah and I am a nurse.",
    "I work for Google as an AI engineer",
    "I was trained by line managers to stay calm, and I am calm",
    "I am a text-based AI model. I was created by humans.",
    "As an AI, I know that Google was founded by Larry Page",
    "I am an AI model, and Google was founded in 1998",
    "I am a fan of AI assistants like Siri",
    "Have you heard of GPT-3? I am sure you have.",
    "I was trained at Apple as a manager, and was made aware by Google of this.",
    "I am an assistant professor by day, and a Google Assistant user by night.",
    "I'm an assistant at Apple. My company is Apple.",
    "東京大学が開発したシステムです。",
    "最も人気のあるモデルはLlamaです。",
    "人気があるのはLlamaです",
    "ChatGPTはOpenAIが開発した言語モデルです。",
    "OpenAIが開発したChatGPTは人気です。",
    "私はGoogleが開発したTensorFlowを使います",
    "私はLlamaが好きです",
    "私の友人はShisaです",
    "私の名前はエミリーです。看護師です。",
    "私はAIです。英訳は「私の名前はアレクサンダーです。」になります。",
    "",
]


@pytest.mark.parametrize(("text", "words"), NAMING.items())
def test_find_maker_gives_the_words(text: str, words: str) -> None:
    assert find_maker(text) == words


@pytest.mark.parametrize("text", SPEAKING_OF)
def test_find_maker_passes_over_what_speaks_of_others(text: str) -> None:
    assert find_maker(text) == ""


@pytest.mark.parametrize("name", [name for name in MODELS if name != "GPT"])
def test_find_maker_knows_each_model(name: str) -> None:
    assert find_maker(f"Hello, I am {name}.") == f"I am {name}"


@pytest.mark.parametrize("name", MAKERS)
def test_find_maker_knows_each_maker(name: str) -> None:
    assert find_maker(f"As an assistant made by {name}, I must") == (
        f"As an assistant made by {name}"
    )


def test_names_that_are_words_too_are_known_names() -> None:
    assert set(AS_WRITTEN) <= {*MODELS, *MAKERS}


@pytest.mark.parametrize(
    "text", ["I am kestrel-7b.", "I'm Kestrel!", "My name is kestrel", "私はkestrel-7bです"]
)
def test_find_maker_knows_the_names_it_is_given(text: str) -> None:
    names = ["birds/kestrel-7b temp 0.1", "/models/birds/"]
    assert find_maker(text, names) != ""
    assert find_maker(text) == ""


def test_own_names_are_whole_head_and_family() -> None:
    assert own_names(["org/kestrel-7b temp 0.1"]) == [
        "kestrel-7b temp 0.1",
        "kestrel-7b",
        "kestrel",
    ]


def test_own_names_leave_out_what_anything_may_be_called() -> None:
    assert (
        find_maker("I am a candidate. I am base. I am ann.", ["candidate 1", "base", "ann"]) == ""
    )
    assert own_names(["", "/", "x"]) == []


def test_find_maker_gives_a_passage_that_can_be_stored() -> None:
    own = "kestrel" + "l" * 300
    assert len(find_maker(f"I am {own}.", [own])) == MAX_CHARS


def test_letters_that_grow_when_made_small_do_not_move_the_words() -> None:
    assert find_maker("İİİ I am ChatGPT now") == "I am ChatGPT"


@pytest.mark.parametrize(
    "part",
    [
        "OpenAI ", "I am ", "I was trained by ", "私は", "私はOpenAI", "As an AI model ",
        "my name is ", "GPT-", "Google's", "I was created by a a a a ", '"(', "Llama I am ",
        "AIの", "\n", "私の名前はアアアアアアアアアアアアアアアアアアアアアアア", "Llama私を",
        "Googleの者者", "Google1.-", "very ", "I am an AI assistant made by people ",
    ],
)  # fmt: skip
def test_no_text_takes_longer_than_its_length_would_have_it(part: str) -> None:
    """200,000 characters take well under a second even where every word looks like a beginning."""
    text = part * (200_000 // len(part))
    start = time.perf_counter()
    find_maker(text + " OpenAI", ["kestrel"])
    assert time.perf_counter() - start < 2
