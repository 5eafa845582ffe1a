"""After a run has closed: what the models were, and how often a volunteer agreed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from annotate.models import Annotator, Ranking, SelectionRun, Vote
from annotate.models.comparisons import Outcome, Purpose, Side
from annotate.views.counts import is_finished
from annotate.views.judgements import Judgement
from annotate.views.visitors import HtmxRequest, volunteer_page

VOTES_ON_A_PAGE = 50
Standing = Mapping[str, Any]
Pair = tuple[int, int]  # the candidate preferred, and the other


@dataclass(frozen=True)
class Unmasked:
    """One's own vote, and whose the two answers were."""

    judgement: Judgement
    agrees: bool | None

    @property
    def left(self) -> str:
        """Name the model of A."""
        return self._name_of(Side.LEFT)

    @property
    def right(self) -> str:
        """Name the model of B."""
        return self._name_of(Side.RIGHT)

    def _name_of(self, side: Side) -> str:
        comparison = self.judgement.comparison
        is_a = comparison.side_a == side
        return (comparison.candidate_a if is_a else comparison.candidate_b).name


@dataclass(frozen=True)
class Model:
    """A candidate's place in the outcome, and how often one preferred it."""

    standing: Standing
    preferred: int
    met: int


@dataclass(frozen=True)
class Agreement:
    """On how many of `n` decisive votes the preferred model is the stronger one in the end."""

    agreed: int
    n: int

    @property
    def share(self) -> float:
        """Give the share in per cent; `n` is above 0."""
        return 100 * self.agreed / self.n


@require_safe
@cache_control(no_store=True)
@volunteer_page
def results(request: HtmxRequest, run: SelectionRun, annotator: Annotator) -> HttpResponse:
    """Tell what the models were, once nobody can vote any more."""
    if not is_finished(run):
        return render(request, "results/not_yet.html", {"run": run})
    ranking = run.rankings.filter(filters={}).order_by("-id").first()
    standings = _standings(ranking)
    page = Paginator(_own_votes(run, annotator), VOTES_ON_A_PAGE).get_page(request.GET.get("page"))
    pairs = list(_decisive(_own_votes(run, annotator)))
    context = {
        "run": run,
        "page": page,
        "rows": [_unmask(vote, standings) for vote in page],
        "ranking": ranking,
        "models": _models(standings, pairs),
        "agreement": measure_agreement(standings, pairs),
    }
    return render(request, "results/page.html", context)


def measure_agreement(standings: Mapping[int, Standing], pairs: Iterable[Pair]) -> Agreement:
    """Count the votes whose preferred candidate is the stronger one; unranked pairs are left out.

    Args:
        standings: candidate → its row in the ranking.
        pairs: of each decisive vote the candidate preferred, and the other.
    """
    verdicts = [is_stronger(standings, *pair) for pair in pairs]
    return Agreement(agreed=verdicts.count(True), n=len(verdicts) - verdicts.count(None))


def is_stronger(standings: Mapping[int, Standing], one: int, other: int) -> bool | None:
    """Tell whether a candidate stands above another; None where the ranking does not say.

    It does not where one of them has no vote, nothing joins the two, or they are equally strong.
    """
    rows = [standings.get(one), standings.get(other)]
    groups = [None if row is None else row["group"] for row in rows]
    if None in rows or None in groups or groups[0] != groups[1]:
        return None
    strengths = [row["strength"] for row in rows if row is not None]
    return None if strengths[0] == strengths[1] else bool(strengths[0] > strengths[1])


def _own_votes(run: SelectionRun, annotator: Annotator) -> QuerySet[Vote]:
    """Find the votes on candidates: no practice, no known answers, and no pair twice."""
    return (
        Vote.objects.of_run(run)
        .standing()
        .filter(comparison__annotator=annotator, comparison__purpose=Purpose.RANKING)
        .select_related("comparison__prompt", "comparison__candidate_a", "comparison__candidate_b")
        .order_by("-id")
    )


def _decisive(votes: QuerySet[Vote]) -> Iterable[Pair]:
    decisive = votes.filter(outcome__in=[Outcome.A, Outcome.B]).select_related(None)
    rows = decisive.values_list("outcome", "comparison__candidate_a", "comparison__candidate_b")
    return ((a, b) if outcome == Outcome.A else (b, a) for outcome, a, b in rows)


def _standings(ranking: Ranking | None) -> dict[int, Standing]:
    return {row["candidate_id"]: row for row in ranking.standings} if ranking else {}


def _models(standings: Mapping[int, Standing], pairs: Iterable[Pair]) -> list[Model]:
    """List the ranked candidates that one met in a decisive vote, in the order of the ranking."""
    pairs = list(pairs)
    preferred = Counter(winner for winner, _loser in pairs)
    met = preferred + Counter(loser for _winner, loser in pairs)
    return [
        Model(row, preferred[candidate], met[candidate])
        for candidate, row in standings.items()
        if met[candidate] and row["group"] is not None
    ]


def _unmask(vote: Vote, standings: Mapping[int, Standing]) -> Unmasked:
    comparison = vote.comparison
    pair = (comparison.candidate_a_id, comparison.candidate_b_id)
    agrees = None
    if vote.outcome in (Outcome.A, Outcome.B):
        agrees = is_stronger(standings, *(pair if vote.outcome == Outcome.A else pair[::-1]))
    return Unmasked(Judgement(comparison, vote), agrees)
