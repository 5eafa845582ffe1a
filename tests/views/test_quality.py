"""The quality of a run's votes, as researchers see it."""

import pytest

from annotate.models import Annotator, Exclusion, Ranking, Round
from annotate.ranking import RankingSettings
from annotate.services.exclusions import exclude
from annotate.services.rankings import store_rankings
from tests import factories as make
from tests.views.pages import browser_as, browser_of, cast_votes, count_queries
from tests.views.test_runs import words_of

pytestmark = pytest.mark.django_db


def quality_page(round_: Round, **headers: str) -> str:
    answer = browser_as("researcher").get(f"/runs/{round_.run.slug}/quality/", headers=headers)
    assert answer.status_code == 200
    return words_of(answer.content.decode())


def make_judged_round() -> Round:
    """Let two people and a simulation judge two pairs; the simulation sees both as bad."""
    round_ = make.make_open_round()
    for name in ("Ada", "Bo"):
        cast_votes(round_, make.make_annotator(name=name), 2)
    cast_votes(round_, make.make_annotator(kind="simulated", name="robot"), 2, "both_bad")
    return round_


def test_quality_page_shows_the_run() -> None:
    """In each pair two of six ordered pairs of votes agree; D_o = 4 / 6, D_e = 16 / 30."""
    page = quality_page(make_judged_round())
    assert "Krippendorff’s α −0.250 −0.250 – " in page
    assert "Counts 2 pairs of completions that two or more annotators judged." in page
    assert "Raw agreement 0.333 0.333 – 0.333" in page
    assert "Left share 1.000 – Measure What it is" in page
    assert "The error needs votes for both sides" in page


def test_quality_page_shows_each_annotator() -> None:
    page = quality_page(make_judged_round())
    assert "Ada 2 – – 0.500 1.000 0.342 – 1.000" in page
    assert "robot simulated annotator 2 – – 0.000 –" in page
    assert "6 simulated annotators: 2 people: 4" in page


def test_quality_page_names_sources_and_reasons() -> None:
    page = quality_page(make_judged_round())
    for source in ("Krippendorff 2011; 2019", "Cameron, Gelbach &amp; Miller 2011", "Wilson 1927",
                   "Davidson 1970"):  # fmt: skip
        assert source in page
    assert "Nobody judged the same pair twice." in page


def test_quality_page_says_what_is_missing() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 1)
    page = quality_page(round_)
    assert "Krippendorff’s α – – Raw agreement – –" in page
    assert "No two annotators judged the same pair of completions." in page
    assert "Reliability needs a second annotator to compare with." in page


def test_quality_page_without_votes_says_so() -> None:
    page = quality_page(make.make_open_round())
    assert "No votes yet, so there is nothing to measure." in page
    assert "Krippendorff" not in page


def test_quality_page_is_there_in_japanese() -> None:
    page = quality_page(make_judged_round(), **{"Accept-Language": "ja"})
    assert "クリッペンドルフの α" in page
    assert "同じペアを2回判定した評価者はいません。" in page


def test_quality_page_shows_known_answers_and_repeats() -> None:
    """One of two known answers found (Wilson .095 to .905), and one repeat that agrees."""
    round_ = make_judged_round()
    ada = Annotator.objects.get(name="Ada")
    for outcome in ("a", "b"):
        pair = make.make_gold_pair(round_.run)
        comparison = make.make_comparison(
            pair.completion_a, pair.completion_b, round_=round_, annotator=ada, purpose="gold",
            gold=pair,
        )  # fmt: skip
        make.make_vote(comparison, outcome)
    earlier = ada.comparisons.filter(purpose="ranking")[0]
    again = make.make_comparison(
        earlier.completion_a, earlier.completion_b, round_=round_, annotator=ada,
        purpose="repeat", repeats=earlier,
    )  # fmt: skip
    make.make_vote(again)
    page = quality_page(round_)
    assert "Ada 2 0.500 1 of 2 0.095 – 0.905 1.000 1 pair 0.500" in page
    assert "Nobody was given a comparison with a known answer." not in page


def test_quality_page_by_language() -> None:
    round_ = make_judged_round()
    address = f"/runs/{round_.run.slug}/quality/?by=language"
    page = words_of(browser_as("researcher").get(address).content.decode())
    assert "English 6 2 −0.250 −0.250 – " in page
    assert "Shared pairs" not in quality_page(round_)


def test_quality_page_counts_equal_texts() -> None:
    round_ = make_judged_round()
    assert "Pairs of equal texts 0 All" in quality_page(round_)
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    for candidate in round_.candidates.all():
        make.make_completion(candidate, prompt, replies=["the same"])
    assert "Pairs of equal texts 1 recorded as identical, never shown" in quality_page(round_)


