"""Make the pictures of docs/img: seed a scratch database, let it be voted on, photograph the site.

The conversations stand in screenshots.json. The votes are cast by simulated annotators and by two
accounts of a fixed taste; the training is a real one, of a tiny model with random weights. Names on
the command line make only those pictures.
"""

import atexit
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(tempfile.mkdtemp(prefix="kurabe-pictures-"))
# Registered first, so run last: after the embedded PostgreSQL under it has stopped.
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
sys.path.insert(0, str(ROOT))
os.environ.pop("DATABASE_URL", None)
os.environ.update(
    KURABE_HOME=str(HOME),
    DJANGO_SETTINGS_MODULE="annotate.settings",
    # Playwright keeps an event loop in this thread, and Django would refuse to query beside it.
    DJANGO_ALLOW_ASYNC_UNSAFE="true",
)

import django  # noqa: E402  it reads the home that was just made

django.setup()

from django.conf import settings  # noqa: E402  as above
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright  # noqa: E402

from annotate.models import (  # noqa: E402
    Annotator,
    Candidate,
    Comparison,
    Completion,
    Prompt,
    PromptSet,
    ReasonTag,
    SelectionRun,
    User,
)
from annotate.ranking import RankingSettings  # noqa: E402
from annotate.services import (  # noqa: E402
    annotators,
    arrival,
    consent,
    exporting,
    rankings,
    rounds,
    rules,
    serving,
    simulating,
    training,
    voting,
)
from tests.browser.chromium import launch_options  # noqa: E402
from tests.tiny import make_tiny_model  # noqa: E402

PICTURES = ROOT / "docs" / "img"
SLUG = "house-style"
CANDIDATES = ("kestrel-7b · t 0.4", "kestrel-7b · t 0.8", "heron-8b · t 0.4")
TASTE = (0, 2, 1)  # the candidates, the best first
SIMULATED_VOTES = 110
VOTES_EACH = 13
# What the run asks in every picture that says nothing else.
RULES = {"offers_comment": True, "asks_degree": False}
CHARACTERS_PER_S = 25
MARKED = ("meeting", "helpful")  # words in the Japanese reply of the third candidate


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One file of docs/img; `shown` is a prompt, and the candidates on the left and the right."""

    name: str
    path: str = f"/rate/{SLUG}/"
    user: str = "aiko"
    shown: tuple[str, int, int] | None = None
    rules: dict[str, bool] = field(default_factory=dict)
    prepare: Callable[[Page], None] | None = None
    language: str = "en"
    is_dark: bool = False
    width: int = 1280
    height: int = 800
    scale: int = 1


def say_why(page: Page) -> None:
    """Open the reasons, and choose some."""
    page.get_by_text("Say why").click()
    page.locator("[name=reason_left]").nth(0).check()
    page.locator("[name=reason_left]").nth(1).check()
    page.locator("[name=reason_right]").nth(4).check()


def see_marked_vote(page: Page) -> None:
    """Go to the newest of one's votes, the one with marks."""
    page.locator(f"main a[href^='/rate/{SLUG}/votes/']").first.click()
    page.wait_for_load_state()


def see_whole(page: Page) -> None:
    """Make the window as high as the page."""
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": page.viewport_size["width"], "height": height})


