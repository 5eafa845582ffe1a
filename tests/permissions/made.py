"""A small site that has something at every address, and the parts that lead there."""

import re
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from annotate.models import (
    Annotator,
    ApiToken,
    Candidate,
    Comparison,
    Export,
    GenerationShard,
    Invitation,
    PreferencePair,
    PreferenceSet,
    RankingFigure,
    Round,
    RunPlan,
    SelectionRun,
    User,
)
from annotate.models.rankings import FigureKind
from annotate.services import deciding, exclusions
from annotate.services.exporting import export_dataset, read_recipe
from annotate.services.launching import draft_run, read_plan
from annotate.services.lineage import votes_of_source
from annotate.services.tokens import make_token
from tests import factories as make
from tests.services.deciding.polls import open_grid, poll, prefer_first
from tests.services.operating.jobs import put_job
from tests.views.figure_content import CONTENT
from tests.views.judged import let_judge, make_judge, make_scorer, score
from tests.views.pages import cast_votes, make_ranking, make_training

# Secrets that no answer, log or job may hold, as settings and as variables of the environment.
SECRETS = {
    "SECRET_KEY": "planted-secret-key-0123456789-0123456789-0123456789-0123456789",
    "HF_TOKEN": "hf_planted0123456789",
    "EMAIL_HOST_PASSWORD": "planted-mail-password",
}
VARIABLES = {
    "DATABASE_URL": "postgresql://kurabe:planted-database-password@db.example/kurabe",
    "PLANTED_API_KEY": "sk-planted0123456789",
    "WANDB_API_KEY": "planted-wandb-key",
}
PLANTED = (*SECRETS.values(), *VARIABLES.values(), "planted-database-password")
# Whom an address is of; no file or answer of the API may name anybody.
DOMAIN = "planted-mail.example"
NAMES = ("Planted Volunteer", "Planted Careless")


# What an address needs to be asked.
QUERIES = {
    "/admin/autocomplete/": "?app_label=annotate&model_name=annotator&field_name=user",
}


@dataclass(frozen=True)
class Site:
    """Accounts by role, secrets of an admin's tokens by scope, and what stands at which address."""

    users: dict[str, User]
    secrets: dict[str, str]
    places: dict[str, dict[str, Any]]

    def fill(self, route: str) -> str:
        """Put something that is there into a route of the site or an address of the API."""
        parts: dict[str, Any] = {}
        for start in sorted(self.places, key=len):
            if route.startswith(start):
                parts |= self.places[start]
        names = re.findall(r"[<{](?:\w+:)?(\w+)[>}]", route)
        lacking = [name for name in names if name not in parts]
        assert not lacking, f"`places` of {__file__} says nothing of {lacking} in {route}"
        filled = re.sub(r"[<{](?:\w+:)?(\w+)[>}]", lambda found: str(parts[found[1]]), route)
        return filled + QUERIES.get(route, "")


