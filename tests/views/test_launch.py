"""The launch form, from a name to a frozen configuration."""

import hashlib
import json
import re
import tomllib
from typing import Any

import pytest
from django.test import Client

from annotate.forms.plan import PlanForm
from annotate.models import PromptSet, RunPlan, SelectionRun
from annotate.services.launching import read_plan
from annotate.services.plan_files import write_toml
from tests import factories as make
from tests.views.pages import browser_as, count_queries

pytestmark = pytest.mark.django_db

FIELDS = {
    "do": "save",
    "slug": "release",
    "title": "The release",
    "seed": "7",
    "prompts-sets": ["asked"],
    "prompts-samples": "2",
    "prompts-held_out_share": "0",
    "prompts-scope": "all",
    "models-0-preset": "shisa-7b-v1",
    "models-0-engine": "transformers",
    "models-0-engine_options": "dtype = float32\nbatch_size = 4",
    "models-1-model": "/models/other",
    "models-1-name": "other",
    "models-1-engine": "transformers",
    "models-1-prompt_format": "chatml",
    "models-1-system_en": "Be brief.",
    "grid-0-parameter": "temperature",
    "grid-0-values": "0.1, 0.7、1",
    "pairing-policy": "adaptive",
    "pairing-epsilon": "20",
    "pairing-warm_up": "5",
    "pairing-votes_per_pair": "1",
    "stopping-stops_early": "on",
    "stopping-alpha": "5",
    "stopping-votes_per_language": "0",
    "stopping-votes": "300",
    "rounds-at_most": "2",
    "rounds-leave": "beaten",
    "rounds-keep": "2",
    "judges-comparisons": "0",
    "rating-door": "invitation",
    "generation-shards": "1",
}


@pytest.fixture
def admin() -> Client:
    return browser_as("admin")


@pytest.fixture(autouse=True)
def asked() -> Any:
    """Make a prompt set of three prompts, one of two turns."""
    prompts = PromptSet.objects.create(slug="asked")
    make.make_prompt(prompts, key="a", turns=["海とは?"], language="ja")
    make.make_prompt(prompts, key="b", turns=["One?", "Two?"], language="en")
    make.make_prompt(prompts, key="c", turns=["Hello"], system="Be kind.", language="en")
    return prompts


def send(admin: Client, address: str = "/runs/new/", **changes: Any) -> Any:
    """Send the form with changes; None leaves a field out."""
    fields = {name: value for name, value in {**FIELDS, **changes}.items() if value is not None}
    return admin.post(address, fields)


def draft(admin: Client, **changes: Any) -> SelectionRun:
    answer = send(admin, **changes)
    assert answer.status_code == 303, refusals(answer.content.decode())
    return SelectionRun.objects.get(slug=changes.get("slug", "release"))


def refusals(page: str) -> list[str]:
    """List what the page says is wrong."""
    found = re.findall(r'<p class="note error"[^>]*>(.*?)</p>', page, re.S)
    return [text.replace("&#x27;", "'") for text in found]


def refused_field(page: str, name: str) -> str:
    """Give what is said beneath a field."""
    found = re.search(rf'id="id_{name}_error"><p class="note error">(.*?)</p>', page, re.S)
    assert found is not None, refusals(page)
    return found[1]


@pytest.mark.parametrize("role", ["volunteer", "researcher"])
def test_launch_form_is_for_admins_alone(role: str, admin: Client) -> None:
    run = draft(admin)
    browser = browser_as(role)
    assert browser.get("/runs/new/").status_code == 403
    assert send(browser, slug="mine").status_code == 403
    assert send(browser, f"/runs/{run.slug}/plan/", do="launch").status_code == 403
    assert not SelectionRun.objects.exclude(pk=run.pk).exists()


def test_stranger_is_asked_to_sign_in() -> None:
    assert Client().get("/runs/new/")["Location"] == "/sign-in/?next=/runs/new/"


def test_volunteers_see_nothing_of_a_plan(admin: Client) -> None:
    draft(admin)
    browser = browser_as("volunteer")
    for address in ("/runs/release/plan/", "/runs/release/plan.toml", "/runs/release/plan.json"):
        assert browser.get(address).status_code == 403
    home = browser.get("/").content.decode()
    assert "release" not in home
    assert "/runs/new/" not in home


