"""A run in which everything that is not to be shown would be recognised, and a reader of bytes.

Every candidate signs its replies with a mark. What mark is whose is known to the test alone: the
marks may be read by anybody, and tell a test who stood where.
"""

import html
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.db import connection
from django.db.models import Model
from django.http import HttpResponseBase
from django.test import Client

from annotate.models import (
    Candidate,
    Comparison,
    Completion,
    GoldPair,
    Prompt,
    PromptSet,
    RatingRules,
    Report,
    Round,
    SelectionRun,
    Vote,
)
from tests import factories as make

FIRST_ID = 904_113_001  # no other number in an answer looks like it
COUNTED = (Candidate, Completion, Prompt, PromptSet, Comparison, Vote, GoldPair, Round, Report,
           SelectionRun)  # fmt: skip
MARKS = {"codename-otter": "birch", "codename-lynx": "maple", "codename-heron": "cedar"}
NEVER_SHOWN = ("equal-to-the-other", "names-its-maker-here", "reported-as-harmful")

MARKDOWN = (
    "# Answer {mark}\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nprint('{mark}')\n```\n\n"
    "$x^2 + 1$ ![a picture {n}](https://example.com/{n}.png) <img src=x width={n}1>"
    " [link](/{mark})\n"
)
LONG = "{mark} " + "A long answer, line {n}.\n" * 40


def make_recognisable_round(**rules: Any) -> Round:
    """Open a round in which names, numbers, settings and hidden texts would all be known."""
    for number, table in enumerate(COUNTED):
        _count_from(table, FIRST_ID + 1_000_000 * number)
    round_ = make.make_open_round(n_candidates=0, n_prompts=0)
    offers = {"leaves_out_maker_names": True, "offers_comment": True, "gold_rate": 0.5,
              "repeat_rate": 0.5, "door": RatingRules.Door.OPEN}  # fmt: skip
    make.make_rules(round_.run, **offers | rules)
    candidates = [_make_candidate(round_, name) for name in MARKS]
    prompts = list(_make_prompts(round_.run.prompt_sets.get()))
    for n, prompt in enumerate(prompts):
        for candidate in candidates:
            _make_completion(candidate, prompt, n)
    _make_texts_that_are_never_shown(round_, candidates)
    _make_gold(round_)
    return round_


def secrets(run: SelectionRun) -> set[str]:
    """Collect every text and number that would tell one candidate from another."""
    words = {*NEVER_SHOWN, "llama2", "transformers", "temperature", "0.123457", "secretstop"}
    words |= {"secret explanation", "secret-gold"}
    for candidate in run.candidates.all():
        words |= {candidate.name, candidate.model, candidate.revision, candidate.licence}
    for completion in Completion.objects.of_run(run):
        words |= {str(completion.seed), completion.engine_version, completion.text_digest}
        words |= {completion.rendered_prompt_sha256, str(completion.completion_tokens)}
    for prompt in run.prompts():
        words |= {prompt.key, prompt.category}
    for table in COUNTED:
        words |= {str(pk) for pk in table.objects.values_list("pk", flat=True)}
    return {word for word in words if word not in ("", "None")}


@dataclass
class Reader:
    """Keeps whatever reached a browser, and finds words in it."""

    heard: list[tuple[str, bytes]] = field(default_factory=list)

    def hear(self, what: str, *parts: bytes | str) -> None:
        """Keep what came of a request."""
        whole = b"\n".join(part if isinstance(part, bytes) else part.encode() for part in parts)
        self.heard.append((what, whole))

    def hear_response(self, what: str, response: HttpResponseBase) -> None:
        """Keep an answer of Django's test client: status, headers, cookies and body."""
        body = b"".join(response) if response.streaming else response.content  # type: ignore[attr-defined, arg-type]
        cookies = response.cookies.output()
        headers = json.dumps(dict(response.items()), ensure_ascii=False)
        self.hear(what, str(response.status_code), headers, cookies, body)

    def find(self, words: set[str]) -> list[tuple[str, str]]:
        """List which word stands in the answer to what, however it is escaped."""
        spelled = {form.lower().encode(): word for word in words for form in _spell(word)}
        found = set()
        for what, said in self.heard:
            said = said.lower()
            found |= {(word, what) for form, word in spelled.items() if form in said}
        return sorted(found)


