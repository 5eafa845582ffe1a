"""LLM judges: make one, keep its template, and send it messages."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from annotate.generation.jobs import GenerationJob, write_job, write_requests
from annotate.generation.judge_templates import Template, house_templates
from annotate.generation.rows import GeneratedCompletion, GenerationRequest
from annotate.generation.sampling import Sampling
from annotate.models import (
    Annotator,
    Judge,
    JudgeSitting,
    JudgeTemplate,
    RunEvent,
    SelectionRun,
    User,
)
from annotate.services import errors
from annotate.services.changes import hold_run, log_event
from annotate.services.model_paths import check_models
from annotate.services.processes import run_module
from annotate.services.storing import CompletionsFile, alone

# A judge is to say the same again, and has to give its reasons before its verdict.
SAMPLING = {"temperature": 0.0, "max_tokens": 1024}
# What stands beside judges in tables and addresses.
RESERVED = ("people", "panel", "all")

Store = Callable[[list[GeneratedCompletion]], None]


def make_judge(
    *,
    slug: str,
    model: str,
    engine: str,
    prompt_format: str,
    template: JudgeTemplate,
    revision: str = "",
    sampling: Mapping[str, Any] | None = None,
    tokenizer: Mapping[str, Any] | None = None,
    engine_options: Mapping[str, Any] | None = None,
    by: User | None = None,
) -> Judge:
    """Make an LLM judge, with the annotator in whose name it votes; made again, it is the same one.

    Args:
        sampling: fields of `Sampling`; what is not given is greedy, 1024 tokens at most.

    Raises:
        JudgeRefused: a setting cannot hold, or the name is that of a judge with other settings.
    """
    fields = {
        "model": model,
        "revision": revision,
        "engine": engine,
        "engine_options": dict(engine_options or {}),
        "prompt_format": prompt_format,
        "sampling": _read_sampling(sampling or {}),
        "tokenizer": dict(tokenizer or {}),
    }
    if slug in RESERVED:
        raise errors.JudgeRefused(_("%(name)s is no name for a judge.") % {"name": slug})
    try:
        _describe(Path(), fields)
        check_models(engine=engine, model=model, engine_options=engine_options or {})
    except (ValueError, errors.ModelRefused) as error:
        raise errors.JudgeRefused(f"judge {slug}: {error}") from error
    with transaction.atomic():
        there = Judge.objects.filter(slug=slug).select_related("template").first()
        if there is not None:
            _check_same(there, fields | {"template": template})
            return there
        annotator = Annotator.objects.create(kind=Annotator.Kind.JUDGE, name=slug)
        return Judge.objects.create(
            slug=slug, annotator=annotator, template=template, created_by=by, **fields
        )


def keep_template(template: Template) -> JudgeTemplate:
    """Store a template at its first use.

    Raises:
        JudgeRefused: the same name and version stand for another wording.
    """
    texts = {language: dict(parts) for language, parts in template.texts.items()}
    stored, _is_new = JudgeTemplate.objects.get_or_create(
        name=template.name,
        version=template.version,
        defaults={"use": template.use, "texts": texts},
    )
    if (stored.use, stored.texts) != (template.use, texts):
        said = _("template %(template)s is there with another wording; give this one a new version")
        raise errors.JudgeRefused(said % {"template": stored})
    return stored


def find_template(name: str, *, use: str | None = None) -> JudgeTemplate:
    """Find the newest version of a template by name, the house's own among them.

    Args:
        use: one of `JudgeTemplate.Use`; None for any.

    Raises:
        JudgeRefused: there is none for this use.
    """
    house = house_templates()
    if name in house:
        keep_template(house[name])
    known = JudgeTemplate.objects.filter(**({} if use is None else {"use": use}))
    found = known.filter(name=name).order_by("version").last()
    if found is None:
        names = {*known.values_list("name", flat=True)}
        names |= {each.name for each in house.values() if use in (None, each.use)}
        said = _("there is no template %(name)s for this; there is %(known)s")
        raise errors.JudgeRefused(said % {"name": name, "known": ", ".join(sorted(names)) or "–"})
    return found


def read_stored(template: JudgeTemplate) -> Template:
    """Read a stored template."""
    return Template(template.name, template.version, template.use, template.texts)


def add_judge(*, run: SelectionRun, judge: Judge, by: User | None = None) -> None:
    """Let a judge judge in a run, from its next round on or when it is asked to.

    Raises:
        WrongState: the run has closed.
    """
    with transaction.atomic():
        hold_run(run)
        run.refresh_from_db()
        if run.state == SelectionRun.State.CLOSED:
            raise errors.WrongState(_("The run has closed: nobody judges in it any more."))
        if not run.judges.filter(pk=judge.pk).exists():
            run.judges.add(judge)
            log_event(run=run, kind=RunEvent.Kind.JUDGES, by=by, added=judge.slug)


def remove_judge(*, run: SelectionRun, judge: Judge, by: User | None = None) -> None:
    """Let a judge judge no more in a run; what it judged stays, and is shown."""
    with transaction.atomic():
        hold_run(run)
        if run.judges.filter(pk=judge.pk).exists():
            run.judges.remove(judge)
            log_event(run=run, kind=RunEvent.Kind.JUDGES, by=by, removed=judge.slug)


def ask_judge(
    *,
    judge: Judge,
    requests: Iterable[GenerationRequest],
    folder: Path,
    store: Store,
    may_go_on: Callable[[], bool] = lambda: True,
) -> int:
    """Have a judge's engine answer requests, in a process of its own; give its exit status.

    `store` gets what is answered while it is answered, and first what an earlier call left behind
    in the folder. It may be given one answer twice, after a kill.

    Args:
        may_go_on: asked about once a second; the engine is stopped when it says no.

    Raises:
        ProcessFailed, ProcessKilled: as `run_module`.
        GenerationInterrupted: the engine of an earlier call still writes into the folder.
        ModelRefused: its model lies where none may be loaded from.
    """
    check_models(engine=judge.engine, model=judge.model, engine_options=judge.engine_options)
    folder.mkdir(parents=True, exist_ok=True)
    job = _describe(folder, {name: getattr(judge, name) for name in _OF_A_JOB})
    with alone(job.completions):
        _store_new(CompletionsFile(job.completions), store)
        job.completions.unlink()
    write_requests(requests, job.requests)
    if not job.requests.stat().st_size:
        return 0
    write_job(job, folder / "job.json")
    file = CompletionsFile(job.completions)
    try:
        return run_module(
            module="annotate.generation",
            config=folder / "job.json",
            on_tick=lambda: _store_new(file, store),
            may_go_on=may_go_on,
            python=settings.ENGINE_PYTHON.get(judge.engine),
        )
    finally:
        _store_new(file, store)


def list_judges(*, run: SelectionRun) -> list[Judge]:
    """List the judges of a run: those that it has, and those that judged in it."""
    sat = JudgeSitting.objects.filter(round__run=run).values("judge")
    judges = Judge.objects.filter(pk__in=sat) | Judge.objects.filter(runs=run)
    return list(judges.select_related("template", "annotator").distinct().order_by("slug"))


_OF_A_JOB = (
    "engine", "model", "revision", "prompt_format", "sampling", "tokenizer", "engine_options",
)  # fmt: skip


def _describe(folder: Path, fields: Mapping[str, Any]) -> GenerationJob:
    """Describe the work of one process; raises ValueError where a setting cannot hold."""
    files = {"requests": "requests.jsonl", "completions": "completions.jsonl"}
    return GenerationJob.from_dict({**fields, **files}, folder=folder)


def _store_new(file: CompletionsFile, store: Store) -> None:
    """Store what was added to the file; lines that a power cut left unreadable are made again."""
    with suppress(ValueError):
        for batch in file.read_batches():
            if batch:
                store(batch)


def _read_sampling(given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return Sampling.from_dict({**SAMPLING, **given}).to_dict()
    except ValueError as error:
        raise errors.JudgeRefused(str(error)) from error


def _check_same(there: Judge, fields: Mapping[str, Any]) -> None:
    """Refuse a judge's name for another judge: readings say by whom they are, and by what once."""
    for name, value in fields.items():
        if getattr(there, name) != value:
            said = _(
                "judge %(judge)s is there with another %(name)s: %(value)s. A judge never changes;"
                " give this one a name of its own"
            )
            facts = {"judge": there.slug, "name": name, "value": getattr(there, name)}
            raise errors.JudgeRefused(said % facts)
