"""A plan is read with all of its faults, kept as a draft, and launched once."""

import hashlib
import json
import threading
from copy import deepcopy
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.generation.presets import PRESETS
from annotate.models import (
    Candidate,
    DecisionRules,
    Judge,
    JudgeTemplate,
    Prompt,
    PromptSet,
    RatingRules,
    RunEvent,
    RunPlan,
    SelectionRun,
    User,
)
from annotate.services import errors, judges, launching
from annotate.services.plans import Plan
from tests import factories as make

Kind = RunEvent.Kind


def plan_data(**fields: Any) -> dict[str, Any]:
    """Give a plan of two models at two temperatures, on the prompts of set `asked`."""
    return {
        "slug": "shisa",
        "prompts": {"sets": ["asked"]},
        "models": [
            {"preset": "shisa-7b-v1", "engine": "vllm"},
            {"model": "models/tiny", "engine": "transformers", "sampling": {"top_p": 0.5}},
        ],
        "grid": {"temperature": [0.1, 1]},
        **fields,
    }


@pytest.fixture
def asked(db: None) -> PromptSet:
    """Make ten Japanese and ten English prompts."""
    prompt_set = PromptSet.objects.create(slug="asked")
    for language in ("ja", "en"):
        for _prompt in range(10):
            make.make_prompt(prompt_set, language=language)
    return prompt_set


def refuse(data: dict[str, Any]) -> dict[str, str]:
    """Read a plan that must be refused, and give what is said at which path."""
    with pytest.raises(errors.PlanRefused) as refusal:
        launching.read_plan(data)
    said = {fault.path: fault.message for fault in refusal.value.faults}
    assert len(said) == len(refusal.value.faults)
    return said


def make_draft(by: User | None = None, **fields: Any) -> SelectionRun:
    return launching.draft_run(plan=launching.read_plan(plan_data(**fields)), by=by)


def test_candidates_are_models_times_grid(asked: PromptSet) -> None:
    data = plan_data(grid={"temperature": [0.1, 1], "top_p": [0.9], "top_k": [0, 40]})
    names = [each.name for each in launching.resolve_candidates(launching.read_plan(data))]
    assert names == [
        f"{model} · temperature {temperature} · top_k {top_k}"
        for model in ("shisa-7b-v1", "tiny")
        for temperature in ("0.1", "1")
        for top_k in (0, 40)
    ]


def test_names_are_the_same_however_the_grid_is_written_and_stored(asked: PromptSet) -> None:
    """They stand in the seeds; PostgreSQL keeps a table's fields in an order of its own."""
    grid = {"max_tokens": [8, 16], "top_p": [0.5, 0.9], "temperature": [0.1, 1]}
    plan = launching.read_plan(plan_data(grid=grid))
    names = [each.name for each in launching.resolve_candidates(plan)]
    assert names[0] == "shisa-7b-v1 · temperature 0.1 · top_p 0.5 · max_tokens 8"
    other = launching.read_plan(plan_data(grid=dict(reversed(grid.items()))))
    assert [each.name for each in launching.resolve_candidates(other)] == names
    run = launching.launch_plan(plan=plan, by=None)
    assert list(run.candidates.order_by("pk").values_list("name", flat=True)) == names


def test_preset_fills_what_a_model_leaves_out(asked: PromptSet) -> None:
    first, _second, third, _last = launching.resolve_candidates(launching.read_plan(plan_data()))
    preset = PRESETS["shisa-7b-v1"]
    assert (first.model, first.prompt_format, first.licence, first.origin) == (
        preset.model, "llama2", "Apache-2.0", "dpo",
    )  # fmt: skip
    assert first.system_prompts == dict(preset.system)
    assert first.sampling == {
        "temperature": 0.1, "top_p": 0.95, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.05,
        "frequency_penalty": 0.0, "max_tokens": 1000,
    }  # fmt: skip
    assert (third.prompt_format, third.sampling["top_p"]) == ("chat_template", 0.5)


def test_grid_goes_before_the_models_own_sampling_and_that_before_the_presets(
    asked: PromptSet,
) -> None:
    model = {
        "preset": "shisa-7b-v1", "engine": "vllm", "system": {}, "tokenizer": {"use_fast": False},
        "sampling": {"temperature": 2, "top_p": 0.5, "stop": ["end"]},
    }  # fmt: skip
    plan = launching.read_plan(plan_data(models=[model]))
    first, second = launching.resolve_candidates(plan)
    assert [each.sampling["temperature"] for each in (first, second)] == [0.1, 1.0]
    assert (first.sampling["top_p"], first.sampling["repetition_penalty"]) == (0.5, 1.05)
    assert (first.stop, first.system_prompts, first.tokenizer) == (
        ["end"], {}, {"use_fast": False},
    )  # fmt: skip


