"""The export page: choices, what they give, the work, and what came of it."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from annotate.models import (
    Candidate,
    Export,
    PreferenceDataset,
    PreferencePair,
    PreferenceSet,
    Prompt,
    Round,
    SelectionRun,
)
from annotate.services.exporting import (
    REASONS,
    export_dataset,
    files,
    read_recipe,
    run_export,
    votes_of,
)
from tests import factories as make
from tests.views.pages import HTMX, browser_as, cast_votes, count_queries
from tests.views.test_runs import words_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]
PLAIN = {
    "row_form": "dpo", "voters": "people", "method": "majority", "min_votes": "1", "margin": "1",
    "min_probability": "75", "weight": "1", "test_share": "0", "test_annotator_share": "0",
    "seed": "0", "ending": ".jsonl",
}  # fmt: skip


def voted_run(n_prompts: int = 6) -> SelectionRun:
    round_ = make.make_open_round(n_prompts=n_prompts)
    cast_votes(round_, make.make_annotator(), n_prompts)
    return round_.run


def make_set(slug: str, n_pairs: int) -> PreferenceSet:
    found = PreferenceSet.objects.create(slug=slug, licence="MIT")
    PreferencePair.objects.bulk_create(
        PreferencePair(
            preference_set=found,
            key=f"k{n}",
            prompt=[{"role": "user", "content": f"Asked elsewhere {n}?"}],
            chosen=[{"role": "assistant", "content": f"Good {n}."}],
            rejected=[{"role": "assistant", "content": f"Bad {n}."}],
            prompt_sha256=f"{n:064x}",
            language="en",
        )
        for n in range(n_pairs)
    )
    return found


def send(run: SelectionRun, *, client: Client | None = None, **sent: Any) -> Any:
    """Send the form as a browser without scripts does."""
    client = client or browser_as("researcher")
    return client.post(f"/runs/{run.slug}/export/", PLAIN | sent)


def count(run: SelectionRun, **sent: Any) -> str:
    """Give what the page says to htmx while somebody chooses."""
    answer = browser_as("researcher").post(f"/runs/{run.slug}/export/", PLAIN | sent, headers=HTMX)
    assert answer.status_code == 200
    return words_of(answer.content.decode())


def test_page_offers_every_choice_with_the_recipes_defaults() -> None:
    page = browser_as("researcher").get(f"/runs/{voted_run().slug}/export/").content.decode()
    for form in PreferenceDataset.Form.values:
        assert f'name="row_form" value="{form}"' in page
    assert 'name="row_form" value="dpo" id="id_row_form_0" checked' in page
    assert 'name="method" value="majority"' in page
    assert re.search(r'name="min_votes" value="1"', page)
    assert "Press “Count” to see what these choices give." in page


def test_count_says_rows_and_what_was_left_out_in_words() -> None:
    run = voted_run(3)
    round_ = Round.objects.get(run=run)
    cast_votes(round_, make.make_annotator(), 1, outcome="b")
    assert "2 rows to train on" in count(run)
    assert "margin too small 1" in count(run)
    said = count(run, min_votes="2")
    assert "0 rows to train on" in said
    assert "There is nothing to export yet" in said
    assert "too few votes 2" in said


def test_count_shows_rows_as_a_person_reads_them() -> None:
    run = voted_run(12)
    page = (
        browser_as("researcher")
        .post(f"/runs/{run.slug}/export/", PLAIN, headers=HTMX)
        .content.decode()
    )
    assert page.count("<details>") == 10
    assert 'id="examples" hx-swap-oob="true"' in page
    prompt = run.prompts().order_by("key")[0]
    assert prompt.turns[0] in page
    assert "<h3>Chosen</h3>" in page
    assert "<h3>Rejected</h3>" in page


def test_text_of_a_row_is_text_and_no_markup() -> None:
    round_ = make.make_open_round(n_prompts=0)
    hostile = "<script>alert(1)</script>"
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=[hostile])
    for number, candidate in enumerate(round_.candidates.all()):
        make.make_completion(candidate, prompt, replies=[f"{hostile}{number}"])
    cast_votes(round_, make.make_annotator(), 1)
    page = send(round_.run, do="count").content.decode()
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3


def test_peoples_votes_outnumbered_are_said() -> None:
    run = voted_run(2)
    make_set("elsewhere", 30)
    mixed = {"mix-0-source": "pairs:elsewhere", "mix-0-weight": "1", "mix-0-voters": "people"}
    said = count(run, **mixed)
    assert "32 rows to train on" in said
    assert "People are outnumbered" in said
    assert "pairs:elsewhere 30" in said
    assert "People are outnumbered" not in count(run)
    light = count(run, **mixed | {"mix-0-weight": "0.01"})
    assert "People are outnumbered" not in light


def test_rows_to_test_on_are_counted_apart() -> None:
    run = voted_run(40)
    found = re.search(
        r"(\d+) rows to train on and (\d+) rows to test on", count(run, test_share=30)
    )
    assert found is not None
    train, test = map(int, found.groups())
    assert train + test == 40
    assert test > 0


@pytest.mark.parametrize(
    ("sent", "label", "said"),
    [
        ({"min_votes": "0"}, "Votes for either side that a pair needs", "at least 1"),
        ({"margin": "many"}, "By how many of them one side must lead", "is not a whole number"),
        ({"weight": "0"}, "Weight of each row", "more than 0"),
        ({"test_share": "200"}, "Prompts kept to test on, in percent", "From 0 to 99 percent."),
        ({"row_form": "dpo-standard"}, "Candidate whose prompt format", "Name the candidate"),
        (
            {"mix-0-source": "run:", "mix-0-weight": "1"},
            "Source",
            "Select a valid choice",
        ),
    ],
)
def test_choice_that_cannot_be_is_refused_at_its_field(
    sent: dict[str, str], label: str, said: str
) -> None:
    run = voted_run()
    told = count(run, **sent)
    assert "These choices give nothing:" in told
    assert label in told
    assert said in told
    answer = send(run, do="export", **sent)
    assert answer.status_code == 400
    page = answer.content.decode()
    assert re.search(rf'id="id_[\w-]+_error"><p class="note error">[^<]*{re.escape(said)}', page)
    assert Export.objects.count() == 0


def test_what_a_form_has_no_use_for_is_not_sent_on() -> None:
    """Votes are written as they were cast; what would choose among pairs is hidden by then."""
    run = voted_run(4)
    idle = {"leave_out_flagged": "on", "max_pairs_per_prompt": "1", "balance": "language"}
    assert "4 rows to train on" in count(run, row_form="votes", **idle)


def test_sources_are_added_and_removed_without_scripts() -> None:
    run = voted_run()
    make_set("first", 1), make_set("second", 1)
    page = send(run, do="mix.add").content.decode()
    assert 'name="mix-0-source"' in page
    two = {"mix-0-source": "pairs:first", "mix-1-source": "pairs:second"}
    page = send(run, do="mix.remove.0", **two).content.decode()
    assert '<option value="pairs:second" selected>' in page
    assert 'name="mix-1-source"' not in page


def test_counting_without_scripts_shows_numbers_and_rows_on_the_page() -> None:
    page = words_of(send(voted_run(3), do="count").content.decode())
    assert "3 rows to train on" in page
    assert "The first 3 rows" in page


def test_export_is_asked_for_made_and_led_to() -> None:
    run, client = voted_run(3), browser_as("researcher")
    answer = send(run, client=client, do="export", ending=".parquet", min_votes="1")
    export = Export.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/exports/{export.pk}/")
    assert (export.run, export.ending) == (run, ".parquet")
    waiting = client.get(f"/exports/{export.pk}/", headers=HTMX)
    assert waiting.status_code == 200
    assert "It waits for a worker." in waiting.content.decode()
    run_export(export)
    done = client.get(f"/exports/{export.pk}/", headers=HTMX)
    dataset = PreferenceDataset.objects.get()
    assert done["HX-Redirect"] == f"/datasets/{dataset.pk}/"
    assert dataset.n_pairs == 3
    page = client.get(f"/exports/{export.pk}/").content.decode()
    assert f'href="/datasets/{dataset.pk}/"' in page


def test_prompts_to_ask_anew_are_a_file_of_what_was_chosen() -> None:
    run = voted_run(3)
    refused = send(run, do="both-bad")
    assert refused.status_code == 400
    assert "there is none to ask anew" in refused.content.decode()
    round_ = Round.objects.get(run=run)
    cast_votes(round_, make.make_annotator(), 3, outcome="both_bad")
    cast_votes(round_, make.make_annotator(), 1, outcome="both_bad")
    answer = send(run, do="both-bad")
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == f'attachment; filename="{run.slug}-both-bad.jsonl"'
    (row,) = map(json.loads, answer.content.splitlines())
    assert Prompt.objects.get(key=row["key"]).turns == row["turns"]
    assert send(run, do="both-bad", voters="judges").status_code == 400


def test_work_that_gave_no_row_says_why_in_the_readers_language() -> None:
    run, client = voted_run(3), browser_as("researcher")
    send(run, client=client, do="export", min_votes="4")
    export = Export.objects.get()
    run_export(export)
    page = words_of(client.get(f"/exports/{export.pk}/").content.decode())
    assert "A pair needs 4 or more decisive votes and a lead of 1." in page
    assert "too few votes: 3" in page
    client.post("/language/", {"language": "ja"})
    reason = REASONS["too_few_votes"]
    with translation.override("ja"):
        told = f"{reason}: 3"
    assert told != "too few votes: 3"
    for address in (f"/exports/{export.pk}/", f"/runs/{run.slug}/export/"):
        assert told in words_of(client.get(address).content.decode())


def test_file_that_takes_long_is_made_by_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    run, client = voted_run(12), browser_as("researcher")
    dataset = export_dataset(read_recipe({"sources": [{"run": run.slug}], "test_share": 0.4}))
    page = f"/datasets/{dataset.pk}/"
    assert "Have a worker make it" not in client.get(page).content.decode()
    monkeypatch.setattr(files, "MOST_AT_ONCE_BYTES", 10)
    shown = client.get(page).content.decode()
    assert "Have a worker make it" in shown
    assert f'href="{page}train.jsonl"' in shown
    assert f'href="{page}train.csv"' not in shown
    assert client.get(f"{page}train.csv")["Location"] == f"{page}#files"
    assert not dataset.files.filter(ending=".csv").exists()
    asked = client.post(f"{page}make/", {"kind": "csv"})
    export = Export.objects.get()
    assert (asked.status_code, asked["Location"]) == (303, f"/exports/{export.pk}/")
    client.post(f"{page}make/", {"kind": "csv"})  # pressed twice
    assert Export.objects.count() == 1
    run_export(export)
    assert client.get(asked["Location"], headers=HTMX)["HX-Redirect"] == page
    assert PreferenceDataset.objects.count() == 1
    assert {each.split for each in dataset.files.filter(ending=".csv")} == {"train", "test"}
    assert f'href="{page}train.csv"' in client.get(page).content.decode()
    assert b"".join(client.get(f"{page}train.csv").streaming_content).startswith(b"prompt,")
    told = client.post(f"{page}make/", {"kind": "exe"}, follow=True)
    assert told.redirect_chain == [(page, 303)]
    assert 'role="alert"' in told.content.decode()


def test_work_says_how_far_it_is() -> None:
    run = voted_run()
    export = Export.objects.create(
        run=run, recipe={}, state=Export.State.RUNNING, n_done=4200, n_total=10_000
    )
    answer = browser_as("researcher").get(f"/exports/{export.pk}/", headers=HTMX)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "4,200 of about 10,000 rows" in page
    assert '<progress max="10000" value="4200"' in page


def test_failed_work_says_why_and_polls_no_more() -> None:
    run, client = voted_run(), browser_as("researcher")
    export = Export.objects.create(
        run=run, recipe={}, state=Export.State.FAILED, failure="The disk is full."
    )
    answer = client.get(f"/exports/{export.pk}/", headers=HTMX)
    assert answer.status_code == 286
    assert "The disk is full." in answer.content.decode()
    assert "The disk is full." in client.get(f"/runs/{run.slug}/export/").content.decode()


def test_page_lists_datasets_with_their_marks() -> None:
    run = voted_run()
    Candidate.objects.filter(run=run).update(licence="CC-BY-NC-4.0")
    export_dataset(votes_of(run.slug, form="kto"))
    page = words_of(browser_as("researcher").get(f"/runs/{run.slug}/export/").content.decode())
    assert "single replies, wanted or not (KTO) 12 CC-BY-NC-4.0 no commercial use" in page
    empty = browser_as("researcher").get(f"/runs/{make.make_run().slug}/export/").content.decode()
    assert "Nothing yet." in empty


def test_queries_do_not_grow_with_datasets() -> None:
    run, client = voted_run(), browser_as("researcher")
    address = f"/runs/{run.slug}/export/"
    export_dataset(votes_of(run.slug))
    with_one = count_queries(lambda: client.get(address))
    for seed in range(2):
        export_dataset(votes_of(run.slug, seed=seed))
    assert count_queries(lambda: client.get(address)) == with_one


def test_choices_begin_with_those_of_a_dataset() -> None:
    run = voted_run(20)
    make_set("elsewhere", 3)
    recipe = {
        "form": "kto", "method": "strength", "min_probability": 0.6, "test_share": 0.2, "seed": 7,
        "balance": ["language"], "leave_out_flagged": True,
        "sources": [{"run": run.slug, "weight": 2, "max_pairs": 50},
                    {"preference_set": "elsewhere", "weight": 0.5}],
    }  # fmt: skip
    dataset = export_dataset(read_recipe(recipe))
    page = browser_as("researcher").get(f"/runs/{run.slug}/export/?like={dataset.pk}")
    fields = page.context["form"]
    sent = {
        name: field.value() for name in fields.choices.fields if (field := fields.choices[name])
    }
    sent |= {field.html_name: field.value() for row in fields.mix for field in row}
    plain = {name: value for name, value in sent.items() if value not in (None, False)}
    client = browser_as("researcher")
    assert client.post(f"/runs/{run.slug}/export/", {**plain, "do": "export"}).status_code == 303
    asked, made = Export.objects.get().recipe, dict(dataset.filters)
    for told in (asked, made):
        for source in told["sources"]:
            source["cutoff"] = None
    assert asked == made


@pytest.mark.parametrize("like", ["x", "999999999"])
def test_choices_of_no_dataset_are_the_defaults_or_not_found(like: str) -> None:
    answer = browser_as("researcher").get(f"/runs/{voted_run().slug}/export/?like={like}")
    assert answer.status_code == (200 if like == "x" else 404)


@pytest.mark.parametrize("role", ["volunteer", None])
def test_only_researchers_export(role: str | None) -> None:
    run = voted_run()
    export = Export.objects.create(run=run, recipe={})
    client = browser_as(role) if role else Client()
    for address in (f"/runs/{run.slug}/export/", f"/exports/{export.pk}/"):
        assert client.get(address).status_code == (403 if role else 302)


def test_files_of_a_dataset_are_made_when_asked_for() -> None:
    run, client = voted_run(30), browser_as("researcher")
    dataset = export_dataset(votes_of(run.slug, test_share=0.3))
    page = client.get(f"/datasets/{dataset.pk}/").content.decode()
    for name in ("train.jsonl", "test.jsonl", "train.parquet", "test.csv", "train.zip"):
        address = f"/datasets/{dataset.pk}/{name}"
        assert f'href="{address}"' in page
        answer = client.get(address)
        assert answer.status_code == 200
        assert b"".join(answer.streaming_content)
    stored = dataset.files.get(split="test", ending=".csv")
    again = client.get(f"/datasets/{dataset.pk}/test.csv", headers={"Range": "bytes=0-9"})
    assert (again.status_code, again["ETag"]) == (206, f'"{stored.sha256}"')
    assert len(b"".join(again.streaming_content)) == 10
    for name in ("train.xlsx", "other.jsonl"):
        assert client.get(f"/datasets/{dataset.pk}/{name}").status_code == 404


def test_dataset_without_rows_to_test_on_has_no_such_file() -> None:
    dataset = export_dataset(votes_of(voted_run().slug))
    assert browser_as("researcher").get(f"/datasets/{dataset.pk}/test.csv").status_code == 404