def test_admin_excludes_and_counts_again() -> None:
    """By the forms that the page shows."""
    round_ = make_judged_round()
    store_rankings(run=round_.run, settings=RankingSettings(n_resamples=100))
    admin = make.make_user("admin", username="root")
    client, address = browser_of(admin), f"/runs/{round_.run.slug}/quality/"
    robot = Annotator.objects.get(name="robot")
    form = f"{address}exclude/{robot.pk}/"
    assert f'action="{form}"' in client.get(address).content.decode()
    answer = client.post(form, {"reason": "no person"}, follow=True)
    assert answer.redirect_chain == [(address, 303)]
    page = words_of(answer.content.decode())
    assert "robot is excluded. Rankings and agreement are computed anew." in page
    assert "Votes 4 Annotators 3 Of them excluded 1 with 2 votes" in page
    assert "robot simulated annotator excluded 2" in page
    assert "robot excluded no person root" in page
    undo = f"{address}exclusions/{Exclusion.objects.get().pk}/undo/"
    assert f'action="{undo}"' in answer.content.decode()
    page = words_of(client.post(undo, {"reason": "welcome back"}, follow=True).content.decode())
    assert "Of them excluded 0" in page
    assert "robot counts again welcome back root" in page
    assert "robot excluded no person root" in page
    assert [each.n_votes for each in Ranking.objects.order_by("id")] == [6, 4, 6]


def test_exclusion_without_a_reason_is_refused_on_the_page() -> None:
    round_ = make_judged_round()
    ada = Annotator.objects.get(name="Ada")
    client, address = browser_as("admin"), f"/runs/{round_.run.slug}/quality/exclude/{ada.pk}/"
    for reason in ("", "  "):
        page = client.post(address, {"reason": reason}, follow=True).content.decode()
        assert "A reason is needed; nobody is excluded silently." in page
    assert not Exclusion.objects.exists()


def test_exclusion_said_twice_is_refused_on_the_page() -> None:
    round_ = make_judged_round()
    ada = Annotator.objects.get(name="Ada")
    client, address = browser_as("admin"), f"/runs/{round_.run.slug}/quality/exclude/{ada.pk}/"
    client.post(address, {"reason": "x"})
    page = client.post(address, {"reason": "x"}, follow=True).content.decode()
    assert "Ada is excluded already." in page
    assert Exclusion.objects.count() == 1


def test_researcher_reads_the_log_and_has_no_form() -> None:
    round_ = make_judged_round()
    ada = Annotator.objects.get(name="Ada")
    entry = exclude(run=round_.run, annotator=ada, reason="in a hurry")
    page = browser_as("researcher").get(f"/runs/{round_.run.slug}/quality/").content.decode()
    assert "Ada excluded in a hurry a command" in words_of(page)
    assert 'name="reason"' not in page
    for address in (f"exclude/{ada.pk}/", f"exclusions/{entry.pk}/undo/"):
        path = f"/runs/{round_.run.slug}/quality/{address}"
        assert browser_as("researcher").post(path, {"reason": "x"}).status_code == 403
        assert browser_as("admin").get(path).status_code == 405
    assert list(Exclusion.objects.standing()) == [entry]


def test_exclusion_is_undone_in_its_own_run_alone() -> None:
    round_, other = make_judged_round(), make.make_open_round()
    ada = Annotator.objects.get(name="Ada")
    entry = exclude(run=round_.run, annotator=ada, reason="x")
    path = f"/runs/{other.run.slug}/quality/exclusions/{entry.pk}/undo/"
    assert browser_as("admin").post(path, {"reason": "x"}).status_code == 404


def test_run_page_leads_to_its_quality() -> None:
    run = make.make_run()
    page = browser_as("researcher").get(f"/runs/{run.slug}/").content.decode()
    assert f'href="/runs/{run.slug}/quality/"' in page


def test_quality_of_an_unknown_run_is_not_found() -> None:
    assert browser_as("researcher").get("/runs/nowhere/quality/").status_code == 404


def test_quality_queries_do_not_grow_with_annotators() -> None:
    client, round_ = browser_as("researcher"), make_judged_round()
    address = f"/runs/{round_.run.slug}/quality/"
    with_three = count_queries(lambda: client.get(address))
    for _annotator in range(3):
        cast_votes(round_, make.make_annotator(), 3)
    assert count_queries(lambda: client.get(address)) == with_three