def test_anchor_is_made_once_whatever_the_grid(asked: PromptSet) -> None:
    data = plan_data()
    data["models"][0]["is_anchor"] = True
    drafts = launching.resolve_candidates(launching.read_plan(data))
    assert [(each.name, each.is_anchor) for each in drafts] == [
        ("shisa-7b-v1", True), ("tiny · temperature 0.1", False), ("tiny · temperature 1", False),
    ]  # fmt: skip
    assert drafts[0].sampling["temperature"] == 0.7


def test_all_faults_of_the_schema_are_said_at_once_and_ours_with_them(db: None) -> None:
    said = refuse(
        {
            "slug": "a slug",
            "titel": "x",
            "prompts": {"sets": ["nowhere"], "samples": 0, "held_out_share": "many"},
            "models": [{"engine": "vlm", "preset": "shisa-7b-v2", "sampling": {"temprature": 1}}],
            "grid": {"temperature": [0.1, 11]},
            "stopping": {"alpha": 0.7},
        }
    )
    assert said == {
        "slug": "“a slug” must be made of letters, digits, hyphens and underscores, at most 100.",
        "titel": "There is no such field here; there are 'title' and 11 more.",
        "prompts.samples": "0 is too small: at least 1 is right.",
        "prompts.held_out_share": "“many” is not a number.",
        "models.0.engine": (
            "“vlm” is not known here; right are: 'vllm', 'openai' or 'transformers'."
        ),
        "stopping.alpha": "0.7 is too large: at most 0.5 is right.",
        "prompts.sets.0": "There is no “nowhere”; there are none yet.",
        "models.0.preset": said["models.0.preset"],
        "models.0.sampling.temprature": said["models.0.sampling.temprature"],
        "grid.temperature.1": "11 is out of range: from 0 to 10 is right.",
    }


