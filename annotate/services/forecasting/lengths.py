"""How many tokens a candidate will read and write."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import (
    Avg,
    Count,
    F,
    FloatField,
    Func,
    IntegerField,
    QuerySet,
    StdDev,
    Sum,
    TextField,
    Value,
)
from django.db.models.functions import Cast, Length

from annotate.generation.presets import choose_text
from annotate.models import Completion
from annotate.models.prompts import PromptQuerySet
from annotate.services.forecasting.amounts import Amount, Basis, Span, add_up
from annotate.services.launching import CandidateDraft

# Characters of one token. Japanese: shisa-base-7b-v1's card gives 2.3 for its tokenizer and less
# than 1 for Mistral's; the middle is between. English: 4.3 is the mean over eleven tokenizers.
CHARACTERS_PER_TOKEN: dict[str, Span] = {"ja": (0.9, 1.5, 2.3), "en": (3.5, 4.0, 4.5)}
# Characters of one reply: the lowest, mean and highest of the means of 48 passes over the same
# prompts, by six candidates at four temperatures, cut at 500 tokens (Shisa's own grid).
CHARACTERS_OF_REPLY: dict[str, Span] = {"ja": (297, 385, 502), "en": (848, 1039, 1241)}
# Written without spaces between words, where a token holds few characters.
_LIKE_JAPANESE = {"ja", "zh", "ko", "yue", "th"}
# Newest completions that are looked at: enough for a mean, and quick to read.
LOOKED_AT = 10_000
TEMPLATE_TOKENS: Span = (5, 15, 40)  # of the prompt format, for each turn


@dataclass(frozen=True)
class Asked:
    """The prompts of one language: how many, their turns, and their characters.

    `n_characters` are those that are read over all turns, each with the turns before it;
    `n_replies_read` counts the replies among these. `n_without_system` are turns of prompts
    without a system text.
    """

    language: str
    n_prompts: int
    n_turns: int
    n_characters: int
    n_without_system: int
    n_replies_read: int


def count_asked(prompts: PromptQuerySet) -> list[Asked]:
    """Count the prompts and what is read of them, by language."""
    rows: dict[str, list[int]] = {}
    told = prompts.order_by().values_list("language", "system", "turns")
    for language, system, turns in told.iterator(chunk_size=2_000):
        row, n = rows.setdefault(language, [0, 0, 0, 0, 0]), len(turns)
        read = sum(len(text) * (n - number) for number, text in enumerate(turns))
        more = (1, n, read + len(system) * n, 0 if system else n, n * (n - 1) // 2)
        rows[language] = [before + new for before, new in zip(row, more, strict=True)]
    return [Asked(language, *row) for language, row in sorted(rows.items())]


def like(language: str) -> str:
    """Give the language whose rule of thumb stands for this one."""
    return "ja" if language.split("-")[0] in _LIKE_JAPANESE else "en"


def foretell_replies(draft: CandidateDraft, asked: Iterable[Asked], n_samples: int) -> Amount:
    """Foretell the tokens that a candidate writes, by the length of its kind's replies so far."""
    limit = int(draft.sampling["max_tokens"])
    return add_up(
        _times(_tokens_of_reply(draft, each.language, limit), each.n_turns * n_samples)
        for each in asked
    )


def foretell_prompts(draft: CandidateDraft, asked: Iterable[Asked], n_samples: int) -> Amount:
    """Foretell the tokens that a candidate reads: every turn anew, with all that came before."""
    return add_up(_times(_tokens_read(draft, each), n_samples) for each in asked)


def _tokens_of_reply(draft: CandidateDraft, language: str, limit: int) -> Amount:
    """Foretell one reply: the mean over prompts and its 95 % interval, or the rule."""
    for basis, completions in _alike(draft, language):
        mean, deviation, n_prompts, n = _mean_over_prompts(completions)
        if n:
            error = 1.96 * deviation / math.sqrt(n_prompts)
            return Amount.of(_limit((max(mean - error, 1), mean, mean + error), limit), basis, n)
    rule, token = CHARACTERS_OF_REPLY[like(language)], CHARACTERS_PER_TOKEN[like(language)]
    span = (rule[0] / token[2], rule[1] / token[1], rule[2] / token[0])
    return Amount.of(_limit(span, limit), Basis.RULE)


