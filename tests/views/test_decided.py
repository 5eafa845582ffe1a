"""A run's decision as a page and as files: for researchers, whole, and safe to print."""

import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.utils import timezone

from annotate.models import (
    Candidate,
    Completion,
    Round,
    RoundCut,
    RunDecision,
    SelectionRun,
)
from annotate.services.canonical import write_canonical
from annotate.services.deciding import decide_run
from annotate.services.states import close_round
from annotate.views.decided.bars import WIDTH, draw_bars
from tests import factories as make
from tests.services.deciding.polls import decided, open_grid, poll, prefer_first
from tests.views.pages import browser_as, count_queries

pytestmark = pytest.mark.django_db


def decided_run(*, n_annotators: int = 8, kind: str = "person") -> SelectionRun:
    round_ = open_grid()
    poll(round_, n_annotators=n_annotators, favours=prefer_first, kind=kind)
    decide_run(run=round_.run)
    run: SelectionRun = round_.run
    return run


def words_of(html: str) -> str:
    """Give what a reader sees of a page."""
    main = html[html.index("<main") :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


def test_headline_names_checkpoint_and_temperature_and_what_is_proven() -> None:
    run = decided_run(n_annotators=44)
    html = browser_as("researcher").get(f"/runs/{run.slug}/decided/").content.decode()
    won = "<strong>shisa-a</strong> at temperature <strong>0.2</strong> won"
    assert won in html
    assert "better than each of its 3 rivals" in html
    assert "<h1>" in html
    assert html.index(won) < html.index('id="evidence"') < html.index('id="slices"')
    assert html.index('id="slices"') < html.index('id="standings"')


def test_a_leader_without_proof_is_called_so() -> None:
    run = decided_run(n_annotators=3)
    said = words_of(browser_as("researcher").get(f"/runs/{run.slug}/decided/").content.decode())
    assert "leads, and that is not proven: 3 rivals may be better." in said
    assert "3 annotators voted. Fewer than five prove nothing" in said
    assert " won: " not in said


def test_simulated_votes_are_said_loudly() -> None:
    run = decided_run(kind="simulated")
    said = words_of(browser_as("researcher").get(f"/runs/{run.slug}/decided/").content.decode())
    assert "No person voted. These votes are simulated" in said
    people = decided_run()
    said = words_of(browser_as("researcher").get(f"/runs/{people.slug}/decided/").content.decode())
    assert "simulated" not in said


def test_a_licence_without_commercial_use_stands_next_to_the_choice() -> None:
    round_ = open_grid()
    poll(round_, n_annotators=8, favours=prefer_first)
    parent = make.make_candidate(round_.run, name="lisa", licence="CC-BY-NC-SA-4.0")
    round_.candidates.order_by("id")[0].parents.add(parent)
    decide_run(run=round_.run)
    html = browser_as("researcher").get(f"/runs/{round_.run.slug}/decided/").content.decode()
    said = words_of(html)
    assert "No commercial use: lisa is under CC-BY-NC-SA-4.0. The chosen candidate was made" in said
    assert html.index("CC-BY-NC-SA-4.0") < html.index('id="evidence"')


def test_names_are_text_and_never_markup() -> None:
    round_ = open_grid(models=("<b>a</b>", "shisa-b"))
    poll(round_, n_annotators=8, favours=prefer_first)
    run = round_.run
    SelectionRun.objects.filter(pk=run.pk).update(title="<script>run</script>")
    decide_run(run=run)
    browser = browser_as("researcher")
    for address in ("", "1/", "1/decision.html"):
        html = browser.get(f"/runs/{run.slug}/decided/{address}").content.decode()
        assert "&lt;b&gt;a&lt;/b&gt;" in html
        assert "<b>a" not in html
        assert "<script>run" not in html


def test_json_file_is_the_stored_content_to_the_byte() -> None:
    run = decided_run()
    answer = browser_as("researcher").get(f"/runs/{run.slug}/decided/1/decision.json")
    decision = RunDecision.objects.get()
    assert hashlib.sha256(answer.content).hexdigest() == decision.sha256
    assert answer.content == write_canonical(decision.content)
    assert json.loads(answer.content)["schema"] == 1
    assert answer["Content-Type"] == "application/json"
    disposition = f'attachment; filename="{run.slug}-decision-1.json"'
    assert answer["Content-Disposition"] == disposition


class Loads(HTMLParser):
    """Collects what a page would fetch or run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action", "data", "style") or name[:2] == "on":
                self.found.append(f"{tag} {name}={value}")


def test_html_file_needs_nothing_but_itself() -> None:
    run = decided_run()
    answer = browser_as("researcher").get(f"/runs/{run.slug}/decided/1/decision.html")
    html = answer.content.decode()
    page = Loads(html)
    assert page.found == []
    assert page.tags.isdisjoint({"script", "link", "iframe", "object", "img", "form"})
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "svg" in page.tags
    assert RunDecision.objects.get().sha256 in html
    disposition = f'attachment; filename="{run.slug}-decision-1.html"'
    assert answer["Content-Disposition"] == disposition


def test_page_and_file_tell_the_same() -> None:
    run = decided_run()
    browser = browser_as("researcher")
    file = words_of(browser.get(f"/runs/{run.slug}/decided/1/decision.html").content.decode())
    page = words_of(browser.get(f"/runs/{run.slug}/decided/1/").content.decode())
    assert file.split(">", 1)[-1].strip() in page


def test_every_decision_keeps_its_page() -> None:
    run = decided_run()
    poll(run.rounds.get(), n_annotators=1, favours=prefer_first)
    decided(run)
    browser = browser_as("researcher")
    assert (
        "decision 2 is the newest" in browser.get(f"/runs/{run.slug}/decided/1/").content.decode()
    )
    newest = browser.get(f"/runs/{run.slug}/decided/").content.decode()
    assert f"/runs/{run.slug}/decided/2/decision.json" in newest
    assert browser.get(f"/runs/{run.slug}/decided/3/").status_code == 404


def test_an_admin_decides_and_a_researcher_does_not() -> None:
    round_ = open_grid()
    run = round_.run
    poll(round_, n_annotators=8, favours=prefer_first)
    address = f"/runs/{run.slug}/decided/"
    researcher, admin = browser_as("researcher"), browser_as("admin")
    assert "not decided yet" in researcher.get(address).content.decode()
    assert "Decide now" not in researcher.get(address).content.decode()
    assert researcher.post(address).status_code == 403
    assert "Decide now" in admin.get(address).content.decode()
    answer = admin.post(address)
    assert (answer.status_code, answer["Location"]) == (303, address)
    shown = admin.get(address).content.decode()
    assert "Decision 1 is made." in shown
    assert "somebody decided by hand" in shown
    assert "Decide again" not in shown
    run.refresh_from_db()
    assert run.state == SelectionRun.State.DECIDED


def test_a_run_without_votes_says_why_it_is_not_decided() -> None:
    run = open_grid().run
    admin = browser_as("admin")
    address = f"/runs/{run.slug}/decided/"
    shown = admin.post(address, follow=True).content.decode()
    assert "counts yet, so there is nothing to decide by." in shown
    assert not RunDecision.objects.exists()


@pytest.mark.parametrize("address", ["", "1/", "1/decision.json", "1/decision.html"])
def test_volunteers_and_strangers_see_nothing_of_it(address: str) -> None:
    run = decided_run()
    path = f"/runs/{run.slug}/decided/{address}"
    assert browser_as("volunteer").get(path).status_code == 403
    assert Client().get(path).status_code == 302


def test_scores_stand_beside_newcomers() -> None:
    round_ = open_grid()
    anchors = [each.pk for each in round_.candidates.order_by("id")[1:3]]
    Candidate.objects.filter(pk__in=anchors).update(is_anchor=True)
    round_.anchors_only = True
    round_.save()
    poll(round_, n_annotators=12, favours=prefer_first)
    decide_run(run=round_.run)
    html = browser_as("researcher").get(f"/runs/{round_.run.slug}/decided/").content.decode()
    assert "Scores against the anchors" in html
    score = RunDecision.objects.get().content["scores"]["rows"][0]["score"]
    assert f"{score:.2f}" in html


def test_rounds_say_who_left_and_with_which_chance_the_best_one_did() -> None:
    round_ = open_grid()
    run = round_.run
    poll(round_, n_annotators=6, favours=prefer_first)
    first, second, *others = round_.candidates.order_by("id")
    RoundCut.objects.create(
        round=round_, rule="beaten", error=0.021, cutoff=0, evidence={"candidates": []},
        kept=[first.pk, second.pk], left=[each.pk for each in others],
    )  # fmt: skip
    close_round(round_=round_)
    last = Round.objects.create(run=run, number=2, opened_at=timezone.now())
    last.candidates.set([first, second])
    poll(last, n_annotators=6, favours=lambda *_: "a")
    decide_run(run=run)
    said = words_of(browser_as("researcher").get(f"/runs/{run.slug}/decided/").content.decode())
    assert "2 candidates left in earlier rounds. The chance that the best one left is 2.1%" in said
    assert f"beaten by proof: {others[0].name}, {others[1].name} 2.1% at most" in said
    content = RunDecision.objects.get().content
    assert content["basis"]["why_anytime"] == ["cut"]
    roles = {row["candidate"]: row["role"] for row in content["evidence"]}
    assert roles == {second.pk: "rival", others[0].pk: "left", others[1].pk: "left"}


def test_many_candidates_and_categories_are_folded() -> None:
    """100 candidates, 20 categories and 3 languages: ten rows of each, the rest behind a fold."""
    round_ = make.make_open_round(n_candidates=0, n_prompts=0)
    run, languages = round_.run, ("en", "ja", "ko")
    prompts = [
        make.make_prompt(run.prompt_sets.get(), language=languages[n % 3], category=f"c{n}")
        for n in range(20)
    ]
    for n in range(100):
        candidate = make.make_candidate(
            run, name=f"model-{n // 5} · {n % 5}", model=f"model-{n // 5}",
            sampling={"temperature": n % 5 / 4},
        )  # fmt: skip
        round_.candidates.add(candidate)
        Completion.objects.bulk_create(
            Completion(candidate=candidate, prompt=prompt, replies=[f"{n} {prompt.key}"])
            for prompt in prompts
        )
    poll(round_, n_annotators=1, favours=prefer_first)
    decide_run(run=run)
    browser = browser_as("researcher")
    html = browser.get(f"/runs/{run.slug}/decided/").content.decode()
    in_view = re.sub(r"<details>.*?</details>", "", html, flags=re.S)
    assert 10 <= in_view.count('<th scope="row">') < 110
    assert html.count('<th scope="row">') > 300
    assert len(html) < 600_000
    assert count_queries(lambda: browser.get(f"/runs/{run.slug}/decided/")) < 20


def test_bars_share_a_scale_and_stay_inside() -> None:
    bars = draw_bars([(1.0, 0.5, 1.5), (-1.0, -1.5, -0.5), (0.0, -90.0, 90.0), (None, None, None)])
    assert bars[3].centre == ""
    placed = [float(each.centre) for each in bars[:3]]
    assert placed[1] < placed[2] < placed[0]
    assert placed[2] == pytest.approx(float(bars[0].zero))
    assert placed[0] - placed[2] == pytest.approx(placed[2] - placed[1], abs=0.11)
    ends = [float(end) for each in bars[:3] for end in (each.low, each.high)]
    assert min(ends) >= 0
    assert max(ends) <= WIDTH
    # One interval that is far wider than the others leaves them room.
    assert float(bars[0].high) - float(bars[0].low) > WIDTH / 10


def test_bars_of_nothing_are_empty() -> None:
    assert draw_bars([]) == []
    assert [each.zero for each in draw_bars([(None, None, None)])] == [""]