def test_researchers_read_a_draft_without_a_form(admin: Client) -> None:
    draft(admin)
    page = browser_as("researcher").get("/runs/release/plan/").content.decode()
    assert "other · temperature 0.7" in page
    assert 'name="do"' not in page


def test_runs_lead_admins_to_the_form_and_to_drafts(admin: Client) -> None:
    draft(admin)
    page = admin.get("/runs/").content.decode()
    assert 'href="/runs/new/"' in page
    assert 'href="/runs/release/plan/"' in page
    page = browser_as("researcher").get("/runs/").content.decode()
    assert 'href="/runs/new/"' not in page
    assert 'href="/runs/release/plan/"' not in page


def test_without_prompts_the_page_says_how_to_import_them(admin: Client, asked: Any) -> None:
    asked.prompts.all().delete()
    asked.delete()
    page = admin.get("/runs/new/").content.decode()
    assert "manage.py import_prompts FILE --set NAME" in page
    assert 'name="slug"' not in page


def test_form_becomes_a_draft_with_its_plan(admin: Client) -> None:
    run = draft(admin)
    assert (run.state, run.title, run.seed, run.samples_per_prompt) == (
        "draft", "The release", 7, 2,
    )  # fmt: skip
    config = run.plan.config
    assert config["grid"] == {"temperature": [0.1, 0.7, 1]}
    first, second = config["models"]
    assert (first["preset"], first["engine_options"]) == (
        "shisa-7b-v1", {"dtype": "float32", "batch_size": 4},
    )  # fmt: skip
    assert (second["system"], second["prompt_format"]) == ({"en": "Be brief."}, "chatml")
    assert (first["system"], first["tokenizer"], first["licence"]) == (None, None, "")
    assert config["stopping"]["stops_early"] is True
    assert config["stopping"]["alpha"] == 0.05
    assert config["pairing"]["epsilon"] == 0.2
    assert config["rating"]["door"] == "invitation"


def test_unticked_box_is_a_no(admin: Client) -> None:
    run = draft(admin, **{"stopping-stops_early": None})
    assert run.plan.config["stopping"]["stops_early"] is False


def whole_plan() -> dict[str, Any]:
    """Give a plan in which nothing has its default."""
    return {
        "slug": "whole", "title": "全部", "seed": 3,
        "prompts": {"sets": ["asked"], "samples": 3, "held_out_share": 0.25, "scope": "training"},
        "models": [
            {
                "preset": "shisa-7b-v1", "name": "one", "model": "/models/a", "revision": "v1",
                "engine": "vllm", "prompt_format": "llama2",
                "engine_options": {"tensor_parallel_size": 2, "dtype": "bfloat16"},
                "system": {"ja": "短く\n答える。", "de": "Kurz."},
                "sampling": {"max_tokens": 64, "stop": ["a = b", "\n"]},
                "tokenizer": {"use_fast": False, "add_special_tokens": False},
                "licence": "MIT", "origin": "dpo", "is_anchor": True,
            },
            {"preset": "swallow-ms-7b-instruct-v0.1", "engine": "openai", "system": {},
             "engine_options": {"endpoints": ["http://127.0.0.1:8000/v1"]}},
        ],
        "grid": {"temperature": [0.1, 0.7], "min_p": [0.0, 0.1], "max_tokens": [64]},
        "pairing": {"policy": "balanced", "epsilon": 0.07, "warm_up": 3, "votes_per_pair": 2},
        "stopping": {"stops_early": False, "alpha": 0.01, "delta": 0.2, "votes_per_language": 10,
                     "votes": 500},
        "rounds": {"at_most": 3, "leave": "top", "keep": 3, "anchors_only": True},
        "rating": {"door": "open", "leaves_out_maker_names": True, "judges_each_turn": True},
        "generation": {"shards": 4},
    }  # fmt: skip


