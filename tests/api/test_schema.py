"""Whatever the description allows, and what it does not: no 500, and every answer as described.

schemathesis draws requests to each operation from its description, right ones and wrong ones, and
holds each answer against it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.test import override_settings
from hypothesis import HealthCheck, given
from hypothesis import settings as drawing
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi import checks

from annotate.api.site import api
from annotate.models import Export, PreferencePair, PreferenceSet, PromptSet
from annotate.ranking import RankingSettings
from annotate.services.rankings import store_rankings
from annotate.wsgi import application
from tests import factories as make
from tests.api.conftest import Program
from tests.services.trainings import export, make_base, vote_on

pytestmark = pytest.mark.django_db  # so that there is a database
N_EXAMPLES = 5
load_all_checks()
SCHEMA = schemathesis.openapi.from_dict(api.get_openapi_schema())
SCHEMA.app = application
OPERATIONS = {
    f"{operation.method.upper()} {operation.path.removeprefix('/api/v1')}": operation
    for operation in (found.ok() for found in SCHEMA.get_all_operations())
}
ALWAYS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# What the site of these tests has not: a decision, and a plan of its run.
EMPTY = [("GET /runs/{slug}/forecast", 404), ("GET /runs/{slug}/decision", 404)]


@dataclass
class Site:
    """A site with one of everything, and a token that may do all."""

    headers: dict[str, str]
    places: dict[str, dict[str, Any]]

    def place(self, name: str) -> dict[str, Any] | None:
        """Give the parts of an operation's path that lead to something; None where it has none."""
        found = [
            parts for start, parts in self.places.items() if name.split(" ")[1].startswith(start)
        ]
        return found[-1] if "{" in name else None


@contextmanager
def undone() -> Iterator[None]:
    """Take back what a request did; keep the test's transaction, as Django's own client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Make a run with votes, a ranking, a dataset and a training; a draft; imported pairs."""
    plain = {"KURABE_HOME": tmp_path_factory.mktemp("home"), "API_REQUESTS_PER_MINUTE": 1_000_000}
    with django_db_blocker.unblock(), override_settings(**plain), transaction.atomic():
        yield make_site()
        transaction.set_rollback(True)


def make_site() -> Site:
    program = Program("admin", "admin")
    base = make_base(vote_on({}, {}, {"is_held_out": True}))
    run, dataset = base.run, export(base.run)
    training = program.send(f"/runs/{run.slug}/trainings", {"candidate": "base"}).json()
    (ranking,) = store_rankings(run=run, settings=RankingSettings(n_resamples=100))
    asked = PromptSet.objects.create(slug="asked")
    make.make_prompt(asked)
    plan = {"slug": "draft", "prompts": {"sets": ["asked"]},
            "models": [{"model": "models/tiny", "engine": "transformers"}],
            "grid": {"temperature": [0.1, 1]}}  # fmt: skip
    assert program.send("/runs", plan).status_code == 201
    pairs = PreferenceSet.objects.create(slug="pairs")
    hello = [{"role": "user", "content": "Hello"}]
    PreferencePair.objects.create(
        preference_set=pairs, key="1", prompt=hello, chosen=hello, rejected=hello, language="en",
        prompt_sha256="0" * 64,
    )  # fmt: skip
    work = Export.objects.create(run=run, recipe={}, state="failed", failure="no room")
    vote = run.rounds.first().comparisons.first()
    places: dict[str, dict[str, Any]] = {
        "/runs/": {"slug": run.slug, "pk": 1},
        "/prompt-sets/": {"slug": "asked"},
        "/preference-sets/": {"slug": "pairs"},
        "/candidates/": {"pk": base.pk},
        "/rankings/": {"pk": ranking.pk},
        "/datasets/": {"pk": dataset.pk, "form": "dpo", "ending": "jsonl"},
        "/exports/": {"pk": work.pk},
        "/trainings/": {"pk": training["id"]},
        "/votes/": {"token": str(vote.token)},
    }
    headers = {
        "Authorization": program.defaults["HTTP_AUTHORIZATION"],
        "Accept-Encoding": "identity",  # schemathesis unpacks nothing that comes by WSGI
    }
    return Site(headers, places)


# schemathesis reads streams to their end and leaves them open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=str)
@pytest.mark.parametrize("name", OPERATIONS)
def test_answers_are_as_described(name: str, mode: GenerationMode, site: Site) -> None:
    operation = OPERATIONS[name]
    is_right = mode == GenerationMode.POSITIVE
    cases = operation.as_strategy(mode, path_parameters=site.place(name) if is_right else None)

    @drawing(
        max_examples=N_EXAMPLES, derandomize=True, database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases)
    def ask(case: schemathesis.Case) -> None:
        with undone():
            answer = case.call(headers=site.headers)
        held = list(ALWAYS)
        if not is_right:
            held.append(checks.negative_data_rejection)
        elif operation.method == "get" and not case.query:
            # What a query, a plan, a recipe or a row names may not be there.
            held.append(checks.positive_data_acceptance)
        case.validate_response(answer, checks=held, headers=site.headers)

    ask()


def test_every_place_that_the_right_requests_name_is_there(site: Site) -> None:
    """Else the test above would ask for things that are not there, and read problems alone."""
    program = Program("admin", "admin")
    missing = []
    for name, operation in OPERATIONS.items():
        if operation.method == "get":
            address = operation.path.format(**(site.place(name) or {}))
            answer = program.get(address)
            with undone():
                answer.close()
            if answer.status_code != 200:
                missing.append((name, answer.status_code))
    assert missing == EMPTY
