"""Which language a prompt is in: as its file names it, or guessed where it does not say."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Hiragana, katakana (also half width), and the Han characters, 々 among them.
_JAPANESE = re.compile("[\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uff66-\uff9f]")


def guess_language(turns: Iterable[str]) -> str:
    """Guess `ja` where a turn holds kana or kanji, else `en`; other languages must be named."""
    return "ja" if any(_JAPANESE.search(turn) for turn in turns) else "en"


def tag_of_name(name: str) -> str | None:
    """Return the tag of a language's English name, as battle logs have it; None is not known.

    Where a log says that it does not know the language, that is "".
    """
    name = name.strip().lower().replace("_", " ")
    return "" if name in _UNKNOWN else _TAGS.get(name)


_UNKNOWN = frozenset({"unknown", "und", "xx", "un", "tg unknown language", "undetermined"})

# The names that the language detectors of public battle logs give.
_NAMES = """
    Abkhazian=ab; Afar=aa; Afrikaans=af; Akan=ak; Albanian=sq; Amharic=am; Arabic=ar; Armenian=hy;
    Assamese=as; Aymara=ay; Azerbaijani=az; Bashkir=ba; Basque=eu; Belarusian=be; Bengali=bn;
    Bihari=bh; Bislama=bi; Bosnian=bs; Breton=br; Bulgarian=bg; Burmese=my; Catalan=ca;
    Cebuano=ceb; Cherokee=chr; Chinese=zh; Corsican=co; Croatian=hr; Czech=cs; Danish=da;
    Dhivehi=dv; Dutch=nl; Dzongkha=dz; English=en; Esperanto=eo; Estonian=et; Ewe=ee; Faroese=fo;
    Fijian=fj; Finnish=fi; French=fr; Frisian=fy; Galician=gl; Ganda=lg; Georgian=ka; German=de;
    Greek=el; Greenlandic=kl; Guarani=gn; Gujarati=gu; Haitian Creole=ht; Hausa=ha; Hawaiian=haw;
    Hebrew=he; Hindi=hi; Hmong=hmn; Hungarian=hu; Icelandic=is; Igbo=ig; Indonesian=id;
    Interlingua=ia; Interlingue=ie; Inuktitut=iu; Inupiak=ik; Irish=ga; Italian=it; Japanese=ja;
    Javanese=jv; Kannada=kn; Kashmiri=ks; Kazakh=kk; Khasi=kha; Khmer=km; Kinyarwanda=rw;
    Korean=ko; Kurdish=ku; Kyrgyz=ky; Lao=lo; Laothian=lo; Latin=la; Latvian=lv; Lingala=ln;
    Lithuanian=lt; Luxembourgish=lb; Macedonian=mk; Malagasy=mg; Malay=ms; Malayalam=ml;
    Maltese=mt; Manx=gv; Maori=mi; Marathi=mr; Mongolian=mn; Nauru=na; Nepali=ne; Norwegian=no;
    Norwegian Bokmål=nb; Norwegian Nynorsk=nn; Nyanja=ny; Occitan=oc; Odia=or; Oriya=or; Oromo=om;
    Pashto=ps; Persian=fa; Polish=pl; Portuguese=pt; Punjabi=pa; Quechua=qu; Rhaeto Romance=rm;
    Romanian=ro; Rundi=rn; Russian=ru; Samoan=sm; Sango=sg; Sanskrit=sa; Scots=sco;
    Scots Gaelic=gd; Scottish Gaelic=gd; Serbian=sr; Sesotho=st; Shona=sn; Sindhi=sd; Sinhala=si;
    Sinhalese=si; Siswant=ss; Slovak=sk; Slovenian=sl; Somali=so; Spanish=es; Sundanese=su;
    Swahili=sw; Swedish=sv; Syriac=syr; Tagalog=tl; Tajik=tg; Tamil=ta; Tatar=tt; Telugu=te;
    Thai=th; Tibetan=bo; Tigrinya=ti; Tonga=to; Tsonga=ts; Tswana=tn; Turkish=tr; Turkmen=tk;
    Twi=tw; Uighur=ug; Ukrainian=uk; Urdu=ur; Uzbek=uz; Venda=ve; Vietnamese=vi; Volapük=vo;
    Waray=war; Welsh=cy; Wolof=wo; Xhosa=xh; Yiddish=yi; Yoruba=yo; Zhuang=za; Zulu=zu;
"""
_TAGS = {
    name.strip().lower(): tag.strip()
    for name, tag in (entry.split("=") for entry in _NAMES.split(";") if entry.strip())
}