def fields_of(page: str) -> dict[str, Any]:
    """Read a form as a browser would send it."""
    from html.parser import HTMLParser  # noqa: PLC0415 - one test's tool

    sent: dict[str, Any] = {}

    class Reader(HTMLParser):
        name = textarea = ""

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            given = dict(attrs)
            kind, name = given.get("type", "text"), given.get("name", "")
            if tag == "input" and (kind not in ("checkbox", "radio") or "checked" in given):
                unsaid = "on" if kind == "checkbox" else ""
                sent.setdefault(name, []).append(given.get("value", unsaid))
            if tag == "select":
                self.name = name
            if tag == "option" and "selected" in given:
                sent[self.name] = given["value"]
            if tag == "textarea":
                self.textarea = name
                sent[name] = ""

        def handle_data(self, data: str) -> None:
            if self.textarea:
                sent[self.textarea] += data

        def handle_endtag(self, tag: str) -> None:
            if tag == "textarea":
                # A browser drops the first newline, and Django writes one for it.
                sent[self.textarea] = sent[self.textarea].removeprefix("\n")
                self.textarea = ""

    form = page[page.index('id="plan-form"') :]
    Reader().feed(form[: form.index("</form>")])
    return sent


def test_plan_survives_its_own_form(admin: Client) -> None:
    plan = read_plan(whole_plan())
    from annotate.services.launching import draft_run  # noqa: PLC0415 - beside the form's own way

    run = draft_run(plan=plan, by=None)
    sent = fields_of(admin.get(f"/runs/{run.slug}/plan/").content.decode())
    answer = admin.post(f"/runs/{run.slug}/plan/", {**sent, "do": "save"})
    assert answer.status_code == 303, refusals(answer.content.decode())
    stored = RunPlan.objects.get(run=run).config
    assert stored == plan.model_dump(mode="json")
    assert run.events.get(kind="edited").detail["changed"] == []


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"slug": ""}, "slug", "This is missing."),
        ({"slug": "a b"}, "slug", "must be made of letters"),
        ({"seed": "-1"}, "seed", "-1” is too small: at least 0 is right."),
        ({"prompts-sets": []}, "prompts-sets", "At least 1 is needed here."),
        ({"prompts-samples": "many"}, "prompts-samples", "“many” is not a whole number."),
        ({"prompts-held_out_share": "90"}, "prompts-held_out_share", "More than half"),
        ({"models-1-model": ""}, "models-1-model", "A folder or an id on a hub is needed."),
        ({"models-1-engine": ""}, "models-1-engine", "An engine is needed"),
        ({"models-0-engine_options": "dtype = int3"}, "models-0-engine_options",
         "dtype: engine option dtype is"),
        ({"models-0-engine_options": "dtype"}, "models-0-engine_options",
         "Line 1: “dtype” is not name = value."),
        ({"models-0-engine_options": "{"}, "models-0-engine_options", "This is not JSON"),
        ({"models-0-sampling": "top_p = 2\nheat = 1"}, "models-0-sampling", "top_p: 2 is out of"),
        ({"models-1-sampling": "top_p = 1\ntop_p = 1"}, "models-1-sampling",
         "Line 2: “top_p” stands twice."),
        ({"models-0-tokenizer": "use_fast = maybe"}, "models-0-tokenizer", "neither true nor"),
        ({"grid-0-values": "0.1, 11"}, "grid-0-values", "11 is out of range: from 0 to 10"),
        ({"grid-0-values": "0.1, hot"}, "grid-0-values", "“hot” is not"),
        ({"grid-0-values": ""}, "grid-0-values", "At least 1 is needed here."),
        ({"grid-0-parameter": ""}, "grid-0-parameter", "Choose the parameter"),
        ({"stopping-alpha": "60"}, "stopping-alpha", "percent."),
        ({"stopping-votes": "0"}, "stopping-votes", "at least 1 is right"),
        ({"rounds-leave": "top", "rounds-keep": "6"}, "rounds-keep", "nobody would ever leave"),
        ({"rounds-anchors_only": "on"}, "rounds-anchors_only", "No model is an anchor"),
    ],
)  # fmt: skip
def test_fault_stands_at_its_field(
    changes: dict[str, Any], field: str, expected: str, admin: Client
) -> None:
    answer = send(admin, **changes)
    assert answer.status_code == 400
    assert expected in refused_field(answer.content.decode(), field)
    assert not SelectionRun.objects.exists()


def test_every_fault_is_said_at_once_and_nothing_typed_is_lost(admin: Client) -> None:
    page = send(
        admin, slug="", **{"models-0-engine": "", "models-1-model": "", "stopping-alpha": "x",
                           "grid-0-values": "-1"},
    ).content.decode()  # fmt: skip
    for field in ("slug", "models-0-engine", "models-1-model", "stopping-alpha", "grid-0-values"):
        assert refused_field(page, field)
    assert 'value="The release"' in page
    assert 'name="grid-0-values" value="-1"' in page