def test_our_own_faults_are_said_beside_those_of_the_schema(db: None) -> None:
    data = plan_data(titel="x", grid={"temperature": [0.1, 11]})
    said = refuse(data)
    assert sorted(said) == ["grid.temperature.1", "prompts.sets.0", "titel"]


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"models": [{"preset": "shisa-7b", "engine": "vllm"}]}, "models.0.preset",
         "There is no “shisa-7b”; there is 'shisa-7b-v1'"),
        ({"models": [{"engine": "vllm"}]}, "models.0.model",
         "A folder or an id on a hub is needed."),
        ({"models": [{"preset": "swallow-moe-4x7b-lisa", "engine": "vllm"}]}, "models.0.model",
         "A folder or an id on a hub is needed."),
        ({"models": [{"model": "m"}]}, "models.0.engine",
         "An engine is needed; there are vllm, openai, transformers."),
        ({"models": [{"model": "m", "engine": "vllm", "prompt_format": "lama2"}]},
         "models.0.prompt_format", "There is no “lama2”; there is 'llama2'"),
        ({"models": [{"model": "m", "engine": "vllm", "sampling": {"temperature": 11}}]},
         "models.0.sampling.temperature", "11 is out of range: from 0 to 10 is right."),
        ({"models": [{"model": "m", "engine": "vllm", "sampling": {"top_p": 0}}]},
         "models.0.sampling.top_p", "0 is out of range: above 0 and up to 1 is right."),
        ({"models": [{"model": "m", "engine": "vllm", "sampling": {"max_tokens": 1.5}}]},
         "models.0.sampling.max_tokens", "1.5 is not a whole number of at least 1."),
        ({"models": [{"model": "m", "engine": "vllm", "sampling": {"stop": [""]}}]},
         "models.0.sampling.stop", "is not a list of texts, none of them empty."),
        ({"models": [{"model": "m", "engine": "vllm", "engine_options": {"dtype": "f16"}}]},
         "models.0.engine_options.dtype", "one of auto, float32, bfloat16, float16 was expected"),
        ({"models": [{"model": "m", "engine": "vllm", "engine_options": {"size": 2}}]},
         "models.0.engine_options.size", "engine vllm has no option 'size'"),
        ({"models": [{"model": "m", "engine": "openai"}]}, "models.0.engine_options.endpoints",
         "a list of one address or more was expected"),
        ({"models": [{"model": "a/m", "engine": "vllm"}, {"model": "b/m", "engine": "vllm"}]},
         "models.1.name", "Another model has the name “m” too; give this one a name."),
        ({"models": [{"model": "m", "engine": "vllm", "name": "x" * 99, "sampling": {}}],
          "grid": {f"{name}": [1, 0.1234567] for name in ("temperature", "top_p", "min_p",
                   "repetition_penalty", "frequency_penalty")}}, "models.0.name",
         "The candidates' names become longer than 200 characters."),
        ({"grid": {"heat": [1, 2]}}, "grid.heat", "There is no “heat”; there is"),
        ({"grid": {"temperature": [1, 2, 1]}}, "grid.temperature.2", "“1” stands twice."),
        ({"grid": {"temperature": [n / 100 for n in range(501)]}}, "grid",
         "These are 1002 candidates; a run takes at most 1000."),
        ({"grid": {"temperature": [n / 100 for n in range(50)]}, "generation": {"shards": 201}},
         "generation.shards", "These are 20100 parts in all; a run is cut into at most 20000."),
        ({"grid": {}, "models": [{"model": "m", "engine": "vllm"}]}, "models",
         "One candidate cannot be compared; name a second model, or a grid."),
        ({"prompts": {"sets": ["asked", "askd"]}}, "prompts.sets.1",
         "There is no “askd”; there is 'asked'."),
        ({"prompts": {"sets": ["asked", "asked"]}}, "prompts.sets.1", "“asked” stands twice."),
        ({"prompts": {"sets": ["asked"], "scope": "held_out"}}, "prompts.sets",
         "There is no prompt to ask: nothing is left in scope."),
        ({"stopping": {"votes": 100, "votes_per_language": 51}}, "stopping.votes_per_language",
         "51 votes in each of 2 languages are 102, and a round takes 100"),
        ({"rounds": {"anchors_only": True}}, "rounds.anchors_only",
         "No model is an anchor, so there would be nobody to meet."),
        ({"rounds": {"at_most": 2, "leave": "top", "keep": 4}}, "rounds.keep",
         "Of 4 candidates 4 would stay: nobody would ever leave."),
        ({"judges": {"slugs": ["gpt"], "comparisons": 5}}, "judges.slugs.0",
         "There is no “gpt”; there are none yet."),
        ({"grid": {"min_p": [0, 0.1]}, "models": [{"model": "m", "engine": "openai",
          "engine_options": {"endpoints": ["http://h/v1"], "extensions": False}}]},
         "models.0.engine_options", "sampling min_p"),
        ({"models": [{"model": "m", "engine": "openai", "prompt_format": "llama2",
                      "engine_options": {"endpoints": ["http://h/v1"], "api": "chat"}}]},
         "models.0.engine_options", "prompt format 'llama2' cannot go with api chat"),
        ({"slug": "new"}, "slug",
         "“new” is an address of the site itself; choose another name."),
        ({"title": "a\0b"}, "title", "It holds a character that cannot be stored."),
        ({"models": [{"model": "m", "engine": "openai", "engine_options":
                      {"endpoints": ["http://h/v1"], "extra_body": {"x": float("nan")}}}]},
         "models.0.engine_options.extra_body.x", "nan is not a number that can be stored."),
    ],
)  # fmt: skip
def test_plan_that_cannot_be_launched_says_where_and_what_would_be_right(
    asked: PromptSet, change: dict[str, Any], path: str, words: str
) -> None:
    said = refuse(plan_data(**change))
    assert list(said) == [path]
    assert words in said[path]


def make_pair_judge(slug: str, use: str = "pair") -> Judge:
    template = JudgeTemplate.objects.create(name=slug, use=use, texts={})
    return judges.make_judge(
        slug=slug, model="m", engine="vllm", prompt_format="chatml", template=template
    )


def test_judges_that_cannot_do_what_they_are_named_for_are_refused(asked: PromptSet) -> None:
    make_pair_judge("gpt")
    make_pair_judge("scorer", use="score")
    assert refuse(plan_data(judges={"slugs": ["gpt", "scorer"]})) == {
        "judges.slugs.1": "Judge “scorer” gives scores and does not compare two replies.",
        "judges.comparisons": "Say how many comparisons each judge makes in a round.",
    }


