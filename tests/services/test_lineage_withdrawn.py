"""Datasets and checkpoints say which of their votes were taken back since."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.utils import timezone

from annotate.models import Annotator, Candidate, Consent, PreferenceDataset, Round, Vote
from annotate.services import voting
from annotate.services.exclusions import exclude
from annotate.services.ledger import take_cutoff
from annotate.services.lineage import Withdrawn, withdrawn_by_candidate, withdrawn_since
from tests import factories as make
from tests.views.pages import cast_votes, count_queries, make_dataset, make_training

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: LazySettings, tmp_path: Path) -> None:
    """Keep the datasets' files among those of the test."""
    settings.KURABE_HOME = tmp_path


def voted_round() -> tuple[Round, Annotator, Annotator]:
    """Let two annotators judge three pairs each."""
    round_, one, other = make.make_open_round(), make.make_annotator(), make.make_annotator()
    for annotator in (one, other):
        Consent.objects.create(annotator=annotator, text=make.make_consent_text())
        cast_votes(round_, annotator, 3)
    return round_, one, other


def export(round_: Round) -> PreferenceDataset:
    return make_dataset(round_.run, cutoff=take_cutoff(run=round_.run))


def withdraw(annotator: Annotator, n: int) -> None:
    for vote in Vote.objects.standing().filter(comparison__annotator=annotator)[:n]:
        voting.withdraw_vote(vote=vote, by=None)


def end_consent(annotator: Annotator) -> None:
    Consent.objects.filter(annotator=annotator).update(withdrawn_at=timezone.now())


def test_dataset_whose_votes_all_stand_has_none() -> None:
    round_, one, _other = voted_round()
    withdraw(one, 1)
    dataset = export(round_)
    assert withdrawn_since(dataset) is None
    cast_votes(round_, make.make_annotator(), 1)
    assert withdrawn_since(dataset) is None


def test_dataset_tells_votes_taken_back_with_consent_from_single_ones() -> None:
    round_, one, other = voted_round()
    dataset = export(round_)
    withdraw(other, 1)
    withdraw(one, 3)
    end_consent(one)
    assert withdrawn_since(dataset) == Withdrawn(with_consent=3, single=1)
    assert withdrawn_since(export(round_)) is None


def test_consent_taken_back_before_the_vote_is_another_matter() -> None:
    """Who agrees anew and then takes one vote back has taken back that vote alone."""
    round_, one, _other = voted_round()
    end_consent(one)
    Consent.objects.create(annotator=one, text=make.make_consent_text())
    late = make.make_open_round()
    cast_votes(late, one, 1)
    dataset = export(late)
    withdraw(one, 4)
    assert withdrawn_since(dataset) == Withdrawn(with_consent=0, single=1)
    assert round_.run != late.run


def test_dataset_was_not_made_from_votes_that_did_not_count_for_it() -> None:
    """Held-out prompts, excluded annotators, and comparisons that rank nobody."""
    round_, one, other = voted_round()
    exclude(run=round_.run, annotator=other, reason="spam")
    prompt = round_.run.prompts().order_by("id")[0]
    prompt.is_held_out = True
    prompt.save()
    pair = make.make_gold_pair(round_.run)
    comparison = make.make_comparison(
        pair.completion_a, pair.completion_b, round_=round_, annotator=one, purpose="gold",
        gold=pair,
    )  # fmt: skip
    make.make_vote(comparison)
    dataset = export(round_)
    withdraw(one, 4)
    withdraw(other, 3)
    assert withdrawn_since(dataset) == Withdrawn(with_consent=0, single=2)


def test_checkpoint_passes_on_what_trained_it() -> None:
    round_, one, _other = voted_round()
    run = round_.run
    dataset = export(round_)
    base = round_.candidates.order_by("id")[0]
    child = enrol(base, dataset)
    withdraw(one, 2)
    clean = enrol(base, export(round_))
    grandchild = enrol(child, clean.training_run.dataset)
    expected = {dataset.pk: Withdrawn(with_consent=0, single=2)}
    assert withdrawn_by_candidate(run) == {child.pk: expected, grandchild.pk: expected}


def enrol(base: Candidate, dataset: PreferenceDataset) -> Candidate:
    """Enter the checkpoint that came of training `base` on a dataset."""
    training = make_training(base.run, base=base, dataset=dataset)
    child = make.make_candidate(base.run, origin="dpo", training_run=training)
    child.parents.add(base)
    return child


def test_queries_do_not_grow_with_checkpoints() -> None:
    round_, one, _other = voted_round()
    child = enrol(round_.candidates.order_by("id")[0], export(round_))
    withdraw(one, 1)
    with_one = count_queries(lambda: withdrawn_by_candidate(round_.run))
    for _generation in range(3):
        child = enrol(child, export(round_))
    assert count_queries(lambda: withdrawn_by_candidate(round_.run)) == with_one
