"""A figure is computed once, from the votes that its ranking counted."""

import threading
from typing import Any

import numpy as np
import pytest

from annotate.models import Ranking, RankingFigure
from annotate.models.rankings import FigureKind
from annotate.ranking import RankingSettings
from annotate.services import voting
from annotate.services.figures import COMPUTE, figure_of
from annotate.services.figures.source import read_source
from annotate.services.rankings import store_rankings
from tests import factories as make
from tests.services.casting import BALLOTS, cast
from tests.services.threads import at_once

SETTINGS = RankingSettings(n_resamples=100)
GROWTH = FigureKind.GROWTH


def rank_some_votes(**filters: Any) -> Ranking:
    round_ = make.make_open_round(n_candidates=4, n_prompts=1)
    cast(round_, BALLOTS)
    (ranking,) = store_rankings(run=round_.run, settings=SETTINGS, filters=filters)
    return ranking


@pytest.mark.django_db
def test_figure_of_keeps_what_it_computed(django_assert_num_queries: Any) -> None:
    ranking = rank_some_votes()
    first = figure_of(ranking=ranking, kind="growth")
    assert (first.kind, first.versions) == (GROWTH, ranking.versions)
    with django_assert_num_queries(1):
        assert figure_of(ranking=ranking, kind="growth") == first
    assert RankingFigure.objects.count() == 1


@pytest.mark.django_db
def test_figure_of_refuses_a_kind_that_there_is_not() -> None:
    ranking = rank_some_votes()
    with pytest.raises(ValueError, match="'pie' is not a valid FigureKind"):
        figure_of(ranking=ranking, kind="pie")


@pytest.mark.django_db(transaction=True)
def test_figure_of_two_readers_at_once_keeps_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both find none, and both compute it, before either keeps it."""
    ranking = rank_some_votes()
    together, compute = threading.Barrier(2, timeout=30), COMPUTE[GROWTH]
    monkeypatch.setitem(COMPUTE, GROWTH, lambda source: (together.wait(), compute(source))[1])

    def read() -> RankingFigure:
        return figure_of(ranking=Ranking.objects.get(pk=ranking.pk), kind=GROWTH)

    one, other = at_once(read, read)
    assert one == other == RankingFigure.objects.get()
    assert one.content == compute(read_source(ranking))


@pytest.mark.django_db
def test_figure_of_counts_the_votes_that_its_ranking_counted() -> None:
    """Votes that came or went later, and votes that its filters leave out, are in none."""
    ranking = rank_some_votes(kind="person")
    expected = COMPUTE[GROWTH](read_source(ranking))
    round_ = ranking.run.rounds.get()
    later = cast(round_, [(0, 3, "b", 0), (1, 3, "b", 1)])
    voting.withdraw_vote(vote=round_.comparisons.earliest("id").votes.get(), by=None)
    judge = make.make_annotator(kind="judge")
    a, b = (each.completions.get() for each in round_.candidates.order_by("id")[:2])
    make.make_vote(make.make_comparison(a, b, round_=round_, annotator=judge))
    round_.candidates.add(make.make_candidate(ranking.run))
    assert set(read_source(ranking).ballots.n_pairs.tolist()) == {6}
    assert figure_of(ranking=ranking, kind="growth").content == expected
    (now,) = store_rankings(run=ranking.run, settings=SETTINGS, filters={"kind": "person"})
    assert figure_of(ranking=now, kind="growth").content["facts"]["n_votes"] == 8 + len(later)


@pytest.mark.django_db
def test_read_source_numbers_candidates_and_annotators() -> None:
    ranking = rank_some_votes()
    source = read_source(ranking)
    candidates = list(ranking.run.candidates.order_by("id"))
    assert source.candidates == tuple((each.pk, each.name) for each in candidates)
    assert source.names == [each.name for each in candidates]
    ballots = source.ballots
    assert ballots.candidate_a.tolist() == [ballot[0] for ballot in BALLOTS]
    assert ballots.candidate_b.tolist() == [ballot[1] for ballot in BALLOTS]
    assert ballots.annotator.tolist() == [ballot[3] for ballot in BALLOTS]
    assert {each.kind for each in source.annotators} == {"person"}
    assert all(each.pseudonym.startswith("annotator-") for each in source.annotators)
    assert ballots.n_pairs.tolist() == [6] * len(BALLOTS)
    assert np.isnan(ballots.propensity).all()
    assert source.settings == SETTINGS
