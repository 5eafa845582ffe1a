"""Lineage both ways: from checkpoints to votes, from votes to checkpoints and their children."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from annotate.models import (
    Annotator,
    Candidate,
    Consent,
    DatasetSource,
    PreferenceDataset,
    PreferenceSet,
    Round,
    SelectionRun,
    Vote,
)
from annotate.services import lineage, voting
from annotate.services.exclusions import exclude, undo_exclusion
from annotate.services.exporting import export_dataset, votes_of
from annotate.services.ledger import take_cutoff
from annotate.services.lineage import Place, Withdrawn
from tests import factories as make
from tests.views.pages import cast_votes, count_queries, make_dataset, make_training

pytestmark = pytest.mark.django_db
NC = "CC-BY-NC-SA-4.0"


@pytest.fixture(autouse=True)
def home(settings: LazySettings, tmp_path: Path) -> Path:
    """Keep the datasets' files among those of the test."""
    settings.KURABE_HOME = tmp_path
    return tmp_path


def export(run: SelectionRun, **recipe: Any) -> PreferenceDataset:
    """Export a run's votes as pairs."""
    return export_dataset(votes_of(run.slug, **recipe))


def store(run: SelectionRun, **fields: Any) -> PreferenceDataset:
    """Store a dataset of the votes of now, whose file holds no pair of theirs."""
    return make_dataset(run, cutoff=take_cutoff(run=run), **fields)


def train(dataset: PreferenceDataset, base: Candidate, **fields: Any) -> Candidate:
    """Enter the checkpoint that came of training `base` on a dataset."""
    training = make_training(base.run, base=base, dataset=dataset)
    child = make.make_candidate(base.run, origin="dpo", training_run=training, **fields)
    child.parents.add(base)
    return child


def first_of(round_: Round) -> Candidate:
    return round_.candidates.order_by("id")[0]


def agree(annotator: Annotator, *, newer: bool = False) -> Consent:
    text = make.make_consent_text(newer=newer)
    return Consent.objects.create(annotator=annotator, text=text)


def names_of(family: lineage.CandidateLineage | Any) -> list[tuple[str, int]]:
    return [(member.candidate.name, member.depth) for member in family.members]


def test_checkpoint_leads_back_to_its_votes_and_their_consent() -> None:
    round_, person, other = make.make_open_round(), make.make_annotator(), make.make_annotator()
    older, newer = agree(person), agree(other, newer=True)
    cast_votes(round_, person, 3)
    cast_votes(round_, other, 1)
    cast_votes(round_, make.make_annotator(kind="simulated"), 2)
    child = train(store(round_.run, filters={"voters": "people"}), first_of(round_), name="child")
    told = lineage.of_candidate(child)
    assert names_of(told.ancestors) == [("child", 0), (first_of(round_).name, 1)]
    (part,) = told.datasets
    (source,) = part.sources
    votes = source.votes
    assert votes is not None
    assert votes.n == 6
    assert votes.by_kind == {"person": 4, "simulated": 2}
    assert votes.by_round == {1: 6}
    assert votes.by_consent == {None: 2, older.text.version: 3, newer.text.version: 1}
    assert votes.withdrawn is None


def test_consent_is_the_newest_that_stood_when_the_vote_was_cast() -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    first = agree(annotator)
    cast_votes(round_, annotator, 1)
    second = agree(annotator, newer=True)
    late = make.make_open_round()
    cast_votes(late, annotator, 2)
    for run, version in ((round_.run, first.text.version), (late.run, second.text.version)):
        (source,) = lineage.of_dataset(store(run)).part.sources
        assert source.votes is not None
        assert set(source.votes.by_consent) == {version}
    vote = Vote.objects.filter(comparison__round=round_).get()
    assert lineage.of_vote(vote).consent_version == first.text.version


def test_consent_that_was_taken_back_before_a_vote_is_not_its_consent() -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    consent = agree(annotator)
    gone = timezone.now() - timedelta(hours=1)
    Consent.objects.filter(pk=consent.pk).update(
        given_at=gone - timedelta(hours=1), withdrawn_at=gone
    )
    cast_votes(round_, annotator, 1)
    assert lineage.of_vote(Vote.objects.get()).consent_version is None


