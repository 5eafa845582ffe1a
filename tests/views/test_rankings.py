"""A stored ranking, with all that made it."""

import re
from typing import Any

import pytest

from annotate.models import Ranking, SelectionRun
from annotate.ranking import RankingSettings
from tests import factories as make
from tests.views.pages import browser_as, cast_votes, count_queries, make_ranking, make_standing
from tests.views.test_runs import words_of

pytestmark = pytest.mark.django_db


def ranking_page(ranking: Ranking) -> str:
    answer = browser_as("researcher").get(f"/runs/{ranking.run.slug}/rankings/{ranking.pk}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_ranking_page_shows_every_column_of_the_standings() -> None:
    page = words_of(ranking_page(make_ranking(make.make_run())))
    assert "1 1–2 stronger 0.25 −0.50 1.00 7 3 2 1 13 0" in page
    assert "2 1–2 weaker −0.25 −1.00 0.50 7 3 2 1 13 0" in page


def test_ranking_page_says_what_made_it() -> None:
    ranking = make_ranking(
        make.make_run(),
        filters={"round": 2, "by": "category", "value": "jokes"},
        settings={"prior": 0.5, "seed": 7, "votes_by_kind": {"person": 13}, "n_annotators": 2},
    )
    page = words_of(ranking_page(ranking))
    assert "round 2 · category: jokes" in page
    assert "Cut-off in the vote ledger 40" in page
    assert "prior 0.5 seed 7" in page
    assert "choix 0.4.1" in page


def test_ranking_page_keeps_provisional_groups_apart() -> None:
    standings = [
        make_standing("main one"),
        make_standing("main two", rank=2),
        make_standing("apart", group=1, rank=1, low=None, high=None, strength=0.0),
        make_standing(
            "unvoted", group=None, rank=None, rank_low=None, rank_high=None, strength=None,
            low=None, high=None, wins=0, losses=0, ties=0, both_bad=0, votes=0,
        ),
    ]  # fmt: skip
    html = ranking_page(make_ranking(make.make_run(), standings=standings))
    main, _, rest = html.partition("Provisional group 1")
    provisional, _, unvoted = rest.partition("Without a vote")
    assert [name in main for name in ("main one", "main two", "apart")] == [True, True, False]
    assert "1 1–2 apart 0.00 – – 7" in words_of(provisional)
    assert "unvoted" in unvoted
    assert "unvoted" not in main + provisional
    assert html.count("<figure") == 1  # a group of one has no scale to be drawn on


def test_ranking_page_badges_simulated_votes() -> None:
    settings = {"votes_by_kind": {"person": 5, "simulated": 1400, "judge": 3}}
    page = words_of(ranking_page(make_ranking(make.make_run(), settings=settings)))
    assert "1,408 simulated annotators: 1,400 LLM judges: 3 people: 5" in page


def test_ranking_page_without_simulated_votes_has_no_badge() -> None:
    assert "simulated" not in ranking_page(make_ranking(make.make_run()))


def test_ranking_page_of_no_votes_says_so() -> None:
    ranking = make_ranking(make.make_run(), n_votes=0, settings={"votes_by_kind": {}}, standings=[])
    assert "No votes counted" in ranking_page(ranking)


def test_ranking_page_belongs_to_its_run() -> None:
    ranking = make_ranking(make.make_run())
    address = f"/runs/{make.make_run().slug}/rankings/{ranking.pk}/"
    assert browser_as("researcher").get(address).status_code == 404


def test_ranking_queries_do_not_grow_with_candidates() -> None:
    client, run = browser_as("researcher"), make.make_run()
    counts = []
    for n in (1, 3):
        ranking = make_ranking(run, standings=[make_standing(f"c{k}") for k in range(n)])
        address = f"/runs/{run.slug}/rankings/{ranking.pk}/"
        counts.append(count_queries(lambda: client.get(address)))  # noqa: B023  called at once
    assert counts[0] == counts[1]


def address_of(ranking: Ranking, end: str = "") -> str:
    return f"/runs/{ranking.run.slug}/rankings/{ranking.pk}/{end}"


@pytest.mark.parametrize(
    ("scale", "row"),
    [
        ("log", "1 1–2 stronger 0.25 −0.50 1.00 7"),
        ("elo", "1 1–2 stronger 1043 913 1174 7"),
        ("logistic", "1 1–2 stronger 5.62 3.78 7.31 7"),
        ("unheard-of", "1 1–2 stronger 0.25 −0.50 1.00 7"),
    ],
)
def test_leaderboard_is_shown_on_the_scale_that_is_asked_for(scale: str, row: str) -> None:
    ranking = make_ranking(make.make_run())
    answer = browser_as("researcher").get(address_of(ranking), {"scale": scale})
    page = words_of(answer.content.decode())
    assert row in page
    unit = {"elo": "Elo points", "logistic": "points out of 10"}.get(scale, "log odds")
    assert f"Strength ({unit}) Low ({unit}) High ({unit})" in page
    assert f"Strength ({unit})" in answer.content.decode().partition("application/json")[2]


def test_logistic_scale_stands_on_its_anchors() -> None:
    ranking = make_ranking(make.make_run())
    query = {"scale": "logistic", "anchor": "weaker"}
    page = words_of(browser_as("researcher").get(address_of(ranking), query).content.decode())
    assert "2 1–2 weaker 5.00" in page
    answer = browser_as("researcher").get(address_of(ranking, "standings.csv"), query)
    assert b"weaker,5.0," in answer.content


def test_anchor_that_is_not_there_is_refused_and_the_page_still_shown() -> None:
    ranking = make_ranking(make.make_run())
    answer = browser_as("researcher").get(
        address_of(ranking), {"scale": "logistic", "anchor": "nobody"}
    )
    page = words_of(answer.content.decode())
    assert "nobody" in page
    assert "1 1–2 stronger 5.62" in page


def test_standings_file_has_every_number_in_full() -> None:
    standings = [make_standing("a, b", p_best=0.75), make_standing("c", p_best=None, rank=2)]
    ranking = make_ranking(make.make_run(), standings=standings)
    answer = browser_as("researcher").get(address_of(ranking, "standings.csv"))
    assert answer.content.decode().splitlines() == [
        "group,rank,rank_low,rank_high,candidate,strength,low,high,p_best,wins,losses,ties,"
        "both_bad,votes",
        '0,1,1,2,"a, b",0.25,-0.5,1.0,0.75,7,3,2,1,13',
        "0,2,1,2,c,0.25,-0.5,1.0,,7,3,2,1,13",
    ]


def test_chance_to_be_best_is_shown_where_it_is_known() -> None:
    known = [make_standing("x", p_best=0.968), make_standing("y", rank=2, p_best=0.004)]
    page = words_of(ranking_page(make_ranking(make.make_run(), standings=known)))
    assert "P(best)" in page
    assert "x 0.25 −0.50 1.00 97% 7" in page
    assert "y 0.25 −0.50 1.00 &lt; 1% 7" in page.replace("\u202f", " ")
    assert "P(best)" not in ranking_page(make_ranking(make.make_run()))


def test_ranking_after_an_early_stop_says_what_its_intervals_are() -> None:
    plain = {"prior": 0.5, "votes_by_kind": {"person": 13}, "n_annotators": 2}
    ordinary = make_ranking(make.make_run(), settings=plain | {"anytime": False})
    assert "confidence sequences" not in ranking_page(ordinary)
    stopped = make_ranking(make.make_run(), settings=plain | {"anytime": True})
    page = words_of(ranking_page(stopped))
    assert "what is shown are confidence sequences" in page
    assert "hold however often one looks" in page


@pytest.mark.parametrize(("n_annotators", "is_said"), [(1, True), (2, False), (0, False)])
def test_ranking_by_one_annotator_says_what_its_intervals_leave_out(
    n_annotators: int, is_said: bool
) -> None:
    settings = {"prior": 0.5, "votes_by_kind": {"person": 13}, "n_annotators": n_annotators}
    page = ranking_page(make_ranking(make.make_run(), settings=settings))
    assert ("All votes are by one annotator." in page) is is_said


def test_rankings_page_tells_snapshots_of_other_settings_apart() -> None:
    run = make.make_run()
    about = {"votes_by_kind": {"person": 13}, "n_annotators": 2}
    usual = RankingSettings().to_dict()
    for settings in (usual, usual | {"level": 0.8, "anytime": True}, {"prior": 0.0, "seed": 7}):
        make_ranking(run, settings=settings | about)
    page = words_of(browser_as("researcher").get(f"/runs/{run.slug}/rankings/").content.decode())
    told = re.findall(r"all rounds 13 (.*?) 20\d\d-", page)
    assert told == ["prior 0.0 · seed 7 · clusters annotator", "level 0.8 · anytime True", "–"]


def test_rankings_page_lists_snapshots_page_by_page() -> None:
    run = make.make_run()
    for _snapshot in range(53):
        make_ranking(run)
    client, address = browser_as("researcher"), f"/runs/{run.slug}/rankings/"
    first, second = (client.get(address, {"page": n}).content.decode() for n in (1, 2))
    assert [page.count('<th scope="row"><a href=') for page in (first, second)] == [50, 3]


def test_rankings_page_draws_the_history_of_one_kind() -> None:
    run = make.make_run()
    whole = [make_ranking(run) for _snapshot in range(3)]
    of_round = [make_ranking(run, filters={"round": 1}) for _snapshot in range(2)]
    client, address = browser_as("researcher"), f"/runs/{run.slug}/rankings/"
    newest_whole = client.get(address)
    assert newest_whole.context["chosen"] == whole[-1]
    assert newest_whole.context["n_snapshots"] == 3
    one_round = client.get(address, {"like": of_round[0].pk})
    steps = {f"#{ranking.pk}" for ranking in of_round}
    (plot,) = one_round.context["plots"]
    assert set(plot.spec["params"][0]["value"]) == steps
    assert "Lines: strengths of 2 candidates over 2 snapshots." in plot.gist


def test_history_of_hundreds_is_thinned_and_its_file_is_whole() -> None:
    run = make.make_run()
    made = [make_ranking(run) for _snapshot in range(101)]
    client = browser_as("researcher")
    (plot,) = client.get(f"/runs/{run.slug}/rankings/").context["plots"]
    steps = plot.spec["params"][0]["value"]
    assert (len(steps), steps[0], steps[-1]) == (40, f"#{made[0].pk}", f"#{made[-1].pk}")
    assert "40 of 101 snapshots are shown" in plot.left_out
    answer = client.get(address_of(made[5], "history.csv"))
    assert answer.content.count(b"\n") == 1 + 2 * 101


def test_rankings_page_without_a_ranking_says_how_to_make_one() -> None:
    run = make.make_run()
    page = browser_as("researcher").get(f"/runs/{run.slug}/rankings/").content.decode()
    assert "No ranking yet" in page
    assert "<figure" not in page


def rank_by_form(run: SelectionRun, **fields: str) -> Any:
    return browser_as("researcher").post(f"/runs/{run.slug}/rankings/", fields)


def test_rank_now_makes_a_snapshot_and_goes_there() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 3)
    answer = rank_by_form(round_.run)
    ranking = Ranking.objects.get()
    assert (answer.status_code, answer.url) == (303, address_of(ranking))
    assert (ranking.n_votes, ranking.filters) == (3, {})


