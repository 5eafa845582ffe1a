"""The page of scores: by turn and category, on both scales, with their spread."""

import re

import pytest

from annotate.models import Completion, Judge, SelectionRun
from tests import factories as make
from tests.views.judged import make_scorer, score
from tests.views.pages import browser_as, count_queries

pytestmark = pytest.mark.django_db


def make_scored_run(judge: Judge, n_samples: int = 2) -> SelectionRun:
    """Make a run of two candidates whose replies to two questions of two turns were scored."""
    run = make.make_run(slug="mt")
    for name, first in (("weak", 3.0), ("strong", 8.0)):
        candidate = make.make_candidate(run, name=name)
        for number, category in enumerate(("coding", "math")):
            prompt_set = run.prompt_sets.get()
            prompt, _is_new = prompt_set.prompts.get_or_create(
                key=category, defaults={"turns": ["A?", "B?"], "language": "en",
                                        "category": category},
            )  # fmt: skip
            for sample in range(n_samples):
                completion = make.make_completion(candidate, prompt, sample=sample)
                score(judge, completion, first + number, first + sample)
    return run


def words_of(address: str) -> str:
    page = browser_as("researcher").get(address).content.decode()
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_candidates_stand_by_their_mean_with_turns_and_categories() -> None:
    make_scored_run(make_scorer())
    words = words_of("/runs/mt/scores/")
    # Of the strong one: coding 8, 8 or 9; math 9, 8 or 9: each repeat's mean is 8.25 or 8.75.
    assert "Candidate Overall First turn Second turn strong 8.50 ± 0.35" in words
    assert "coding math strong 8.25 ± 0.35 8.75 ± 0.35 weak 3.25 ± 0.35 3.75 ± 0.35" in words
    assert words.index("strong 8.50") < words.index("weak 3.50")


def test_scores_can_stand_between_0_and_1() -> None:
    make_scored_run(make_scorer())
    assert "strong 0.850 ± 0.035" in words_of("/runs/mt/scores/?scale=unit")


def test_one_repeat_has_no_spread() -> None:
    make_scored_run(make_scorer(), n_samples=1)
    assert "±" not in words_of("/runs/mt/scores/").split("Candidate Overall")[1].split("Below")[0]


def test_scores_that_could_not_be_read_are_counted() -> None:
    judge = make_scorer()
    run = make_scored_run(judge)
    completion = Completion.objects.of_run(run).earliest("id")
    score(judge, completion, None, choice=1, had_reference=True)
    words = words_of("/runs/mt/scores/")
    assert "Scores 17 Beside a right answer 1 Could not be read 1" in words


def test_another_judge_can_be_chosen_and_an_unknown_one_is_not_found() -> None:
    make_scored_run(make_scorer("first"))
    run = SelectionRun.objects.get()
    score(make_scorer("second"), Completion.objects.of_run(run).earliest("id"), 10)
    assert "weak 10.00" in words_of("/runs/mt/scores/?judge=second")
    client = browser_as("researcher")
    assert client.get("/runs/mt/scores/?judge=third").status_code == 404
    assert client.get("/runs/mt/scores/?scale=hundred").status_code == 404


def test_page_without_scores_says_how_to_get_some() -> None:
    assert "manage.py score" in words_of(f"/runs/{make.make_run().slug}/scores/")


def test_file_has_every_mean_in_full() -> None:
    make_scored_run(make_scorer())
    text = browser_as("researcher").get("/runs/mt/scores/scorer.csv").content.decode()
    lines = text.splitlines()
    assert lines[0] == "candidate,category,turn,mean,low,high,spread,questions,repeats,unread"
    assert len(lines) == 1 + 2 * 3 * 3
    assert lines[4].startswith("strong,coding,,8.25,,,0.353")


def test_radar_needs_three_categories() -> None:
    judge = make_scorer()
    run = make_scored_run(judge)
    assert (
        'data-file="mt-scores'
        not in browser_as("researcher").get("/runs/mt/scores/").content.decode()
    )
    prompt = make.make_prompt(run.prompt_sets.get(), category="writing")
    score(judge, make.make_completion(run.candidates.first(), prompt), 5)
    page = browser_as("researcher").get("/runs/mt/scores/").content.decode()
    assert 'data-file="mt-scores-scorer-categories"' in page


def test_page_takes_as_many_queries_for_many_scores_as_for_few() -> None:
    make_scored_run(make_scorer(), n_samples=1)
    client = browser_as("researcher")
    few = count_queries(lambda: client.get("/runs/mt/scores/"))
    run = SelectionRun.objects.get()
    judge = Judge.objects.get()
    for candidate in run.candidates.all():
        for prompt in run.prompts():
            score(judge, make.make_completion(candidate, prompt, sample=5), 5, 5)
    assert count_queries(lambda: client.get("/runs/mt/scores/")) == few


def test_volunteers_see_no_scores() -> None:
    assert browser_as("volunteer").get(f"/runs/{make.make_run().slug}/scores/").status_code == 403


def test_admin_has_a_judge_score_and_is_told() -> None:
    make_scored_run(make_scorer(), n_samples=1)
    run = SelectionRun.objects.get()
    round_ = run.rounds.create(number=1, opened_at=run.created_at)
    round_.candidates.set(run.candidates.all())
    client = browser_as("admin")
    assert 'action="/runs/mt/scores/now/"' in client.get("/runs/mt/scores/").content.decode()
    answer = client.post("/runs/mt/scores/now/", {"judge": "scorer", "choices": "2"}, follow=True)
    assert "A worker scores the newest round" in answer.content.decode()
    assert "scorer, round 1: waiting for a worker" in answer.content.decode()
    sitting = round_.sittings.get()
    assert (sitting.n_wanted, sitting.choices) == (2 * 2 * 2 * 2, 2)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"judge": "nobody", "choices": "1"}, "valid choice"),
        ({"judge": "scorer", "choices": "0"}, "greater than or equal to 1"),
        ({"judge": "scorer", "choices": "1"}, "no round yet"),
    ],
)
def test_what_cannot_be_scored_is_said(sent: dict[str, str], said: str) -> None:
    make_scored_run(make_scorer(), n_samples=1)
    answer = browser_as("admin").post("/runs/mt/scores/now/", sent, follow=True)
    assert said in answer.content.decode()


def test_researcher_asks_for_no_scores() -> None:
    make_scored_run(make_scorer(), n_samples=1)
    client = browser_as("researcher")
    assert "score-now" not in client.get("/runs/mt/scores/").content.decode()
    assert client.post("/runs/mt/scores/now/", {}).status_code == 403