def test_faults_are_said_in_japanese_too(admin: Client) -> None:
    admin.cookies["django_language"] = "ja"
    page = send(admin, **{"prompts-held_out_share": "90"}).content.decode()
    assert 'lang="ja"' in page
    assert "More than half" not in refused_field(page, "prompts-held_out_share")


def test_taken_slug_is_refused_at_its_field(admin: Client) -> None:
    draft(admin)
    answer = send(admin)
    assert answer.status_code == 400
    assert "There is a run called “release” already" in refused_field(
        answer.content.decode(), "slug"
    )


def test_blank_row_is_no_model(admin: Client) -> None:
    run = draft(admin, **{"models-2-preset": ""})
    assert len(run.plan.config["models"]) == 2


def test_fault_of_a_model_after_a_blank_row_stands_at_its_own_row(admin: Client) -> None:
    changes = {"models-1-preset": "", "models-2-model": "/m", "models-2-engine": "",
               "models-1-model": None, "models-1-name": None, "models-1-engine": None,
               "models-1-prompt_format": None, "models-1-system_en": None}  # fmt: skip
    page = send(admin, **changes).content.decode()
    assert "An engine is needed" in refused_field(page, "models-2-engine")


def names_of(page: str, field: str) -> list[str]:
    rows = re.findall(rf'<input[^>]* name="models-\d+-{field}"[^>]*>', page)
    return [(re.findall(r'value="([^"]*)"', row) or [""])[0] for row in rows]


def test_rows_are_added_doubled_and_removed_by_buttons(admin: Client) -> None:
    page = send(admin, do="models.add").content.decode()
    assert len(names_of(page, "name")) == 3
    assert re.search(r'<select name="models-2-preset"[^>]*autofocus', page)
    page = send(admin, do="models.remove.0").content.decode()
    assert names_of(page, "name") == ["other"]
    page = send(admin, do="models.double.1").content.decode()
    assert names_of(page, "model") == ["", "/models/other", "/models/other"]
    page = send(admin, do="grid.add").content.decode()
    assert page.count("Remove parameter") == 2
    page = send(admin, do="grid.remove.0").content.decode()
    assert page.count("Remove parameter") == 0
    assert not SelectionRun.objects.exists()


@pytest.mark.parametrize(
    "do", ["models.remove.9", "models.double.x", "models.", "nothing", "grid.remove.-1"]
)
def test_button_that_is_not_there_changes_nothing(do: str, admin: Client) -> None:
    answer = send(admin, do=do, **{"models-99999999-model": "far", "models-x-model": "none"})
    assert answer.status_code == 200
    assert not SelectionRun.objects.exists()


def test_row_says_what_its_preset_says(admin: Client) -> None:
    preset = {"models-0-preset": "swallow-moe-4x7b-lisa", "do": "models.look"}
    page = send(admin, **preset).content.decode()
    assert "prompt format alpaca-ja; licence CC-BY-NC-SA-4.0" in page
    assert "Inherited by all that is trained on its outputs" in page


def test_plan_page_forecasts_and_lists_candidates(admin: Client) -> None:
    run = draft(admin)
    page = admin.get(f"/runs/{run.slug}/plan/").content.decode()
    for name in ("shisa-7b-v1 · temperature 0.1", "other · temperature 0.7"):
        assert name in page
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert (facts["Candidates"], facts["Completions"]) == ("6", "36")
    assert facts["Prompts"] == "3 (English 2, Japanese 1)"
    assert facts["Votes, at most"] == "600"
    assert "Tokens written" in page
    assert "temperature 0.1, top_p 0.95, repetition_penalty 1.05, max_tokens 1000" in page
    assert "Apache-2.0" in page


def test_many_candidates_come_page_by_page_in_few_queries(admin: Client) -> None:
    values = ", ".join(f"{n / 100:g}" for n in range(1, 201))
    run = draft(admin, **{"grid-0-values": values})
    few = draft(admin, slug="few")
    page = admin.get(f"/runs/{run.slug}/plan/?page=8").content.decode()
    assert page.count('<span class="unseen"> · other') == 50
    assert "Page 8 of 8" in page
    n_many = count_queries(lambda: admin.get(f"/runs/{run.slug}/plan/"))
    n_few = count_queries(lambda: admin.get(f"/runs/{few.slug}/plan/"))
    assert n_many == n_few