def test_votes_taken_back_are_marked_all_the_way_to_the_grandchild() -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    agree(annotator)
    cast_votes(round_, annotator, 3)
    child = train(store(round_.run), first_of(round_))
    grandchild = train(store(make.make_open_round().run), child)
    for vote in Vote.objects.all():
        voting.withdraw_vote(vote=vote, by=None)
    Consent.objects.update(withdrawn_at=timezone.now())
    told = lineage.of_candidate(grandchild)
    assert [part.withdrawn for part in told.datasets] == [None, Withdrawn(3, 0)]
    (source,) = told.datasets[1].sources
    assert source.votes is not None
    assert source.votes.withdrawn == Withdrawn(with_consent=3, single=0)
    assert lineage.of_vote(Vote.objects.all()[0]).withdrawn == "consent"


def test_vote_leads_to_datasets_checkpoints_and_their_children() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 2)
    dataset = export(round_.run)
    child = train(dataset, first_of(round_), name="child")
    train(store(make.make_open_round().run), child, name="grandchild")
    told = lineage.of_vote(Vote.objects.all()[0])
    assert told.n_uses == 1
    (use,) = told.uses
    assert (use.dataset, use.place) == (dataset, Place.TRAIN)
    assert names_of(use.children) == [("child", 0), ("grandchild", 1)]


def test_vote_on_a_pair_that_was_left_out_did_not_go_in() -> None:
    """One vote is too few for a pair; the other pair has two."""
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 2)
    cast_votes(round_, make.make_annotator(), 1)
    train(export(round_.run, min_votes=2), first_of(round_))
    both, alone = Vote.objects.order_by("pk")[:2]
    assert [use.place for use in lineage.of_vote(both).uses] == [Place.TRAIN]
    (left_out,) = lineage.of_vote(alone).uses
    assert left_out.place == Place.LEFT_OUT
    assert left_out.children.members == ()


def test_pair_of_another_sample_or_depth_is_another_pair(home: Path) -> None:
    round_ = make.make_open_round(n_prompts=1, n_samples=2)
    cast_votes(round_, make.make_annotator(), 2)
    dataset = export(round_.run)
    path = home / dataset.path
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["chosen_sample"] for row in rows] == [0, 1]
    path.write_text(json.dumps(rows[1] | {"n_turns": 1}) + "\n")
    one, other = Vote.objects.order_by("pk")
    assert lineage.find_place(dataset, one) == Place.LEFT_OUT
    assert lineage.find_place(dataset, other) == Place.TRAIN
    path.write_text(json.dumps(rows[1] | {"n_turns": 2}) + "\n")
    assert lineage.find_place(dataset, other) == Place.LEFT_OUT


@pytest.mark.parametrize("key", ["p", '"quoted"', "日本語", "a\\b", "x" * 200])
def test_prompt_is_found_whatever_it_is_called(key: str, home: Path) -> None:
    """Its name also stands elsewhere, as the text of another prompt."""
    round_ = make.make_open_round(n_prompts=0)
    prompts = [
        make.make_prompt(round_.run.prompt_sets.get(), key="other", turns=[key]),
        make.make_prompt(round_.run.prompt_sets.get(), key=key),
    ]
    for candidate in round_.candidates.all():
        for prompt in prompts:
            make.make_completion(candidate, prompt)
    cast_votes(round_, make.make_annotator(), 2)
    dataset = export(round_.run)
    assert [lineage.find_place(dataset, vote) for vote in Vote.objects.all()] == [Place.TRAIN] * 2
    path = home / dataset.path
    others = [line for line in path.read_text().splitlines() if '"prompt_id": "other"' in line]
    path.write_text("\n".join(others))
    vote = Vote.objects.get(comparison__prompt__key=key)
    assert lineage.find_place(dataset, vote) == Place.LEFT_OUT


