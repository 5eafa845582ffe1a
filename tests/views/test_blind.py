"""Nothing that reaches a volunteer's browser before the vote tells which candidate is which."""

from collections.abc import Iterator

import pytest
from django.http import HttpResponse

from annotate.models import Comparison, Round
from annotate.services import rounds
from annotate.services.annotators import annotator_of
from annotate.services.simulating import read_page
from tests import factories as make
from tests.views.pages import HTMX, browser_as, browser_of, volunteer_in

pytestmark = pytest.mark.django_db

FIRST_ID = 904_113_001  # no other number on a page looks like it


def make_recognisable_round() -> Round:
    """Open a round whose candidates, completions and prompts would be known by name or number."""
    round_ = make.make_open_round(n_candidates=0, n_prompts=0)
    prompt_set = round_.run.prompt_sets.get()
    prompts = [
        make.make_prompt(
            prompt_set, id=FIRST_ID + 20 + n, key=f"secretkey{n}", category="secretcategory"
        )
        for n in range(3)
    ]
    for n, name in enumerate(("codename-otter", "codename-lynx")):
        candidate = make.make_candidate(
            round_.run,
            id=FIRST_ID + n,
            name=name,
            model=f"/models/path-of-{name}",
            revision=f"revision-of-{name}",
            licence=f"licence-of-{name}",
            engine="transformers",
            prompt_format="llama2",
        )
        round_.candidates.add(candidate)
        for m, prompt in enumerate(prompts):
            make.make_completion(
                candidate, prompt, id=FIRST_ID + 100 + 10 * n + m, seed=FIRST_ID + 500 + n,
                engine_version=f"engine-of-{name}", completion_tokens=FIRST_ID + 600 + n,
            )  # fmt: skip
    return round_


def secrets(round_: Round) -> Iterator[str]:
    """Yield every text and number that would name a candidate or a completion."""
    for candidate in round_.candidates.all():
        yield from (str(candidate.pk), candidate.name, candidate.model, candidate.revision)
        yield from (candidate.licence, "llama2", "transformers")
        for row in candidate.completions.all():
            yield from (str(row.pk), str(row.seed), row.engine_version, str(row.completion_tokens))
    for prompt in round_.run.prompts():
        yield from (str(prompt.pk), prompt.key, prompt.category)


def leaks(answer: HttpResponse, words: list[str]) -> list[str]:
    """List the words that stand anywhere in an answer: body, headers or cookies."""
    said = answer.content.decode() + str(dict(answer.items())) + str(answer.cookies)
    return [word for word in words if word in said]


def test_no_answer_before_or_after_a_vote_names_a_candidate() -> None:
    round_ = make_recognisable_round()
    words = list(secrets(round_))
    assert len(words) == 2 * 7 + 6 * 4 + 3 * 3
    client, address = volunteer_in(round_.run), f"/rate/{round_.run.slug}/"
    answers = [client.get("/"), client.get(address), client.get(address, headers=HTMX)]
    token = read_page(answers[1].content.decode()).form["token"]
    views = [client.get(address, {"view": view}) for view in ("plain", "differences", "rendered")]
    assert [leaks(answer, words) for answer in views] == [[]] * 3
    answers += [
        client.post(address, {"token": token}, headers=HTMX),
        client.post(address, {"token": token, "choice": "left"}, headers=HTMX),
        client.post(address, {"token": token, "choice": "right"}),
        client.get(address),
    ]
    rounds.close_round(round_=round_)
    answers += [client.post(address, {"token": token, "choice": "tie"}), client.get(address)]
    assert [answer.status_code for answer in answers] == [
        200,
        200,
        200,
        400,
        200,
        303,
        200,
        303,
        200,
    ]
    assert [leaks(answer, words) for answer in answers] == [[]] * len(answers)


def test_leak_is_found() -> None:
    """The test above can fail."""
    round_ = make_recognisable_round()
    page = browser_as("researcher").get(f"/runs/{round_.run.slug}/")
    assert "codename-otter" in leaks(page, list(secrets(round_)))


def test_token_tells_nothing_of_the_rows_behind_it() -> None:
    comparison = Comparison(pk=FIRST_ID)
    assert comparison.token.version == 4


@pytest.mark.parametrize("view", ["rendered", "plain", "differences"])
def test_swapped_candidates_look_alike_to_the_byte(view: str) -> None:
    """The same texts on the same sides make the same page, whoever wrote which."""
    pages = []
    this, that = "**this** one", "**that** one"
    for texts, side_a in (([this, that], "left"), ([that, this], "right")):
        round_ = make.make_open_round(n_prompts=0)
        user = make.make_volunteer(round_.run)
        prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["Which?"])
        a, b = (
            make.make_completion(candidate, prompt, replies=[text])
            for candidate, text in zip(round_.candidates.order_by("id"), texts, strict=True)
        )
        annotator = annotator_of(user=user)
        make.make_comparison(a, b, round_=round_, annotator=annotator, side_a=side_a)
        answer = browser_of(user).get(f"/rate/{round_.run.slug}/", {"view": view})
        html = answer.content.decode()
        pages.append(html[html.index("<article") : html.index("</article>")])
    assert pages[0] == pages[1]