def test_rank_now_ranks_what_is_asked_for() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 3)
    cast_votes(round_, make.make_annotator(kind="judge"), 2)
    rank_by_form(round_.run, round="=1", kind="=judge")
    assert Ranking.objects.get().filters == {"round": 1, "kind": "judge"}
    assert Ranking.objects.get().n_votes == 2


def test_rank_now_by_slices_makes_one_for_each_and_lists_them() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 3)
    cast_votes(round_, make.make_annotator(kind="judge"), 2)
    answer = rank_by_form(round_.run, by="kind")
    assert answer.url == f"/runs/{round_.run.slug}/rankings/"
    assert {ranking.filters["value"] for ranking in Ranking.objects.all()} == {"person", "judge"}


def test_rank_now_shows_why_it_was_refused() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 1)
    answer = rank_by_form(round_.run, by="kind", kind="=judge")
    assert answer.status_code == 400
    assert "two different wishes" in answer.content.decode()
    assert rank_by_form(round_.run, round="=7").status_code == 400
    assert Ranking.objects.count() == 0


def test_rank_now_is_for_researchers() -> None:
    run = make.make_run()
    answer = browser_as("volunteer").post(f"/runs/{run.slug}/rankings/", {})
    assert answer.status_code == 403
    assert Ranking.objects.count() == 0


def test_rankings_queries_do_not_grow_with_snapshots() -> None:
    client, run = browser_as("researcher"), make.make_run()
    counts = []
    for _more in range(2):
        make_ranking(run)
        make_ranking(run)
        counts.append(count_queries(lambda: client.get(f"/runs/{run.slug}/rankings/")))
    assert counts[0] == counts[1]