WANTED = [
    Picture(name="rating-desktop", shown=("moss", 0, 2)),
    Picture(name="rating-dark", shown=("refund", 2, 0), is_dark=True),
    Picture(name="rating-rendered", shown=("interest", 0, 2), height=900),
    Picture(name="rating-ja", shown=("rain-letter", 0, 1), language="ja"),
    Picture(name="rating-phone", shown=("trains", 2, 0), width=390, height=844, scale=2),
    Picture(name="rating-why", shown=("kanji", 0, 1), rules={"asks_degree": True}, prepare=say_why),
    Picture(name="welcome", path=f"/rate/{SLUG}/welcome/", user="noor", prepare=see_whole),
    Picture(name="my-votes", path=f"/rate/{SLUG}/votes/"),
    Picture(name="my-vote", path=f"/rate/{SLUG}/votes/", prepare=see_marked_vote),
    Picture(name="rules", path=f"/runs/{SLUG}/rating/", user="mika", height=1250),
    Picture(name="quality", path=f"/runs/{SLUG}/quality/", user="rina", height=1250),
    Picture(name="home", path="/", user="rina"),
    Picture(name="run", path=f"/runs/{SLUG}/", user="rina", height=1250),
    Picture(name="ranking", path=f"/runs/{SLUG}/rankings/1/", user="rina", height=1000),
    Picture(
        name="win-rates", path=f"/runs/{SLUG}/rankings/1/head-to-head/", user="rina", height=1000
    ),
    Picture(
        name="growth",
        path=f"/runs/{SLUG}/rankings/1/growth/",
        user="rina",
        is_dark=True,
        height=1000,
    ),
    Picture(name="training", path="/training/1/", user="rina", height=1000),
]


def main() -> None:
    """Fill the scratch database and take every picture, or those that were named."""
    names = sys.argv[1:] or [picture.name for picture in WANTED]
    call_command("migrate", verbosity=0)
    run = make_run(json.loads((ROOT / "docs" / "screenshots.json").read_text(encoding="utf-8")))
    with serving.running_site() as url, sync_playwright() as playwright:
        simulating.simulate_votes(run=run, votes=SIMULATED_VOTES, url=url)
        turn_the_loop(run)
        browser = playwright.chromium.launch(**launch_options())
        for picture in WANTED:
            if picture.name in names:
                take(picture, run=run, browser=browser, url=url)
        browser.close()


def make_run(prompts: list[dict[str, Any]]) -> SelectionRun:
    """Store the conversations as an open run with three candidates."""
    User.objects.create_user("aiko")
    User.objects.create_user("jonas")
    User.objects.create_user("noor")
    User.objects.create_user("rina", role=User.Role.RESEARCHER)
    User.objects.create_user("mika", role=User.Role.ADMIN)
    prompt_set = PromptSet.objects.create(slug=SLUG)
    run = rounds.create_run(slug=SLUG, title="Spring selection 春の選考", prompt_sets=[prompt_set])
    model = str(make_tiny_model(HOME / "model"))
    candidates = [
        Candidate.objects.create(
            run=run,
            name=name,
            model=model,
            engine=Candidate.Engine.TRANSFORMERS,
            prompt_format=Candidate.PromptFormat.CHAT_TEMPLATE,
        )
        for name in CANDIDATES
    ]
    for row in prompts:
        replies = row.pop("replies")
        prompt = Prompt.objects.create(prompt_set=prompt_set, **row)
        for candidate, turns in zip(candidates, replies, strict=True):
            Completion.objects.create(candidate=candidate, prompt=prompt, replies=turns)
    rounds.open_round(round_=rounds.create_round(run=run, candidates=candidates))
    rules.set_rules(run=run, by=None, reasons=list(ReasonTag.objects.all()), **RULES)
    return run


def turn_the_loop(run: SelectionRun) -> None:
    """Add the votes of two people; rank, export and train."""
    names = [candidate.name for candidate in run.candidates.all()]
    for user in User.objects.filter(username__in=["aiko", "jonas"]):
        annotator = arrive(user=user, run=run)
        for _vote in range(VOTES_EACH):
            comparison = voting.lease_comparison(round_=run.rounds.get(), annotator=annotator)
            let_time_pass(comparison)
            a_is_better = _standing(names, comparison.candidate_a) < _standing(
                names, comparison.candidate_b
            )
            choice = "left" if a_is_better == (comparison.side_a == "left") else "right"
            voting.record_vote(token=comparison.token, annotator=annotator, choice=choice)
        vote_with_marks(user=user)
    rankings.store_rankings(run=run, settings=RankingSettings())
    rankings.store_rankings(run=run, settings=RankingSettings(), by="language")
    dataset = exporting.export_dataset(exporting.votes_of(run.slug))
    training_run = training.start_training(
        dataset=dataset,
        base=run.candidates.get(name=CANDIDATES[0]),
        opens_round=False,
        is_queued=False,
        epochs=15.0,
        batch_size=4,
        learning_rate=4e-5,
    )
    training.train(training_run=training_run)


