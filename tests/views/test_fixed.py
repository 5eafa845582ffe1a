"""What surrounds a comparison is kept, and never is another's: token, secret, rules, language."""

import re
from uuid import UUID

import pytest
from django.test import Client
from django.utils import translation

from annotate.models import Round
from annotate.views import fixed
from tests import factories as make
from tests.views.pages import volunteer_in

pytestmark = pytest.mark.django_db

TOKEN = re.compile(r'name="(?:token|shown)" value="([^"]*)"')
SECRET = re.compile(r'name="csrfmiddlewaretoken" value="([^"]*)"')
READING = re.compile(r'data-reading-ms="(\d+)"')


def page_of(round_: Round, client: Client | None = None, **headers: str) -> str:
    """Give the rating page as somebody sees it."""
    client = client or volunteer_in(round_.run)
    return client.get(f"/rate/{round_.run.slug}/", headers=headers).content.decode()


def test_each_page_has_the_tokens_and_secrets_of_its_own() -> None:
    round_ = make.make_open_round(n_prompts=6)
    make.make_rules(round_.run, max_characters_per_s=10)
    pages = [page_of(round_) for _volunteer in range(3)]
    tokens = [set(TOKEN.findall(page)) for page in pages]
    assert [len(each) for each in tokens] == [1, 1, 1]
    assert len(set().union(*tokens)) == 3
    assert all(UUID(token) for each in tokens for token in each)
    secrets = [set(SECRET.findall(page)) for page in pages]
    assert len(set().union(*secrets)) >= 3
    assert all(READING.findall(page) for page in pages)
    for page in pages:
        for stands_for in (fixed._SECRET, str(fixed._TOKEN), str(fixed._READING_MS)):
            assert stands_for not in page


def test_changed_rules_are_seen_at_once() -> None:
    round_ = make.make_open_round(n_prompts=6)
    client = volunteer_in(round_.run)
    assert "Both bad" in page_of(round_, client)
    make.make_rules(round_.run, offers_both_bad=False)
    assert "Both bad" not in page_of(round_, client)
    reason = make.make_reason("fluent")
    round_.run.stored_rules.reasons.add(reason)
    assert f'value="{reason.slug}"' in page_of(round_, client)
    reason.label_en = "Reads like a native"
    reason.save()
    assert "Reads like a native" in page_of(round_, client)


def test_each_reader_has_their_language_and_view() -> None:
    round_ = make.make_open_round(n_prompts=6)
    client = volunteer_in(round_.run)
    english = page_of(round_, client, **{"Accept-Language": "en"})
    japanese = page_of(round_, client, **{"Accept-Language": "ja"})
    with translation.override("ja"):
        word = translation.gettext("A is better")
    assert "A is better" in english
    assert (word in japanese, "A is better" in japanese) == (True, False)
    plain = client.get(f"/rate/{round_.run.slug}/?view=plain").content.decode()
    assert re.search(r'view=plain"[^>]* aria-current="true"', plain)
    assert re.search(r'view=rendered"[^>]* aria-current="true"', english)
