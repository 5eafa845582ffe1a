"""A trained candidate inherits the licences of what its dataset was mixed of."""

from pathlib import Path

import pytest
from django.conf import LazySettings

from annotate.models import Candidate, DatasetSource, PreferenceSet
from annotate.services.training_lineage import inherit_licence, list_sources
from tests import factories as make
from tests.views.pages import make_dataset

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


@pytest.fixture
def home(settings: LazySettings, tmp_path: Path) -> None:
    """Keep the datasets' files among those of the test."""
    settings.KURABE_HOME = tmp_path


def test_imported_pairs_bind_the_child_where_they_allow_no_commercial_use() -> None:
    run = make.make_run()
    base = make.make_candidate(run, licence="Apache-2.0")
    dataset = make_dataset(run)
    for slug, licence in (("free", "MIT"), ("bound", "CC-BY-NC-SA-4.0")):
        pairs = PreferenceSet.objects.create(slug=slug, licence=licence)
        DatasetSource.objects.create(
            dataset=dataset, name=f"pairs:{slug}", preference_set=pairs, n_rows=1
        )
    sources = list_sources(base=base, dataset=dataset, writers=[])
    assert [(each["candidate"], each["relation"]) for each in sources] == [
        (base.name, "itself"), ("bound", "preferences"), ("free", "preferences"),
    ]  # fmt: skip
    assert inherit_licence(sources) == "Apache-2.0 AND CC-BY-NC-SA-4.0"


def test_texts_of_another_run_bind_the_child_too() -> None:
    run, other = make.make_run(), make.make_run()
    base = make.make_candidate(run, licence="MIT")
    writer = make.make_candidate(other, licence="CC-BY-NC-4.0")
    dataset = make_dataset(run)
    DatasetSource.objects.create(
        dataset=dataset, name=f"votes:{other.slug}", run=other, cutoff=5, voters="people", n_rows=1
    )
    sources = list_sources(base=base, dataset=dataset, writers=[writer.name])
    assert Candidate.objects.filter(name=writer.name).count() == 1
    assert inherit_licence(sources) == "MIT AND CC-BY-NC-4.0"