def arrive(*, user: User, run: SelectionRun) -> Annotator:
    """Go through the run's door as a person does who reads both languages."""
    return arrival.start(
        run=run,
        annotator=None,
        user=user,
        text_version=consent.newest_text().version,
        languages=["en", "ja"],
    )


def let_time_pass(comparison: Comparison) -> None:
    """Show the comparison as long ago as a reader of both replies needs."""
    texts = [*comparison.completion_a.replies, *comparison.completion_b.replies]
    taken = timedelta(seconds=sum(map(len, texts)) / CHARACTERS_PER_S)
    Comparison.objects.filter(pk=comparison.pk).update(shown_at=timezone.now() - taken)


def vote_with_marks(*, user: User) -> None:
    """Vote on the letter of which one reply mixes languages, and mark where it does."""
    comparison = draw("rain-letter", 0, 2, user=user)
    let_time_pass(comparison)
    mixed = Completion.objects.get(prompt=comparison.prompt, candidate__name=CANDIDATES[2])
    text = mixed.replies[0]
    marks = [
        voting.Mark("right", 1, text.index(word), text.index(word) + len(word), "wrong_language")
        for word in MARKED
    ]
    voting.record_vote(
        token=comparison.token,
        annotator=comparison.annotator,
        choice="left",
        reasons_left=["more-natural-japanese"],
        reasons_right=["wrong-language"],
        marks=marks,
    )


def _standing(names: list[str], candidate: Candidate) -> int:
    return TASTE.index(names.index(candidate.name))


def take(picture: Picture, *, run: SelectionRun, browser: Browser, url: str) -> None:
    """Photograph one page, as its user sees it."""
    user = User.objects.get(username=picture.user)
    rules.set_rules(run=run, by=User.objects.get(username="mika"), **RULES | picture.rules)
    if picture.shown:
        draw(*picture.shown, user=user)
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        device_scale_factor=picture.scale,
        color_scheme="dark" if picture.is_dark else "light",
        has_touch=picture.width < 500,
        is_mobile=picture.width < 500,
    )
    sign_in(context, user=user, language=picture.language, url=url)
    page = context.new_page()
    page.goto(url + picture.path)
    # The pair after this one comes by itself, and must not come after the next picture's pair.
    page.wait_for_load_state("networkidle")
    if picture.prepare:
        picture.prepare(page)
    page.screenshot(path=PICTURES / f"{picture.name}.png")
    print(f"docs/img/{picture.name}.png")
    context.close()


def draw(prompt: str, left: int, right: int, *, user: User) -> Comparison:
    """Make the pair that a picture shows the one that its user judges next."""
    annotator = annotators.annotator_of(user=user)
    annotator.comparisons.unanswered().delete()
    a, b = Completion.objects.filter(
        prompt__key=prompt, candidate__name__in=[CANDIDATES[left], CANDIDATES[right]]
    ).order_by("candidate")
    return Comparison.objects.create(
        round=a.candidate.rounds.get(),
        annotator=annotator,
        prompt=a.prompt,
        candidate_a=a.candidate,
        candidate_b=b.candidate,
        completion_a=a,
        completion_b=b,
        side_a="left" if a.candidate.name == CANDIDATES[left] else "right",
        lease_expires_at=a.created_at,
    )


def sign_in(context: BrowserContext, *, user: User, language: str, url: str) -> None:
    """Give the browser the cookies of a signed-in user."""
    cookies = {
        settings.SESSION_COOKIE_NAME: simulating.sign_in_without_password(user=user),
        settings.LANGUAGE_COOKIE_NAME: language,
    }
    context.add_cookies([{"name": n, "value": v, "url": url} for n, v in cookies.items()])


if __name__ == "__main__":
    main()
