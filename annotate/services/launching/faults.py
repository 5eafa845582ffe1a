"""What the schema of a plan cannot know: whether it fits what is there, and itself."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from annotate.generation.engines import ENGINES, check_engine_options, check_fit
from annotate.generation.formats import PROMPT_FORMATS
from annotate.generation.presets import PRESETS
from annotate.generation.sampling import Sampling
from annotate.models import Judge, PromptSet, SelectionRun
from annotate.models.judges import TemplateUse
from annotate.services.errors import Fault, ModelRefused, names_like
from annotate.services.launching.candidates import (
    CandidateDraft,
    base_name,
    format_of,
    path_of,
    resolve_model,
    write_number,
)
from annotate.services.launching.drafts import slug_fault
from annotate.services.launching.prompts import asked_prompts
from annotate.services.model_paths import check_models
from annotate.services.plans import Model, Plan

MAX_CANDIDATES = 1000
MAX_SHARDS = 20_000
MAX_NAME_CHARS = 200
RESERVED_SLUGS = {"new"}
_PARAMETERS = [*Sampling.FLOAT_RANGES, *Sampling.INTEGER_LOWEST]
_OPTION = re.compile(r"engine option (\w+) ")


def find_faults(plan: Plan, *, draft: SelectionRun | None = None) -> list[Fault]:
    """List all that forbids to launch the plan now, in the order of its fields."""
    models = [fault for n, model in enumerate(plan.models) for fault in _in_model(n, model)]
    settings = [*models, *_in_grid(plan)]
    return [
        *_in_slug(plan, draft),
        *_in_prompts(plan),
        *settings,
        *_in_candidates(plan, can_be_made=not settings),
        *_in_rounds(plan),
        *_in_judges(plan),
    ]


def _in_slug(plan: Plan, draft: SelectionRun | None) -> Iterator[Fault]:
    if plan.slug in RESERVED_SLUGS:
        message = _("“%(slug)s” is an address of the site itself; choose another name.")
        yield Fault("slug", message % {"slug": plan.slug})
    others = SelectionRun.objects.filter(slug=plan.slug)
    if draft is not None:
        others = others.exclude(pk=draft.pk)
    if others.exists():
        yield slug_fault(plan.slug)


def _in_prompts(plan: Plan) -> Iterator[Fault]:
    """Find sets that are not there, and what asks for prompts or votes that cannot be."""
    there = set(PromptSet.objects.values_list("slug", flat=True))
    for number, slug in enumerate(plan.prompts.sets):
        if slug not in there:
            yield _unknown(f"prompts.sets.{number}", slug, there)
        elif slug in plan.prompts.sets[:number]:
            yield Fault(f"prompts.sets.{number}", _("“%(name)s” stands twice.") % {"name": slug})
    asked = asked_prompts(plan)
    languages = set(asked.order_by().values_list("language", flat=True).distinct())
    if not languages and there.issuperset(plan.prompts.sets):
        yield Fault("prompts.sets", _("There is no prompt to ask: nothing is left in scope."))
    needed = plan.stopping.votes_per_language * len(languages)
    if plan.stopping.votes is not None and needed > plan.stopping.votes:
        message = _(
            "%(each)s votes in each of %(languages)s languages are %(needed)s, and a round takes"
            " %(budget)s: it could never stop early. Ask for fewer, or raise the budget."
        )
        words = {"each": plan.stopping.votes_per_language, "languages": len(languages),
                 "needed": needed, "budget": plan.stopping.votes}  # fmt: skip
        yield Fault("stopping.votes_per_language", message % words)


def _in_model(number: int, model: Model) -> Iterator[Fault]:
    """Find what is wrong in one model, whatever the others are."""
    where = f"models.{number}"
    if model.preset and model.preset not in PRESETS:
        yield _unknown(f"{where}.preset", model.preset, PRESETS)
    elif not path_of(model):
        yield Fault(f"{where}.model", _("A folder or an id on a hub is needed."))
    else:
        yield from _in_place(where, model)
    if format_of(model) not in PROMPT_FORMATS:
        yield _unknown(f"{where}.prompt_format", format_of(model), PROMPT_FORMATS)
    for name, value in model.sampling.items():
        yield from _in_parameter(f"{where}.sampling.{name}", name, value, known=("stop",))
    if model.engine is None:
        message = _("An engine is needed; there are %(known)s.")
        known = ", ".join(ENGINES)
        yield Fault(f"{where}.engine", message % {"known": known})
    else:
        yield from _in_options(f"{where}.engine_options", model.engine, model.engine_options)


def _in_place(where: str, model: Model) -> Iterator[Fault]:
    """Find a model, or a tokenizer, from where nothing may be loaded."""
    engine, options = model.engine or "", model.engine_options
    try:
        check_models(engine=engine, model=path_of(model), engine_options=options)
    except ModelRefused as refusal:
        place = "engine_options.tokenizer" if engine == "openai" else "model"
        yield Fault(f"{where}.{place}", str(refusal))


def _in_options(where: str, engine: str, options: Mapping[str, Any]) -> Iterator[Fault]:
    """Find every option that the engine refuses, by asking again without the one it named."""
    left = dict(options)
    while True:
        try:
            check_engine_options(engine, left)
        except (ValueError, TypeError) as error:
            found = _OPTION.match(str(error))
            unknown = [name for name in left if f"no option {name!r}" in str(error)]
            name = found[1] if found else (unknown or [""])[0]
            yield Fault(f"{where}.{name}" if name else where, str(error))
            if left.pop(name, None) is None:
                return
        else:
            return


def _in_grid(plan: Plan) -> Iterator[Fault]:
    """Find parameters that no sampling has, and values that it does not take."""
    for name, values in plan.grid.items():
        if name not in _PARAMETERS:
            yield _unknown(f"grid.{name}", name, _PARAMETERS)
            continue
        for number, value in enumerate(values):
            where = f"grid.{name}.{number}"
            if value in values[:number]:
                twice = _("“%(name)s” stands twice.") % {"name": write_number(value)}
                yield Fault(where, twice)
            yield from _in_parameter(where, name, value)


def _in_parameter(
    where: str, name: str, value: object, *, known: Iterable[str] = ()
) -> Iterator[Fault]:
    """Check one parameter of sampling by itself, for its own path and words."""
    if name not in [*_PARAMETERS, *known]:
        yield _unknown(where, name, [*_PARAMETERS, *known])
        return
    try:
        Sampling.from_dict({name: value})
    except ValueError:
        yield Fault(where, _say_range(name, str(value)[:80]))


def _say_range(name: str, value: str) -> str:
    words: dict[str, str | int] = {"value": value}
    if name == "stop":
        return _("“%(value)s” is not a list of texts, none of them empty.") % words
    if name in Sampling.INTEGER_LOWEST:
        words["least"] = Sampling.INTEGER_LOWEST[name]
        return _("%(value)s is not a whole number of at least %(least)s.") % words
    low, is_allowed, high = Sampling.FLOAT_RANGES[name]
    words |= {"low": f"{low:g}", "high": f"{high:g}"}
    if is_allowed:
        return _("%(value)s is out of range: from %(low)s to %(high)s is right.") % words
    message = _("%(value)s is out of range: above %(low)s and up to %(high)s is right.")
    return message % words


def _in_candidates(plan: Plan, *, can_be_made: bool) -> Iterator[Fault]:
    """Find too few or too many candidates, and what those that can be made cannot have."""
    n_candidates = count_candidates(plan)
    if n_candidates < 2:
        message = _("One candidate cannot be compared; name a second model, or a grid.")
        yield Fault("models", message)
    if n_candidates > MAX_CANDIDATES:
        message = _("These are %(n)s candidates; a run takes at most %(most)s.")
        yield Fault("grid" if plan.grid else "models",
                    message % {"n": n_candidates, "most": MAX_CANDIDATES})  # fmt: skip
    elif can_be_made:
        yield from _in_names(plan)
    if MAX_CANDIDATES >= n_candidates > MAX_SHARDS // plan.generation.shards:
        message = _("These are %(n)s parts in all; a run is cut into at most %(most)s.")
        n_shards = n_candidates * plan.generation.shards
        yield Fault("generation.shards", message % {"n": n_shards, "most": MAX_SHARDS})


def count_candidates(plan: Plan) -> int:
    """Count the candidates of a plan without making them: a grid multiplies quickly."""
    points = 1
    for values in plan.grid.values():
        points *= len(values)
    return sum(1 if model.is_anchor else points for model in plan.models)


def _in_names(plan: Plan) -> Iterator[Fault]:
    """Find names that two candidates would have or none can, and what engines cannot do."""
    taken: set[str] = set()
    for number, model in enumerate(plan.models):
        drafts = list(resolve_model(model, plan.grid))
        yield from _in_fit(f"models.{number}.engine_options", drafts)
        names = {draft.name for draft in drafts}
        where = f"models.{number}.name"
        if names & taken:
            message = _("Another model has the name “%(name)s” too; give this one a name.")
            yield Fault(where, message % {"name": base_name(model)})
        if max(map(len, names)) > MAX_NAME_CHARS:
            message = _("The candidates' names become longer than %(most)s characters.")
            yield Fault(where, message % {"most": MAX_NAME_CHARS})
        taken |= names


def _in_fit(where: str, drafts: Iterable[CandidateDraft]) -> Iterator[Fault]:
    """Find what the engine, told so, cannot sample or prompt; once for a model is enough."""
    for draft in drafts:
        sampling = Sampling.from_dict({**draft.sampling, "stop": draft.stop})
        try:
            check_fit(
                engine=draft.engine,
                options=draft.engine_options,
                sampling=sampling,
                prompt_format=draft.prompt_format,
            )
        except ValueError as error:
            yield Fault(where, str(error))
            return


def _in_rounds(plan: Plan) -> Iterator[Fault]:
    """Find rules of rounds that no round could follow."""
    n_candidates, anchors = count_candidates(plan), [m for m in plan.models if m.is_anchor]
    if plan.rounds.anchors_only and not anchors:
        message = _("No model is an anchor, so there would be nobody to meet.")
        yield Fault("rounds.anchors_only", message)
    if plan.rounds.anchors_only and len(anchors) == len(plan.models):
        message = _("Every model is an anchor, and anchors do not meet each other.")
        yield Fault("rounds.anchors_only", message)
    leave = plan.rounds
    if leave.leave == "top" and leave.at_most > 1 and leave.keep >= n_candidates:
        message = _("Of %(n)s candidates %(keep)s would stay: nobody would ever leave.")
        yield Fault("rounds.keep", message % {"n": n_candidates, "keep": leave.keep})


def _in_judges(plan: Plan) -> Iterator[Fault]:
    """Find judges that are not there, or that cannot judge pairs."""
    uses = dict(Judge.objects.values_list("slug", "template__use"))
    for number, slug in enumerate(plan.judges.slugs):
        where = f"judges.slugs.{number}"
        if slug not in uses:
            yield _unknown(where, slug, uses)
        elif uses[slug] != TemplateUse.PAIR:
            message = _("Judge “%(name)s” gives scores and does not compare two replies.")
            yield Fault(where, message % {"name": slug})
    if plan.judges.slugs and not plan.judges.comparisons:
        message = _("Say how many comparisons each judge makes in a round.")
        yield Fault("judges.comparisons", message)


def _unknown(where: str, name: str, known: Iterable[str]) -> Fault:
    """Say that there is nothing of this name, and what may have been meant."""
    names = names_like(name, known)
    if not names:
        return Fault(where, _("There is no “%(name)s”; there are none yet.") % {"name": name})
    return Fault(where, _("There is no “%(name)s”; there is %(known)s.")
                 % {"name": name, "known": names})  # fmt: skip
