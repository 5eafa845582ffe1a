"""A dataset's card says what it is, what it was made of and what it is not, and names nobody."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import LazySettings
from django.utils import translation

from annotate.formats import write_folder
from annotate.models import PreferenceDataset, PreferenceSet, SelectionRun
from annotate.services.exporting import ensure_file, export_dataset, path_of, read_recipe, votes_of
from annotate.services.exporting.card_words import REASONS, ROWS, say_method, size_category
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: LazySettings, tmp_path: Path) -> Path:
    """Keep what is exported among the files of the test."""
    settings.KURABE_HOME = tmp_path
    return tmp_path


def make_votes(*, n_prompts: int = 3, licences: tuple[str, str] = ("Apache-2.0", "MIT")) -> Any:
    """Let two people judge two candidates on each prompt; each has an address and a consent."""
    round_ = make.make_open_round(n_candidates=0, n_prompts=0)
    candidates = [
        make.make_candidate(round_.run, name=name, licence=licence, model=model)
        for name, licence, model in zip(
            ("base", "tuned | *x*"), licences, ("org/base", "/home/mika/tuned"), strict=True
        )
    ]
    round_.candidates.set(candidates)
    names = ("mika", "kenji")
    users = [make.make_user(username=name, email=f"{name}@example.org") for name in names]
    voters = [make.make_annotator(user=user, name=user.username) for user in users]
    for voter in voters:
        make.make_participant(round_.run, voter)
    for number in range(n_prompts):
        asked = make.make_prompt(round_.run.prompt_sets.get(), language=("en", "ja")[number % 2])
        a, b = (make.make_completion(each, asked) for each in candidates)
        for voter in voters:
            comparison = make.make_comparison(a, b, round_=round_, annotator=voter)
            make.make_vote(comparison, "a" if number else "tie")
    return round_.run


def header_of(dataset: PreferenceDataset) -> dict[str, Any]:
    _before, header, _text = dataset.card.split("---\n", 2)
    return dict(yaml.safe_load(header))


def test_card_has_the_header_that_hubs_read() -> None:
    run = make_votes()
    dataset = export_dataset(votes_of(run.slug))
    assert header_of(dataset) == {
        "pretty_name": f"{run.slug}-dpo-{dataset.pk}",
        "language": ["en", "ja"],
        "license": "apache-2.0",
        "size_categories": ["n<1K"],
        "task_categories": ["text-generation"],
        "tags": ["kurabe", "preference", "dpo", "trl"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": "data/train.parquet"}],
            }
        ],
    }


def test_header_passes_the_hubs_own_check() -> None:
    from huggingface_hub import DatasetCard  # noqa: PLC0415  half a second

    dataset = export_dataset(votes_of(make_votes().slug))
    card = DatasetCard(dataset.card)
    assert card.data.license == "apache-2.0"
    assert card.data.language == ["en", "ja"]


def test_card_tells_how_the_rows_came_to_be() -> None:
    run = make_votes()
    dataset = export_dataset(votes_of(run.slug, min_votes=2, margin=2))
    for said in (
        f"# {run.slug}-dpo-{dataset.pk}\n",
        "2 rows to train on, made by Kurabe from votes of the candidate selection run",
        "- A pair of replies has 2 decisive votes or more (ties and “both bad” are none), and the"
        " chosen one leads by 2 or more.",
        "- 6 votes behind the rows to train on, by 2 people.\n",
        "- On 3 pairs of replies that several judged, two agree 100.0% of the time; Krippendorff's"
        " alpha is 1.000.\n",
        "- Pairs: 1 without a vote for either side: ties and “both bad” never become pairs.\n",
        f"| votes:{run.slug} | 2 | 1 | people | of the models below |\n",
        "| base | org/base | Apache-2.0 |\n",
        r"| tuned \| \*x\* | tuned | MIT |" + "\n",
        "All of these licences hold together: Apache-2.0 and MIT.\n",
        f"- Dataset {dataset.pk} of this Kurabe.\n",
        f"`{dataset.sha256}`",
        f"- votes:{run.slug}: votes up to number {dataset.cutoff} of the ledger.\n",
        f"Version {make.make_consent_text().version} of the consent text:\n\n> ",
        'load_dataset("path/of/this/folder", split="train")',
    ):
        assert said in dataset.card, said


@pytest.mark.parametrize("form", ["dpo", "kto", "reward", "ranking", "votes", "arena"])
def test_card_and_rows_name_no_person(form: str, home: Path) -> None:
    """Names and addresses of accounts stay here, and so do folders of this machine."""
    dataset = export_dataset(votes_of(make_votes().slug, form=form), also=[".parquet", ".csv"])
    said = dataset.card + (home / dataset.path).read_text(encoding="utf-8")
    said += path_of(ensure_file(dataset, "train", ".csv")).read_text(encoding="utf-8")
    for secret in ("mika", "kenji", "example.org", "@"):
        assert secret not in said
    assert ROWS[form].split(":")[0] in dataset.card


@pytest.mark.parametrize(
    ("licences", "header", "said"),
    [
        (("MIT", "CC-BY-NC-SA-4.0"), {"license": "cc-by-nc-sa-4.0"}, "MIT and CC-BY-NC-SA-4.0"),
        (
            ("House rules", "MIT"),
            {"license": "other", "license_name": "houserules"},
            "House rules and MIT",
        ),
        (("", "MIT"), {"license": "mit"}, "Of some texts nobody said under which licence"),
        (("", ""), {"license": "unknown"}, "Of some texts nobody said under which licence"),
    ],
)
def test_card_names_the_licence_that_binds(
    licences: tuple[str, str], header: dict[str, str], said: str
) -> None:
    dataset = export_dataset(votes_of(make_votes(licences=licences).slug))
    told = header_of(dataset)
    assert {name: told[name] for name in told if name.startswith("license")} == header
    assert said in dataset.card


def test_card_warns_where_people_are_outnumbered() -> None:
    run = make_votes()
    elsewhere = PreferenceSet.objects.create(slug="elsewhere", licence="CC-BY-4.0")
    for number in range(5):
        elsewhere.pairs.create(
            key=f"k{number}",
            prompt=[{"role": "user", "content": f"Q{number}"}],
            chosen=[{"role": "assistant", "content": "good"}],
            rejected=[{"role": "assistant", "content": "bad"}],
            prompt_sha256="0" * 64,
            language="en",
        )
    dataset = export_dataset(
        read_recipe({"sources": [{"run": run.slug}, {"preference_set": "elsewhere"}]})
    )
    assert "> **Note:** People are outnumbered" in dataset.card
    row = "| pairs:elsewhere | 5 | 1 | none: preferred elsewhere | CC-BY-4.0 |\n"
    assert row in dataset.card
    assert "Apache-2.0, MIT and CC-BY-4.0" in dataset.card


def test_card_is_in_english_whatever_the_reader_speaks() -> None:
    run = make_votes()
    with translation.override("ja"):
        card = export_dataset(votes_of(run.slug)).card
    assert "How votes became rows" in card
    assert not any("\u3040" <= letter <= "\u30ff" for letter in card)


def test_card_of_imported_votes_says_that_nobody_was_asked() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=1)
    run: SelectionRun = round_.run
    a, b = (each.completions.get() for each in round_.candidates.order_by("id"))
    voter = make.make_annotator(source=run.slug)
    make.make_vote(make.make_comparison(a, b, round_=round_, annotator=voter), "a")
    card = export_dataset(votes_of(run.slug)).card
    assert "Nobody who voted was asked for consent here: their votes were imported." in card


def test_folder_of_a_dataset_opens_with_its_splits(home: Path) -> None:
    import datasets  # noqa: PLC0415  torch comes along

    run = make_votes(n_prompts=40)
    dataset = export_dataset(votes_of(run.slug, test_share=0.3))
    splits = {
        split: path_of(ensure_file(dataset, split, ".parquet")) for split in ("train", "test")
    }
    folder = write_folder(home / "out", card=dataset.card, splits=splits)
    loaded = datasets.load_dataset(str(folder), cache_dir=str(home / "cache"))
    assert {split: len(loaded[split]) for split in loaded} == {
        "train": dataset.n_pairs,
        "test": dataset.counts["test_rows"],
    }
    prompts = {split: set(loaded[split]["prompt_id"]) for split in loaded}
    assert not prompts["train"] & prompts["test"]


@pytest.mark.parametrize(
    ("n", "category"),
    [(0, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (999_999, "100K<n<1M"), (10**9, "n>1B")],
)
def test_size_category_is_the_hubs(n: int, category: str) -> None:
    assert size_category(n) == category


@pytest.mark.parametrize("form", sorted(ROWS))
def test_every_form_and_method_has_words(form: str) -> None:
    filters = {"form": form, "min_votes": 1, "margin": 2, "min_probability": 0.75}
    methods = ["majority", "reliability", "strength"]
    said = {say_method(filters | {"method": method}) for method in methods}
    assert len(said) == (1 if form in ("ranking", "votes", "arena") else 3)
    assert all(reason for reason in REASONS.values())
