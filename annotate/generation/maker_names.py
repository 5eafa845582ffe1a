"""What language models are called, and those who make them; in English and in Japanese.

A name also stands for what follows it: "Llama" for Llama-2, "GPT" for GPT-4o.
"""

MODELS = (
    "ChatGPT", "Chat GPT", "GPT", "InstructGPT", "Codex", "Claude", "Gemini", "Gemma", "Bard",
    "Google Assistant", "PaLM", "LaMDA", "Llama", "Meta AI", "Alpaca", "Vicuna", "Koala", "Qwen",
    "QwQ", "Tongyi Qianwen", "Mistral", "Mixtral", "Ministral", "Magistral", "Le Chat", "Zephyr",
    "DeepSeek", "Copilot", "Microsoft Copilot", "GitHub Copilot", "Bing Chat", "Phi", "Cortana",
    "WizardLM", "Orca", "StableLM", "Stable LM", "Stable Beluga", "StableBeluga", "Command R",
    "Command-R", "Aya", "Hermes", "Nous Hermes", "Nous-Hermes",
    "OpenHermes", "Nous Capybara", "Falcon", "MPT", "Dolphin", "OpenChat",
    "OpenAssistant", "Open Assistant", "Starling", "ChatGLM", "GLM", "Baichuan", "InternLM",
    "ERNIE", "Kimi", "Doubao", "Hunyuan", "Grok", "Jurassic", "BLOOM", "BLOOMZ", "Nemotron",
    "OLMo", "Tülu", "Tulu", "SOLAR", "EXAONE", "HyperCLOVA", "Amazon Titan", "Amazon Nova",
    "Granite", "MiniMax", "Siri", "Alexa", "MythoMax", "Luminous", "Guanaco", "Shisa",
    "Rinna", "Nekomata", "Youri", "ELYZA", "Swallow", "TinySwallow", "tsuzumi", "PLaMo", "CALM",
    "OpenCALM", "japanese-stablelm", "Stockmark", "LLM-jp", "cotomi", "Takane", "Sarashina",
    "EvoLLM", "Karakuri", "Weblab", "Tanuki", "FugakuLLM", "Fugaku-LLM", "Xwin", "Qarasu",
    "Vecteus", "チャットGPT", "ジェミニ", "クロード", "コパイロット", "シーサー", "りんな",
    "リンナ", "イライザ", "カラクリ", "ツズミ", "つづみ", "ラマ", "通義千問", "通义千问",
)  # fmt: skip

MAKERS = (
    "OpenAI", "Open AI", "Anthropic", "Google", "DeepMind", "Google DeepMind", "Facebook",
    "Microsoft", "Alibaba", "Mistral AI", "MistralAI", "DeepSeek", "Stability AI", "StabilityAI",
    "Cohere", "Nous Research", "NousResearch", "LMSYS", "LAION", "Databricks", "MosaicML",
    "EleutherAI", "Hugging Face", "HuggingFace", "BigScience", "Technology Innovation Institute",
    "AI21", "Aleph Alpha", "Inflection", "Amazon", "Apple", "NVIDIA", "Baidu", "Tencent",
    "ByteDance", "Moonshot AI", "Zhipu", "01.AI", "Upstage", "NAVER", "LG AI Research",
    "Salesforce", "Snowflake", "Allen Institute", "AUGMXNT", "Shisa.AI", "Together AI", "Reka",
    "Stanford", "Preferred Networks", "Preferred Elements", "CyberAgent", "Cyber Agent",
    "Sakana AI", "SakanaAI", "SB Intuitions", "SoftBank", "Fujitsu", "Rakuten", "ABEJA",
    "Lightblue", "Ricoh", "Tokyo Institute of Technology", "Tokyo Tech", "rinna", "ELYZA",
    "Stockmark", "Karakuri", "オープンAI", "アンソロピック", "グーグル", "メタ社",
    "マイクロソフト", "アリババ", "阿里巴巴", "阿里云", "深度求索", "スタビリティ", "東京工業大学",
    "東工大", "東京科学大学", "東京大学", "松尾研", "国立情報学研究所", "理化学研究所",
    "産業技術総合研究所", "産総研", "日本電信電話", "LINEヤフー", "プリファードネットワークス",
    "サイバーエージェント", "ストックマーク", "ソフトバンク", "富士通", "楽天", "ライトブルー",
    "リコー", "カラクリ株式会社",
    "Meta", "FAIR", "TII", "xAI", "IBM", "NII", "NTT", "NTTデータ", "LINE", "PFN", "PFE", "NEC",
)  # fmt: skip

# These are common words too, so they count only as they are written here.
AS_WRITTEN = (
    "Meta", "FAIR", "TII", "xAI", "IBM", "NII", "NTT", "NTTデータ", "LINE", "PFN", "PFE", "NEC",
    "CALM", "SOLAR", "BLOOM", "MPT", "ERNIE", "Gemini", "Bard", "Falcon", "Orca", "Dolphin",
    "Alpaca", "Koala", "Hermes", "Granite", "Swallow", "Luminous", "Codex", "Apple", "Amazon",
    "Copilot", "Reka", "Starling", "Zephyr", "Mistral", "Claude", "Phi", "Aya", "Cohere",
)  # fmt: skip
