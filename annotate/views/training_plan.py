"""The page on which an admin plans a training."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from annotate.forms.training import TrainingForm, trainable
from annotate.models import SelectionRun, TrainingRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import errors
from annotate.services.training import start_training, train_on_votes
from annotate.services.training_settings import list_presets

FROM_ADDRESS = ("base", "dataset", "preset")


@require_http_methods(["GET", "POST"])
@cache_control(no_store=True)
@role_required(Role.ADMIN)
def plan_training(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show the form, or plan the training and go to its page.

    `?dataset=`, `?base=` and `?preset=` choose beforehand.
    """
    run = get_object_or_404(SelectionRun, slug=slug)
    if request.method == "GET":
        chosen = {name: request.GET[name] for name in FROM_ADDRESS if name in request.GET}
        return _show(request, run, TrainingForm(run=run, initial=chosen))
    form = TrainingForm(request.POST, run=run)
    if form.is_valid():
        try:
            training_run = _plan(request, form)
        except errors.Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("The training is planned. A worker takes it up."))
            return HttpResponseRedirect(reverse("training", args=[training_run.pk]), status=303)
    return _show(request, run, form, status=400)


def _plan(request: SignedInRequest, form: TrainingForm) -> TrainingRun:
    plan, dataset = form.read_plan(), form.chosen_dataset
    if dataset is None:
        return train_on_votes(recipe=form.recipe, created_by=request.user, **plan)
    return start_training(dataset=dataset, created_by=request.user, **plan)


def _show(
    request: SignedInRequest, run: SelectionRun, form: TrainingForm, *, status: int = 200
) -> HttpResponse:
    context = {
        "run": run,
        "form": form,
        "can_train": bool(trainable(run)),
        "presets": list_presets(),
    }
    return render(request, "training/plan.html", context, status=status)