def test_judges_of_a_plan_are_the_runs(asked: PromptSet) -> None:
    judge = make_pair_judge("gpt")
    run = make_draft(judges={"slugs": ["gpt"], "comparisons": 30})
    launching.launch_run(run=run, by=None)
    assert list(run.judges.all()) == [judge]


def test_every_refused_option_of_an_engine_is_named(asked: PromptSet) -> None:
    options = {"dtype": "f16", "max_num_seqs": -1, "nothing": 1}
    models = [{"model": "m", "engine": "vllm", "engine_options": options}]
    assert sorted(refuse(plan_data(models=models))) == [
        f"models.0.engine_options.{name}" for name in ("dtype", "max_num_seqs", "nothing")
    ]


def test_slug_of_another_run_is_taken_and_a_drafts_own_is_not(asked: PromptSet) -> None:
    draft = make_draft()
    assert refuse(plan_data()) == {
        "slug": "There is a run called “shisa” already; choose another name."
    }
    assert launching.read_plan(plan_data(), draft=draft).slug == "shisa"


def test_reading_a_plan_leaves_what_was_given_alone(asked: PromptSet) -> None:
    data = plan_data(titel="x")
    before = deepcopy(data)
    refuse(data)
    assert data == before


def test_hash_is_of_the_plan_and_not_of_how_it_is_written(asked: PromptSet) -> None:
    plan = launching.read_plan(plan_data())
    written = dict(reversed(plan_data(seed=0, judges={"slugs": []}).items()))
    assert launching.read_plan(written).sha256() == plan.sha256()
    numbers = plan_data(grid={"temperature": [0.1, 1.0]}, stopping={"votes_per_language": 0.0})
    numbers["prompts"] |= {"held_out_share": 0.0}
    assert launching.read_plan(numbers).sha256() == plan.sha256()
    assert launching.read_plan(plan_data(seed=1)).sha256() != plan.sha256()


def test_draft_holds_nothing_out_and_makes_nothing(asked: PromptSet) -> None:
    admin = make.make_user("admin")
    run = make_draft(by=admin, prompts={"sets": ["asked"], "held_out_share": 0.5, "samples": 3})
    assert (run.state, run.samples_per_prompt, run.created_by) == ("draft", 3, admin)
    assert (run.plan.sha256, run.plan.launched_at) == ("", None)
    assert not Prompt.objects.held_out().exists()
    assert not run.candidates.exists()
    assert [(each.kind, each.by) for each in run.events.all()] == [(Kind.CREATED, admin)]


def test_edited_draft_has_the_new_plan_and_the_log_says_what_changed(asked: PromptSet) -> None:
    run, admin = make_draft(), make.make_user("admin")
    plan = launching.read_plan(plan_data(slug="shisa-2", title="Shisa", seed=5), draft=run)
    launching.edit_draft(run=run, plan=plan, by=admin)
    run = SelectionRun.objects.get()
    assert (run.slug, run.title, run.seed) == ("shisa-2", "Shisa", 5)
    assert Plan.model_validate(run.plan.config) == plan
    last = run.events.last()
    assert (last.kind, last.by, last.detail) == (
        Kind.EDITED, admin, {"changed": ["slug", "title", "seed"]},
    )  # fmt: skip


def test_deleted_draft_leaves_no_row_but_a_line_in_the_admins_log(asked: PromptSet) -> None:
    run, admin = make_draft(), make.make_user("admin")
    launching.delete_draft(run=run, by=admin)
    assert not SelectionRun.objects.exists()
    assert not RunEvent.objects.exists()
    assert LogEntry.objects.get().object_repr == "shisa"


def test_launched_run_is_never_deleted_or_edited(asked: PromptSet) -> None:
    run = make_draft()
    launching.launch_run(run=run, by=None)
    plan = launching.read_plan(plan_data(title="x"), draft=run)
    for act in (
        lambda: launching.delete_draft(run=run, by=None),
        lambda: launching.edit_draft(run=run, plan=plan, by=None),
        lambda: launching.launch_run(run=run, by=None),
    ):
        with pytest.raises(errors.WrongState, match="Run shisa was launched already"):
            act()


def test_run_made_by_imports_has_no_plan_to_launch(db: None) -> None:
    with pytest.raises(errors.WrongState, match="it was put together by imports"):
        launching.launch_run(run=make.make_run(), by=None)