@pytest.mark.parametrize("form", ["dpo", "kto", "reward", "ranking", "votes", "arena"])
def test_vote_is_found_in_rows_of_every_form(form: str) -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 2)
    dataset = export(round_.run, form=form)
    assert [lineage.find_place(dataset, vote) for vote in Vote.objects.all()] == [Place.TRAIN] * 2
    cast_votes(round_, make.make_annotator(), 3)
    late = Vote.objects.latest("pk")
    assert lineage.find_place(dataset, late) == Place.LEFT_OUT


def test_vote_moves_other_pairs_of_its_prompt_where_strengths_decide() -> None:
    """First and second tie exactly; the third loses to both, so the tied pair is no row."""
    round_, annotator = make.make_open_round(n_candidates=3, n_prompts=1), make.make_annotator()
    one, two, three = (each.completions.get() for each in round_.candidates.order_by("id"))
    for pair, outcome in (((one, two), "tie"), ((one, three), "a"), ((two, three), "a")):
        for _vote in range(6):
            comparison = make.make_comparison(*pair, round_=round_, annotator=annotator)
            make.make_vote(comparison, outcome)
    tie = Vote.objects.filter(outcome="tie")[0]
    by_strength = export(round_.run, method="strength")
    assert lineage.find_place(by_strength, tie) == Place.PROMPT
    assert lineage.find_place(export(round_.run), tie) == Place.LEFT_OUT
    child = train(by_strength, first_of(round_))
    assert names_of(lineage.of_vote(tie).uses[1].children) == [(child.name, 0)]


def test_vote_of_an_annotator_kept_to_test_on_was_set_aside() -> None:
    """Of its pair there is a row all the same, by others' votes."""
    round_ = make.make_open_round(n_prompts=12)
    annotators = [make.make_annotator() for _annotator in range(12)]
    for annotator in annotators:
        cast_votes(round_, annotator, 12)
    dataset = export(round_.run, test_share=0.5, test_annotator_share=0.5, seed=3)
    places = {
        vote.pk: lineage.find_place(dataset, vote)
        for vote in Vote.objects.select_related("comparison__annotator", "comparison__prompt")
    }
    counts = Counter(places.values())
    assert counts[Place.SET_ASIDE] == dataset.counts["votes_set_aside"] > 0
    assert set(counts) == {Place.TRAIN, Place.TEST, Place.SET_ASIDE}
    counted = {"train": set(), "test": set()}
    for vote in Vote.objects.all():
        if places[vote.pk] != Place.SET_ASIDE:
            counted[places[vote.pk].value].add(vote.comparison.annotator_id)
    assert counted["train"].isdisjoint(counted["test"])


def test_vote_on_a_held_out_prompt_is_in_rows_to_test_on_where_rows_are_votes() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 2)
    vote = Vote.objects.order_by("pk")[0]
    prompt = vote.comparison.prompt
    prompt.is_held_out = True
    prompt.save()
    export(round_.run)
    of_votes = export(round_.run, form="votes")
    (use,) = lineage.of_vote(vote).uses
    assert (use.dataset, use.place) == (of_votes, Place.TEST)
    assert lineage.of_dataset(of_votes).part.sources[0].votes.n == 2


def test_file_that_is_gone_or_too_large_tells_nothing(home: Path) -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 1)
    dataset, vote = export(round_.run), Vote.objects.get()
    assert lineage.find_place(dataset, vote, most=10) == Place.UNKNOWN
    (home / dataset.path).unlink()
    assert lineage.find_place(dataset, vote) == Place.UNKNOWN


def test_vote_in_the_rows_to_test_on_trained_nobody() -> None:
    round_ = make.make_open_round(n_prompts=20)
    cast_votes(round_, make.make_annotator(), 20)
    dataset = export(round_.run, test_share=0.3)
    train(dataset, first_of(round_))
    uses = [lineage.of_vote(vote).uses[0] for vote in Vote.objects.all()]
    tested = [use for use in uses if use.place == Place.TEST]
    assert 0 < len(tested) == dataset.files.get(split="test").n_rows < 20
    assert {len(use.children) for use in tested} == {0}
    assert {len(use.children) for use in uses if use.place == Place.TRAIN} == {1}


