"""Fill a database as if its votes had been cast on the site.

    VOTING_DATABASE=name python -m benchmarks.voting.contents SIZE...

Runs of candidates that hardly differ, so that the adaptive policy has many pairs to ask about; one
open round each; people with accounts who judged up to thousands of pairs, one in twenty of them
with a known answer and one in twenty shown before. Completions go in with all triggers on, which
write their digests; votes with none, by COPY, and a query looks for rows that point at nothing.
"""

import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402  models need Django set up
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from annotate.models import (  # noqa: E402
    Annotator,
    Candidate,
    Consent,
    ConsentText,
    DecisionRules,
    GoldPair,
    Participation,
    Prompt,
    PromptSet,
    RatingRules,
    Round,
    SelectionRun,
    User,
)
from annotate.services import estimating  # noqa: E402
from benchmarks.voting import ledger  # noqa: E402
from benchmarks.voting.sizes import Size  # noqa: E402
from benchmarks.voting.texts import Texts  # noqa: E402

CATEGORIES = ("writing", "maths", "code", "facts", "roleplay")
N_GOLD = 50  # pairs with a known answer in each run
GOLD_RATE = REPEAT_RATE = 0.05
# The check of the pace is on, at a speed that no virtual volunteer comes up to.
MAX_CHARACTERS_PER_S = 10_000_000
RUNS_OF_ONE = 2  # in which an annotator has voted


def main() -> None:
    """Fill, and say how long each step took."""
    size = Size(*map(int, sys.argv[1:]))
    steps = Steps()
    call_command("migrate", verbosity=0)
    steps.end("tables")
    runs = [make_run(number, size) for number in range(size.runs)]
    steps.end("runs, candidates, prompts")
    fill_completions(runs, size)
    steps.end(f"{size.completions:,} completions")
    people = make_annotators(runs, size)
    steps.end(f"{size.annotators:,} annotators")
    ledger.fill(runs, people, size, steps.end)
    for run in runs:
        estimating.refresh_estimate(round_=run.round)
    steps.end("estimates")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    steps.end("VACUUM ANALYZE")