def test_launch_freezes_the_plan_and_makes_all_that_it_says(asked: PromptSet) -> None:
    admin = make.make_user("admin")
    run = make_draft(
        by=admin,
        seed=7,
        prompts={"sets": ["asked"], "samples": 2, "held_out_share": 0.3, "scope": "held_out"},
        pairing={"policy": "uniform", "warm_up": 9},
        stopping={"alpha": 0.01, "delta": 0.2, "votes": 500, "votes_per_language": 20},
        rating={"door": "open", "leaves_out_maker_names": True},
    )
    round_ = launching.launch_run(run=run, by=admin)
    run.refresh_from_db()
    assert (run.state, round_.number, round_.votes_wanted) == ("generating", 1, 500)
    assert (round_.prompts().count(), round_.candidates.count()) == (6, 4)
    plan = Plan.model_validate(run.plan.config)
    assert (run.plan.sha256, run.plan.launched_by) == (plan.sha256(), admin)
    run.plan.refresh_from_db()
    stored = json.dumps(run.plan.config, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert hashlib.sha256(stored.encode()).hexdigest() == run.plan.sha256
    drafts = launching.resolve_candidates(plan)
    made = {candidate.name: candidate for candidate in run.candidates.all()}
    assert [made[each.name].sampling for each in drafts] == [each.sampling for each in drafts]
    rules, rating = DecisionRules.of(run), RatingRules.of(run)
    assert (rules.policy, rules.warm_up, rules.alpha, rules.delta, rules.votes_per_language) == (
        "uniform", 9, 0.01, 0.2, 20,
    )  # fmt: skip
    assert (rating.door, rating.leaves_out_maker_names) == ("open", True)
    kinds = [event.kind for event in run.events.all()]
    assert kinds[:2] == [Kind.CREATED, Kind.LAUNCHED]
    assert ProcrastinateJob.objects.filter(queue_name="gpu").exists()


def test_launch_writes_down_what_a_paper_needs(asked: PromptSet) -> None:
    run = make_draft(prompts={"sets": ["asked"], "held_out_share": 0.2})
    launching.launch_run(run=run, by=None)
    detail = run.events.get(kind=Kind.LAUNCHED).detail
    digests = {name: detail.pop(name) for name in ("sha256", "prompts_sha256", "candidates_sha256")}
    assert detail == {"prompt_sets": ["asked"], "prompts": 20, "held_out": 4, "candidates": 4}
    assert {len(digest) for digest in digests.values()} == {64}
    assert digests["sha256"] == run.plan.sha256


def test_digest_of_prompts_tells_other_prompts_and_other_marks(asked: PromptSet) -> None:
    digest = launching.prompts.digest_prompts
    before = digest(Prompt.objects.all())
    assert digest(Prompt.objects.order_by("-pk")) == before
    Prompt.objects.filter(pk=asked.prompts.first().pk).update(is_held_out=True)
    marked = digest(Prompt.objects.all())
    make.make_prompt(asked)
    assert len({before, marked, digest(Prompt.objects.all())}) == 3


def test_launch_of_a_plan_that_does_not_fit_any_more_changes_nothing(asked: PromptSet) -> None:
    run = make_draft(stopping={"votes": 100, "votes_per_language": 40})
    make.make_prompt(asked, language="ko")
    with pytest.raises(errors.PlanRefused, match="40 votes in each of 3 languages"):
        launching.launch_run(run=run, by=None)
    run.refresh_from_db()
    assert (run.state, run.plan.launched_at) == ("draft", None)
    assert not Candidate.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_press_launch_at_once_launch_once() -> None:
    prompt_set = PromptSet.objects.create(slug="asked")
    make.make_prompt(prompt_set)
    run = make_draft()
    start, said = threading.Barrier(2), []

    def press() -> None:
        mine = SelectionRun.objects.get(pk=run.pk)
        start.wait()
        try:
            said.append(launching.launch_run(run=mine, by=None).number)
        except errors.WrongState as refusal:
            said.append(str(refusal))
        finally:
            connection.close()

    threads = [threading.Thread(target=press) for _admin in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, said)) == ["1", "Run shisa was launched already; its plan is frozen."]
    assert (RunPlan.objects.count(), run.rounds.count(), run.candidates.count()) == (1, 1, 4)
