"""A stored ranking, with all that made it."""

import pytest

from annotate.models import Ranking
from tests import factories as make
from tests.views.pages import browser_as, count_queries, make_ranking, make_standing
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
    assert html.count('<svg class="whisker"') == 2


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