def make_site() -> Site:
    """Make one of everything, all of it in use."""
    round_ = make.make_open_round(n_prompts=4)
    run = round_.run
    users = {role: make.make_volunteer(run, role) for role in ("volunteer", "researcher", "admin")}
    admin, own = users["admin"], Annotator.objects.get(user=users["volunteer"])
    for role, user in users.items():
        User.objects.filter(pk=user.pk).update(email=f"{role}@{DOMAIN}")
    Annotator.objects.filter(pk=own.pk).update(name=NAMES[0])
    cast_votes(round_, own, 2)
    vote = Comparison.objects.filter(annotator=own).earliest("pk")
    judge, scorer = _add_judges(round_)
    careless = make.make_annotator(name=NAMES[1])
    cast_votes(round_, careless, 1)
    exclusion = exclusions.exclude(run=run, annotator=careless, reason="Always left.", by=admin)
    base = make.make_candidate(
        run, name="base", engine="transformers", model="base", prompt_format="chatml"
    )
    dataset = export_dataset(read_recipe({"sources": [{"run": run.slug}, _add_pairs()]}))
    training = make_training(run, base=base, dataset=dataset, steps=2)
    source = dataset.sources.filter(run__isnull=False)[0]
    token, _secret = make_token(user=admin, name="one")
    tokens = {scope: make_token(user=admin, name=scope, scope=scope)[1] for scope in
              ApiToken.Scope.values}  # fmt: skip
    decided = _decide(admin)
    draft = _draft(run, admin)
    making, shard = _make_completions_come(admin)
    practising = make.make_run(state=SelectionRun.State.VOTING)
    make.make_rules(practising, practice_needed=1)
    make.make_gold_pair(practising, use="practice")
    for user in users.values():
        make.let_in(practising, user)
    invited = make.make_run(state=SelectionRun.State.VOTING)
    make.make_rules(invited, door="invitation")
    invitation = Invitation.objects.create(run=invited)
    work = Export.objects.create(run=run, recipe={}, state="failed", failure="no room")
    ranking, kind = make_ranking(run), FigureKind.HEAD_TO_HEAD
    figure = RankingFigure.objects.create(
        ranking=ranking, kind=kind, content=CONTENT[kind], versions={}
    )
    (table, *_others) = figure.content["tables"]
    plain = {"slug": run.slug, "run": run.slug}
    places: dict[str, dict[str, Any]] = {
        "/rate/": plain | {"token": vote.token},
        "/rate/<slug:run>/practice/": {"run": practising.slug},
        "/invitation/": {"token": invitation.token},
        "/me/tokens/": {"pk": token.pk},
        "/runs/": plain | {"judge": judge.slug, "annotator": own.pk, "number": 1},
        "/runs/<slug:slug>/plan/": {"slug": draft.slug},
        "/runs/<slug:slug>/plan.": {"slug": making.slug, "kind": "toml"},
        "/runs/<slug:slug>/jobs/": {"slug": making.slug, "pk": shard.pk},
        "/runs/<slug:slug>/judges/retry/": {"pk": judge.sittings.get().pk},
        "/runs/<slug:slug>/scores/<": {"judge": scorer.slug},
        "/runs/<slug:slug>/quality/": {"pk": exclusion.pk},
        "/runs/<slug:slug>/decided/": {"slug": decided.slug},
        "/runs/<slug:slug>/rankings/": {"pk": ranking.pk, "kind": figure.kind, "table": table},
        "/datasets/": {"pk": dataset.pk, "split": "train", "kind": "csv"},
        "/exports/": {"pk": work.pk},
        "/lineage/candidates/": {"pk": base.pk},
        "/lineage/datasets/": {"pk": dataset.pk},
        "/lineage/sources/": {"pk": source.pk},
        "/lineage/votes/": {"pk": votes_of_source(source).earliest("pk").pk},
        "/training/": {"pk": training.pk},
        "/operations/": {"pk": put_job(status="failed")},
        "/admin/": {"id": admin.pk, "content_type_id": 1, "object_id": 1, "app_label": "annotate",
                    "url": "nothing/"},
        # the API's
        "/runs/{slug}": {"pk": shard.pk},
        "/runs/{slug}/launch": {"slug": draft.slug},
        "/runs/{slug}/shards/": {"slug": making.slug},
        "/runs/{slug}/forecast": {"slug": draft.slug},
        "/runs/{slug}/decision": {"slug": decided.slug},
        "/prompt-sets/": {"slug": run.prompt_sets.get().slug},
        "/preference-sets/": {"slug": "pairs"},
        "/candidates/": {"pk": base.pk},
        "/rankings/": {"pk": ranking.pk},
        "/datasets/{pk}/": {"form": "dpo", "ending": "jsonl"},
        "/trainings/": {"pk": training.pk},
        "/votes/": {"token": vote.token},
    }  # fmt: skip
    return Site(users, tokens, places)


def _add_judges(round_: Round) -> tuple[Any, Any]:
    judge, scorer = make_judge("steady"), make_scorer()
    let_judge(judge, round_, "aa")
    round_.sittings.update(state="failed", failure="CUDA out of memory")
    for candidate in Candidate.objects.filter(rounds=round_):
        score(scorer, candidate.completions.earliest("pk"), 4)
    return judge, scorer


def _add_pairs() -> dict[str, Any]:
    """Make a set of imported pairs, as a recipe names it."""
    pairs = PreferenceSet.objects.create(slug="pairs", licence="MIT")
    PreferencePair.objects.create(
        preference_set=pairs, key="k", prompt=[{"role": "user", "content": "Which?"}],
        chosen=[{"role": "assistant", "content": "This."}],
        rejected=[{"role": "assistant", "content": "That."}],
        prompt_sha256="5f" * 32, language="en",
    )  # fmt: skip
    return {"preference_set": pairs.slug}


def _decide(admin: User) -> SelectionRun:
    round_ = open_grid(models=("one",))
    poll(round_, n_annotators=3, favours=prefer_first)
    deciding.decide_run(run=round_.run, by=admin)
    return round_.run


def _draft(run: SelectionRun, admin: User) -> SelectionRun:
    asked = {"slug": "draft", "prompts": {"sets": [run.prompt_sets.get().slug]},
             "models": [{"model": "tiny", "engine": "transformers", "prompt_format": "chatml"}],
             "grid": {"temperature": [0.1, 0.7]}}  # fmt: skip
    return draft_run(plan=read_plan(asked), by=admin)


def _make_completions_come(admin: User) -> tuple[SelectionRun, GenerationShard]:
    """Have a run make its completions, of which one job has failed."""
    run = make.make_run(state=SelectionRun.State.GENERATING)
    round_ = Round.objects.create(run=run, number=1)
    plan = RunPlan(run=run, config={}, sha256="5f" * 32)
    plan.launched_at, plan.launched_by = timezone.now(), admin
    plan.save()
    shard = GenerationShard.objects.create(
        round=round_, candidate=make.make_candidate(run), n_wanted=4, state="failed",
        failure="there is no such folder",
    )  # fmt: skip
    return run, shard
