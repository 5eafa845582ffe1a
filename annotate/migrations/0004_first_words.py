"""The reasons that volunteers can give at first, the first consent text, and older texts' digests."""

from django.db import migrations

# As the trigger of 0003 reads a text.
SPACE = r"[\s\u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]"
TEXT_DIGEST = (
    "md5(btrim(regexp_replace(regexp_replace("
    f"array_to_string(replies, E'\\x1f'), '{SPACE}+', ' ', 'g'),"
    " E' ?\\x1f ?', E'\\x1f', 'g'), ' '))"
)

REASONS = [
    ("more-correct", "more correct", "より正確"),
    ("more-helpful", "more helpful", "より役に立つ"),
    ("more-natural-japanese", "more natural Japanese", "日本語がより自然"),
    ("wrong-language", "wrong language mixed in", "違う言語が混ざっている"),
    ("made-up-facts", "made-up facts", "事実でないことを述べている"),
    ("repetition", "repetition", "繰り返しが多い"),
    ("refuses", "refuses", "回答を拒んでいる"),
    ("unsafe", "unsafe", "安全でない"),
]

CONSENT_EN = """\
**What we keep.** Your votes, with the time of each; the reasons, passages and comments that you add; and, if you sign in,
your e-mail address. Nothing else is asked of you.

**What becomes of it.** Votes rank language models, and pairs of a preferred and another answer train new ones. Votes may
be published for research under a made-up name, never with your address or your own name. Votes on a run are seen by the
researchers who run this site.

**What you can take back.** Taking part is up to you, and you may stop at any time. "Take my votes back" ends your consent:
from that moment your votes no longer count. Files and models that were made from them before are marked as such, but
what has been published cannot be called back.

**What you may meet.** Answers are written by machines. They may be wrong, and now and then unpleasant; you can skip or
report any of them.
"""
CONSENT_JA = """\
**保存するもの。** あなたの投票とその時刻、あなたが添えた理由・印をつけた箇所・コメント、そしてサインインした場合は
メールアドレスです。それ以外はお尋ねしません。

**使いみち。** 投票は言語モデルの順位づけに使われ、「選ばれた回答」と「選ばれなかった回答」の組は新しいモデルの学習に使われます。
投票は研究のために仮の名前で公開されることがありますが、メールアドレスやお名前が公開されることはありません。
投票はこのサイトを運営する研究者が閲覧します。

**取り消せること。** 参加は自由で、いつでもやめられます。「投票を取り消す」を選ぶと同意は終わり、その時からあなたの投票は数えられません。
それまでに投票から作られたファイルやモデルにはその旨が記されますが、すでに公開されたものを回収することはできません。

**目にするかもしれないもの。** 回答は機械が書いたものです。間違っていることも、まれに不快なこともあります。
どの回答も、とばしたり報告したりできます。
"""


def write_first_words(apps, schema_editor):
    ReasonTag = apps.get_model("annotate", "ReasonTag")
    for position, (slug, label_en, label_ja) in enumerate(REASONS, start=1):
        ReasonTag.objects.create(
            slug=slug, label_en=label_en, label_ja=label_ja, position=position
        )
    ConsentText = apps.get_model("annotate", "ConsentText")
    ConsentText.objects.create(version=1, text_en=CONSENT_EN, text_ja=CONSENT_JA)


DIGEST_OLDER = f"""
ALTER TABLE annotate_completion DISABLE TRIGGER USER;
UPDATE annotate_completion SET text_digest = {TEXT_DIGEST};
ALTER TABLE annotate_completion ENABLE TRIGGER USER;
"""


class Migration(migrations.Migration):
    dependencies = [("annotate", "0003_rating")]

    operations = [
        migrations.RunPython(write_first_words, migrations.RunPython.noop),
        migrations.RunSQL(DIGEST_OLDER, migrations.RunSQL.noop),
    ]