def read_by(admin: Client, **asked: Any) -> str:
    """Give what the page says that a model reads."""
    page = admin.get("/runs/release/plan/", asked).content.decode()
    found = re.search(r'<pre class="log-lines reads"[^>]*>(.*?)</pre>', page, re.S)
    assert found is not None, refusals(page)
    return found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')


def test_rendered_prompt_of_any_candidate_is_shown(admin: Client) -> None:
    draft(admin)
    shisa = "<<SYS>>\nあなたは役に立つアシスタントです。\n<</SYS>>\n\n"
    assert read_by(admin, candidate=1, prompt=1) == f"<s>[INST] {shisa}海とは? [/INST]"
    own = "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
    assert read_by(admin, candidate=6, prompt=3) == f"{own}<|im_start|>assistant\n"


def test_later_turn_names_the_replies_to_come(admin: Client) -> None:
    draft(admin)
    text = read_by(admin, candidate=4, prompt=2, turn=2)
    assert "One?<|im_end|>\n<|im_start|>assistant\n⟨reply 1⟩<|im_end|>" in text
    assert text.endswith("Two?<|im_end|>\n<|im_start|>assistant\n")


@pytest.mark.parametrize("query", [{"candidate": "x"}, {"candidate": "99999", "prompt": "-3"},
                                   {"candidate": "9" * 99, "turn": "9"}])  # fmt: skip
def test_address_that_asks_for_nothing_there_is_answered(
    query: dict[str, str], admin: Client
) -> None:
    draft(admin)
    assert read_by(admin, **query)


def test_tokenizers_own_template_is_rendered(admin: Client, tmp_path: Any) -> None:
    from tests.tiny import make_tiny_tokenizer  # noqa: PLC0415 - heavy

    make_tiny_tokenizer(adds_bos=True).save_pretrained(tmp_path / "model")
    draft(admin, **{"models-1-model": str(tmp_path / "model"), "models-1-prompt_format": ""})
    assert read_by(admin, candidate=4, prompt=1) == "<s>[user]海とは?[assistant]"


@pytest.mark.slow
def test_model_on_a_hub_is_said_kindly(admin: Client) -> None:
    draft(admin, **{"models-1-model": "nobody/none", "models-1-prompt_format": ""})
    page = admin.get("/runs/release/plan/?candidate=4").content.decode()
    (said,) = refusals(page)
    assert "The tokenizer of nobody/none is not on this machine" in said
    assert "hf download nobody/none" in said


def test_messages_are_shown_where_a_server_renders_them(admin: Client) -> None:
    options = 'endpoints = ["http://127.0.0.1:9/v1"]'
    draft(admin, **{"models-1-engine": "openai", "models-1-prompt_format": "",
                    "models-1-engine_options": options})  # fmt: skip
    assert json.loads(read_by(admin, candidate=4, prompt=3)) == [
        {"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"},
    ]  # fmt: skip


def test_draft_is_changed_in_its_form(admin: Client) -> None:
    run = draft(admin)
    answer = send(admin, "/runs/release/plan/", slug="renamed", **{"prompts-samples": "5"})
    assert answer["Location"] == "/runs/renamed/plan/"
    run.refresh_from_db()
    assert (run.slug, run.samples_per_prompt) == ("renamed", 5)
    answer = send(admin, "/runs/renamed/plan/", slug="")
    assert answer.status_code == 400
    assert refused_field(answer.content.decode(), "slug")


def test_draft_is_deleted(admin: Client) -> None:
    draft(admin)
    assert admin.post("/runs/release/plan/", {"do": "delete"})["Location"] == "/runs/"
    assert not SelectionRun.objects.exists()


def test_launch_freezes_what_the_page_then_shows(admin: Client) -> None:
    run = draft(admin)
    assert admin.post("/runs/release/plan/", {"do": "launch"})["Location"] == "/runs/release/"
    stored = RunPlan.objects.get(run=run)
    assert run.candidates.count() == 6
    page = admin.get("/runs/release/plan/").content.decode()
    assert stored.sha256 in page
    assert f"Launched by {stored.launched_by}" in page
    assert 'id="plan-form"' not in page
    assert "other · temperature 0.7" in page
    answer = send(admin, "/runs/release/plan/", title="Another")
    assert answer.status_code == 303
    assert "its plan is frozen" in admin.get(answer["Location"]).content.decode()
    again = admin.post("/runs/release/plan/", {"do": "launch"})
    assert "launched already" in admin.get(again["Location"]).content.decode()
    assert run.rounds.count() == 1