def _limit(span: Span, limit: int) -> Span:
    low, likely, high = span
    return min(low, limit), min(likely, limit), min(high, limit)


def _tokens_read(draft: CandidateDraft, asked: Asked) -> Amount:
    """Foretell what is read once for each prompt of a language: texts, format, earlier replies."""
    system = choose_text(draft.system_prompts, asked.language)
    n_characters = asked.n_characters + len(system) * asked.n_without_system
    own = _tokens_of_texts(draft, asked, n_characters)
    if not asked.n_replies_read:
        return own
    reply = _tokens_of_reply(draft, asked.language, int(draft.sampling["max_tokens"]))
    return add_up([own, _times(reply, asked.n_replies_read)])


def _tokens_of_texts(draft: CandidateDraft, asked: Asked, n_characters: int) -> Amount:
    """Foretell the tokens of texts: as the same model's prompts came out, or by the rule."""
    _basis, completions = _alike(draft, asked.language)[0]
    a_character, n = _tokens_per_character(completions)
    if n:
        tokens = a_character * n_characters
        return Amount.of((tokens, tokens, tokens), Basis.MODEL, n)
    low, likely, high = CHARACTERS_PER_TOKEN[like(asked.language)]
    few, some, many = (each * asked.n_turns for each in TEMPLATE_TOKENS)
    span = (n_characters / high + few, n_characters / likely + some, n_characters / low + many)
    return Amount.of(span, Basis.RULE)


def _alike(draft: CandidateDraft, language: str) -> list[tuple[Basis, QuerySet[Completion]]]:
    """Give earlier completions in a language that say something of this candidate's."""
    there = Completion.objects.filter(
        prompt__language=language, completion_tokens__isnull=False, prompt_tokens__isnull=False
    )
    same = there.filter(candidate__model=draft.model)
    engine = there.filter(candidate__engine=draft.engine)
    return [
        (basis, Completion.objects.filter(pk__in=found.order_by("-pk").values("pk")[:LOOKED_AT]))
        for basis, found in ((Basis.MODEL, same), (Basis.ENGINE, engine))
    ]


def _mean_over_prompts(completions: QuerySet[Completion]) -> tuple[float, float, int, int]:
    """Give mean and deviation, over prompts, of the tokens of a reply, and how many there are."""
    n_replies = Func(F("replies"), function="cardinality", output_field=IntegerField())
    tokens = Cast("completion_tokens", FloatField()) / n_replies
    found = (
        completions.order_by()
        .values("prompt")
        .annotate(mean=Avg(tokens), n=Count("pk"))
        .aggregate(m=Avg("mean"), d=StdDev("mean"), prompts=Count("prompt"), all=Sum("n"))
    )
    return found["m"] or 0, found["d"] or 0, found["prompts"], found["all"] or 0


def _tokens_per_character(completions: QuerySet[Completion]) -> tuple[float, int]:
    """Give how many tokens a character of a prompt made, its format included; of single turns."""
    text = Func(F("prompt__turns"), Value(""), function="array_to_string", output_field=TextField())
    found = (
        completions.filter(replies__len=1)
        .order_by()
        .aggregate(
            tokens=Sum("prompt_tokens"),
            characters=Sum(Length(text) + Length("prompt__system")),
            n=Count("pk"),
        )
    )
    if not found["n"] or not found["characters"]:
        return 0.0, 0
    return found["tokens"] / found["characters"], found["n"]


def _times(amount: Amount, factor: float) -> Amount:
    low, likely, high = amount.span or (0, 0, 0)
    return Amount.of((low * factor, likely * factor, high * factor), amount.basis, amount.n)