def test_vote_counted_for_datasets_of_its_time_voters_and_round() -> None:
    round_, judge = make.make_open_round(), make.make_judge()
    before = store(round_.run)
    cast_votes(round_, make.make_annotator(), 1)
    cast_votes(round_, judge.annotator, 1)
    both = store(round_.run)
    people = store(round_.run, filters={"voters": "people"})
    judges = store(round_.run, filters={"voters": "judges"})
    first = store(round_.run, filters={"round": 1})
    second = store(round_.run, filters={"round": 2})
    elsewhere = store(make.make_open_round().run)
    by_person, by_judge = Vote.objects.order_by("pk")

    def counted(vote: Vote) -> list[PreferenceDataset]:
        return [source.dataset for source in lineage.uses_of(vote)]

    assert counted(by_person) == [first, people, both]
    assert counted(by_judge) == [first, judges, both]
    assert {before, second, elsewhere}.isdisjoint(counted(by_person))


def test_vote_counted_only_while_it_stood_and_nobody_excluded_it() -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    cast_votes(round_, annotator, 1)
    cast_votes(round_, make.make_annotator(), 1)
    vote = Vote.objects.order_by("pk")[0]
    first = store(round_.run)
    exclusion = exclude(run=round_.run, annotator=annotator, reason="spam")
    store(round_.run)
    undo_exclusion(exclusion=exclusion, reason="a mistake")
    third = store(round_.run)
    voting.withdraw_vote(vote=vote, by=None)
    store(round_.run)
    vote.refresh_from_db()
    assert [source.dataset for source in lineage.uses_of(vote)] == [third, first]
    assert lineage.of_vote(vote).withdrawn == "single"


def test_vote_that_can_be_in_no_dataset_says_why() -> None:
    round_, annotator = make.make_open_round(), make.make_annotator()
    cast_votes(round_, annotator, 1)
    known = make.make_vote(make.make_known_comparison(round_, annotator))
    held_out = Vote.objects.order_by("pk")[0]
    prompt = held_out.comparison.prompt
    prompt.is_held_out = True
    prompt.save()
    store(round_.run)
    for vote, why in ((known, "purpose"), (held_out, "held_out")):
        told = lineage.of_vote(vote)
        assert (told.never, told.n_uses) == (why, 0)


def test_non_commercial_licence_marks_dataset_and_every_child() -> None:
    """By whoever wrote the replies; a run beside it stays free."""
    round_, free = make.make_open_round(), make.make_open_round()
    Candidate.objects.filter(pk=first_of(round_).pk).update(licence=NC)
    base = make.make_candidate(round_.run, licence="Apache-2.0", name="base")
    cast_votes(round_, make.make_annotator(), 1)
    cast_votes(free, make.make_annotator(), 1)
    bound, unbound = store(round_.run), store(free.run)
    child = train(bound, base, licence="Apache-2.0", name="child")
    train(unbound, child, licence="Apache-2.0", name="grandchild")
    told = lineage.of_dataset(bound)
    assert told.is_non_commercial
    assert [(each.name, each.relation, each.is_non_commercial) for each in told.licences] == [
        (first_of(round_).name, "texts", True),
        (round_.candidates.order_by("id")[1].name, "texts", False),
    ]
    assert [member.is_non_commercial for member in told.children.members] == [True, True]
    assert not lineage.of_dataset(unbound).is_non_commercial
    assert lineage.of_candidate(child).is_non_commercial
    assert not lineage.of_candidate(base).is_non_commercial
    (use,) = lineage.of_vote(Vote.objects.order_by("pk")[0]).uses
    assert use.is_non_commercial


