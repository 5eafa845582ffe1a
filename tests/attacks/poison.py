"""A site in use whose every free text is hostile, as if each door had let it in."""

import itertools
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction

from tests.attacks.corpus import TEXTS, fits

# What people, files and models write, by table; the rest are choices, addresses and sums.
WRITTEN: dict[str, list[str]] = {
    "PromptSet": ["title"],
    "Prompt": ["key", "system", "turns", "references", "category"],
    "SelectionRun": ["title"],
    "Candidate": ["name", "model", "revision", "preset", "licence", "stop"],
    "Completion": ["replies", "engine_version", "names_maker"],
    "User": ["username", "first_name", "last_name"],
    "Annotator": ["name", "source", "board_name"],
    "GoldPair": ["explanation_en", "explanation_ja"],
    "ConsentText": ["text_en", "text_ja"],
    "PreferenceSet": ["title", "licence", "origin"],
    "PreferencePair": ["key", "category"],
    "PreferenceDataset": ["licence", "card"],
    "DatasetSource": ["name"],
    "Export": ["failure"],
    "Exclusion": ["reason", "undone_reason"],
    "GenerationShard": ["failure", "worker", "log"],
    "Judge": ["model", "revision"],
    "JudgeSitting": ["failure", "log"],
    "JudgeReading": ["reply", "engine_version"],
    "JudgeScore": ["reply", "engine_version"],
    "CompletionMeasure": ["refusal"],
    "Report": ["text"],
    "ReasonTag": ["label_en", "label_ja"],
    "RatingRules": ["instructions_en", "instructions_ja"],
    "Invitation": ["label"],
    "ApiToken": ["name"],
    "TrainingRun": ["child_name", "preset", "licence", "failure"],
    "Vote": ["comment"],
}
SAID_WHERE_IT_HAPPENED = ("failure", "undone_reason")
# Where names and texts are told again in stored documents.
TOLD_AGAIN: dict[str, list[str]] = {
    "Ranking": ["standings", "settings"],
    "RankingFigure": ["content"],
    "RoundEstimate": ["standings", "evidence"],
    "Stop": ["evidence"],
    "RoundCut": ["evidence"],
    "RunDecision": ["content"],
    "RunEvent": ["detail"],
    "PreferencePair": ["prompt", "chosen", "rejected"],
}
# A marked passage lies within the text that it is of.
PAD = " (so much for that)"

LONG_ENOUGH = [text for _name, text in TEXTS if text.strip()]
NAMES = list(dict.fromkeys(name for text in LONG_ENOUGH if (name := fits(text, 90))))


def poison() -> None:
    """Write a hostile text over every free text there is, another one each time.

    The database keeps its constraints and lets its triggers rest: imports put no less there.
    """
    texts, names = itertools.cycle(LONG_ENOUGH), _own_names()
    known: dict[str, str] = {}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
        for table, fields in WRITTEN.items():
            for row in apps.get_model("annotate", table).objects.order_by("pk"):
                for name in fields:
                    before = getattr(row, name)
                    if before == "" and name in SAID_WHERE_IT_HAPPENED:
                        continue
                    after = _write_over(row._meta.get_field(name), before, texts, names)
                    setattr(row, name, after)
                    if isinstance(before, str) and isinstance(after, str) and len(before) > 2:
                        known[before] = after
                row.save(update_fields=fields)
        for table, fields in TOLD_AGAIN.items():
            for row in apps.get_model("annotate", table).objects.order_by("pk"):
                for name in fields:
                    setattr(row, name, _tell_again(getattr(row, name), known))
                row.save(update_fields=fields)


def _own_names() -> Iterator[str]:
    """Yield names, no two alike: each hostile one, then the same with numbers."""
    yield from NAMES
    for number, name in enumerate(itertools.cycle(NAMES)):
        yield f"{name} {number}"


def _write_over(
    field: Any, before: Any, texts: Iterator[str], names: Iterator[str]
) -> str | list[str]:
    if isinstance(before, list):
        return [next(texts) + PAD for _text in before]
    if isinstance(field, models.TextField):
        return next(texts) + PAD
    return next(names)[: field.max_length]


def _tell_again(value: Any, known: dict[str, str]) -> Any:
    """Give a document with each known name replaced wherever it stands."""
    if isinstance(value, str):
        return known.get(value, value)
    if isinstance(value, list):
        return [_tell_again(part, known) for part in value]
    if isinstance(value, dict):
        return {known.get(key, key): _tell_again(part, known) for key, part in value.items()}
    return value
