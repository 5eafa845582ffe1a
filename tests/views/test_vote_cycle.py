"""A vote and the pair that comes next take few statements, whose cost does not grow with votes."""

import json
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.backends.postgresql.psycopg_any import mogrify
from django.test import Client
from django.utils import timezone

from annotate.models import Completion, Round, RoundEstimate, SelectionRun, Vote
from annotate.services import counted, estimating, progress
from annotate.services.simulating import read_page
from tests import factories as make
from tests.services.test_estimating import settle
from tests.views.pages import HTMX, browser_of, volunteer_in

pytestmark = pytest.mark.django_db

MOST_STATEMENTS = 9
# Tables that grow with votes and texts; those of people are too small here for an index.
GROWING = {"annotate_comparison", "annotate_completion", "annotate_vote"}


class Volunteer:
    """A browser that shows a comparison and has fetched the next one, as the page's script does."""

    def __init__(self, client: Client, run: SelectionRun) -> None:
        self._client = client
        self._address = f"/rate/{run.slug}/"
        self.shown = self._token(client.get(self._address))
        self.ahead = self._token(
            client.get(f"{self._address}ahead/?shown={self.shown}", headers=HTMX)
        )

    def vote(self) -> None:
        """Send a vote, show what was fetched ahead, and keep what came back for later."""
        address = f"{self._address}?shown={self.ahead}"
        sent = {"token": self.shown, "choice": "left", "reason_left": "fluent"}
        answer = self._client.post(address, sent, headers=HTMX)
        assert answer.status_code == 200, answer.content.decode()
        self.shown, self.ahead = self.ahead, self._token(answer)

    def _token(self, answer: Any) -> str:
        return read_page(answer.content.decode()).form["token"]


def statements_of(volunteer: Volunteer) -> list[str]:
    """List the statements of a vote, without those that begin and end transactions."""
    statements: list[str] = []

    def keep(execute: Callable[..., Any], sql: str, values: Any, *told: Any) -> Any:
        statements.append(mogrify(sql, values, connection))
        return execute(sql, values, *told)

    with connection.execute_wrapper(keep):
        volunteer.vote()
    ends = re.compile("SAVEPOINT|RELEASE|ROLLBACK|BEGIN|COMMIT")
    return [each for each in statements if not ends.match(each)]


def make_busy_round(**rules: Any) -> Round:
    """Open a round in which all that can be asked of a vote is asked, and look at it once."""
    round_ = make.make_open_round(n_candidates=4, n_prompts=20, votes_wanted=10_000)
    plain = {"daily_limit": 1_000, "max_characters_per_s": 1_000_000, "offers_comment": True}
    stored = make.make_rules(round_.run, **plain | rules)
    stored.reasons.add(make.make_reason("fluent"), make.make_reason("correct"))
    first = Volunteer(volunteer_in(round_.run), round_.run)
    for _vote in range(6):
        first.vote()
    settle(round_)
    estimating.refresh_estimate(round_=round_)
    return round_


