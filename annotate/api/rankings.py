"""Rankings of a run, and how far its votes can be trusted."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema
from ninja.pagination import paginate

from annotate.api.pages import Pages
from annotate.api.runs import find_run
from annotate.api.tags import strong_tag, tag_as, unchanged
from annotate.models import Ranking
from annotate.services.quality import RunQuality, measure_quality
from annotate.services.slices import named_slices

router = Router()


class RankingLine(Schema):
    """A ranking in a list."""

    id: int
    run: str
    cutoff: int = Field(description="number in the vote ledger up to which votes count")
    slices: dict[str, str] = Field(description="what part of the votes it counts; {}: people's all")
    n_votes: int
    created_at: datetime

    @staticmethod
    def resolve_run(ranking: Ranking) -> str:
        """Name the run."""
        return ranking.run.slug

    @staticmethod
    def resolve_slices(ranking: Ranking) -> dict[str, str]:
        """Name the slices."""
        return _slices(ranking)


class RankingOut(RankingLine):
    """A ranking with all that computes it again to the byte."""

    filters: dict[str, Any]
    settings: dict[str, Any]
    versions: dict[str, Any]
    standings: list[dict[str, Any]] = Field(description="candidates, the best one first")


class SliceFilter(Schema):
    """Of what part of the votes."""

    language: str | None = None
    category: str | None = None
    turn: str | None = Field(None, description="a number from 1, or `overall`")
    kind: str | None = Field(None, description="person, judge, simulated, or `together`")
    round: int | None = None

    def named(self) -> dict[str, str]:
        """Give what was named."""
        return {name: str(value) for name, value in self.dict(exclude_none=True).items()}


class IntervalOut(Schema):
    """An estimate with its 95 % interval; null where no resample has a value."""

    value: float
    low: float | None
    high: float | None


class AnnotatorOut(Schema):
    """What the votes say of one annotator; docs/quality.md defines each number."""

    pseudonym: str
    kind: str
    votes: int
    is_excluded: bool
    agreement: float | None
    self_consistency: float | None
    self_consistency_pairs: int
    gold_right: int
    gold_answered: int
    gold_accuracy: float | None
    left_share: float | None
    seconds_per_1000_characters: float | None
    reliability: float | None
    reliability_se: float | None
    skips: int
    reports: int


class AgreementOut(Schema):
    """How far the votes agree; `gaps` says why a number is null."""

    run: str
    value: str | None = Field(description="of the slice; null: all votes")
    votes: int
    votes_by_kind: dict[str, int]
    excluded: int = Field(description="annotators")
    votes_excluded: int
    units: int = Field(description="pairs of completions that two people or more judged")
    alpha: IntervalOut | None = Field(description="Krippendorff's, nominal")
    raw_agreement: IntervalOut | None
    left_share: float | None
    left_share_se: float | None
    identical_pairs: int | None
    annotators: list[AnnotatorOut]
    gaps: dict[str, str]


@router.get(
    "/runs/{slug:slug}/rankings", response=list[RankingLine],
    summary="List a run's rankings, newest first",
)  # fmt: skip
@paginate(Pages, order="-pk")
def list_rankings(request: HttpRequest, slug: str) -> QuerySet[Ranking]:
    """Every snapshot that was taken."""
    rankings = Ranking.objects.filter(run=find_run(slug))
    return rankings.select_related("run").defer("standings")


@router.get(
    "/runs/{slug:slug}/rankings/latest", response=RankingOut, summary="Show the newest ranking"
)
def latest_ranking(
    request: HttpRequest, slug: str, wanted: Annotated[SliceFilter, Query()]
) -> Ranking | HttpResponse:
    """Of all people's votes, or of just the language, category, turn, kind or round named."""
    run, named = find_run(slug), wanted.named()
    there = run.rankings.order_by("-pk").only("filters")
    found = next((each.pk for each in there if _slices(each) == named), None)
    if found is None:
        raise Http404(_no_ranking(slug, named, [_slices(each) for each in there]))
    return _answer(request, found)


@router.get("/rankings/{int:pk}", response=RankingOut, summary="Show a ranking")
def show_ranking(request: HttpRequest, pk: int) -> Ranking | HttpResponse:
    """A snapshot, which never changes."""
    if not Ranking.objects.filter(pk=pk).exists():
        raise Http404(_("There is no ranking %(pk)s.") % {"pk": pk})
    return _answer(request, pk)


@router.get(
    "/runs/{slug:slug}/agreement", response=list[AgreementOut], summary="Say how far votes agree"
)
def agreement(
    request: HttpRequest, slug: str, by: Literal["language", "category"] | None = None
) -> list[AgreementOut]:
    """Of the votes that stand now: one answer, or one for each language or category."""
    measured = measure_quality(run=find_run(slug), by=by)
    return [_show_agreement(each) for each in measured]


def _answer(request: HttpRequest, pk: int) -> Ranking | HttpResponse:
    tag = strong_tag(f"ranking-{pk}")
    answer = unchanged(request, tag)
    if answer is not None:
        return answer
    tag_as(request, tag)
    return Ranking.objects.select_related("run").get(pk=pk)


def _slices(ranking: Ranking) -> dict[str, str]:
    return {name: str(value) for name, value in named_slices(ranking.filters).items()}


def _no_ranking(slug: str, named: Mapping[str, str], there: list[dict[str, str]]) -> str:
    told = {"run": slug, "wanted": _tell(named)}
    known = list(dict.fromkeys(map(_tell, there)))
    if not known:
        return _("Run %(run)s has no ranking yet.") % told
    message = _("Run %(run)s has no ranking of %(wanted)s; it has: %(known)s.")
    return message % (told | {"known": "; ".join(known[:20])})


def _tell(named: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in named.items()) or _("all votes")


def _show_agreement(quality: RunQuality) -> AgreementOut:
    found = quality.agreement
    rows = [{name: getattr(row, name) for name in AnnotatorOut.model_fields}
            for row in quality.annotators]  # fmt: skip
    return AgreementOut(
        run=quality.run,
        value=quality.value,
        votes=quality.votes,
        votes_by_kind=dict(quality.votes_by_kind),
        excluded=quality.n_excluded,
        votes_excluded=quality.votes_excluded,
        units=found.n_units,
        alpha=IntervalOut(**asdict(found.alpha)) if found.alpha else None,
        raw_agreement=IntervalOut(**asdict(found.raw)) if found.raw else None,
        left_share=quality.left.share,
        left_share_se=quality.left.se,
        identical_pairs=quality.identical_pairs,
        annotators=[AnnotatorOut(**row) for row in rows],
        gaps=dict(quality.gaps),
    )
