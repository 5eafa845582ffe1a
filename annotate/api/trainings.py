"""Trainings: plan them, watch them, stop and resume them."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Router, Status
from ninja.pagination import paginate

from annotate.api.bearer import Bearer, account_of
from annotate.api.pages import Pages
from annotate.api.runs import ADMIN, find_run
from annotate.api.schemas import MetricOut, TrainingIn, TrainingLine, TrainingOut
from annotate.models import Candidate, PreferenceDataset, SelectionRun, TrainingMetric, TrainingRun
from annotate.services import training_states
from annotate.services.errors import TrainingRefused, names_like
from annotate.services.exporting import votes_of
from annotate.services.training import start_training, train_on_votes
from annotate.services.training_settings import refuse_unknown

router = Router()
steering = Router(auth=Bearer(ADMIN.scope))


@router.get(
    "/runs/{slug:slug}/trainings", response=list[TrainingLine],
    summary="List a run's trainings, newest first",
)  # fmt: skip
@paginate(Pages, order="-pk")
def list_trainings(request: HttpRequest, slug: str) -> QuerySet[TrainingRun]:
    """Those of the run's candidates."""
    return _trainings().filter(base__run=find_run(slug))


@router.post(
    "/runs/{slug:slug}/trainings", response={201: TrainingOut}, auth=ADMIN,
    summary="Plan a training",
)  # fmt: skip
def plan(
    request: HttpRequest, response: HttpResponse, slug: str, body: TrainingIn
) -> Status[TrainingRun]:
    """Train a candidate on a dataset, or on the votes that stand now; a worker takes it up."""
    run = find_run(slug)
    refuse_unknown(body.settings)
    told: dict[str, Any] = {
        "base": _find_base(run, body.candidate),
        "child_name": body.name,
        "preset": body.preset,
        "opens_round": body.opens_round,
        "next_round_votes": body.next_round_votes,
        "gate_alpha": body.gate_alpha,
        "created_by": account_of(request),
        **body.settings,
    }
    if body.dataset is None:
        training_run = train_on_votes(recipe=votes_of(slug, voters=body.voters), **told)
    else:
        training_run = start_training(dataset=_find_dataset(run, body.dataset), **told)
    response["Location"] = reverse("api:show_training", args=[training_run.pk])
    return Status(201, training_run)


@router.get(
    "/trainings/{int:pk}", response=TrainingOut, url_name="show_training", summary="Show a training"
)
def show(request: HttpRequest, pk: int) -> TrainingRun:
    """State, settings, what the trainer foretold, and what it measured last."""
    return _find(pk)


@router.get(
    "/trainings/{int:pk}/metrics", response=list[MetricOut], summary="What a training measured"
)
@paginate(Pages, order="step")
def metrics(request: HttpRequest, pk: int) -> QuerySet[TrainingMetric]:
    """A row for each step, the first one first."""
    return _find(pk).metrics.all()


@steering.post("/trainings/{int:pk}/stop", response=TrainingOut, summary="Stop a training")
def stop(request: HttpRequest, pk: int) -> TrainingRun:
    """After its next step, with a checkpoint from which it can be resumed."""
    return _steer(request, pk, training_states.stop_training)


@steering.post("/trainings/{int:pk}/keep", response=TrainingOut, summary="End a training and keep")
def keep(request: HttpRequest, pk: int) -> TrainingRun:
    """After its next step; the weights as they are become the new candidate."""
    return _steer(request, pk, training_states.keep_training)


@steering.post("/trainings/{int:pk}/resume", response=TrainingOut, summary="Resume a training")
def resume(request: HttpRequest, pk: int) -> TrainingRun:
    """Of one that was stopped, or has failed."""
    return _steer(request, pk, training_states.resume_training)


def _trainings() -> QuerySet[TrainingRun]:
    return TrainingRun.objects.select_related("base", "dataset", "next_round")


def _find(pk: int) -> TrainingRun:
    found = _trainings().filter(pk=pk).first()
    if found is None:
        raise Http404(_("There is no training %(pk)s.") % {"pk": pk})
    return found


def _find_base(run: SelectionRun, name: str) -> Candidate:
    base = run.candidates.filter(name=name).first()
    if base is None:
        known = names_like(name, run.candidates.values_list("name", flat=True))
        message = _("Run %(run)s has no candidate “%(name)s”; it has %(known)s.")
        told = {"run": run.slug, "name": name, "known": known}
        raise TrainingRefused(message % told, field="candidate")
    return base


def _find_dataset(run: SelectionRun, pk: int) -> PreferenceDataset:
    dataset = run.datasets.filter(pk=pk).first()
    if dataset is None:
        message = _("Run %(run)s has no dataset %(pk)s.") % {"run": run.slug, "pk": pk}
        raise TrainingRefused(message, field="dataset")
    return dataset


def _steer(request: HttpRequest, pk: int, act: Callable[..., object]) -> TrainingRun:
    training_run = _find(pk)
    act(training_run=training_run, by=account_of(request))
    return training_run
