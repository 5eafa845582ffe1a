"""How long the next pair takes, and how often it asks the database.

    python -m benchmarks.drawing [--votes 20000] [--draws 60]

In a round with so many votes, drawn uniformly, by 200 annotators: `draw` is the service that gives
an annotator the next pair, `cycle` a request as a browser sends it, the vote on one pair answered
with the page of the pair after the next. `memory` is what of a draw is neither the database nor
the ORM: the estimate of this process brought up to date, and two candidates drawn from it. `look`
is what a worker does after every tenth vote; "no look" is a round that no worker has looked at.
"""

import argparse
import atexit
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOME = Path(tempfile.mkdtemp(prefix="kurabe-drawing-"))
# Registered first, so run last: after the embedded PostgreSQL under it has stopped.
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ.pop("DATABASE_URL", None)
os.environ.update(KURABE_HOME=str(HOME), DJANGO_SETTINGS_MODULE="annotate.settings")

import django  # noqa: E402  it reads the home that was just made

django.setup()

import numpy as np  # noqa: E402  as above
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from annotate.models import (  # noqa: E402
    Annotator,
    Comparison,
    Completion,
    DecisionRules,
    Prompt,
    Round,
    RoundEstimate,
    Vote,
)
from annotate.ranking.pairing import Policy, draw_pair  # noqa: E402
from annotate.services import estimating, pairing, voting  # noqa: E402
from tests import factories as make  # noqa: E402

N_PROMPTS = 100
N_ANNOTATORS = 200
CATEGORIES = ("writing", "maths", "code", "facts", "roleplay")
OUTCOMES = ("a", "b", "tie", "both_bad")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--votes", type=int, default=20_000, help="in each round")
    parser.add_argument("--draws", type=int, default=60, help="that are measured of each kind")
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    print("| candidates | what | statements | median ms | p95 | p99 |\n|---|---|---|---|---|---|")
    for n_candidates in (20, 500):
        round_ = make_round(n_candidates, options.votes)
        measure(round_, "balanced", options.draws, has_look=False)
        for policy in Policy:
            measure(round_, policy, options.draws, has_look=True)


def make_round(n_candidates: int, n_votes: int) -> Round:
    """Open a round with votes by candidates of evenly spread strengths."""
    rng = np.random.default_rng(n_candidates)
    round_ = make.make_open_round(n_candidates=n_candidates, n_prompts=0)
    prompt_set = round_.run.prompt_sets.get()
    prompts = Prompt.objects.bulk_create(
        Prompt(
            prompt_set=prompt_set, key=f"p{n}", turns=[f"Question {n}?"],
            language=("en", "ja")[n % 2], category=CATEGORIES[n % 5],
        )
        for n in range(N_PROMPTS)
    )  # fmt: skip
    candidates = sorted(round_.candidates.values_list("id", flat=True))
    completions = Completion.objects.bulk_create(
        (
            Completion(candidate_id=pk, prompt=prompt, replies=[f"Answer {pk} {prompt.pk}."])
            for prompt in prompts
            for pk in candidates
        ),
        batch_size=5_000,
    )
    cast_votes(round_, completions, prompts, candidates, n_votes, rng)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return round_


