"""The operator's page: what waits, what failed and why, and what the site stands on."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from annotate.models import Export, GenerationShard, JudgeSitting, TrainingRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required
from annotate.services import errors, operating

SHOWN = 25
KINDS = {
    "generation": gettext_lazy("Making completions"),
    "judging": gettext_lazy("LLM judges"),
    "training": gettext_lazy("Training"),
}


@dataclass(frozen=True)
class ShownFailure:
    """A piece of GPU work that failed, with the page on which it is tried again."""

    kind: str | Promise
    title: str
    address: str
    work: operating.FailedWork


@dataclass(frozen=True)
class ShownJob:
    """A failed job; some are run again on a page of their own, which knows more of them."""

    job: operating.FailedJob
    address: str | None


@require_safe
@cache_control(no_store=True)
@role_required(Role.ADMIN)
def operations(request: SignedInRequest) -> HttpResponse:
    """Show how the site is."""
    tasks = operating.count_jobs()
    workers = operating.read_workers()
    failed_jobs = operating.list_failed_jobs(at_most=SHOWN)
    failed_work = operating.list_failed_work(at_most=SHOWN)
    context = {
        "database": operating.read_database(),
        "disk": operating.read_disk(),
        "version": operating.version_of_site(),
        "unapplied": operating.list_unapplied(),
        "lags": operating.read_lags(),
        "tasks": [each for each in tasks if each.waiting or each.running or each.failed],
        "workers": [worker for worker in workers if worker.is_alive or worker.jobs],
        "n_workers": sum(worker.is_alive for worker in workers),
        "failed_jobs": [ShownJob(job, _page_of(job)) for job in failed_jobs],
        "n_failed_jobs": sum(each.failed for each in tasks),
        "gpu_work": [(KINDS[each.kind], each) for each in operating.read_gpu_work()],
        "failed_work": [_show(work) for work in failed_work],
        "runs": operating.list_ranked_runs(),
    }
    return render(request, "operations/page.html", context)


@require_POST
@role_required(Role.ADMIN)
def run_job_again(request: SignedInRequest, pk: int) -> HttpResponse:
    """Put a failed job back into its queue."""
    try:
        operating.run_again(job=pk)
    except errors.Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Job %(number)s waits again.") % {"number": pk})
    return redirect("operations")


def _show(work: operating.FailedWork) -> ShownFailure:
    row = work.row
    if isinstance(row, GenerationShard):
        run = row.round.run
        address = reverse("run_job", args=[run.slug, row.pk])
        return ShownFailure(KINDS["generation"], f"{run}: {row.candidate}", address, work)
    if isinstance(row, JudgeSitting):
        run = row.round.run
        address = reverse("judges", args=[run.slug])
        return ShownFailure(KINDS["judging"], f"{run}: {row.judge}", address, work)
    return ShownFailure(KINDS["training"], row.child_name, reverse("training", args=[row.pk]), work)


def _page_of(job: operating.FailedJob) -> str | None:
    """Give the page on which a job is run again that has one: to it belongs a row, with a state."""
    number = next(iter(job.arguments.values()), None)
    match job.task:
        case "generate_shard":
            shard = GenerationShard.objects.select_related("round__run").filter(pk=number).first()
            return shard and reverse("run_job", args=[shard.round.run.slug, shard.pk])
        case "train" if TrainingRun.objects.filter(pk=number).exists():
            return reverse("training", args=[number])
        case "judge_round":
            sitting = JudgeSitting.objects.select_related("round__run").filter(pk=number).first()
            return sitting and reverse("judges", args=[sitting.round.run.slug])
        case "run_export" if Export.objects.filter(pk=number).exists():
            return reverse("export_work", args=[number])
    return None
