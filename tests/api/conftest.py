"""Programs that use the API: each has a token of its own and no cookie."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from annotate.models import PromptSet
from annotate.services.tokens import make_token
from tests import factories as make

Ask = Callable[..., HttpResponse]


class Program(Client):
    """A program with a token."""

    def __init__(self, role: str, scope: str) -> None:
        self.user = make.make_user(role)
        self.token, secret = make_token(user=self.user, name="tests", scope=scope)
        super().__init__(headers={"Authorization": f"Bearer {secret}"})

    def send(self, address: str, body: Any = None, *, method: str = "post") -> HttpResponse:
        """Send JSON to an address below /api/v1."""
        ask = getattr(self, method)
        return ask(f"/api/v1{address}", body, content_type="application/json")

    def read(self, address: str, **query: Any) -> Any:
        """Read what an address answers, which must be well."""
        answer = self.get(f"/api/v1{address}", query)
        assert answer.status_code == 200, answer.content
        return answer.json()


@pytest.fixture
def admin(db: None) -> Program:
    """Give a program that may do everything."""
    return Program("admin", "admin")


@pytest.fixture
def reader(db: None) -> Program:
    """Give a program that may read."""
    return Program("researcher", "read")


@pytest.fixture
def asked(db: None) -> PromptSet:
    """Make three prompts."""
    prompt_set = PromptSet.objects.create(slug="asked")
    for _prompt in range(3):
        make.make_prompt(prompt_set)
    return prompt_set


@pytest.fixture
def plan(asked: PromptSet) -> dict[str, Any]:
    """Give a plan of two candidates."""
    return {
        "slug": "shisa",
        "prompts": {"sets": ["asked"]},
        "models": [{"model": "models/tiny", "engine": "transformers"}],
        "grid": {"temperature": [0.1, 1]},
    }