def test_nobody_launches_or_overwrites_a_draft_that_another_admin_changed(admin: Client) -> None:
    run = draft(admin)
    path = "/runs/release/plan/"
    sent = {**fields_of(admin.get(path).content.decode()), "title": "Mine"}
    assert admin.post(path, {**sent, "title": "Theirs", "do": "save"}).status_code == 303
    answer = admin.post(path, {"seen": sent["seen"], "do": "launch"})
    assert "changed by somebody else" in admin.get(answer["Location"]).content.decode()
    refused = admin.post(path, {**sent, "do": "save"})
    page = refused.content.decode()
    assert refused.status_code == 409
    assert "changed by somebody else" in page
    run.refresh_from_db()
    assert (run.state, run.title) == ("draft", "Theirs")
    # What they wrote still stands in the form, and pressed again it counts.
    assert admin.post(path, {**fields_of(page), "do": "save"}).status_code == 303
    run.refresh_from_db()
    assert run.title == "Mine"


def test_files_hold_the_plan_and_its_hash(admin: Client) -> None:
    run = draft(admin)
    admin.post("/runs/release/plan/", {"do": "launch"})
    stored = RunPlan.objects.get(run=run)
    file = admin.get("/runs/release/plan.json")
    assert hashlib.sha256(file.content).hexdigest() == stored.sha256
    assert file["Content-Disposition"] == 'attachment; filename="release.json"'
    config = tomllib.loads(admin.get("/runs/release/plan.toml").content.decode())
    plan = read_plan({**config, "slug": "again"})
    assert {**plan.model_dump(mode="json"), "slug": "release"} == stored.config
    assert admin.get("/runs/release/plan.exe").status_code == 400


def test_toml_reads_back_as_it_was_written() -> None:
    config = read_plan(whole_plan()).model_dump(mode="json")
    again = tomllib.loads(write_toml(config))
    assert read_plan(again).model_dump(mode="json") == config


def test_another_run_begins_like_this_one(admin: Client) -> None:
    draft(admin)
    admin.post("/runs/release/plan/", {"do": "launch"})
    page = admin.get("/runs/new/?like=release").content.decode()
    sent = fields_of(page)
    assert sent["slug"] == [""]
    answer = admin.post("/runs/new/", {**sent, "slug": "next", "do": "save"})
    assert answer["Location"] == "/runs/next/plan/"
    first, second = RunPlan.objects.order_by("run_id")
    assert {**second.config, "slug": "release"} == first.config
    assert admin.get("/runs/new/?like=none").status_code == 404


def test_plan_that_fits_no_more_says_so_and_is_not_launched(admin: Client, asked: Any) -> None:
    run = draft(admin)
    config = {**run.plan.config, "judges": {"slugs": ["gone"], "comparisons": 1}}
    RunPlan.objects.filter(run=run).update(config=config)
    page = admin.get("/runs/release/plan/").content.decode()
    assert "This plan does not fit any more" in page
    assert "judges.slugs.0" in page
    assert 'value="launch"' not in page
    answer = admin.post("/runs/release/plan/", {"do": "launch"})
    assert "judges.slugs.0" in admin.get(answer["Location"]).content.decode()
    run.refresh_from_db()
    assert run.state == "draft"


def test_run_without_a_plan_has_no_such_page(admin: Client) -> None:
    run = make.make_run()
    assert admin.get(f"/runs/{run.slug}/plan/").status_code == 404
    assert f"/runs/{run.slug}/plan/" not in admin.get(f"/runs/{run.slug}/").content.decode()


def test_fresh_form_holds_the_plans_defaults(admin: Client) -> None:
    sent = fields_of(admin.get("/runs/new/").content.decode())
    form = PlanForm(None, plan={**whole_plan()})
    assert form.models
    assert sent["pairing-epsilon"] == ["20"]
    assert sent["stopping-alpha"] == ["5"]
    assert sent["rounds-at_most"] == ["1"]
    assert sent["stopping-stops_early"] == ["on"]
    assert sent["prompts-samples"] == ["1"]
