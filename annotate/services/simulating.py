"""Simulated annotators, who vote over HTTP through the same form as a person.

They are named as simulated wherever their votes are counted. They see the page and nothing else.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib import import_module

import httpx
import numpy as np
from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest

from annotate.generation.preferences import reply_utility, simulate_outcome
from annotate.models import Annotator, SelectionRun, User
from annotate.services import errors
from annotate.services.serving import running_site

TIMEOUT_S = 30
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


class PageNotUnderstood(Exception):
    """The address did not answer with a rating page."""


@dataclass
class RatingPage:
    """What a person sees of a comparison, and what the form sends."""

    language: str = ""
    turns: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    right: list[str] = field(default_factory=list)
    form: dict[str, str] = field(default_factory=dict)
    choices: list[str] = field(default_factory=list)
    has_comparison: bool = False
    nothing_left: bool = False


@dataclass(frozen=True)
class Simulation:
    """What the simulated annotators did."""

    votes: int
    outcomes: dict[str, int]
    stopped_because: str


def simulate_votes(
    *,
    run: SelectionRun,
    votes: int,
    seed: int = 0,
    url: str = "",
    n_annotators: int = 8,
    noise: float = 1.0,
    on_vote: Callable[[int], None] = lambda number: None,
) -> Simulation:
    """Cast `votes` votes on the run's open round, annotator after annotator in turn.

    Args:
        seed: decides every outcome that the same pages lead to.
        url: a running site on this database; without one a server runs while the votes are cast.
        noise: scale of the annotators' Gumbel noise; a plain fault weighs 3.
        on_vote: called after each vote with its number.

    Raises:
        RoundClosed: no round of the run is open.
        PageNotUnderstood: the address shows something other than the rating page.
    """
    if not run.rounds.open().exists():
        raise errors.RoundClosed(f"run {run.slug} has no open round to vote in")
    rng = np.random.default_rng(seed)
    outcomes: dict[str, int] = {}
    with ExitStack() as stack:
        url = url or stack.enter_context(running_site())
        voters = [
            stack.enter_context(_Voter(url=url, run=run, user=user))
            for user in simulated_users(n=n_annotators)
        ]
        cast = 0
        while cast < votes and voters:
            voter = voters[cast % len(voters)]
            choice = voter.vote(rng, noise)
            if choice is None:
                voters.remove(voter)
                continue
            cast += 1
            outcomes[choice] = outcomes.get(choice, 0) + 1
            on_vote(cast)
    reason = "all votes are cast" if cast == votes else _say_why_no_more(run)
    return Simulation(votes=cast, outcomes=outcomes, stopped_because=reason)


def _say_why_no_more(run: SelectionRun) -> str:
    run.refresh_from_db()
    if run.paused_at is not None:
        return "the run is paused"
    if run.rounds.open().decided().exists():
        return "the round has its answer"
    return "nothing is left to compare"


def simulated_users(*, n: int) -> Iterator[User]:
    """Give accounts whose annotators are marked as simulated; nobody can sign in to them."""
    for number in range(1, n + 1):
        username = f"simulated-{number}"
        user = User.objects.filter(username=username).first()
        if user is None:
            user = User.objects.create_user(username)
            Annotator.objects.create(user=user, name=username, kind=Annotator.Kind.SIMULATED)
        yield user


def sign_in_without_password(*, user: User) -> str:
    """Open a session for a simulated user and give the value of its cookie."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore()
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    request.session.save()
    return str(request.session.session_key)


def read_page(html: str) -> RatingPage:
    """Read a rating page as its markup promises it (see the templates of `rate/`)."""
    parser = _PageParser()
    parser.feed(html)
    parser.close()
    return parser.page


def choose_button(*, found: str, offered: list[str], rng: np.random.Generator) -> str:
    """Give the button that says what was found, or comes nearest to it.

    Where no draw can be said, a coin decides between the sides: what made it a draw was a
    difference too small to see. By how much a side is better is a coin's, too.
    """
    if found in offered:
        return found
    if found == "both_bad" and "tie" in offered:
        return "tie"
    sides = [choice for choice in offered if choice.startswith(("left", "right"))]
    return str(rng.choice([choice for choice in sides if choice.startswith(found)] or sides))


class _Voter:
    """One simulated annotator with a browser's cookies."""

    def __init__(self, *, url: str, run: SelectionRun, user: User) -> None:
        cookies = {settings.SESSION_COOKIE_NAME: sign_in_without_password(user=user)}
        self._client = httpx.Client(
            base_url=url, cookies=cookies, timeout=TIMEOUT_S, follow_redirects=True
        )
        self._path = f"/rate/{run.slug}/"
        self._page: RatingPage | None = None

    def __enter__(self) -> "_Voter":
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    def vote(self, rng: np.random.Generator, noise: float) -> str | None:
        """Judge the comparison at hand and send the form; None when nothing is left."""
        page = self._page or self._read(self._client.get(self._path))
        if page.nothing_left:
            return None
        question = "\n".join(page.turns)
        utility = {
            side: reply_utility(prompt=question, reply="\n".join(replies), language=page.language)
            for side, replies in (("left", page.left), ("right", page.right))
        }
        found = simulate_outcome(
            utility_left=utility["left"], utility_right=utility["right"], rng=rng, noise=noise
        )
        choice = choose_button(found=found, offered=page.choices, rng=rng)
        answer = self._client.post(
            self._path,
            data={**page.form, "choice": choice},
            headers={"Referer": str(self._client.base_url)},
        )
        self._page = self._read(answer)
        return choice

    def _read(self, answer: httpx.Response) -> RatingPage:
        page = read_page(answer.text)
        if answer.status_code != 200 or not (page.has_comparison or page.nothing_left):
            raise PageNotUnderstood(
                f"{answer.url} answered {answer.status_code} without a comparison to rate;"
                " is it a Kurabe site on this database?"
            )
        return page


class _PageParser(HTMLParser):
    """Collects the texts that the rating page marks with data attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = RatingPage()
        self._texts: list[str] | None = None
        self._depth = 0
        self._in_form = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if self._texts is not None:
            self._depth += tag not in VOID
            return
        if "data-language" in found:
            self.page.language = found["data-language"]
        if "data-nothing-left" in found:
            self.page.nothing_left = True
        if tag == "form":
            self._in_form = "data-comparison" in found
            self.page.has_comparison |= self._in_form
        if tag == "button" and found.get("name") == "choice":
            self.page.choices.append(found.get("value", ""))
        if tag == "input" and self._in_form and "name" in found:
            self.page.form[found["name"]] = found.get("value", "")
        if "data-turn" in found:
            self._begin(self.page.turns)
        elif found.get("data-reply") in ("left", "right"):
            self._begin(getattr(self.page, found["data-reply"]))

    def handle_endtag(self, tag: str) -> None:
        if self._texts is not None:
            self._depth -= tag not in VOID
            if self._depth == 0:
                self._texts = None
        elif tag == "form":
            self._in_form = False

    def handle_data(self, data: str) -> None:
        if self._texts is not None:
            self._texts[-1] += data

    def _begin(self, texts: list[str]) -> None:
        texts.append("")
        self._texts = texts
        self._depth = 1
