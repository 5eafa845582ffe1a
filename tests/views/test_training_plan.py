"""The page on which an admin plans a training."""

from typing import Any

import pytest
from django.test import Client

from annotate.models import Candidate, PreferenceDataset, TrainingRun
from tests import factories as make
from tests.services.trainings import export, make_base, vote_on
from tests.views.pages import browser_as, browser_of, count_queries
from tests.views.test_runs import words_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def base() -> Candidate:
    return make_base(vote_on({}, {}, {"is_held_out": True}))


@pytest.fixture
def admin() -> Client:
    return browser_as("admin")


def address_of(base: Candidate) -> str:
    return f"/runs/{base.run.slug}/train/"


def send(client: Client, base: Candidate, **fields: Any) -> Any:
    """Press the button, with the boxes as they are ticked at first."""
    return client.post(address_of(base), {"base": base.pk, "opens_round": "on", **fields})


def errors_of(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 400
    return {name: list(errors) for name, errors in answer.context["form"].errors.items()}


@pytest.mark.parametrize(("role", "status"), [("researcher", 403), ("admin", 200)])
def test_page_is_for_admins(role: str, status: int, base: Candidate) -> None:
    browser = browser_as(role)
    assert browser.get(address_of(base)).status_code == status
    is_linked = (
        f'href="{address_of(base)}"' in browser.get(f"/runs/{base.run.slug}/").content.decode()
    )
    assert is_linked == (role == "admin")


def test_training_is_planned_on_the_votes_of_now(base: Candidate) -> None:
    user = make.make_user("admin")
    answer = send(
        browser_of(user), base, preset="lora-few-pairs", epochs="3", learning_rate="1e-5",
        loss_type="sigmoid, sft", loss_weights="1 0.5", merge_adapter="0", lora_rank="none",
        optimizer="adafactor", gate_alpha="5", next_round_votes="40", child_name="  kestrel ",
    )  # fmt: skip
    training_run = TrainingRun.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/training/{training_run.pk}/")
    wished = {
        "epochs": 3.0, "learning_rate": 1e-5, "loss_type": ["sigmoid", "sft"],
        "loss_weights": [1.0, 0.5], "merge_adapter": False, "lora_rank": None,
        "optimizer": "adafactor", "scheduler": "cosine", "max_length": 2048,
    }  # fmt: skip
    assert {name: training_run.config[name] for name in wished} == wished
    assert (training_run.gate_alpha, training_run.next_round_votes) == (0.05, 40)
    assert (training_run.child_name, training_run.created_by) == ("kestrel", user)
    assert PreferenceDataset.objects.get().created_by == user


def test_training_is_planned_on_a_dataset_that_is_there(admin: Client, base: Candidate) -> None:
    dataset = export(base.run)
    page = admin.get(f"{address_of(base)}?dataset={dataset.pk}").content.decode()
    assert f'<option value="{dataset.pk}" selected>#{dataset.pk}: 2 pairs, made ' in page
    send(admin, base, dataset=dataset.pk, opens_round="")
    training_run = TrainingRun.objects.get()
    assert (training_run.dataset, training_run.opens_round) == (dataset, False)


def test_dataset_page_leads_to_the_form(admin: Client, base: Candidate) -> None:
    dataset = export(base.run)
    link = f'href="{address_of(base)}?dataset={dataset.pk}"'
    assert link in admin.get(f"/datasets/{dataset.pk}/").content.decode()
    researcher = browser_as("researcher")
    assert link not in researcher.get(f"/datasets/{dataset.pk}/").content.decode()


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"epochs": "many"}, "epochs", "A number belongs here."),
        ({"batch_size": "1.5"}, "batch_size", "A whole number belongs here."),
        ({"beta": "0"}, "beta", "0.0 does not fit; a number above 0 is right"),
        ({"loss_type": "dpo"}, "loss_type", "'dpo' does not fit; one of these is right: aot"),
        ({"lora_rank": "4", "lisa_layers": "2"}, "lisa_layers", "goes with no LoRA rank"),
        ({"gate_alpha": "90"}, "gate_alpha", "From 0.01 to 50 percent."),
        ({"gate_alpha": "5", "opens_round": ""}, "gate_alpha", "needs the next round"),
        ({"child_name": "good"}, "child_name", "has a candidate “good” already"),
        ({"preset": "shisa"}, "preset", "follows from the number of the model’s parameters"),
        ({"preset": "my own"}, "preset", "Select a valid choice"),
    ],
)
def test_errors_stand_beside_their_fields(
    fields: Any, field: str, said: str, admin: Client, base: Candidate
) -> None:
    answer = send(admin, base, **fields)
    errors = errors_of(answer)
    assert list(errors) == [field]
    assert said in errors[field][0]
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert not TrainingRun.objects.exists()
    assert not PreferenceDataset.objects.exists()


def test_folded_settings_open_where_one_is_refused(admin: Client, base: Candidate) -> None:
    assert "<details open" not in admin.get(address_of(base)).content.decode()
    assert "<details open" in send(admin, base, weight_decay="much").content.decode()


def test_dataset_that_cannot_be_trained_on_is_refused_here(admin: Client) -> None:
    base = make_base(vote_on({}, {}, good=lambda _: ["Yes."]))
    errors = errors_of(send(admin, base))
    assert "one-sided: all of its 2 chosen replies are the same text" in errors["__all__"][0]


def test_errors_are_said_in_japanese(admin: Client, base: Candidate) -> None:
    admin.cookies["django_language"] = "ja"
    answer = send(admin, base, beta="0", weight_decay="多い")
    assert errors_of(answer) == {"weight_decay": ["数を入力してください。"]}
    answer = send(admin, base, beta="0")
    assert errors_of(answer) == {"beta": ["0.0 は使えません。0 より大きい数にしてください。"]}


def test_run_without_weights_says_so(admin: Client) -> None:
    page = words_of(admin.get(f"/runs/{make.make_run().slug}/train/").content.decode())
    assert "No candidate of this run has weights here" in page


def test_form_asks_as_much_of_many_datasets_as_of_one(admin: Client, base: Candidate) -> None:
    counts = []
    for _dataset in range(2):
        export(base.run)
        counts.append(count_queries(lambda: admin.get(address_of(base))))
    assert counts[0] == counts[1]
