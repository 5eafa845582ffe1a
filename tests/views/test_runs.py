"""Runs, as researchers see them."""

import re

import pytest
from django.test import Client

from annotate.models import PromptSet, Round, SelectionRun
from annotate.services import rounds, states
from annotate.views import counts
from tests import factories as make
from tests.views.pages import (
    browser_as,
    cast_votes,
    count_queries,
    make_dataset,
    make_ranking,
    make_training,
)

pytestmark = pytest.mark.django_db


def words_of(html: str) -> str:
    """Give what a reader sees, tags and runs of spaces away."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def run_page(run: SelectionRun) -> str:
    answer = browser_as("researcher").get(f"/runs/{run.slug}/")
    assert answer.status_code == 200
    return words_of(answer.content.decode())


def test_run_list_says_how_to_begin_when_it_is_empty() -> None:
    page = browser_as("researcher").get("/runs/").content.decode()
    assert "manage.py import_completions FILE --run SLUG" in page


def test_run_list_counts_each_run() -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=4)
    cast_votes(round_, make.make_annotator(), 2)
    cast_votes(round_, make.make_annotator(kind="simulated"), 3)
    page = words_of(browser_as("researcher").get("/runs/").content.decode())
    assert f"{round_.run.slug} voting 4 3 5 simulated annotators: 3 people: 2 open" in page


def test_run_page_shows_state_prompts_and_rounds() -> None:
    round_ = make.make_open_round(n_prompts=2, votes_wanted=30)
    japanese = PromptSet.objects.create(slug="extra", title="More prompts")
    make.make_prompt(japanese, language="ja")
    round_.run.prompt_sets.add(japanese)
    page = run_page(round_.run)
    names = ", ".join(candidate.name for candidate in round_.candidates.all())
    assert f"{round_.run.slug} voting" in page
    assert "More prompts Japanese: 1" in page
    assert "English: 2" in page
    assert f"1 open all prompts {names} 0 30" in page


def test_run_page_marks_simulated_votes_wherever_they_count() -> None:
    round_ = make.make_open_round(n_prompts=3)
    cast_votes(round_, make.make_annotator(kind="simulated"), 3)
    make_ranking(round_.run, settings={"votes_by_kind": {"simulated": 3}})
    make_dataset(round_.run)
    page = run_page(round_.run)
    assert page.count("3 simulated annotators: 3") == 3  # the run, the round, the ranking
    assert "Votes of simulated annotators are among those" in page


def test_run_page_counts_completions_that_rounds_need() -> None:
    run = make.make_run(state="voting", samples_per_prompt=2)
    prompt_set = run.prompt_sets.get()
    prompts = [make.make_prompt(prompt_set, is_held_out=n == 0) for n in range(3)]
    parent, child, idle = (make.make_candidate(run, name=name) for name in ("p", "c", "i"))
    child.parents.add(parent)
    for prompt in prompts:
        make.make_completion(parent, prompt)
    rounds.create_round(run=run, candidates=[parent], prompt_scope="training")
    rounds.create_round(run=run, candidates=[parent, child], prompt_scope="held_out")
    page = run_page(run)
    assert "p imported – imported: made elsewhere 3 of 6" in page
    assert "c imported p imported: made elsewhere 0 of 2" in page
    assert f"{idle} imported – imported: made elsewhere 0 of 6" in page


def test_run_page_lists_what_was_made_of_the_votes() -> None:
    run = make.make_run()
    ranking = make_ranking(run, filters={"round": 1, "by": "language", "value": "ja"})
    training_run = make_training(run)
    html = browser_as("researcher").get(f"/runs/{run.slug}/").content.decode()
    assert f'href="/runs/{run.slug}/rankings/{ranking.pk}/"' in html
    assert "round 1 · language: ja" in html
    assert f'href="/datasets/{training_run.dataset.pk}/"' in html
    assert f'href="/training/{training_run.pk}/">the child</a>' in html


def test_run_page_says_what_to_do_next_when_it_is_empty() -> None:
    run = SelectionRun.objects.create(slug="bare")
    page = run_page(run)
    for advice in (
        "manage.py import_completions FILE --run bare",
        "manage.py rank bare",
        "manage.py export bare --to dpo --out pairs.jsonl",
        "manage.py train bare --candidate NAME",
        "manage.py import_prompts",
        "The first one begins when candidates are there.",
    ):
        assert advice in page


def test_run_page_of_an_unknown_run_is_not_found() -> None:
    assert browser_as("researcher").get("/runs/never-made/").status_code == 404


def fill(run: SelectionRun, n: int) -> None:
    """Add n of everything that a run page lists."""
    for _number in range(n):
        prompt_set = PromptSet.objects.create(slug=f"set-{PromptSet.objects.count()}-of-{run.slug}")
        run.prompt_sets.add(prompt_set)
        prompt = make.make_prompt(prompt_set)
        parent, child = make.make_candidate(run), make.make_candidate(run)
        child.parents.add(parent)
        completions = [make.make_completion(each, prompt) for each in (parent, child)]
        round_ = rounds.create_round(run=run, candidates=[parent, child])
        comparison = make.make_comparison(
            *completions, round_=round_, annotator=make.make_annotator()
        )
        make.make_vote(comparison)
        make_ranking(run)
        make_training(run, base=child)


def test_run_page_queries_do_not_grow_with_rows() -> None:
    client = browser_as("researcher")
    counts = []
    for n in (1, 3):
        run = make.make_run(state="voting")
        fill(run, n)
        counts.append(count_queries(lambda: client.get(f"/runs/{run.slug}/")))  # noqa: B023  called at once
    assert Round.objects.count() == 4
    assert counts[0] == counts[1]


def test_run_list_queries_do_not_grow_with_runs() -> None:
    client = browser_as("researcher")
    make.make_open_round()
    with_one = count_queries(lambda: client.get("/runs/"))
    for _run in range(2):
        cast_votes(make.make_open_round(), make.make_annotator(), 1)
    assert count_queries(lambda: client.get("/runs/")) == with_one


def test_run_page_counts_completions_that_name_their_maker() -> None:
    round_ = make.make_open_round(n_candidates=0, n_prompts=2)
    for name, flags in (("one", ["I am ChatGPT", ""]), ("two", ["", ""])):
        candidate = make.make_candidate(round_.run, name=name)
        for prompt, flag in zip(round_.run.prompts(), flags, strict=True):
            make.make_completion(candidate, prompt, names_maker=flag)
    page = run_page(round_.run)
    assert "one imported – imported: made elsewhere 2 of 2 1 two" in page
    assert "Completions that name their maker are shown like any other" in page
    make.make_rules(round_.run, leaves_out_maker_names=True)
    assert "Completions that name their maker are left out" in run_page(round_.run)


@pytest.mark.parametrize(("n_candidates", "is_folded"), [(8, False), (9, True)])
def test_run_page_folds_the_names_of_many_candidates_of_a_round(
    n_candidates: int, is_folded: bool
) -> None:
    round_ = make.make_open_round(n_candidates=n_candidates, n_prompts=1)
    page = browser_as("researcher").get(f"/runs/{round_.run.slug}/").content.decode()
    assert (f"<summary>{n_candidates}</summary>" in page) is is_folded


def test_run_page_counts_pairs_of_equal_texts_in_each_round() -> None:
    """Texts of one candidate are no pair, and only a round's prompts and candidates count."""
    round_ = make.make_open_round(n_candidates=3, n_prompts=0)
    first, second, third = round_.candidates.order_by("id")
    prompt_set = round_.run.prompt_sets.get()
    shown, held_out = (make.make_prompt(prompt_set, is_held_out=flag) for flag in (False, True))
    for sample in (0, 1):
        make.make_completion(first, shown, sample=sample, replies=["the same"])
    make.make_completion(second, shown, replies=[" the  same\n"])
    make.make_completion(third, shown, replies=["another"])
    make.make_completion(first, held_out, replies=["equal"])
    make.make_completion(third, held_out, replies=["equal"])
    states.close_round(round_=round_)
    other = Round.objects.create(run=round_.run, number=2, prompt_scope="held_out")
    other.candidates.add(first, third)
    rounds_ = counts.list_rounds(round_.run)
    assert [row.n_identical for row in rounds_] == [3, 1]
    assert "0 – 3 2 waits for completions" in run_page(round_.run)