@pytest.fixture
def _no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for no look after a tenth vote, and nothing of others, as a process does now and then."""
    monkeypatch.setattr(estimating, "REFRESH_EVERY", 2**40)
    for module in (counted, progress):
        monkeypatch.setattr(module, "FRESH_S", 3_600.0)


@pytest.mark.counts_later
@pytest.mark.usefixtures("_no_looks")
def test_a_vote_and_the_next_pair_take_nine_statements() -> None:
    round_ = make_busy_round()
    volunteer = Volunteer(volunteer_in(round_.run), round_.run)
    volunteer.vote()  # texts and the estimate are read once by each process
    for _vote in range(8):
        found = statements_of(volunteer)
        assert len(found) <= MOST_STATEMENTS, "\n\n".join(found)


@pytest.mark.counts_later
@pytest.mark.usefixtures("_no_looks")
def test_a_volunteer_without_an_account_takes_two_statements_less() -> None:
    round_ = make_busy_round(door="open")
    client = Client()
    address = f"/rate/{round_.run.slug}/welcome/"
    version = make.make_consent_text().version
    client.post(address, {"version": version, "languages": ["en"], "newcomer": uuid.uuid4()})
    volunteer = Volunteer(client, round_.run)
    volunteer.vote()
    for _vote in range(4):
        found = statements_of(volunteer)
        assert len(found) <= MOST_STATEMENTS - 2, "\n\n".join(found)


def test_a_vote_stands_though_no_pair_can_be_drawn_after_it() -> None:
    """What is wrong here is in the database, so the transaction of both is lost."""
    round_ = make_busy_round()
    volunteer = Volunteer(volunteer_in(round_.run), round_.run)
    sent = volunteer.shown
    with connection.cursor() as cursor:
        cursor.execute(REFUSE_COMPARISONS)
    with pytest.raises(DatabaseError, match="no more comparisons"):
        volunteer.vote()
    assert Vote.objects.standing().get(comparison__token=sent).comparison.answered_at
    with pytest.raises(DatabaseError, match="no more comparisons"):
        volunteer.vote()  # as the browser does, which was told nothing
    assert Vote.objects.filter(comparison__token=sent).count() == 1


def test_a_large_round_is_looked_at_after_a_thousandth_part_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    round_ = make_busy_round()
    asked: list[int] = []
    monkeypatch.setattr(estimating, "request_refresh", lambda round_, in_s: asked.append(in_s))
    RoundEstimate.objects.filter(round=round_).update(n_votes=10**9)
    volunteer = Volunteer(volunteer_in(round_.run), round_.run)
    for _vote in range(10):
        volunteer.vote()
    assert not asked
    RoundEstimate.objects.filter(round=round_).update(n_votes=10_000)
    for _vote in range(10):
        volunteer.vote()
    assert asked == [2]  # seconds, for the last look was a moment ago
    an_hour_ago = timezone.now() - timedelta(hours=1)
    RoundEstimate.objects.filter(round=round_).update(made_at=an_hour_ago)
    for _vote in range(10):
        volunteer.vote()
    assert asked == [2, 0]
    # A look at a million votes takes seconds, and rests ten times as long.
    RoundEstimate.objects.filter(round=round_).update(n_votes=10**6, made_at=timezone.now())
    monkeypatch.setattr(estimating, "REFRESH_PART", 10**5)
    for _vote in range(10):
        volunteer.vote()
    assert asked == [2, 0, 50]


REFUSE_COMPARISONS = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'no more comparisons'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON annotate_comparison FOR EACH ROW EXECUTE FUNCTION refuse();
"""
OF_TEXTS = "SELECT completion.id, completion.prompt_id, completion.text_digest"
N_COMPARISONS = 20_000
# Pairs of the candidates on the prompts, each judged by one of the people: a share in each of some
# rounds, one after another, as time goes by.
FILL = """
WITH people AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM annotate_annotator),
drawn AS (
  INSERT INTO annotate_comparison (token, round_id, annotator_id, prompt_id, candidate_a_id,
    candidate_b_id, completion_a_id, completion_b_id, side_a, purpose, created_at, shown_at,
    lease_expires_at, answered_at)
  SELECT gen_random_uuid(), (%(rounds)s::bigint[])[1 + (number - 1) * %(n_rounds)s / %(n)s],
    people.id, a.prompt_id, a.candidate_id, b.candidate_id,
    a.id, b.id, 'left', 'ranking', now(), now(), now(),
    now() - interval '1 day' + number * interval '1 second'
  FROM (
    SELECT a.id, b.id AS b_id, row_number() OVER (ORDER BY md5(a.id || ' ' || b.id)) AS number
    FROM annotate_completion AS a JOIN annotate_completion AS b USING (prompt_id)
    WHERE a.candidate_id < b.candidate_id
  ) AS two
  JOIN annotate_completion AS a ON a.id = two.id
  JOIN annotate_completion AS b ON b.id = two.b_id
  JOIN people ON people.place = mod(number, (SELECT count(*) FROM people))
  WHERE number <= %(n)s
  ORDER BY number
  RETURNING id
)
INSERT INTO annotate_vote (comparison_id, turn, outcome, created_at)
SELECT id, 0, 'a', now() FROM drawn"""


def fill(round_: Round) -> None:
    """Write votes, in other runs' rounds too, until indexes are worth it, and tell the planner."""
    rounds = [*(make.make_open_round(n_prompts=0).pk for _other in range(4)), round_.pk]
    told = {"rounds": rounds, "n_rounds": len(rounds), "n": N_COMPARISONS}
    with connection.cursor() as cursor:
        cursor.execute(FILL, told)
        cursor.execute("ANALYZE")


def list_scans(statement: str, how: str = "") -> set[str]:
    """List the tables that a statement reads from one end to the other.

    What a process reads once of each candidate, its texts, is a twelfth of all here, so whether an
    index is worth it depends on what earlier tests left on the pages: there it need only serve.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL enable_seqscan = {'off' if OF_TEXTS in statement else 'on'}")
        cursor.execute(f"EXPLAIN ({how}FORMAT JSON) {statement}")
        plan = cursor.fetchone()[0]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    found, nodes = set(), [plan[0]["Plan"]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if node["Node Type"] == "Seq Scan":
            found.add(node["Relation Name"])
    return found


@pytest.mark.usefixtures("_no_looks")
def test_no_statement_of_a_vote_reads_a_growing_table_through() -> None:
    round_ = make.make_open_round(n_candidates=0, n_prompts=300)
    prompts = list(round_.prompts())
    for number in range(12):
        candidate = make.make_candidate(round_.run)
        round_.candidates.add(candidate)
        Completion.objects.bulk_create(
            Completion(candidate=candidate, prompt=prompt, replies=[f"{number} {prompt.pk}"])
            for prompt in prompts
        )
    rules = make.make_rules(round_.run, daily_limit=10_000, max_characters_per_s=1_000_000)
    rules.reasons.add(make.make_reason("fluent"))
    people = [make.make_volunteer(round_.run) for _person in range(40)]
    fill(round_)
    estimating.refresh_estimate(round_=round_)
    volunteer = Volunteer(browser_of(people[0]), round_.run)
    volunteer.vote()
    for statement in statements_of(volunteer):
        assert not list_scans(statement) & GROWING, statement
    before = count_prepared()
    volunteer.vote()
    asked = [each for each, n_times in count_prepared().items() if n_times > before.get(each, 0)]
    assert len(asked) >= MOST_STATEMENTS - 2
    for statement in asked:
        assert not list_scans(statement, "GENERIC_PLAN, ") & GROWING, statement


def count_prepared() -> dict[str, int]:
    """Count how often the connection asked each statement that it keeps, with one plan for all."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW plan_cache_mode")
        assert cursor.fetchone() == ("force_generic_plan",)
        cursor.execute("SELECT statement, generic_plans FROM pg_prepared_statements")
        return dict(cursor.fetchall())