def cast_votes(
    round_: Round, completions: list[Completion], prompts: list[Prompt], candidates: list[int],
    n_votes: int, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Let annotators judge pairs drawn uniformly."""
    n, now = len(candidates), timezone.now()
    annotators = Annotator.objects.bulk_create(
        Annotator(kind="person", name=f"annotator {n}-{number}", languages=["en", "ja"])
        for number in range(N_ANNOTATORS)
    )
    pairs = np.sort(np.argsort(rng.random((n_votes, n)), axis=1)[:, :2], axis=1)
    places = rng.integers(N_PROMPTS, size=n_votes)
    comparisons = Comparison.objects.bulk_create(
        (
            Comparison(
                round=round_,
                annotator=annotators[number % N_ANNOTATORS],
                prompt=prompts[place],
                candidate_a_id=candidates[a],
                candidate_b_id=candidates[b],
                completion_a=completions[place * n + a],
                completion_b=completions[place * n + b],
                side_a="left",
                lease_expires_at=now,
                answered_at=now,
                created_at=now,
            )
            for number, ((a, b), place) in enumerate(zip(pairs, places, strict=True))
        ),
        batch_size=2_000,
    )
    wins = rng.random(n_votes) < 1 / (1 + np.exp((pairs[:, 0] - pairs[:, 1]) * 3 / n))
    outcome = np.where(rng.random(n_votes) < 0.2, 2 + rng.integers(2, size=n_votes), wins)
    Vote.objects.bulk_create(
        (
            Vote(comparison=comparison, outcome=OUTCOMES[code], created_at=now)
            for comparison, code in zip(comparisons, outcome, strict=True)
        ),
        batch_size=2_000,
    )


def measure(round_: Round, policy: str, n_draws: int, *, has_look: bool) -> None:
    """Print a line for each thing that is measured."""
    DecisionRules.objects.update_or_create(run=round_.run, defaults={"policy": policy})
    rng = np.random.default_rng(1)
    looks, draws, cycles, memories = (Timer() for _each in range(4))

    def look(number: int) -> None:
        if has_look and number % 10 == 0:
            looks.time(lambda: estimating.refresh_estimate(round_=round_))

    judges = Annotator.objects.filter(comparisons__round=round_, languages__len=2).distinct()
    for number, annotator in enumerate(judges.order_by("id")[:n_draws]):
        look(number)
        drawn = draws.time(
            lambda who=annotator: voting.lease_comparison(round_=round_, annotator=who, rng=rng)
        )
        voting.record_vote(token=drawn.token, annotator=annotator, choice="left")
    browser = Browser(round_)
    for number in range(n_draws):
        look(number)
        tokens = browser.waiting()
        cycles.time(lambda shown=tokens: browser.vote(*shown))
    if has_look:
        time_memory(round_, policy, memories, rng)
    name = f"{policy}, no look" if not has_look else policy
    n = round_.candidates.count()
    for what, timer in {
        "draw": draws, "cycle": cycles, "memory": memories, "look": looks,
    }.items():  # fmt: skip
        timer.print(f"| {n} | {what}, {name} |")


def time_memory(round_: Round, policy: str, timer: "Timer", rng: np.random.Generator) -> None:
    """Take the time of what a draw does in memory, with ten comparisons since the last look."""
    estimate = pairing.Estimate.of(RoundEstimate.objects.get(round=round_))
    n = len(estimate.candidates)
    since = [(*sorted(rng.choice(n, 2, replace=False).tolist()), 1) for _pair in range(10)]

    def draw() -> None:
        met, candidate_met = estimate.add(since)
        drawn = draw_pair(
            policy=Policy(policy), met=met, candidate_met=candidate_met,
            chances=estimate.chances, rng=rng,
        )  # fmt: skip
        assert drawn is not None

    for _draw in range(2_000):
        timer.time(draw, counts=False)


class Browser:
    """A volunteer's browser: it shows one pair, and has fetched the next."""

    def __init__(self, round_: Round) -> None:
        user = make.make_volunteer(round_.run)
        self.round, self.annotator = round_, user.annotator
        self.client = Client(HTTP_HOST="localhost")
        self.client.force_login(user)
        self.path = f"/rate/{round_.run.slug}/"
        self.headers = {"HX-Request": "true"}
        assert self.client.get(self.path).status_code == 200
        first = self.waiting()[0]
        assert self.client.get(f"{self.path}ahead/?shown={first}", headers=self.headers).status_code

    def waiting(self) -> list[str]:
        rows = Comparison.objects.filter(annotator=self.annotator).unanswered().order_by("id")
        return [str(token) for token in rows.values_list("token", flat=True)]

    def vote(self, current: str, ahead: str) -> None:
        """Judge the pair on the screen; the answer holds the one after the pair shown then."""
        answer = self.client.post(
            f"{self.path}?shown={ahead}",
            {"token": current, "choice": "left", "turn": "0"},
            headers=self.headers,
        )
        assert answer.status_code == 200


class Timer:
    """Takes milliseconds and counts statements, one after another."""

    def __init__(self) -> None:
        self.n = 0
        self.ms: list[float] = []
        self.statements: list[int] = []

    def time(self, act: Callable[[], Any], *, counts: bool = True) -> Any:
        """Do it and take the time, or count statements, which takes time, every fifth time."""
        self.n += 1
        if counts and self.n % 5 == 0:
            with CaptureQueriesContext(connection) as queries:
                answer = act()
            self.statements.append(len(queries))
            return answer
        start = time.perf_counter()
        answer = act()
        self.ms.append(1000 * (time.perf_counter() - start))
        return answer

    def print(self, head: str) -> None:
        """Print what was measured behind the head of a table's line."""
        if len(self.ms) < 2:
            return
        fewest, most = min(self.statements, default=0), max(self.statements, default=0)
        counts = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        of_hundred = statistics.quantiles(self.ms, n=100, method="inclusive")
        p50, p95, p99 = (of_hundred[percent - 1] for percent in (50, 95, 99))
        print(f"{head} {counts} | {p50:.3g} | {p95:.3g} | {p99:.3g} |", flush=True)


if __name__ == "__main__":
    main()