class Steps:
    """Says on stderr what was done, and in what time."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def end(self, name: str) -> None:
        """Say that a step has ended."""
        print(f"  {time.monotonic() - self._begun:6.0f} s  {name}", file=sys.stderr, flush=True)
        self._begun = time.monotonic()


@dataclass(frozen=True)
class FilledRun:
    """A run by its ids; completion c of prompt p has id `first_completion` + p * candidates + c."""

    run: SelectionRun
    round: Round
    prompts: list[Prompt]
    candidates: list[int]
    gold_prompts: list[Prompt]
    written: list[int]
    first_completion: int
    gold: list[int]


def make_run(number: int, size: Size) -> FilledRun:
    """Make a run with its open round, and reserve the ids of its completions."""
    slug = f"run-{number}"
    run = SelectionRun.objects.create(slug=slug, title=f"Run {number}", state="voting")
    RatingRules.objects.create(
        run=run,
        gold_rate=GOLD_RATE,
        repeat_rate=REPEAT_RATE,
        max_characters_per_s=MAX_CHARACTERS_PER_S,
    )
    DecisionRules.objects.create(run=run, policy="adaptive", votes_per_pair=1)
    texts = Texts(number)
    asked = make_prompts(slug, size.prompts_per_run, texts)
    known = make_prompts(f"gold-{slug}", N_GOLD, texts)
    run.prompt_sets.add(asked[0].prompt_set)
    candidates = make_candidates(run, "model", size.candidates_per_run, "imported")
    written = make_candidates(run, "written", 2, "written")
    round_ = Round.objects.create(run=run, number=1, opened_at=timezone.now() - ledger.SPAN)
    round_.candidates.set(candidates)
    n_completions = len(asked) * len(candidates) + 2 * N_GOLD
    first = ledger.reserve("annotate_completion", n_completions)
    return FilledRun(run, round_, asked, candidates, known, written, first, [])


def make_candidates(run: SelectionRun, name: str, n: int, origin: str) -> list[int]:
    """Make candidates whose texts come from elsewhere; give their ids."""
    made = Candidate.objects.bulk_create(
        Candidate(run=run, name=f"{name} {number}", licence="apache-2.0", origin=origin)
        for number in range(n)
    )
    return [each.pk for each in made]


def make_prompts(slug: str, n: int, texts: Texts) -> list[Prompt]:
    """Make a set of prompts, three in five of them English and the others Japanese."""
    prompt_set = PromptSet.objects.create(slug=slug)
    languages = ["ja" if number % 5 in (1, 3) else "en" for number in range(n)]
    return Prompt.objects.bulk_create(
        (
            Prompt(
                prompt_set=prompt_set,
                key=f"p{number}",
                turns=[texts.prompt(language)],
                language=language,
                category=CATEGORIES[number // 5 % 5],
            )
            for number, language in enumerate(languages)
        ),
        batch_size=1_000,
    )


def fill_completions(runs: list[FilledRun], size: Size) -> None:
    """Have every candidate answer every prompt of its run, and write the pairs that are known."""
    columns = ("id", "candidate_id", "prompt_id", "sample", "replies", "finish_reason",
               "engine_version", "rendered_prompt_sha256", "created_at")  # fmt: skip
    now = timezone.now() - ledger.SPAN
    named = ", ".join(columns)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL pgtrigger.ignore = '{}'")  # see services/importing/whole.py
        with cursor.copy(f"COPY annotate_completion ({named}) FROM STDIN") as copy:
            for number, filled in enumerate(runs):
                texts = Texts(1_000 + number)
                pairs = [
                    *product(filled.prompts, filled.candidates),
                    *product(filled.gold_prompts, filled.written),
                ]
                for place, (prompt, candidate) in enumerate(pairs):
                    key = filled.first_completion + place
                    reply = texts.reply(prompt.language, str(key))
                    copy.write_row((key, candidate, prompt.pk, 0, [reply], "stop", "", "", now))
    for filled in runs:
        first = filled.first_completion + len(filled.prompts) * len(filled.candidates)
        pairs_known = GoldPair.objects.bulk_create(
            GoldPair(
                run=filled.run,
                use="gold",
                completion_a_id=first + 2 * place,
                completion_b_id=first + 2 * place + 1,
                outcome="a",
            )
            for place in range(N_GOLD)
        )
        filled.gold.extend(pair.pk for pair in pairs_known)


def make_annotators(runs: list[FilledRun], size: Size) -> list[list[int]]:
    """Make people with accounts who have agreed to everything; list the ids of each run's."""
    now = timezone.now() - timedelta(days=61)
    users = User.objects.bulk_create(
        (User(username=f"person-{number}", password="!") for number in range(size.annotators)),
        batch_size=1_000,
    )
    annotators = Annotator.objects.bulk_create(
        (
            Annotator(kind="person", name=user.username, user=user, languages=["en", "ja"])
            for user in users
        ),
        batch_size=1_000,
    )
    text = ConsentText.objects.first() or ConsentText.objects.create(version=1, text_en="Kept.")
    Consent.objects.bulk_create(
        (Consent(annotator=annotator, text=text) for annotator in annotators), batch_size=1_000
    )
    people: list[list[int]] = [[] for _run in runs]
    rows: list[Any] = []
    for number, annotator in enumerate(annotators):
        for place in {(number + step * 7) % len(runs) for step in range(RUNS_OF_ONE)}:
            people[place].append(annotator.pk)
            rows.append(Participation(run=runs[place].run, annotator=annotator, instructed_at=now))
    Participation.objects.bulk_create(rows, batch_size=1_000)
    return people


if __name__ == "__main__":
    main()