def test_closing_a_run_ranks_it_and_shows_volunteers_its_models() -> None:
    round_ = make.make_open_round()
    run = round_.run
    volunteer = make.make_volunteer(run)
    cast_votes(round_, volunteer.annotator, 2)
    assert "Close this run" in browser_as("admin").get(f"/runs/{run.slug}/").content.decode()
    answer = browser_as("admin").post(f"/runs/{run.slug}/close/", follow=True)
    page = words_of(answer.content.decode())
    assert "The run is closed. Those who voted see its models now." in page
    assert "Close this run" not in page
    assert run.rankings.get().n_votes == 2
    client = Client()
    client.force_login(volunteer)
    results = client.get(f"/rate/{run.slug}/results/").content.decode()
    assert all(candidate.name in results for candidate in run.candidates.all())


def test_closing_again_ranks_nothing_anew() -> None:
    round_ = make.make_open_round()
    for _time in range(2):
        browser_as("admin").post(f"/runs/{round_.run.slug}/close/")
    assert round_.run.rankings.count() == 1


def test_closing_a_run_that_has_not_begun_is_refused_in_words() -> None:
    run = make.make_run()
    answer = browser_as("admin").post(f"/runs/{run.slug}/close/", follow=True)
    assert "is draft and cannot become closed" in words_of(answer.content.decode())


def test_researchers_close_no_run() -> None:
    round_ = make.make_open_round()
    assert "Close this run" not in run_page(round_.run)
    assert browser_as("researcher").post(f"/runs/{round_.run.slug}/close/").status_code == 403
    round_.refresh_from_db()
    assert round_.is_open