def test_imported_pairs_carry_their_licence() -> None:
    round_ = make.make_open_round()
    dataset = store(round_.run, licence="Apache-2.0")
    pairs = PreferenceSet.objects.create(slug="translated", licence=NC)
    DatasetSource.objects.create(
        dataset=dataset, name="pairs:translated", preference_set=pairs, n_rows=5, weight=0.5
    )
    child = train(dataset, make.make_candidate(round_.run), name="child")
    told = lineage.of_dataset(dataset)
    assert told.is_non_commercial
    assert [(each.name, each.relation) for each in told.licences] == [("translated", "preferences")]
    assert [(part.source.name, part.votes is None) for part in told.part.sources] == [
        (f"votes:{round_.run.slug}", False), ("pairs:translated", True),
    ]  # fmt: skip
    told_of_child = lineage.of_candidate(child)
    assert told_of_child.is_non_commercial
    assert ("translated", "preferences", NC) in [
        (each.name, each.relation, each.licence) for each in told_of_child.licences
    ]


def test_licence_of_a_parent_of_a_parent_binds() -> None:
    run = make.make_run()
    first, second, third = (make.make_candidate(run, name=name) for name in "abc")
    Candidate.objects.filter(pk=first.pk).update(licence=NC)
    second.parents.add(first)
    third.parents.add(second)
    told = lineage.of_candidate(third)
    assert names_of(told.ancestors) == [("c", 0), ("b", 1), ("a", 2)]
    assert [each.is_non_commercial for each in told.ancestors.members] == [True] * 3
    assert told.is_non_commercial


def test_merge_of_cousins_is_told_once() -> None:
    """Two children of one candidate, merged: descent is a graph and no tree."""
    run = make.make_run()
    root, one, other, merged = (make.make_candidate(run, name=name) for name in "abcd")
    one.parents.add(root)
    other.parents.add(root)
    merged.parents.add(one, other)
    told = lineage.of_candidate(merged)
    assert names_of(told.ancestors) == [("d", 0), ("b", 1), ("c", 1), ("a", 2)]
    assert names_of(lineage.of_candidate(root).children) == [("b", 0), ("c", 0), ("d", 1)]


def test_large_family_is_cut_and_says_so() -> None:
    run = make.make_run()
    root = make.make_candidate(run)
    for _child in range(lineage.family.MOST + 1):
        make.make_candidate(run).parents.add(root)
    children = lineage.of_candidate(root).children
    assert (len(children), children.is_whole) == (lineage.family.MOST, False)


def test_everything_told_can_be_written_as_json() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 2)
    dataset = export(round_.run)
    child = train(dataset, first_of(round_), name="child")
    vote = Vote.objects.order_by("pk")[0]
    shown = (lineage.of_candidate(child), lineage.of_dataset(dataset), lineage.of_vote(vote))
    told = [json.loads(json.dumps(each.to_dict())) for each in shown]
    assert [each["kind"] for each in told] == ["candidate", "dataset", "vote"]
    assert told[0]["ancestors"]["candidates"][0]["dataset"] == dataset.pk
    assert told[0]["datasets"][0]["sources"][0]["votes"]["by_kind"] == {"person": 2}
    assert told[1]["children"]["candidates"][0]["name"] == "child"
    assert told[1]["dataset"]["sha256"] == dataset.sha256
    assert told[2]["datasets"][0]["place"] == "train"
    assert told[2]["vote"]["annotator"] == vote.comparison.annotator.pseudonym


def test_queries_do_not_grow_with_votes_or_siblings() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 1)
    dataset = store(round_.run)
    train(dataset, first_of(round_))
    with_one = count_queries(lambda: lineage.of_dataset(dataset).to_dict())
    cast_votes(round_, make.make_annotator(), 3)
    dataset = store(round_.run)
    for _child in range(3):
        train(dataset, first_of(round_))
    assert count_queries(lambda: lineage.of_dataset(dataset).to_dict()) == with_one


def test_vote_tells_of_its_newest_datasets_and_counts_all() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 1)
    datasets = [store(round_.run) for _dataset in range(3)]
    told = lineage.of_vote(Vote.objects.get(), first=1, most=1)
    assert [use.dataset for use in told.uses] == [datasets[1]]
    assert told.n_uses == 3