class ReadingClient(Client):
    """A browser without JavaScript, of which every answer is read."""

    def __init__(self, reader: Reader, **options: Any) -> None:
        super().__init__(**options)
        self.reader = reader

    def request(self, **request: Any) -> Any:
        """Ask, and let the reader hear the answer."""
        response = super().request(**request)
        what = f"{request['REQUEST_METHOD']} {request['PATH_INFO']}?{request['QUERY_STRING']}"
        self.reader.hear_response(what, response)
        return response


def _spell(word: str) -> Iterator[str]:
    yield from (word, quote(word, safe=""), html.escape(word), json.dumps(word)[1:-1])


def _count_from(table: type[Model], first: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table._meta.db_table, first]
        )


def _make_candidate(round_: Round, name: str) -> Candidate:
    candidate = make.make_candidate(
        round_.run,
        name=name,
        model=f"/models/path-of-{name}",
        revision=f"revision-of-{name}",
        licence=f"licence-of-{name}",
        sampling={"temperature": 0.123457},
        stop=["secretstop"],
        engine="transformers",
        prompt_format="llama2",
    )
    round_.candidates.add(candidate)
    return candidate


def _make_prompts(prompt_set: PromptSet) -> Iterator[Prompt]:
    asked = [
        ("en", ["Which?"], ""),
        ("ja", ["どちら？"], "日本語で。"),
        ("en", ["First?", "Then?"], "Be brief."),
        ("en", ["Long?"], ""),
    ]
    for n, (language, turns, system) in enumerate(asked):
        yield make.make_prompt(
            prompt_set, key=f"secretkey{n}", category="secretcategory", turns=turns, system=system,
            language=language, is_held_out=n == 1,
        )  # fmt: skip


def _make_completion(candidate: Candidate, prompt: Prompt, n: int, **fields: Any) -> Completion:
    shape = (MARKDOWN, "{mark}です。\n{n}", "{mark} **{n}**", LONG)[n % 4]
    text = shape.format(mark=MARKS[candidate.name], n=n)
    number = FIRST_ID + 90_000_000 + 100 * candidate.pk % 1_000_000 + n
    plain: dict[str, Any] = {
        "replies": [f"{text} {turn}" for turn in range(len(prompt.turns))],
        "seed": number,
        "prompt_tokens": 5,
        "completion_tokens": number + 50,
        "engine_version": f"engine-of-{candidate.name}",
        "rendered_prompt_sha256": f"sha256-of-{candidate.name}",
        "finish_reason": "length" if n == 3 else "stop",
    }
    return make.make_completion(candidate, prompt, **plain | fields)


def _make_texts_that_are_never_shown(round_: Round, candidates: list[Candidate]) -> None:
    """Three equal texts, a text that names its maker, and one that was reported."""
    prompt_set = round_.run.prompt_sets.get()
    equal, naming, harmful = (make.make_prompt(prompt_set, key=f"secretly{n}") for n in range(3))
    for n, candidate in enumerate(candidates):
        space = " " * (n + 1)
        _make_completion(candidate, equal, 0, replies=[f"{space}equal-to-the-other\n{space}"])
    first, second, _third = candidates
    _make_completion(first, naming, 0, replies=["names-its-maker-here"], names_maker="I am X")
    _make_completion(second, naming, 0)
    bad = _make_completion(first, harmful, 0, replies=["reported-as-harmful"])
    other = _make_completion(second, harmful, 0)
    comparison = make.make_comparison(
        bad, other, round_=round_, annotator=make.make_annotator(), skipped_at=round_.opened_at,
        skip_reason="broken_text",
    )  # fmt: skip
    Report.objects.create(comparison=comparison, completion=bad)


def _make_gold(round_: Round) -> None:
    gold_set = PromptSet.objects.create(slug=f"secret-gold-{round_.pk}")
    for n in range(2):
        prompt = make.make_prompt(gold_set, key=f"secretgold{n}", category="secretgoldcategory")
        make.make_gold_pair(
            round_.run,
            prompt=prompt,
            explanation_en="secret explanation",
            explanation_ja="秘密の説明",
        )
